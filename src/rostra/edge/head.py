"""The head of an HTTP/1 request: bytes in, a :class:`Request` out, or the refusal that answers it.

llhttp (httptools) decides what is well formed, in its strict mode; around it stand the rules that it leaves to us:
lines end in CRLF and nothing else, one Host, no body whose length two fields dispute (RFC 9112, 2.2, 3.2, 6.3). A
request line and a block of fields that have passed are remembered, because a crowd sends the same few: what is looked
up is the exact bytes, so whatever is found has been through the parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import httptools

from rostra.edge.negotiate import Encoding, accepted_encoding
from rostra.errors import BadRequest, HeadTooLarge, LengthRequired, Refused, TooLarge, WrongVersion

MAX_HEAD_BYTES = 8 * 1024
"""Architecture, "Times, sizes and limits". A browser with a few cookies sends 1 KiB."""

MAX_BODY_BYTES = 4 * 1024
"""The largest thing a listener will ever send is a question."""

MAX_REMEMBERED = 2048
"""Request lines, and as many blocks of fields, remembered; one that is full is emptied. A crowd of one page has a few
dozen."""

MAX_REMEMBERED_BYTES = 1024
"""A longer one is parsed each time, so that strangers cannot fill 2048 x 8 KiB."""

_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([!-~]+) HTTP/([0-9])\.([0-9])")
_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")
_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)

_PARSED_AS_POST = re.compile(rb"(?!(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE) )")
"""Methods for which llhttp has rules of its own (CONNECT, PRI, SOURCE) or which it does not know. To us they are all
the same: not possible here. The rest of the head is parsed as if it were a POST."""

_WANTED = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "forwarded",
        "icy-metadata",
        "if-none-match",
        "range",
        "if-range",
        "transfer-encoding",
        "x-forwarded-for",
    }
)


@dataclass(frozen=True, slots=True)
class RequestLine:
    method: str
    path: str
    query: str
    one_one: bool
    """HTTP/1.1; otherwise HTTP/1.0."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What we want to know of the fields, and what follows from them."""

    values: dict[str, str]
    hosts: int
    body_bytes: int
    encoding: Encoding
    plain: bool
    """Nothing in it changes an answer that does not depend on the encoding: no range, no condition, no connection
    option, no body."""
    shows_pass: bool = False
    """There may be a place in the line among the cookies."""


@dataclass(frozen=True, slots=True)
class Request:
    line: RequestLine
    fields: Fields

    @property
    def method(self) -> str:
        return self.line.method

    @property
    def head_only(self) -> bool:
        return self.line.method == "HEAD"

    @property
    def keep_alive(self) -> bool:
        """RFC 9112, 9.3: 1.1 stays unless told to close, 1.0 closes unless told to stay."""
        options = {o.strip().lower() for o in self.fields.values.get("connection", "").split(",")}
        return "close" not in options if self.line.one_one else "keep-alive" in options and "close" not in options

    def field(self, name: str) -> str:
        """The value of a field, empty where there is none; several are joined by commas (RFC 9110, 5.3)."""
        return self.fields.values.get(name, "")


@dataclass(slots=True)
class _Seen:
    """What llhttp tells while it reads."""

    url: bytes = b""
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


class HeadReader:
    """Reads heads and remembers the parts of which they are made."""

    def __init__(self) -> None:
        self._lines: dict[bytes, RequestLine] = {}
        self._blocks: dict[bytes, Fields] = {}

    def read(self, raw: bytes) -> Request:
        """The request whose head is ``raw``, which ends with the empty line.

        :raises Refused: the answer it gets: 400, 411, 413, 431 or 505.
        """
        end = raw.find(b"\r\n")
        line, block = raw[:end], raw[end:]
        known_line = self._lines.get(line)
        known_fields = self._blocks.get(block)
        if known_line is None or known_fields is None:
            known_line, known_fields = parse_head(raw)
            self._remember(line, known_line, block, known_fields)
        if known_line.one_one and known_fields.hosts != 1:
            # RFC 9112, 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message
            # that lacks a Host header field and to any request message that contains more than one Host header field
            # line".
            raise BadRequest("An HTTP/1.1 request has exactly one Host field.")
        return Request(known_line, known_fields)

    def block(self, raw_block: bytes) -> Fields | None:
        """The fields of a block that has been read before; ``raw_block`` begins with the CRLF of the request line."""
        return self._blocks.get(raw_block)

    def _remember(self, line: bytes, known_line: RequestLine, block: bytes, known_fields: Fields) -> None:
        if len(line) <= MAX_REMEMBERED_BYTES:
            if len(self._lines) >= MAX_REMEMBERED:
                self._lines.clear()
            self._lines[line] = known_line
        if len(block) <= MAX_REMEMBERED_BYTES:
            if len(self._blocks) >= MAX_REMEMBERED:
                self._blocks.clear()
            self._blocks[block] = known_fields


def check_beginning(data: bytes) -> None:
    """Refuse early what cannot become a head however it goes on: too long, or not HTTP at all.

    :raises Refused: 400 or 431.
    """
    if len(data) > MAX_HEAD_BYTES:
        raise HeadTooLarge(f"The head of a request may have {MAX_HEAD_BYTES} bytes.")
    if data and data != b"\r" and not 0x21 <= data[0] <= 0x7E:
        raise BadRequest("That is not HTTP." if data[0] != 0x16 else "That is TLS; this port speaks plain HTTP.")
    if data.count(b"\n") != data.count(b"\r\n"):
        raise BadRequest("Lines of a request end in CR LF.")


def parse_head(raw: bytes) -> tuple[RequestLine, Fields]:
    """Parse one whole head, which ends with the empty line and has nothing behind it.

    :raises Refused: 400, 411, 413, 431 or 505.
    """
    if len(raw) > MAX_HEAD_BYTES:
        raise HeadTooLarge(f"The head of a request may have {MAX_HEAD_BYTES} bytes.")
    if not raw.endswith(b"\r\n\r\n"):
        raise BadRequest("The head of a request ends with an empty line.")
    lines = raw[:-4].split(b"\r\n")
    match = _LINE.fullmatch(lines[0])
    if not match:
        raise BadRequest("A request begins with METHOD TARGET HTTP/1.1.")
    method, _, major, minor = match.groups()
    if (major, minor) not in ((b"1", b"1"), (b"1", b"0")):
        raise WrongVersion("HTTP/1.1 and HTTP/1.0 are spoken here; HTTP/2 and later come from a proxy in front.")
    if not all(_FIELD.fullmatch(one) for one in lines[1:]):
        raise BadRequest("A field of the request is malformed.")
    seen = _through_llhttp(raw, method)
    path, query = _target(seen.url, method)
    return RequestLine(method.decode(), path, query, minor == b"1"), _fields(seen.fields)


def _through_llhttp(raw: bytes, method: bytes) -> _Seen:
    if _PARSED_AS_POST.match(raw):
        raw = b"POST" + raw[len(method) :]
    seen = _Seen()
    try:
        httptools.HttpRequestParser(seen).feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # RFC 9110, 7.8: "A server MAY ignore a received Upgrade header field"
    except httptools.HttpParserError as e:
        raise BadRequest("The request is not well-formed HTTP.") from e
    return seen


def _target(url: bytes, method: bytes) -> tuple[str, str]:
    """Path and query of the request target (RFC 9112, 3.2): origin-form, absolute-form, or * for OPTIONS."""
    target = url.decode("ascii")
    if target == "*" and method == b"OPTIONS":
        return "*", ""
    absolute = _ABSOLUTE.match(target)
    if absolute:
        # 3.2.2: "A server MUST accept the absolute-form in requests"
        target = target[absolute.end() :]
        target = target if target.startswith("/") else "/" + target
    if not target.startswith("/") or "#" in target:
        raise BadRequest("The target of a request is a path that begins with a slash.")
    path, _, query = target.partition("?")
    return path, query


def _fields(found: list[tuple[bytes, bytes]]) -> Fields:
    values: dict[str, str] = {}
    hosts = lengths = 0
    for raw_name, raw_value in found:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1").strip(" \t")
        hosts += name == "host"
        lengths += name == "content-length"
        if name in _WANTED:
            values[name] = f"{values[name]}, {value}" if name in values else value
    body = _body_bytes(values, lengths)
    changing = ("range", "if-none-match", "connection")
    plain = hosts == 1 and not body and (not any(values.get(n) for n in changing) or _only_keeps_alive(values))
    encoding = accepted_encoding(values.get("accept-encoding", ""))
    return Fields(values, hosts, body, encoding, plain, "w-" in values.get("cookie", ""))


def _only_keeps_alive(values: dict[str, str]) -> bool:
    return not values.get("range") and not values.get("if-none-match") and values["connection"].lower() == "keep-alive"


def _body_bytes(values: dict[str, str], lengths: int) -> int:
    """How much body follows. :raises Refused: 400, 411 or 413."""
    length = values.get("content-length")
    if "transfer-encoding" in values:
        refusal: type[Refused] = BadRequest if length is not None else LengthRequired
        # RFC 9112, 6.3: both together "ought to be handled as an error"; 9110, 15.5.12: 411 where a length is needed.
        raise refusal("A body here needs a Content-Length and no Transfer-Encoding.")
    if length is None:
        return 0
    if lengths != 1 or not length.isascii() or not length.isdigit():
        raise BadRequest("The Content-Length is not a number.")
    if len(length) > 12 or int(length) > MAX_BODY_BYTES:
        raise TooLarge(f"A body may have {MAX_BODY_BYTES} bytes here.")
    return int(length)
