"""Who is asking, and may they: the operator's token or a room's link, as a bearer token (RFC 6750)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rostra.errors import BadToken, Forbidden
from rostra.units import Role, WallTime
from rostra.wire.tokens import MAX_TOKEN_BYTES, Claims, verify


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

    def is_operator(self, authorization: str | None) -> bool:
        token = self.token(authorization)
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.operator.encode())

    def need_operator(self, authorization: str | None) -> None:
        """:raises BadToken: it is not the operator's token. :raises Forbidden: it is a link's shape."""
        if not self.is_operator(authorization):
            if "." in self.token(authorization):
                raise Forbidden("Only an operator may do this: send the token in DATA/keys/operator-token.")
            raise BadToken("This is not the operator's token. It stands in DATA/keys/operator-token.")

    def need_link(self, authorization: str | None, room: str, *roles: Role) -> Claims:
        """:raises BadToken: no link to this room. :raises Forbidden: a link whose role may not do this."""
        return self.check(self.token(authorization), room, *roles)

    def check(self, token: str, room: str, *roles: Role) -> Claims:
        claims = verify(token, self.key, room, self.now())
        if claims.role not in roles:
            allowed = " or ".join(role.value for role in roles)
            raise Forbidden(f"This is a {claims.role.value}'s link; it takes a {allowed}'s to do this.")
        return claims

    def need_operator_or(self, authorization: str | None, room: str, *roles: Role) -> None:
        """The operator may do to a room whatever the holders of its links may."""
        if not self.is_operator(authorization):
            self.need_link(authorization, room, *roles)
