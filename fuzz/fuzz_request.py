"""Invariant: a request head or PROXY preamble is read or refused, and in pieces not otherwise than whole."""

from __future__ import annotations

from rostra.edge.head import MAX_BODY_BYTES, MAX_HEAD_BYTES, HeadReader, Request, check_beginning
from rostra.edge.proxy_preamble import Preamble, read_preamble
from rostra.edge.routes import Kind, resolve
from rostra.errors import NotFound, Refused

_V2 = b"\r\n\r\n\0\r\nQUIT\n"


def seeds() -> list[bytes]:
    return [
        b"GET /r/demo/live?codec=aac HTTP/1.1\r\nHost: a\r\nIcy-MetaData: 1\r\n\r\n",
        b'GET http://a/r/x/hls/opus/g3-p965.m4s HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\nIf-None-Match: "x"\r\n\r\n',
        b"POST /r/demo/ask HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nConnection: close\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HEAD /r/demo/state HTTP/1.0\r\nConnection: keep-alive\r\nAccept-Encoding: gzip;q=0.5, br\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS /assets/a.js HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4, ::1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PROXY UNKNOWN\r\n",
        _V2 + bytes.fromhex("2111000c010203040506070803e80050"),
        _V2 + bytes.fromhex("20000000"),
    ]


def target(data: bytes) -> None:
    _preamble(data)
    end = data.find(b"\r\n\r\n")
    head = data if end < 0 else data[: end + 4]
    reader = HeadReader()
    first = _read(reader, head)
    assert first == _read(reader, head), "what is remembered is what was read"
    if first is None:
        return
    assert len(head) <= MAX_HEAD_BYTES
    assert 0 <= first.fields.body_bytes <= MAX_BODY_BYTES
    assert first.fields.hosts == 1 or not first.line.one_one
    assert first.line.path.startswith("/") or first.line.path == "*" or first.method == "CONNECT", first.line
    for size in range(len(head)):
        check_beginning(head[:size])  # raises where a good head would be refused before it is whole
    try:
        route = resolve(first.line.path)
    except NotFound:
        return
    assert ("/" not in route.name and ".." not in route.name) or route.kind is Kind.ASSET


def _read(reader: HeadReader, head: bytes) -> Request | None:
    """As a connection does: what cannot become a head is refused first."""
    try:
        check_beginning(head)
        return reader.read(head)
    except Refused as e:
        assert str(e), "a refusal says why"
        return None


def _preamble(data: bytes) -> None:
    whole = _one(data)
    size = whole.size if isinstance(whole, Preamble) else len(data)
    assert size <= len(data)
    for upto in range(min(size, 300)):
        part = _one(data[:upto])
        if isinstance(part, str):
            assert isinstance(whole, str), "refused early, and good when whole"
        else:
            assert part is None, "believed before it was whole"


def _one(data: bytes) -> Preamble | str | None:
    try:
        return read_preamble(data)
    except Refused as e:
        return str(e)
