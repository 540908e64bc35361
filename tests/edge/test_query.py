from __future__ import annotations

import pytest

from rostra.edge.query import (
    MAX_QUERY_BYTES,
    Directives,
    cookie_name,
    parse_codec,
    parse_directives,
    token_in_cookies,
    token_of,
)
from rostra.errors import BadRequest
from rostra.units import Rendition


@pytest.mark.parametrize(
    ("query", "directives"),
    [
        ("", Directives()),
        ("_HLS_msn=7", Directives(7)),
        ("_HLS_msn=7&_HLS_part=3", Directives(7, 3)),
        ("_HLS_part=0&_HLS_msn=0", Directives(0, 0)),
        ("_HLS_msn=7&_HLS_part=8", Directives(8, 0)),
        ("_HLS_skip=YES", Directives(skip=True)),
        ("_HLS_msn=7&_HLS_skip=v2", Directives(7, None, True)),
        ("token=a&token=b&_HLS_msn=1", Directives(1)),
        ("%5FHLS_msn=1", Directives(1)),
    ],
)
def test_directives(query: str, directives: Directives) -> None:
    assert parse_directives(query) == directives
    assert parse_directives(query).blocking is (directives.msn is not None)


@pytest.mark.parametrize(
    "query",
    [
        "_HLS_part=1",
        "_HLS_msn=",
        "_HLS_msn=-1",
        "_HLS_msn=1.5",
        "_HLS_msn=0x10",
        "_HLS_msn=%D9%A1",
        "_HLS_msn=1&_HLS_msn=2",
        "_HLS_msn=9999999999999999",
        "_HLS_msn=1&_HLS_part=x",
        "_HLS_skip=NO",
        "_HLS_skip",
        "x" * (MAX_QUERY_BYTES + 1),
    ],
)
def test_nonsense(query: str) -> None:
    with pytest.raises(BadRequest):
        parse_directives(query)


def test_a_part_is_of_a_segment() -> None:
    with pytest.raises(ValueError, match="segment"):
        Directives(part=1)


def test_codec() -> None:
    assert parse_codec("") is None
    assert parse_codec("x=1&w=pass") is None
    assert parse_codec("codec=opus") is Rendition.OPUS
    assert parse_codec("codec=opus16") is Rendition.OPUS_LOW
    assert parse_codec("codec=aac&x=1") is Rendition.AAC
    for query in ("codec=mp3", "codec=", "codec=flac", "codec=aac&codec=opus"):
        with pytest.raises(BadRequest):
            parse_codec(query)


def test_token_of_a_link() -> None:
    assert token_of("") == token_of("x=1") == ""
    assert token_of("_HLS_msn=3&t=abc.def") == "abc.def"
    assert token_of("t=a%2Eb") == "a.b"
    for wrong in ("t=a&t=b", "x" * (MAX_QUERY_BYTES + 1)):
        with pytest.raises(BadRequest):
            token_of(wrong)


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("", ""),
        ("rostra_demo=abc", "abc"),
        ("a=1; rostra_demo=abc.def; b=2", "abc.def"),
        ("rostra_demo2=x; xrostra_demo=y", ""),
        ("rostra_demo", ""),
        ("rostra_demo=first; rostra_demo=second", "first"),
        ("a=1;" * 5000 + "rostra_demo=abc", ""),
    ],
)
def test_token_in_cookies(field: str, found: str) -> None:
    assert token_in_cookies(field, "demo") == found
    assert cookie_name("demo") == "rostra_demo"
