from __future__ import annotations

import pytest

from rostra.edge.negotiate import Encoding, accepted_encoding, byte_range, prefers_html
from rostra.errors import OutOfRange


@pytest.mark.parametrize(
    ("field", "encoding"),
    [
        ("", Encoding.IDENTITY),
        ("gzip", Encoding.GZIP),
        ("gzip, deflate, br", Encoding.BROTLI),
        ("br;q=0, gzip", Encoding.GZIP),
        ("br;q=0.0", Encoding.IDENTITY),
        ("*", Encoding.BROTLI),
        ("*;q=0", Encoding.IDENTITY),
        ("identity", Encoding.IDENTITY),
        ("GZIP;Q=1", Encoding.GZIP),
        ("gzip;q=2", Encoding.IDENTITY),
        ("x-gzip", Encoding.GZIP),
        (",,;;=", Encoding.IDENTITY),
    ],
)
def test_encoding(field: str, encoding: Encoding) -> None:
    assert accepted_encoding(field) is encoding


@pytest.mark.parametrize(
    ("field", "html"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("*/*", False),
        ("", False),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0", False),
    ],
)
def test_html(field: str, html: bool) -> None:
    assert prefers_html(field) is html


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=5-99", (5, 10)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
    ],
)
def test_range(field: str, expected: tuple[int, int] | None) -> None:
    assert byte_range(field, 10) == expected


@pytest.mark.parametrize("field", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_range_outside(field: str) -> None:
    with pytest.raises(OutOfRange) as caught:
        byte_range(field, 10)
    assert caught.value.size == 10
