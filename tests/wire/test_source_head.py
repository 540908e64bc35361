"""Heads as real source clients send them, and heads that must be refused."""

from __future__ import annotations

import base64

import pytest

from rostra.errors import BadRequest, BadToken, Refused, TooLarge
from rostra.wire.source_head import MAX_HEAD_BYTES, head_end, parse_source_head

AUTH = b"Authorization: Basic " + base64.b64encode(b"source:tok.en") + b"\r\n"

FFMPEG = (
    b"PUT /demo HTTP/1.1\r\nUser-Agent: Lavf/60.16.100\r\nAccept: */*\r\nConnection: close\r\n"
    b"Host: 127.0.0.1:8082\r\nIcy-MetaData: 1\r\nExpect: 100-continue\r\nIce-Public: 0\r\n"
    b"Content-Type: audio/ogg\r\n" + AUTH + b"\r\n"
)
BUTT = (
    b"SOURCE /demo.mp3 HTTP/1.0\r\nUser-Agent: butt 0.1.39\r\nContent-Type: audio/mpeg\r\n"
    b"ice-name: Caf\xc3\xa9 \r\nice-audio-info: ice-samplerate=44100\r\n" + AUTH + b"\r\n"
)
CHUNKED = (
    b"PUT /a-room HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: application/ogg; codecs=opus\r\n" + AUTH + b"\r\n"
)
OLDEST = b"SOURCE /demo ICE/1.0\nContent-Type: audio/aacp\n" + AUTH.replace(b"\r\n", b"\n") + b"\n"


def test_ffmpeg() -> None:
    head = parse_source_head(FFMPEG)
    assert (head.method, head.version, head.room, head.token) == ("PUT", "HTTP/1.1", "demo", "tok.en")
    assert head.expects_continue and not head.chunked and head.content_type == "audio/ogg"


def test_legacy_source_with_an_extension_and_a_name() -> None:
    head = parse_source_head(BUTT)
    assert (head.method, head.version, head.room, head.name) == ("SOURCE", "HTTP/1.0", "demo", "Café")
    assert not head.expects_continue


def test_chunked() -> None:
    head = parse_source_head(CHUNKED)
    assert head.chunked and head.room == "a-room" and head.content_type == "application/ogg"


def test_the_oldest_dialect_with_bare_line_feeds() -> None:
    head = parse_source_head(OLDEST)
    assert head.version == "ICE/1.0" and head.content_type == "audio/aacp"
    assert head_end(OLDEST + b"OggS") == len(OLDEST)


@pytest.mark.parametrize("cut", range(0, len(FFMPEG) - 1, 7))
def test_an_unfinished_head_has_no_end(cut: int) -> None:
    assert head_end(FFMPEG[:cut]) is None


def test_the_body_begins_after_the_head() -> None:
    assert head_end(FFMPEG + b"OggS\r\n\r\n") == len(FFMPEG)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", BadRequest),
        (b"\x16\x03\x01\x02\x00\x01", BadRequest),
        (b"GET /demo HTTP/1.1\r\n\r\n", BadRequest),
        (FFMPEG.replace(b"HTTP/1.1", b"HTTP/2.0"), BadRequest),
        (FFMPEG.replace(b"/demo", b"/De%20mo"), BadRequest),
        (FFMPEG.replace(b"/demo", b"/../etc"), BadRequest),
        (FFMPEG.replace(b"Accept: */*", b"Accept */*"), BadRequest),
        (FFMPEG.replace(AUTH, AUTH + AUTH), BadRequest),
        (CHUNKED.replace(b"chunked", b"gzip"), BadRequest),
        (FFMPEG.replace(AUTH, b""), BadToken),
        (FFMPEG.replace(AUTH, b"Authorization: Bearer x\r\n"), BadToken),
        (FFMPEG.replace(AUTH, b"Authorization: Basic ###\r\n"), BadToken),
        (FFMPEG.replace(AUTH, b"Authorization: Basic " + base64.b64encode(b"admin:x") + b"\r\n"), BadToken),
        (FFMPEG.replace(AUTH, b"Authorization: Basic " + base64.b64encode(b"source:") + b"\r\n"), BadToken),
        (b"PUT /demo HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES, TooLarge),
    ],
)
def test_refused(data: bytes, error: type[Refused]) -> None:
    with pytest.raises(error):
        parse_source_head(data)


def test_a_head_without_end_is_too_large() -> None:
    with pytest.raises(TooLarge):
        head_end(b"a" * MAX_HEAD_BYTES)
