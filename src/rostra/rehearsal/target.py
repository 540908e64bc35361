"""Who is rehearsed, and whether they agreed to it: without a signed answer nothing is sent but that one request.

The name is resolved once; each address that will be used must answer for itself, and only those are ever connected to,
so that a name which changes its mind leads nowhere. Redirects are not followed.
"""

from __future__ import annotations

import json
import secrets
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from rostra.errors import BadRequest, BadToken, EnvironmentFault, Unavailable, WireError
from rostra.rehearsal.addresses import LOCAL
from rostra.rehearsal.hearing import read_head
from rostra.units import WallTime
from rostra.wire import rehearsals
from rostra.wire.rehearsals import Consent, origin_of
from rostra.wire.rooms import ROOM_ID

ANSWER_WITHIN_S = 5.0

MAX_ANSWER_BYTES = 64 * 1024

MAX_ADDRESSES = 16
"""Of one name. Each is asked."""


@dataclass(frozen=True, slots=True)
class Target:
    """One room at one front door, by addresses that agreed."""

    host: str
    """As in the URL; what the Host field and TLS say."""
    port: int
    tls: bool
    room: str
    addresses: tuple[str, ...]
    before: str = ""
    """Path before ``/r/ROOM``, where a proxy has one."""
    proxied: bool = False
    """Each connection begins with a PROXY v2 preamble."""
    verify: bool = True
    """Whether the certificate is checked."""

    @property
    def origin(self) -> str:
        return origin_of(f"{'https' if self.tls else 'http'}://{self.netloc}")

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def path(self) -> str:
        return f"{self.before}/r/{self.room}"

    def to_json(self) -> dict[str, object]:
        return {
            "host": self.host, "port": self.port, "tls": self.tls, "room": self.room,
            "addresses": list(self.addresses), "before": self.before, "proxied": self.proxied, "verify": self.verify,
        }  # fmt: skip


def read_target(url: str, *, proxied: bool = False, verify: bool = True) -> Target:
    """The page or a stream of a room; its name is resolved here, once.

    :raises BadRequest: it is no address of a room. :raises EnvironmentFault: there is no such host.
    """
    origin = origin_of(url)
    parts = urlsplit(url.strip())
    words = [w for w in parts.path.split("/") if w]
    if not origin or "r" not in words[:-1]:
        raise BadRequest(f"{url!r} is not the address of a room: that looks like http://HOST:PORT/r/ROOM")
    at = len(words) - 2 - words[:-1][::-1].index("r")
    if not ROOM_ID.fullmatch(words[at + 1]):
        raise BadRequest(f"{words[at + 1]!r} is not a room id: 1 to 40 of a-z, 0-9 and inner hyphens")
    there = urlsplit(origin)
    assert there.hostname and there.port
    try:
        found = socket.getaddrinfo(there.hostname, there.port, type=socket.SOCK_STREAM)
    except OSError as e:
        raise EnvironmentFault(f"There is no host {there.hostname!r}: {e.strerror}.") from e
    addresses = tuple(dict.fromkeys(str(info[4][0]) for info in found))[:MAX_ADDRESSES]
    before = "".join(f"/{w}" for w in words[:at])
    tls = there.scheme == "https"
    return Target(there.hostname, there.port, tls, words[at + 1], addresses, before, proxied, verify)


def check_token(token: str, target: Target, now: WallTime) -> Consent:
    """What a token allows, before anything is sent. :raises BadToken: not this, or not any more."""
    consent, _ = rehearsals.read_token(token)
    if now >= consent.until:
        raise BadToken("This rehearsal token has expired. Make another: rostra room rehearsal-token URL")
    if consent.origin != target.origin:
        raise BadToken(f"This token is for {consent.origin}, not for {target.origin}. Nothing was sent.")
    return consent


def ask_consent(target: Target, consent: Consent) -> None:
    """One request to each address; each must sign a fresh nonce.

    :raises BadToken: one of them does not agree. :raises Unavailable: one does not answer.
    """
    for address in target.addresses:
        nonce = secrets.token_urlsafe(32)
        body = json.dumps({"nonce": nonce, "id": consent.id}).encode()
        status, answer = exchange(target, address, post(target, f"{target.before}/rehearsal", body))
        signature = ""
        if status == 200:
            try:
                signature = str(json.loads(answer)["signature"])
            except (ValueError, KeyError, TypeError, RecursionError):
                signature = ""
        if not rehearsals.answered(consent, nonce, signature):
            raise Refusal(
                f"{target.netloc} ({address}) did not agree to a rehearsal (it answered {status}). "
                "Nothing else was sent. Make the token where that server runs."
            )


class Refusal(BadToken):
    """The target said no, or is not the one that the token is of."""


def post(target: Target, path: str, body: bytes) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: {target.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body


def get(target: Target, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {target.netloc}\r\nConnection: close\r\n\r\n".encode()


def exchange(target: Target, address: str, request: bytes, within_s: float = ANSWER_WITHIN_S) -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own. :raises Unavailable: there was no answer."""
    try:
        with socket.create_connection((address, target.port), within_s) as plain:
            if target.proxied:
                plain.sendall(LOCAL)
            if not target.tls:
                return _exchange(plain, request)
            with tls_context(target).wrap_socket(plain, server_hostname=target.host) as secure:
                return _exchange(secure, request)
    except (OSError, ValueError, WireError) as e:
        raise Unavailable(f"{target.netloc} ({address}) does not answer: {e}.") from e


def _exchange(connection: socket.socket, request: bytes) -> tuple[int, bytes]:
    connection.sendall(request)
    data = b""
    while len(data) < MAX_ANSWER_BYTES:
        more = connection.recv(65536)
        if not more:
            break
        data += more
        head = read_head(data)
        if head is not None and head.length >= 0 and len(data) >= head.size + head.length:
            break
    head = read_head(data)
    if head is None:
        raise ValueError("the answer broke off")
    return head.status, data[head.size :]


def tls_context(target: Target) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not target.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
