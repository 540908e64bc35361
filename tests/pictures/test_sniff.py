import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.errors import BadRequest, TooLarge, Unsupported
from rostra.pictures.sniff import MAX_MADE_BYTES, MAX_PICTURE_BYTES, made_by_us, sniff
from tests.pictures.making import picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_is_taken(kind: str) -> None:
    data = picture(kind)
    assert sniff(data) == kind
    assert made_by_us(data, kind)
    assert not made_by_us(data, "BMP")
    assert not made_by_us(data + bytes(MAX_MADE_BYTES), kind)


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM", "AVIF", "PDF", "EPS", "JPEG2000"])
def test_what_pillow_knows_and_we_do_not_take(kind: str) -> None:
    with pytest.raises(Unsupported, match="JPEG, PNG, WebP and GIF"):
        sniff(picture(kind))


@pytest.mark.parametrize(
    "data",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b'<?xml version="1.0"?><svg/>',
        b"<html>",
        b"\x1f\x8b\x08",
        b"PK\x03\x04",
        b"RIFF\x10\x00\x00\x00WAVEfmt ",
        b"\x89PNG\n",
        b"\xff\xd8",
        b" GIF89a",
    ],
)
def test_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(Unsupported):
        sniff(data)


def test_nothing_and_too_much() -> None:
    with pytest.raises(BadRequest, match="no picture"):
        sniff(b"")
    whole = picture("PNG")
    assert sniff(whole + bytes(MAX_PICTURE_BYTES - len(whole))) == "PNG"
    with pytest.raises(TooLarge, match=r"9\.0 MB; 8 are taken"):
        sniff(whole + bytes(9 * 2**20 - len(whole)))


@given(st.binary(min_size=1, max_size=40))
def test_anything(data: bytes) -> None:
    with contextlib.suppress(Unsupported):
        assert sniff(data) in ("JPEG", "PNG", "WEBP", "GIF")
