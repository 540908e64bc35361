"""Signed tokens: whoever holds a link holds the right in it.

A token is ``PAYLOAD.SIGNATURE``, both base64url without padding (RFC 4648, section 5). The payload is compact JSON
with sorted keys, ``{"exp":..,"jti":..,"name":..,"role":..,"room":..,"v":1}``; the signature is Ed25519 (RFC 8032)
over the tag :data:`TAG` and the payload's bytes. There is one way to write a given token: what decodes but is not
written as we write it is refused, so a token's text can stand for the token (in logs, as the key of a table).

One algorithm, no header that names another: what a token claims never decides how it is checked.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from rostra.errors import BadToken
from rostra.units import Role, WallTime
from rostra.wire import base64url
from rostra.wire.rooms import ROOM_ID

TAG = b"rostra token 1\n"
"""Signed in front of the payload: a signature of this key over anything else is no token."""

MAX_TOKEN_BYTES = 1024
"""The longest token: a name of 60 four-byte characters, JSON around it, base64 and the signature make 700."""

MAX_NAME_LENGTH = 60
MAX_EXPIRY = 253_402_300_799
"""The last second of the year 9999; a float holds it exactly."""

_JTI = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SIGNATURE_BYTES = 64
_KEYS = {"v", "room", "role", "name", "jti", "exp"}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says."""

    room: str
    role: Role
    name: str
    """Shown beside the voice. May be empty: the speaker's page asks."""
    jti: str
    """The token's own identity (as RFC 7519 names it): the seat its holder takes is bound to it."""
    exp: int
    """The UTC second from which the token is no longer valid."""

    def __post_init__(self) -> None:
        if not ROOM_ID.fullmatch(self.room):
            raise ValueError(f"{self.room!r} is not a room id")
        if len(self.name) > MAX_NAME_LENGTH or not all(c.isprintable() for c in self.name):
            raise ValueError(f"a name has at most {MAX_NAME_LENGTH} printable characters")
        if not _JTI.fullmatch(self.jti):
            raise ValueError("a token's identity is 1 to 32 of A-Z, a-z, 0-9, - and _")
        if not 0 < self.exp <= MAX_EXPIRY:
            raise ValueError("a token ends some time before the year 10000")


def sign(claims: Claims, key: Ed25519PrivateKey) -> str:
    payload = _payload(claims)
    return f"{base64url.encode(payload)}.{base64url.encode(key.sign(TAG + payload))}"


def verify(token: str, key: Ed25519PublicKey, room: str, now: WallTime) -> Claims:
    """What ``token`` says, if it is ours, for ``room`` and not expired.

    :raises BadToken: with a sentence for the holder of the link.
    """
    claims = read(token, key)
    if claims.room != room:
        raise BadToken("This link is for another room. Ask the host for one to this room.")
    if now >= claims.exp:
        raise BadToken("This link has expired. Ask the host for a new one.")
    return claims


def read(token: str, key: Ed25519PublicKey) -> Claims:
    """What ``token`` says, if it is ours; the room and the time are the caller's to check.

    :raises BadToken: if it is not.
    """
    if not token:
        raise BadToken("A link with a token is needed here. Open the whole link that you were given.")
    if len(token) > MAX_TOKEN_BYTES:
        raise BadToken("This link is far too long to be one of ours. Open the whole link that you were given.")
    first, dot, second = token.partition(".")
    try:
        payload, signature = base64url.decode(first), base64url.decode(second)
    except ValueError:
        raise _damaged() from None
    if not dot or len(signature) != _SIGNATURE_BYTES:
        raise _damaged()
    try:
        key.verify(signature, TAG + payload)
    except InvalidSignature:
        raise BadToken("This link was not made by this server, or was changed. Ask the host for a new one.") from None
    claims = _claims(payload)
    if _payload(claims) != payload:
        raise _damaged()
    return claims


def unchecked(token: str) -> Claims | None:
    """What ``token`` says, whoever wrote it: to look again at one that we gave out. None: it says nothing."""
    try:
        return _claims(base64url.decode(token.partition(".")[0]))
    except (BadToken, ValueError):
        return None


def _damaged() -> BadToken:
    return BadToken("This link is damaged, perhaps cut off. Open the whole link that you were given.")


def _claims(payload: bytes) -> Claims:
    """:raises BadToken: signed by us, but of another version."""
    try:
        body = json.loads(payload)
        if body.keys() != _KEYS or body["v"] != 1 or not all(isinstance(body[k], str) for k in ("room", "name", "jti")):
            raise ValueError("not a token of this version")
        if type(body["exp"]) is not int:
            raise ValueError("an expiry is a whole number")
        return Claims(body["room"], Role(body["role"]), body["name"], body["jti"], body["exp"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadToken("This link is of another version of this server. Ask the host for a new one.") from None


def _payload(claims: Claims) -> bytes:
    body = {"v": 1, **asdict(claims)}
    return json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
