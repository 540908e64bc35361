"""The picture for those who share a room's address: its title, when it is, who speaks. In the look of the pages
(``web/src/styles/tokens.css``, the light one).

Runs in the child alone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from rostra.errors import TooLarge
from rostra.pictures.lettering import (
    SANS,
    SERIF,
    Font,
    clean,
    cut,
    font_for,
    measured_by,
    runs_right_to_left,
    visual,
    without_missing,
    wrap,
)
from rostra.pictures.recode import read
from rostra.pictures.sniff import MAX_MADE_BYTES

WIDTH, HEIGHT = 1200, 630
"""What Open Graph and Twitter cards are shown at."""

MARGIN = 72
PICTURE_WIDTH = 400
GAP = 56

PAPER, RAISED, INK, INK_2 = "#f7f2e8", "#fffcf5", "#221c15", "#62584a"
LINE, ACCENT = "#dcd1bd", "#a5331c"

TITLE_SIZES: Final = (92, 80, 70, 60, 52, 46)
TITLE_LINES: Final = (2, 2, 3, 3, 4, 5)
"""As large as it fits in so many lines; a longer one is cut in the last size."""

QUALITIES: Final = (88, 78, 66, 54, 42, 30)
BLURS: Final = (0, 2, 6)
"""A picture of noise has to lose some before it has 60 KB."""


def draw_card(title: str, when: str, speakers: Sequence[str], picture: bytes, kind: str) -> tuple[str, bytes]:
    """Which kind of picture it became (PNG, or JPEG with a picture in it), and the picture.

    :raises Refused: what the picture is refused for.
    """
    if not picture:
        card = _lettered(title, when, speakers, None)
        out = io.BytesIO()
        card.quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= MAX_MADE_BYTES:
            return "PNG", out.getvalue()
        return "JPEG", _small_jpeg([card])
    shown = _filling(read(picture, kind, (WIDTH * 2, HEIGHT * 2)), (PICTURE_WIDTH, HEIGHT))
    blurred = (shown.filter(ImageFilter.GaussianBlur(radius)) if radius else shown for radius in BLURS)
    return "JPEG", _small_jpeg([_lettered(title, when, speakers, one) for one in blurred])


def _small_jpeg(cards: Sequence[Image.Image]) -> bytes:
    for card in cards:
        for quality in QUALITIES:
            out = io.BytesIO()
            card.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
            if out.tell() <= MAX_MADE_BYTES:
                return out.getvalue()
    raise TooLarge("No card can be made with this picture. Send another.")


def _filling(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """All of ``size``, cut from the middle; what shows through is paper."""
    fitted = ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    ground = Image.new("RGB", size, PAPER)
    ground.paste(fitted, mask=fitted.getchannel("A") if fitted.mode == "RGBA" else None)
    return ground


def _lettered(title: str, when: str, speakers: Sequence[str], picture: Image.Image | None) -> Image.Image:
    card = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(card)
    right = WIDTH - MARGIN
    if picture is not None:
        card.paste(picture, (WIDTH - PICTURE_WIDTH, 0))
        right = WIDTH - PICTURE_WIDTH - GAP
    draw.rectangle((0, HEIGHT - 12, WIDTH, HEIGHT), fill=ACCENT)
    _mark(card, (MARGIN, 60))
    title, when = clean(title), clean(when)
    names = ", ".join(filter(None, map(clean, speakers)))
    column = _Column(draw, MARGIN, right, runs_right_to_left(title or when or names))
    bottom = HEIGHT - 12 - 52
    below: list[tuple[Font, list[str], str, int]] = []
    for text, size, ink in ((when, 36, ACCENT), (names, 30, INK_2)):
        font = font_for(text, SANS, size)
        found = cut(without_missing(text, font), right - MARGIN, 2, measured_by(font))
        if any(found):
            below.append((font, found, ink, round(size * 1.35)))
    top = bottom - sum(len(lines) * step for _, lines, _, step in below) - 14 * max(0, len(below) - 1)
    for font, lines, ink, step in below:
        top = column.write(lines, font, ink, top, step) + 14
    _title(column, title, 150)
    return card


def _title(column: _Column, title: str, top: int) -> None:
    width = column.right - column.left
    for size, most in zip(TITLE_SIZES, TITLE_LINES, strict=True):
        font = font_for(title, SERIF, size)
        text = without_missing(title, font)
        measure = measured_by(font)
        broken = any(measure(word) > width for word in text.split()) and size != TITLE_SIZES[-1]
        lines = None if broken else wrap(text, width, most, measure)
        if lines is None and size == TITLE_SIZES[-1]:
            lines = cut(text, width, most, measure)
        if lines is not None:
            column.write(lines, font, INK, top, round(size * 1.16))
            return


class _Column:
    """Where lines of text stand: from its left edge on, or up to its right."""

    def __init__(self, draw: ImageDraw.ImageDraw, left: int, right: int, from_right: bool) -> None:
        self._draw, self.left, self.right, self._from_right = draw, left, right, from_right

    def write(self, lines: Sequence[str], font: Font, ink: str, top: int, step: int) -> int:
        """Where the next line would stand."""
        for line in map(visual, lines):
            x = self.right - font.getlength(line) if self._from_right else self.left
            self._draw.text((x, top), line, font=font, fill=ink)
            top += step
        return top


def _mark(card: Image.Image, at: tuple[int, int]) -> None:
    """Half of a round theatre, the stage in red; and the name. Drawn large and made small: Pillow draws hard edges."""
    radius, scale = 36, 4
    big = Image.new("RGB", (2 * radius * scale, radius * scale), PAPER)
    draw = ImageDraw.Draw(big)
    for share, ink in ((1.0, INK), (0.854, PAPER), (0.688, INK), (0.521, PAPER), (0.354, ACCENT)):
        r, x, y = radius * scale * share, radius * scale, radius * scale
        draw.pieslice((x - r, y - r, x + r, y + r), 180, 360, fill=ink)
    card.paste(big.resize((2 * radius, radius), Image.Resampling.LANCZOS), at)
    font = font_for("Rostra", SERIF, 34)
    ImageDraw.Draw(card).text((at[0] + 2 * radius + 20, at[1] + radius), "Rostra", font=font, fill=INK, anchor="ls")
