"""Answers as bytes: status, fields, body; problems and little pages for what goes wrong; how long each may be cached.

Nothing depends on who asks, so that a cache in front may hold every answer under its address; but what is told of a
room that takes a link, and what a listener's own ticket brings, is theirs alone.
"""

from __future__ import annotations

import json
import math
from email.utils import formatdate
from typing import Any

from rostra.edge.negotiate import Encoding
from rostra.errors import Full, MethodNotAllowed, OutOfRange, RostraError, TooMany, Unavailable, WorkFirst
from rostra.little_page import POLICY, little_page
from rostra.wire.playlists import BLOCKING_MAX_AGE_S, PLAIN_MAX_AGE_S

REASONS = {
    200: "OK",
    202: "Accepted",
    204: "No Content",
    206: "Partial Content",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    428: "Precondition Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}

# How long a cache may hold an answer.
CACHE_MEDIA = "public, max-age=300, immutable"
"""A name never means two things while a room lives. Five minutes cover the two minutes for which parts can be asked
for, and are over before a room of the same id, made anew in an empty data folder, could be mistaken for this one."""
CACHE_BLOCKING = f"public, max-age={BLOCKING_MAX_AGE_S}"
CACHE_PLAYLIST = f"public, max-age={PLAIN_MAX_AGE_S}"
CACHE_STATE = "public, max-age=1"
CACHE_MISSING = "public, max-age=1"
"""A refusal that may soon be untrue: long enough to keep a stampede away, too short to be believed for long."""
CACHE_PAGE = "public, max-age=10"
CACHE_ASSET = "public, max-age=31536000, immutable"
NO_STORE = "no-store"

_CORS = (
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Expose-Headers: Date, Age, Content-Length, Content-Range, Retry-After\r\n"
    b"Timing-Allow-Origin: *\r\n"
)
_SAFE = b"X-Content-Type-Options: nosniff\r\n"

SAFE_PAGE = "Referrer-Policy: no-referrer\r\nPermissions-Policy: microphone=(), camera=(), geolocation=()\r\n"
"""Beside its policy, for every page: those who listen are never asked for a microphone. Pages may stand in frames of
other sites (``frame-ancestors *``): a player that is embedded is what some of them are for."""

_LITTLE_POLICY = f"Content-Security-Policy: {POLICY}; frame-ancestors *\r\n"

_PREFLIGHT = (
    b"Access-Control-Allow-Methods: GET, HEAD, POST, OPTIONS\r\n"
    b"Access-Control-Allow-Headers: Range, Icy-MetaData, If-None-Match, Cache-Control, Content-Type\r\n"
    b"Access-Control-Max-Age: 86400\r\n"
)

ALLOW = "GET, HEAD, OPTIONS"
ALLOW_POST = "POST, OPTIONS"
ALLOW_BOTH = "GET, HEAD, POST, OPTIONS"
"""Where listeners send something."""

UNAVAILABLE_S = 2.0
"""When to ask again after a part of the server did not answer: the bus is back within a second or two."""


class Answer:
    """An answer that is sent to many. ``fields`` are ready lines; Date, Content-Length and Connection are put in when
    it goes out.
    """

    __slots__ = ("_fields", "_private", "_start", "body", "closes", "status", "tag", "whole")

    def __init__(
        self,
        status: int,
        fields: bytes,
        body: bytes = b"",
        *,
        closes: bool = False,
        length: bool = True,
        date: bytes = b"",
        tag: str = "",
    ) -> None:
        """:param length: False for the answer to HEAD of what has no end. :param tag: its ETag, quotes included."""
        self.status = status
        self.body = body
        self.closes = closes
        """Whether the connection cannot go on after it."""
        self.tag = tag
        if tag:
            fields += b"ETag: %s\r\n" % tag.encode()
        size = b"Content-Length: %d\r\n" % len(body) if length and status not in (204, 304) else b""
        self._start = b"HTTP/1.1 %d %s\r\n%s%s" % (status, REASONS[status].encode(), fields, size)
        self.whole: bytes | None = None
        """Ready for an HTTP/1.1 connection that stays, for what is asked for often: with ``date`` it is made at
        once."""
        self._fields = fields
        self._private: Answer | None = None
        if date:
            self.whole = b"%sDate: %s\r\n\r\n%s" % (self._start, date, body)

    def private(self) -> Answer:
        """The same for one who showed a link: a cache that others share must not hold it (RFC 9111, 5.2.2.7)."""
        if self._private is None:
            mine = self._private = Answer(self.status, b"", self.body, closes=self.closes, tag=self.tag)
            mine._fields = _privately(self._fields)
            mine._start = _privately(self._start)
        return self._private

    def with_fields(self, lines: str) -> Answer:
        """The same with more field lines, for one connection."""
        other = Answer(self.status, b"", self.body, closes=self.closes, tag=self.tag)
        other._fields = self._fields + lines.encode()
        other._start = self._start + lines.encode()
        return other

    def not_modified(self) -> Answer:
        """RFC 9110, 15.4.5: with the fields that the 200 would have had."""
        return Answer(304, self._fields)

    def render(self, date: bytes, *, one_one: bool = True, close: bool = False, head_only: bool = False) -> bytes:
        """The bytes for one connection. RFC 9110, 6.6.1: "An origin server with a clock MUST generate a Date"."""
        close = close or self.closes
        if self.whole is not None and one_one and not close and not head_only:
            return self.whole
        connection = b"Connection: close\r\n" if close else b"" if one_one else b"Connection: keep-alive\r\n"
        return b"%sDate: %s\r\n%s\r\n%s" % (self._start, date, connection, b"" if head_only else self.body)


def _privately(fields: bytes) -> bytes:
    return fields.replace(b"Cache-Control: public", b"Cache-Control: private")


def json_answer(status: int, body: dict[str, Any]) -> Answer:
    """An answer that is for one listener alone."""
    return Answer(status, fields_of("application/json", NO_STORE, cors=True), json.dumps(body).encode())


def http_date(wall: float) -> bytes:
    return formatdate(wall, usegmt=True).encode()


def fields_of(content_type: str, cache: str, *, cors: bool = False, extra: str = "") -> bytes:
    """Field lines of an answer with content. ``extra`` is ready lines, each with its CRLF."""
    head = f"Content-Type: {content_type}\r\nCache-Control: {cache}\r\n{extra}".encode()
    return head + _SAFE + (_CORS if cors else b"")


def encoded(encoding: Encoding) -> str:
    """The field lines of an answer that has several encodings (RFC 9110, 12.5.5: Vary)."""
    coding = "" if encoding is Encoding.IDENTITY else f"Content-Encoding: {encoding.value}\r\n"
    return coding + "Vary: Accept-Encoding\r\n"


def preflight() -> Answer:
    fields = b"Allow: GET, HEAD, POST, OPTIONS\r\nCache-Control: public, max-age=86400\r\n"
    return Answer(204, fields + _CORS + _PREFLIGHT)


def problem(
    error: RostraError, *, page: bool = False, cache: str = CACHE_MISSING, closes: bool = False, extra: str = ""
) -> Answer:
    """The answer to what cannot be done: ``application/problem+json`` (RFC 9457), or a small page for a browser.

    :param extra: ready lines for a page.
    """
    for_page, extra = extra, "Vary: Accept\r\n"
    if isinstance(error, MethodNotAllowed):
        extra += f"Allow: {error.allow}\r\n"  # RFC 9110, 15.5.6: "MUST generate an Allow header field"
    if isinstance(error, OutOfRange):
        extra += f"Content-Range: bytes */{error.size}\r\n"
    if isinstance(error, Full | TooMany | WorkFirst):
        extra += f"Retry-After: {max(1, math.ceil(error.retry_after_s))}\r\n"
    elif isinstance(error, Unavailable):
        extra += f"Retry-After: {UNAVAILABLE_S:.0f}\r\n"
    if page:
        extra += _LITTLE_POLICY + SAFE_PAGE + for_page
        return Answer(
            error.status,
            fields_of("text/html; charset=utf-8", cache, extra=extra),
            little_page(error.title, str(error)),
            closes=closes,
        )
    body = json.dumps(error.problem(), ensure_ascii=False).encode()
    return Answer(
        error.status, fields_of("application/problem+json", cache, cors=True, extra=extra), body, closes=closes
    )
