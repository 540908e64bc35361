"""The card: its size, and that what is written on it is there."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops

from rostra.pictures.drawing import HEIGHT, PICTURE_WIDTH, WIDTH, draw_card
from rostra.pictures.sniff import MAX_MADE_BYTES
from tests.pictures.making import noise, opened, picture

TITLES = [
    "Tea",
    "An evening with people who know more about lighthouses than you ever wanted to",
    "word " * 40,
    "W" * 200,
    "\u05e9\u05dc\u05d5\u05dd \u05dc\u05db\u05d5\u05dc\u05dd, Tea at 12:30",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "\U0001f375\U0001f469\u200d\U0001f680",
    "\u200f\u202e\0",
    "",
    "\u8336\u4f1a",
]


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("with_picture", [False, True])
def test_any_title(title: str, with_picture: bool) -> None:
    data = picture("JPEG", (900, 700)) if with_picture else b""
    kind, made = draw_card(title, "Thursday 26 November, 20:00 CET", ["Ada", "Grace \u05d0\u05d1"], data, "JPEG")
    found = opened(made)
    assert (found.format, found.size) == (kind, (WIDTH, HEIGHT))
    assert kind == ("JPEG" if with_picture else "PNG")
    assert len(made) <= MAX_MADE_BYTES


def difference(one: bytes, other: bytes) -> tuple[int, int, int, int] | None:
    """The box of what differs by more than a palette does."""
    found = ImageChops.difference(opened(one).convert("L"), opened(other).convert("L"))
    return found.point(lambda value: 255 if value > 50 else 0).getbbox()


def test_everything_that_is_said_is_seen() -> None:
    base = draw_card("Tea", "20:00", ["Ada"], b"", "")[1]
    title = difference(base, draw_card("Ten", "20:00", ["Ada"], b"", "")[1])
    when = difference(base, draw_card("Tea", "20:30", ["Ada"], b"", "")[1])
    who = difference(base, draw_card("Tea", "20:00", ["Bob"], b"", "")[1])
    assert title and when and who
    assert title[3] <= when[1] < who[1]  # in this order, one below the other
    assert difference(base, draw_card("Tea", "20:00", ["Ada"], b"", "")[1]) is None


def test_right_to_left_stands_on_the_right() -> None:
    empty = draw_card("", "", [], b"", "")[1]
    left = difference(empty, draw_card("Tea", "", [], b"", "")[1])
    right = difference(empty, draw_card("\u05d0\u05d1\u05d2", "", [], b"", "")[1])
    assert left and right
    assert left[2] < WIDTH / 2 < right[0]


def test_the_picture_fills_its_side() -> None:
    for size in ((4000, 100), (100, 4000), (30, 30)):
        found = opened(draw_card("Tea", "20:00", [], picture("PNG", size), "PNG")[1]).convert("RGB")
        for y in (5, HEIGHT // 2, HEIGHT - 30):
            red, _, blue = found.getpixel((WIDTH - PICTURE_WIDTH + 20, y))  # type: ignore[misc]
            assert red > 150 > blue
            red, _, blue = found.getpixel((WIDTH - 20, y))  # type: ignore[misc]
            assert blue > 150 > red


def test_a_picture_of_noise_is_small_enough_too() -> None:
    out = io.BytesIO()
    noise((900, 1200)).save(out, "PNG")
    kind, made = draw_card("W" * 200, "20:00 " * 20, ["Ada Lovelace"] * 32, out.getvalue(), "PNG")
    assert (kind, opened(made).size) == ("JPEG", (WIDTH, HEIGHT))
    assert len(made) <= MAX_MADE_BYTES


def test_what_shows_through_a_picture_is_paper() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(out, "PNG")
    found = opened(draw_card("Tea", "", [], out.getvalue(), "PNG")[1]).convert("RGB")
    red, green, blue = found.getpixel((WIDTH - 50, 50))  # type: ignore[misc]
    assert min(red, green, blue) > 220
