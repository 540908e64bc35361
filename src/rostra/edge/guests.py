"""Who may listen in a room that takes a link: tokens, checked with the public key and the room's record. Pure but for
the key, which is asked for when it is needed.

A token that was good stays known, so that a crowd on one link costs one signature. Bad ones are not kept, because there
is no end of them. From where too many came each is still looked at, as long as that costs little: the good link of
somebody who sits behind the same address as a guesser is told from the guesses by its signature.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rostra.edge.quota import Quota, Rate
from rostra.errors import BadToken, Forbidden, TooMany, Unavailable
from rostra.units import Role, WallTime
from rostra.wire.rooms import Room
from rostra.wire.tokens import Claims, read

TOO_MANY = "Too many links that are not valid came from your network. Please wait a little."

MAX_KNOWN = 10_000
"""Good tokens kept, of 1 KiB at most. When full, all are forgotten."""

LOOKS = Rate(1200, 40)
"""Signatures looked at for a household whose guesses are used up: 20 a second, 2 ms of work."""
ALL_LOOKS = Rate(12_000, 200)
"""... for all of them together: 2% of a core."""

KeySource = Callable[[], Ed25519PublicKey | None]


class Guests:
    def __init__(self, key: KeySource, guesses: Quota) -> None:
        """:param guesses: how many bad tokens a household may show."""
        self._key = key
        self._guesses = guesses
        self._looks = Quota(LOOKS, secrets.token_bytes(16))
        self._all_looks = Quota(ALL_LOOKS, b"", 1)
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
        wait = self._guesses.wait(place, now)
        if wait > 0 and (self._looks.take(place, now) or self._all_looks.take(b"", now)):
            raise TooMany(TOO_MANY, wait)
        try:
            claims = read(token, key)
        except BadToken as e:
            if wait > 0:
                raise TooMany(TOO_MANY, wait) from None
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
