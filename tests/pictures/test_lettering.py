import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from rostra.pictures import lettering
from rostra.pictures.lettering import SANS, clean, cut, font_for, runs_right_to_left, visual, without_missing, wrap

ANYTHING = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)


def by_letters(text: str) -> float:
    return float(len(text))


def test_what_cannot_be_seen_is_left_out() -> None:
    assert clean(" a\n\tb \u202e\u200fc\0\ud800 ") == "a b c"
    assert clean("\u0645\u06cc\u200c\u0634\u0648\u062f") == "\u0645\u06cc\u200c\u0634\u0648\u062f"  # joined otherwise


def test_lines() -> None:
    assert wrap("one two three", 7, 3, by_letters) == ["one two", "three"]
    assert wrap("one two three", 7, 1, by_letters) is None
    assert wrap("incomprehensible", 6, 3, by_letters) == ["incomp", "rehens", "ible"]
    assert wrap("", 6, 3, by_letters) == [""]
    assert cut("one two three four", 7, 2, by_letters) == ["one two", "three\N{HORIZONTAL ELLIPSIS}"]
    assert cut("one two", 7, 1, by_letters) == ["one two"]


@given(ANYTHING, st.integers(3, 20), st.integers(1, 4))
def test_whatever_it_is_it_fits(text: str, width: int, lines: int) -> None:
    found = cut(clean(text), width, lines, by_letters)
    assert 1 <= len(found) <= lines
    assert all(len(line) <= width for line in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tea", False),
        ("\u05e9\u05dc\u05d5\u05dd Tea", True),
        ("1. \u0645\u0631\u062d\u0628\u0627", True),
        ("12:30", False),
        ("", False),
    ],
)
def test_direction(text: str, expected: bool) -> None:
    assert runs_right_to_left(text) is expected


def test_right_to_left_without_a_library_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_can_shape", lambda: False)
    assert visual("Tea at 12") == "Tea at 12"
    assert visual("\u05d0\u05d1\u05d2") == "\u05d2\u05d1\u05d0"
    assert visual("\u05d0\u05d1 12 \u05d2") == "\u05d2 12 \u05d1\u05d0"
    assert visual("Tea \u05d0\u05d1") == "Tea \u05d1\u05d0"


@given(ANYTHING)
def test_nothing_is_lost_when_it_is_turned(text: str) -> None:
    assert sorted(visual(text)) == sorted(text)


def test_a_machine_without_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_files", lambda: {})
    lettering._font.cache_clear()
    font = font_for("Tea", SANS, 20)
    lettering._font.cache_clear()
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert font.getlength("Tea") > 20


def test_pictograms_that_the_font_lacks_are_left_out() -> None:
    font = ImageFont.load_default(20)
    assert without_missing("Tea \U0001f375\ufe0f time", font) == "Tea time"
    assert without_missing("\u8336", font) == "\u8336"
