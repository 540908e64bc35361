"""Who is asking, and may they: the operator's token or a room's link, as a bearer token (RFC 6750).

What a role may stands in ``rostra.permissions``. Whether a link is still good stands in the room's record, which is
asked each time: a link that was taken back is no longer one at the next question.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rostra.errors import BadToken, Forbidden
from rostra.permissions import OPERATOR_MAY, Action, may, need
from rostra.units import Role, WallTime
from rostra.wire.rooms import Room
from rostra.wire.tokens import MAX_TOKEN_BYTES, Claims, read, verify

_CALLED = {Role.HOST: "Host", Role.COHOST: "Co-host", Role.SPEAKER: "Speaker", Role.LISTENER: "Listener"}

_NEITHER = (
    "This is not the operator's token, which stands in DATA/keys/operator-token, and no link's, which has a dot in it: "
    "open the whole link that you were given."
)
_NOBODY = "An operator is nobody on the stage, and cannot {}. Use a link to the room."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    token: str
    claims: Claims | None
    """None: the operator."""

    @property
    def operator(self) -> bool:
        return self.claims is None

    @property
    def identity(self) -> str:
        return self.claims.jti if self.claims is not None else ""

    @property
    def name(self) -> str:
        """As others are told who did it."""
        if self.claims is None:
            return "Operator"
        return self.claims.name or _CALLED[self.claims.role]

    def may(self, action: Action) -> bool:
        return action in OPERATOR_MAY if self.claims is None else may(self.claims.role, action)

    def need(self, action: Action) -> None:
        """:raises Forbidden: with a sentence that says who may."""
        if self.claims is not None:
            need(self.claims.role, action)
        elif action not in OPERATOR_MAY:
            raise Forbidden(_NOBODY.format(action.value))


@dataclass(frozen=True, slots=True)
class Rights:
    """Checks bearer tokens. ``operator`` is the operator's; links are checked by ``key``."""

    operator: str
    key: Ed25519PublicKey
    now: Callable[[], WallTime]

    def token(self, authorization: str | None) -> str:
        """The bearer token of an ``Authorization`` field. :raises BadToken: if there is none."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise BadToken("Send the token of your link: Authorization: Bearer TOKEN.")
        token = token.strip()
        if len(token) > MAX_TOKEN_BYTES:
            raise BadToken("This token is far too long to be one of ours.")
        return token

    def caller(self, authorization: str | None, room_id: str) -> Caller:
        """Whether the link is still good is the record's to say (:meth:`still_good`).

        :raises BadToken: neither the operator's token nor a link to that room.
        """
        token = self.token(authorization)
        if self._is_operators(token):
            return Caller(token, None)
        return Caller(token, self.read(token, room_id))

    def read(self, token: str, room_id: str) -> Claims:
        """:raises BadToken: no link to that room."""
        return verify(token, self.key, room_id, self.now())

    def _is_operators(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.operator.encode())

    def need_operator(self, authorization: str | None, action: Action) -> Caller:
        """:raises BadToken: it is not the operator's token. :raises Forbidden: it is a link's, to whatever room."""
        token = self.token(authorization)
        if not self._is_operators(token):
            if "." not in token:
                raise BadToken("This is not the operator's token. It stands in DATA/keys/operator-token.")
            self.read(token, read(token, self.key).room)
            raise Forbidden(f"Only an operator may {action.value}: send the token in DATA/keys/operator-token.")
        return Caller(token, None)

    def fault(self, authorization: str) -> BadToken | None:
        """What is wrong with a token that we never gave to anybody; None: it is ours, whatever it is good for."""
        try:
            token = self.token(authorization)
            if not self._is_operators(token):
                if "." not in token:
                    raise BadToken(_NEITHER)
                read(token, self.key)
        except BadToken as e:
            return e.with_traceback(None)
        return None

    def made(self, authorization: str) -> bool:
        """Whether somebody was given that token by us: it is no guess."""
        return self.fault(authorization) is None


def still_good(claims: Claims, room: Room) -> None:
    """:raises BadToken: the link was taken back."""
    if not room.accepts(claims.role, claims.jti):
        raise BadToken("This link was taken back. Ask the host for a new one.")


@dataclass(frozen=True, slots=True)
class Entrance:
    """The one place where a route asks: token, record and action together."""

    rights: Rights
    record: Callable[[str], Awaitable[Room]]

    async def need(
        self, authorization: str | None, room_id: str, action: Action, *, taken_back: bool = False
    ) -> tuple[Caller, Room]:
        """Who asks, and the room. ``taken_back``: such a link will do, for whoever held it is to be told why.

        :raises BadToken: no link to this room, or one that was taken back. :raises Forbidden: they may not do that.
        :raises NotFound: there is no such room.
        """
        caller = self.rights.caller(authorization, room_id)
        room = await self.record(room_id)
        if caller.claims is not None and not taken_back:
            still_good(caller.claims, room)
        caller.need(action)
        return caller, room

    async def link(self, token: str, room_id: str, action: Action) -> Claims:
        """The same for one who must hold a link: on the stage an operator is nobody."""
        caller = self.rights.caller(f"Bearer {token}", room_id)
        if caller.claims is None:
            raise Forbidden(_NOBODY.format(action.value))
        still_good(caller.claims, await self.record(room_id))
        caller.need(action)
        return caller.claims
