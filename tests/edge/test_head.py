from __future__ import annotations

import pytest

from rostra.edge.head import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MAX_REMEMBERED,
    HeadReader,
    check_beginning,
    parse_head,
)
from rostra.edge.negotiate import Encoding
from rostra.errors import BadRequest, HeadTooLarge, LengthRequired, Refused, TooLarge, WrongVersion


def raw(line: str = "GET / HTTP/1.1", *fields: str) -> bytes:
    return "\r\n".join([line, "Host: x", *fields, "", ""]).encode("latin-1")


def test_line_and_fields() -> None:
    line, fields = parse_head(
        raw("GET /r/demo/live?codec=aac HTTP/1.1", "Icy-MetaData: 1", "accept-encoding: gzip", "X-Other: yes")
    )
    assert (line.method, line.path, line.query, line.one_one) == ("GET", "/r/demo/live", "codec=aac", True)
    assert fields.values == {"icy-metadata": "1", "accept-encoding": "gzip"}
    assert fields.encoding is Encoding.GZIP
    assert fields.plain


def test_same_fields_several_times_are_one_list() -> None:
    _, fields = parse_head(raw("GET / HTTP/1.1", "X-Forwarded-For: a", "x-forwarded-for:b"))
    assert fields.values["x-forwarded-for"] == "a, b"


@pytest.mark.parametrize(
    ("fields", "version", "keep"),
    [
        ((), "1.1", True),
        (("Connection: close",), "1.1", False),
        (("Connection: Keep-Alive, CLOSE",), "1.1", False),
        ((), "1.0", False),
        (("Connection: keep-alive",), "1.0", True),
    ],
)
def test_keep_alive(fields: tuple[str, ...], version: str, keep: bool) -> None:
    assert HeadReader().read(raw(f"GET / HTTP/{version}", *fields)).keep_alive is keep


@pytest.mark.parametrize(
    ("fields", "plain"),
    [
        (("Connection: keep-alive", "Accept: */*"), True),
        (("Range: bytes=0-1",), False),
        (("Connection: close",), False),
        (("Connection: keep-alive", "Range: bytes=0-1"), False),
        (("If-None-Match: *",), False),
        (("Content-Length: 3",), False),
    ],
)
def test_plain_is_what_changes_no_answer(fields: tuple[str, ...], plain: bool) -> None:
    assert parse_head(raw("GET / HTTP/1.1", *fields))[1].plain is plain


@pytest.mark.parametrize(
    ("head", "refusal"),
    [
        (b"GET /\r\n\r\n", BadRequest),
        (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", BadRequest),
        (b"G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n", BadRequest),
        (b"GET / HTTP/1.1\nHost: x\r\n\r\n", BadRequest),
        (b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", BadRequest),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", BadRequest),
        (b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", BadRequest),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n", BadRequest),
        (b"GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n", BadRequest),
        (b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", BadRequest),
        (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", BadRequest),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", WrongVersion),
        (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", WrongVersion),
        (b"GET / HTTP/0.9\r\nHost: x\r\n\r\n", WrongVersion),
        (b"PRI * HTTP/2.0\r\n\r\n", WrongVersion),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", BadRequest),
        (raw("POST / HTTP/1.1", "Transfer-Encoding: chunked"), LengthRequired),
        (raw("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 4"), BadRequest),
        (raw("POST / HTTP/1.1", "Content-Length: 4", "Content-Length: 5"), BadRequest),
        (raw("POST / HTTP/1.1", "Content-Length: 4", "Content-Length: 4"), BadRequest),
        (raw("POST / HTTP/1.1", "Content-Length: -1"), BadRequest),
        (raw("POST / HTTP/1.1", "Content-Length: 1e3"), BadRequest),
        (raw("POST / HTTP/1.1", f"Content-Length: {MAX_BODY_BYTES + 1}"), TooLarge),
        (raw("POST / HTTP/1.1", "Content-Length: 99999999999"), TooLarge),
        (raw("GET / HTTP/1.1", "X: " + "y" * MAX_HEAD_BYTES), HeadTooLarge),
    ],
)
def test_refused(head: bytes, refusal: type[Refused]) -> None:
    with pytest.raises(Refused) as caught:
        parse_head(head)
    assert type(caught.value) is refusal


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "FOO", "SOURCE", "CONNECT", "TRACE", "M-SEARCH", "get"])
def test_any_method_is_read_and_left_to_others(method: str) -> None:
    assert parse_head(raw(f"{method} /r/demo/live HTTP/1.1"))[0].method == method


def test_absolute_form_and_asterisk() -> None:
    assert parse_head(raw("GET http://example.org:80/r/demo?x=1 HTTP/1.1"))[0].path == "/r/demo"
    assert parse_head(raw("GET http://example.org HTTP/1.1"))[0].path == "/"
    assert parse_head(raw("OPTIONS * HTTP/1.1"))[0].path == "*"


def test_upgrade_is_ignored() -> None:
    line, _ = parse_head(raw("GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket"))
    assert line.path == "/"


@pytest.mark.parametrize("hosts", [0, 2])
def test_one_host(hosts: int) -> None:
    head = b"GET / HTTP/1.1\r\n" + b"Host: x\r\n" * hosts + b"\r\n"
    reader = HeadReader()
    for _ in range(2):  # remembered or not
        with pytest.raises(BadRequest):
            reader.read(head)
    assert reader.read(head.replace(b"1.1", b"1.0")).line.one_one is False


def test_what_is_remembered_is_bounded_and_changes_nothing() -> None:
    reader = HeadReader()
    for i in range(MAX_REMEMBERED + 10):
        request = reader.read(raw(f"GET /{i} HTTP/1.1", f"Accept: a/{i}"))
        assert (request.line.path, request.field("accept")) == (f"/{i}", f"a/{i}")
    assert len(reader._lines) <= MAX_REMEMBERED
    assert len(reader._blocks) <= MAX_REMEMBERED
    long = raw("GET / HTTP/1.1", "Accept: " + "x" * 2000)
    reader.read(long)
    assert reader.block(long[long.find(b"\r\n") :]) is None


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", None),
        (b"\r", None),
        (b"GET / HT", None),
        (b"GET / HTTP/1.1\r\nHost: x\r", None),
        (b"GET / HTTP/1.1\n", BadRequest),
        (b"\x16\x03\x01", BadRequest),
        (b"\x00", BadRequest),
        (b" GET /", BadRequest),
        (b"G" * (MAX_HEAD_BYTES + 1), HeadTooLarge),
    ],
)
def test_beginnings(data: bytes, refusal: type[Refused] | None) -> None:
    if refusal is None:
        check_beginning(data)
    else:
        with pytest.raises(refusal):
            check_beginning(data)
