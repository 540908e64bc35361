"""Text on a picture: fonts of the machine, lines that fit, and scripts that run from right to left.

Runs in the child alone.
"""

from __future__ import annotations

import functools
import os
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from PIL import ImageFont, features

FONT_FOLDERS: Final = ("/usr/share/fonts", "/usr/local/share/fonts")
MAX_FONT_FILES = 5000
"""Looked at; a desktop with every language has some two thousand."""

SERIF: Final = (
    "P052-Bold.otf", "P052-Bold.t1", "DejaVuSerif-Bold.ttf", "NotoSerif-Bold.ttf", "DejaVuSans-Bold.ttf",
    "NotoSans-Bold.ttf", "NotoSansHebrew-Bold.ttf", "NotoSansArabic-Bold.ttf", "NotoSansDevanagari-Bold.ttf",
    "NotoSansThai-Bold.ttf", "NotoSerifCJK-Bold.ttc", "NotoSansCJK-Bold.ttc", "unifont.otf",
)  # fmt: skip
SANS: Final = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansHebrew-Regular.ttf", "NotoSansArabic-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf", "NotoSansThai-Regular.ttf", "NotoSansCJK-Regular.ttc", "unifont.otf",
)  # fmt: skip
"""In this order; the first that has the most of a text. Where a machine has none of them, the one Pillow carries."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Measure = Callable[[str], float]

_RIGHT_TO_LEFT: Final = ("R", "AL")
_JOINERS: Final = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def clean(text: str) -> str:
    """One line without what cannot be seen: control characters, marks of direction, halves of surrogate pairs. What
    joins letters stays: some scripts cannot be read without."""
    kept = "".join(c for c in text if c.isspace() or c in _JOINERS or unicodedata.category(c)[0] != "C")
    return " ".join(kept.split())


def runs_right_to_left(text: str) -> bool:
    """By its first letter that has a direction (Unicode Standard Annex 9, rules P2 and P3)."""
    for c in text:
        found = unicodedata.bidirectional(c)
        if found in ("L", *_RIGHT_TO_LEFT):
            return found != "L"
    return False


def wrap(text: str, width: float, lines: int, measure: Measure) -> list[str] | None:
    """Lines of at most ``width``; None if they are more than ``lines``. Words that are too long alone are broken."""
    found = [""]
    for word in text.split():
        for piece in _pieces(word, width, measure):
            longer = f"{found[-1]} {piece}".strip()
            if measure(longer) <= width:
                found[-1] = longer
            else:
                found.append(piece)
                if len(found) > lines:
                    return None
    return found


def cut(text: str, width: float, lines: int, measure: Measure) -> list[str]:
    """As :func:`wrap`, and what does not fit is cut off with an ellipsis."""
    whole = wrap(text, width, lines, measure)
    if whole is not None:
        return whole
    least, most = 0, len(text)
    while least + 1 < most:
        middle = (least + most) // 2
        if wrap(text[:middle].rstrip() + _ELLIPSIS, width, lines, measure) is None:
            most = middle
        else:
            least = middle
    return wrap(text[:least].rstrip() + _ELLIPSIS, width, lines, measure) or [_ELLIPSIS]


def _pieces(word: str, width: float, measure: Measure) -> list[str]:
    pieces = []
    while word and measure(word) > width:
        fits = 1
        while fits < len(word) and measure(word[: fits + 1]) <= width:
            fits += 1
        pieces.append(word[:fits])
        word = word[fits:]
    return [*pieces, word] if word else pieces


def visual(line: str) -> str:
    """As it is drawn from left to right. Where Pillow has no library for that, runs are turned around here: letters
    stand in the right order then, if not in their joined forms."""
    if _can_shape() or not any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in line):
        return line
    whole = runs_right_to_left(line)
    sides = [_side(c) for c in line]
    runs: list[tuple[bool, str]] = []
    before = whole
    for n, c in enumerate(line):
        after = next((side for side in sides[n:] if side is not None), whole)
        side = sides[n]
        turned = side if side is not None else (before if before == after else whole)  # Annex 9, rules N1 and N2
        before = before if side is None else side
        if runs and runs[-1][0] == turned:
            runs[-1] = (turned, runs[-1][1] + c)
        else:
            runs.append((turned, c))
    drawn = [run[::-1] if turned else run for turned, run in runs]
    return "".join(drawn[::-1] if whole else drawn)


def _side(c: str) -> bool | None:
    """Whether a letter runs from right to left; None if it goes with its neighbours."""
    direction = unicodedata.bidirectional(c)
    return direction in _RIGHT_TO_LEFT if direction in ("L", "EN", "AN", *_RIGHT_TO_LEFT) else None


@functools.cache
def _can_shape() -> bool:
    return bool(features.check("raqm")) and bool(features.check("fribidi"))


def measured_by(font: Font) -> Measure:
    return lambda text: font.getlength(visual(text))


def font_for(text: str, names: Sequence[str], size: float) -> Font:
    """The first of the machine's fonts that has the most letters of ``text``."""
    letters = {c for c in text if not c.isspace()}
    best, most = None, -1
    for name in names:
        font = _font(name, size)
        if font is None:
            continue
        has = sum(_has(font, c) for c in letters)
        if has > most:
            best, most = font, has
        if has == len(letters):
            break
    return best or ImageFont.load_default(size)


def without_missing(text: str, font: Font) -> str:
    """Pictograms that the font lacks are left out: a box says nothing. Letters stay, as boxes."""
    if not isinstance(font, ImageFont.FreeTypeFont):
        return text
    kept = (c for c in text if unicodedata.category(c) not in ("So", "Sk", "Mn", "Cf") or _has(font, c))
    return " ".join("".join(kept).split())


def _has(font: ImageFont.FreeTypeFont, c: str) -> bool:
    """Whether it draws something else than what stands for a letter it lacks."""
    return _drawn(font, c) != _drawn(font, "\U0010fffe")


@functools.lru_cache(maxsize=4096)
def _drawn(font: ImageFont.FreeTypeFont, c: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(c)
    return mask.size, bytes(mask)


@functools.cache
def _font(name: str, size: float) -> ImageFont.FreeTypeFont | None:
    path = _files().get(name)
    if path is None:
        return None
    try:
        return ImageFont.truetype(path, size)
    except OSError:
        return None


@functools.cache
def _files() -> dict[str, str]:
    """Where the fonts are that we know by name."""
    wanted, seen = {*SERIF, *SANS}, 0
    found: dict[str, str] = {}
    for top in FONT_FOLDERS:
        for folder, _, names in os.walk(top):
            found |= {name: os.path.join(folder, name) for name in wanted.intersection(names)}  # noqa: PTH118
            seen += len(names)
            if seen > MAX_FONT_FILES:
                return found
    return found
