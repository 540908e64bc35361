"""A target's consent to a rehearsal: what the operator signs, what an edge answers with, and how both are checked.

The operator's command makes a pair of keys for this one consent, signs with the link key *that edges holding the
private half agree to a rehearsal of this origin until then*, and hands the private half to the edges over the bus. A
generator sends a fresh random nonce; only an edge of that operator can sign it. An echo, a recording or a stranger's
server cannot (docs/topics/rehearsal.md has the threat model).

A token is ``PAYLOAD.SIGNATURE.PUBLIC``, each base64url without padding: compact JSON with sorted keys, the signature of
the link key over :data:`TAG` and the payload, and the link key's public half.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from rostra.errors import BadToken, WireError
from rostra.units import WallTime
from rostra.wire import base64url

TAG = b"rostra rehearsal 1\n"
"""Signed in front of a consent."""

ANSWER_TAG = b"rostra rehearsal answer 1\n"
"""Signed in front of a nonce: neither signature can stand for the other."""

NONCE = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 random bytes."""

IDENTITY = re.compile(r"[A-Za-z0-9_-]{16}")

MAX_TOKEN_BYTES = 1024
MAX_HOURS = 24.0
"""Longer than the longest evening; a consent that is forgotten ends by itself."""

_KEYS = frozenset({"v", "id", "origin", "studio", "until", "key"})


@dataclass(frozen=True, slots=True)
class Consent:
    """What the operator agreed to."""

    id: str
    origin: str
    """``http://HOST:PORT`` as the generator is given it: scheme, host and port must be these."""
    until: int
    """The UTC second from which it is over."""
    key: str
    """The public half of the pair made for it, base64url."""
    studio: str = ""
    """The stage door's origin, if that may be rehearsed too. It counts only on the addresses that answered."""

    def __post_init__(self) -> None:
        if not IDENTITY.fullmatch(self.id) or not self.origin or self.origin != origin_of(self.origin):
            raise ValueError("a consent has an identity and an origin such as https://example.org:8443")
        if self.studio and self.studio != origin_of(self.studio):
            raise ValueError("the stage door is an origin such as https://example.org:8444")
        if not 0 < self.until < 2**40 or len(base64url.decode(self.key)) != 32:
            raise ValueError("a consent has an end and a public key")


@dataclass(frozen=True, slots=True)
class Granted:
    """What edges are told: the token, and the private half that answers for it."""

    token: str
    secret: bytes


def origin_of(url: str) -> str:
    """``scheme://host:port`` of an address, in one way of writing it; empty: it has none."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or not port:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname.rstrip(".")
    return f"{parts.scheme}://{host}:{port}"


def grant(identity: str, origin: str, until: int, link_key: Ed25519PrivateKey, studio: str = "") -> Granted:
    """A consent for whoever holds the link key. :raises ValueError: its values make no sense."""
    pair = Ed25519PrivateKey.generate()
    consent = Consent(identity, origin, until, base64url.encode(pair.public_key().public_bytes_raw()), studio)
    payload = _payload(consent)
    public = link_key.public_key().public_bytes_raw()
    token = ".".join(
        (base64url.encode(payload), base64url.encode(link_key.sign(TAG + payload)), base64url.encode(public))
    )
    return Granted(token, pair.private_bytes_raw())


def read_token(token: str) -> tuple[Consent, Ed25519PublicKey]:
    """What a token says, and the key that signed it. Whether that key means anything is the caller's to know.

    :raises BadToken: it is damaged.
    """
    try:
        if len(token) > MAX_TOKEN_BYTES:
            raise ValueError("too long")
        payload, signature, public = (base64url.decode(word) for word in token.strip().split("."))
        key = Ed25519PublicKey.from_public_bytes(public)
        key.verify(signature, TAG + payload)
        body = json.loads(payload)
        if body.keys() != _KEYS or body["v"] != 1 or type(body["until"]) is not int:
            raise ValueError("not a consent of this version")
        consent = Consent(str(body["id"]), str(body["origin"]), body["until"], str(body["key"]), str(body["studio"]))
        if _payload(consent) != payload:
            raise ValueError("not as it is written")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, InvalidSignature):
        raise BadToken(
            "This is not a rehearsal token, or it is damaged. Make one where the target runs: "
            "rostra room rehearsal-token URL"
        ) from None
    return consent, key


def verify(token: str, link_key: Ed25519PublicKey, now: WallTime) -> Consent:
    """For an edge: a consent of our own operator that still holds. :raises BadToken: it is not."""
    consent, key = read_token(token)
    if key.public_bytes_raw() != link_key.public_bytes_raw():
        raise BadToken("This rehearsal token was made by another Rostra.")
    if now >= consent.until:
        raise BadToken("This rehearsal token has expired. Make another: rostra room rehearsal-token URL")
    return consent


def answer(consent: Consent, secret: bytes, nonce: str) -> str:
    """An edge's signature of a nonce."""
    return base64url.encode(Ed25519PrivateKey.from_private_bytes(secret).sign(_answered(consent, nonce)))


def answered(consent: Consent, nonce: str, signature: str) -> bool:
    """For a generator: whether the target signed the nonce it was just sent."""
    try:
        Ed25519PublicKey.from_public_bytes(base64url.decode(consent.key)).verify(
            base64url.decode(signature), _answered(consent, nonce)
        )
    except (ValueError, InvalidSignature):
        return False
    return True


def encode_granted(granted: Granted) -> bytes:
    return json.dumps({"v": 1, "token": granted.token, "secret": base64url.encode(granted.secret)}).encode()


def decode_granted(data: bytes) -> Granted:
    """:raises WireError: it is none."""
    try:
        body: dict[str, Any] = json.loads(data)
        secret = base64url.decode(body["secret"])
        if body["v"] != 1 or len(secret) != 32:
            raise ValueError("of another version")
        return Granted(str(body["token"]), secret)
    except (ValueError, TypeError, KeyError, RecursionError) as e:
        raise WireError(f"not a consent: {e}") from e


def _answered(consent: Consent, nonce: str) -> bytes:
    return ANSWER_TAG + f"{nonce}\n{consent.id}\n{consent.origin}\n".encode()


def _payload(consent: Consent) -> bytes:
    return json.dumps({"v": 1, **asdict(consent)}, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
