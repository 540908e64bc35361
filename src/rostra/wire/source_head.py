"""The request head of an Icecast source client: bytes in, a value out.

Three dialects are in use and all mean "here comes a stream":

* ``PUT /ROOM HTTP/1.1`` with ``Expect: 100-continue`` (Icecast 2.4 and later; ffmpeg, libshout);
* ``SOURCE /ROOM HTTP/1.0`` (Icecast 2.3 and earlier; BUTT, Liquidsoap);
* ``SOURCE /ROOM ICE/1.0`` (the oldest, otherwise the same).

User ``source``, the link's token as password (RFC 7617). The body has no length, or comes in chunks (RFC 9112, 7.1).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from rostra.errors import BadRequest, BadToken, TooLarge
from rostra.wire.rooms import ROOM_ID

MAX_HEAD_BYTES = 8 * 1024
"""A head is a few hundred bytes; the token is the longest thing in it."""

MAX_NAME_CHARS = 60
"""Of ``ice-name``, shown to hosts."""

_REQUEST = re.compile(rb"([A-Z]{1,16}) (/[!-~]{0,200}) (HTTP/1\.[01]|ICE/1\.0)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([^\r\n\x00]*?)[ \t]*")
_EXTENSION = re.compile(r"\.(ogg|oga|opus|mp3|aac|flac|wav)$")


@dataclass(frozen=True, slots=True)
class SourceHead:
    """What a source client asks for."""

    method: str
    """``PUT`` or ``SOURCE``."""
    version: str
    """``HTTP/1.1``, ``HTTP/1.0`` or ``ICE/1.0``."""
    room: str
    token: str
    content_type: str = ""
    """Lower case, without parameters; empty if the client does not say."""
    name: str = ""
    """``ice-name``, for hosts' eyes."""
    chunked: bool = False
    """Whether the body is in chunks (RFC 9112, 7.1)."""
    expects_continue: bool = False
    """Whether the client waits for ``100 Continue`` (RFC 9110, 10.1.1) before it sends."""

    def __post_init__(self) -> None:
        if self.method not in ("PUT", "SOURCE") or self.version not in ("HTTP/1.1", "HTTP/1.0", "ICE/1.0"):
            raise ValueError(f"{self.method} {self.version} is not how a source client begins")
        if not ROOM_ID.fullmatch(self.room):
            raise ValueError(f"{self.room!r} is not a room id")


def head_end(data: bytes) -> int | None:
    """Where the head ends and the body begins, or None while it is not whole.

    :raises TooLarge: when there is no end within :data:`MAX_HEAD_BYTES`.
    """
    found = [
        at + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if (at := data.find(mark, 0, MAX_HEAD_BYTES + len(mark))) >= 0
    ]
    if found:
        return min(found)
    if len(data) >= MAX_HEAD_BYTES:
        raise TooLarge(f"The request head has more than {MAX_HEAD_BYTES} bytes.")
    return None


def parse_source_head(data: bytes) -> SourceHead:
    """Read a whole head, with or without the empty line at its end.

    :raises BadRequest: it is not the head of a source client.
    :raises BadToken: user or password are missing or malformed (answer 401 with ``WWW-Authenticate: Basic``).
    :raises TooLarge: it is longer than :data:`MAX_HEAD_BYTES`.
    """
    if len(data) > MAX_HEAD_BYTES:
        raise TooLarge(f"The request head has more than {MAX_HEAD_BYTES} bytes.")
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines or not (request := _REQUEST.fullmatch(lines[0])):
        raise BadRequest("This is not a source client. Send PUT /ROOM or SOURCE /ROOM.")
    method, target, version = (part.decode("ascii") for part in request.groups())
    if method not in ("PUT", "SOURCE"):
        raise BadRequest(f"A source client sends PUT or SOURCE, not {method}.")
    room = _EXTENSION.sub("", target.partition("?")[0].removeprefix("/"))
    if not ROOM_ID.fullmatch(room):
        raise BadRequest("The mount point is not a room. Use /ROOM, as in the link you were given.")
    fields = _fields(lines[1:])
    encoding = fields.get("transfer-encoding", "").lower()
    if encoding not in ("", "identity", "chunked"):
        raise BadRequest(f"Transfer-Encoding {encoding[:40]!r} is not supported. Send the stream bare or chunked.")
    return SourceHead(
        method=method,
        version=version,
        room=room,
        token=_password(fields.get("authorization", "")),
        content_type=fields.get("content-type", "").partition(";")[0].strip().lower(),
        name=_printable(fields.get("ice-name", ""))[:MAX_NAME_CHARS],
        chunked=encoding == "chunked",
        expects_continue=fields.get("expect", "").lower() == "100-continue",
    )


def _fields(lines: list[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise BadRequest("A line of the request head is malformed.")
        name = field[1].decode("ascii").lower()
        value = field[2].decode("utf-8", "replace")
        # RFC 9112, 3.2 and RFC 9110, 5.3: what must stand once and stands twice makes two readers disagree.
        if name in found and name in ("authorization", "transfer-encoding", "content-length", "host"):
            raise BadRequest(f"The field {name} stands twice.")
        found[name] = value
    return found


def _password(authorization: str) -> str:
    scheme, _, coded = authorization.partition(" ")
    if scheme.lower() != "basic" or not coded:
        raise BadToken("Log in as user 'source' with the token of your link as password.")
    try:
        user, colon, password = base64.b64decode(coded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError) as e:
        raise BadToken("User and password are malformed.") from e
    if user != "source" or not colon or not password:
        raise BadToken("Log in as user 'source' with the token of your link as password.")
    return password


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()
