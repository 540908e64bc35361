from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.errors import WireError
from rostra.rehearsal.hearing import MAX_KNOWN, Parser, read_head
from tests.rehearsal.making import HEAD, LAST_CHUNK, chunk, flush, init, notice

PART = 25 * 960


def test_a_head_is_read_when_it_is_whole() -> None:
    assert read_head(HEAD[:-1]) is None
    head = read_head(HEAD + b"body")
    assert head is not None
    assert (head.status, head.size, head.chunked, head.length) == (200, len(HEAD), True, -1)
    refusal = read_head(
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
    )
    assert refusal is not None
    assert (refusal.status, refusal.length, refusal.retry_s, refusal.closes) == (503, 5, 7.0, True)


@pytest.mark.parametrize("bad", [b"SSH-2.0-x\r\n\r\n", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 abc x\r\n\r\n", b"x" * 9000])
def test_what_is_no_head_is_said(bad: bytes) -> None:
    with pytest.raises(WireError):
        read_head(bad)


def test_a_flush_is_parsed_once_for_all() -> None:
    parser = Parser(960)
    data = chunk(init()) + flush(10, 4, tally=77)
    gulp, rest = parser.chunks(data)
    assert gulp is not None
    assert rest == b""
    assert (gulp.start, gulp.end, gulp.whole, gulp.inits, gulp.tally, gulp.state) == (
        10 * PART,
        14 * PART,
        True,
        1,
        77,
        "live",
    )
    assert parser.chunks(bytes(bytearray(data)))[0] is gulp
    assert parser.find(data) is gulp
    assert parser.find(data[:-1] + b"x") is None
    assert parser.parsed == 1


@given(st.lists(st.integers(1, 3000), max_size=20))
def test_however_it_is_cut_it_says_the_same(cuts: list[int]) -> None:
    data, parser, rest, heard = flush(0, 6) + LAST_CHUNK, Parser(960), b"", []
    at = 0
    for cut in [*cuts, len(data)]:
        gulp, rest = parser.chunks(rest + data[at : at + cut])
        at += cut
        if gulp is not None:
            heard += list(gulp.parts)
    assert rest == b""
    assert heard == [(n * PART, (n + 1) * PART) for n in range(6)]


def test_words_between_parts_are_heard() -> None:
    gulp, _ = Parser(960).chunks(notice("flush", flush_s=2.0) + notice("draining", in_s=1.2) + flush(0, 1))
    assert gulp is not None
    assert (gulp.flush_s, gulp.drains_s) == (2.0, 1.2)
    ended, _ = Parser(960).chunks(notice("ended") + LAST_CHUNK)
    assert ended is not None
    assert (ended.state, ended.over, ended.start) == ("ended", True, -1)


def test_a_hole_within_a_flush_is_seen() -> None:
    gulp, _ = Parser(960).chunks(flush(0, 1) + flush(2, 1))
    assert gulp is not None
    assert not gulp.whole
    assert gulp.parts == ((0, PART), (2 * PART, 3 * PART))


def test_what_is_no_sound_is_broken_and_no_chunk_is_an_error() -> None:
    gulp, _ = Parser(960).chunks(chunk(b"\0\0\0\x08moof\0\0\0\x08mdat"))
    assert gulp is not None
    assert gulp.broken
    with pytest.raises(WireError):
        Parser(960).chunks(b"hello, this is no chunk at all\r\n")


def test_what_is_remembered_is_bounded() -> None:
    parser = Parser(960)
    for n in range(MAX_KNOWN * 2):
        parser.chunks(flush(n, 1))
    assert sum(len(known) for known in parser.known.values()) <= MAX_KNOWN
