"""Who may listen in a room that takes a link: tokens, checked with the public key and the room's record. Pure but for
the key, which is asked for when it is needed.

A token that was good stays known, so that a crowd on one link costs one signature. Bad ones are not kept, because there
is no end of them; whoever sends too many is told to wait, and no signature is looked at.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rostra.edge.quota import Quota
from rostra.errors import BadToken, Forbidden, TooMany, Unavailable
from rostra.units import Role, WallTime
from rostra.wire.rooms import Room
from rostra.wire.tokens import Claims, read

MAX_KNOWN = 10_000
"""Good tokens kept, of 1 KiB at most. When full, all are forgotten."""

KeySource = Callable[[], Ed25519PublicKey | None]


class Guests:
    def __init__(self, key: KeySource, guesses: Quota) -> None:
        """:param guesses: how many bad tokens a household may show."""
        self._key = key
        self._guesses = guesses
        self._known: dict[str, Claims] = {}

    def admit(self, room: Room, token: str, household: Callable[[], bytes], wall: float, now: float) -> str:
        """Who comes in, as ``ROLE:IDENTITY``: listeners who came by one link are one crowd.

        :raises Forbidden: with a sentence for the holder of the link. :raises TooMany: too many bad ones from there.
        """
        if not token:
            raise Forbidden("This room is for those who were invited. Open the whole link that you were given.")
        claims = self._known.get(token)
        if claims is None:
            claims = self._check(token, household, now)
        if claims.room != room.id:
            raise Forbidden("This link is for another room. Ask the host for one to this room.")
        if WallTime(wall) >= claims.exp:
            raise Forbidden("This link has expired. Ask the host for a new one.")
        if not room.accepts(claims.role, claims.jti):
            raise Forbidden("This link was taken back. Ask the host for a new one.")
        return f"{claims.role.value}:{claims.jti}"

    def _check(self, token: str, household: Callable[[], bytes], now: float) -> Claims:
        key = self._key()
        if key is None:
            raise Unavailable(
                "This edge has no key to check links with. Start it with --data and the folder that has keys/link.pub."
            )
        place = household()
        if (wait := self._guesses.wait(place, now)) > 0:
            raise TooMany("Too many links that are not valid came from your network. Please wait a little.", wait)
        try:
            claims = read(token, key)
        except BadToken as e:
            self._guesses.take(place, now)
            raise Forbidden(str(e)) from None
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[token] = claims
        return claims


def still_welcome(room: Room, guest: str) -> bool:
    """Whether those who came in as ``guest`` (empty: without a link) may stay under this record."""
    if not room.invited:
        return True
    role, _, identity = guest.partition(":")
    return bool(role) and room.accepts(Role(role), identity)
