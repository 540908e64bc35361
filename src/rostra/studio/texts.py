"""What people write, made safe to show beside what others wrote; and times on a clock on the wall. Pure.

One form of each letter (NFC), no control characters, nothing invisible and nothing that turns the direction of what
follows. A zero width joiner stays where it holds an emoji together.
"""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from datetime import datetime
from functools import lru_cache
from typing import Final

from rostra.wire import clocks

MAX_MARKS: Final = 4
"""Combining marks on one letter: Vietnamese has two, polytonic Greek three. More run over the lines above."""

_ZWJ: Final = "\N{ZERO WIDTH JOINER}"
_VARIATION: Final = "\N{VARIATION SELECTOR-16}"
_DROPPED: Final = frozenset({"Cf", "Cs", "Co"})
"""Format characters (overrides of direction, zero-width ones, tags), halves of surrogate pairs, private ones."""

_SKIN: Final = range(0x1F3FB, 0x1F400)
_LINK: Final = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?", re.IGNORECASE)

PAST_S: Final = 60.0
"""A form that was filled in within the minute still counts as now."""
FUTURE_S: Final = 10 * 366 * 24 * 3600.0
"""Nobody announces an evening in eleven years."""


def clean(text: str, *, lines: bool = False) -> str:
    """``lines``: line breaks are kept, never more than one empty line at once.

    :raises ValueError: if there are control characters in it.
    """
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n")
    kept: list[str] = []
    marks = 0
    for at, c in enumerate(text):
        category = unicodedata.category(c)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if c.isspace() and (category != "Cc" or c in "\n\t\r\v\f"):
            kept.append("\n" if lines and c in "\n\u2028\u2029" else " ")
        elif category == "Cc":
            raise ValueError("control characters cannot stand in it")
        elif c == _ZWJ:
            if kept and at + 1 < len(text) and _emoji(kept[-1]) and _emoji(text[at + 1]):
                kept.append(c)
        elif category not in _DROPPED and marks <= MAX_MARKS:
            kept.append(c)
    whole = unicodedata.normalize("NFC", "".join(kept))  # what was taken out may have stood between letter and mark
    if not lines:
        return " ".join(whole.split())
    rows = [" ".join(row.split()) for row in whole.split("\n")]
    return "\n".join(row for row, before in zip(rows, ["", *rows], strict=False) if row or before).strip()


def _emoji(c: str) -> bool:
    return c == _VARIATION or ord(c) in _SKIN or unicodedata.category(c) == "So"


def line(text: str, most: int, least: int = 0) -> str:
    """A title or a name. :raises ValueError: as :func:`clean`; too long or too short."""
    return _measured(clean(text), most, least)


def person(text: str, most: int) -> str:
    """A name that stands in a token and beside a voice: nothing in it is invisible, not even within an emoji.

    :raises ValueError: as :func:`clean`; too long.
    """
    return _measured("".join(c for c in clean(text) if c.isprintable()), most, 0)


def lines(text: str, most: int) -> str:
    """Words of several lines. :raises ValueError: as :func:`clean`; too long."""
    return _measured(clean(text, lines=True), most, 0)


def _measured(text: str, most: int, least: int) -> str:
    if len(text) > most:
        raise ValueError(f"at most {most} characters")
    if len(text) < least:
        raise ValueError("it may not be empty")
    return text


def link(text: str, most: int) -> str:
    """An address on the web, or nothing. :raises ValueError: if it is something else."""
    found = line(text, most)
    if found and not _LINK.fullmatch(found):
        raise ValueError("a link begins with https:// or http:// and has no spaces or names of users in it")
    scheme, colon, rest = found.partition(":")
    return f"{scheme.lower()}{colon}{rest}"


@lru_cache(1)
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def zone(name: str) -> str:
    """:raises ValueError: if there is no time zone of that name."""
    if name not in _zones():
        raise ValueError("that is no time zone: write it as Europe/Berlin or UTC")
    return name


def moment(at: datetime, tz: str) -> tuple[float, str]:
    """As :func:`rostra.wire.clocks.moment`. :raises ValueError: if there is no such zone."""
    return clocks.moment(at, zone(tz))


def coming(at: float, now: float) -> float:
    """A time that can be announced. :raises ValueError: if it is over, or too far away."""
    if at < now - PAST_S:
        raise ValueError("that time is over; choose one to come")
    if at > now + FUTURE_S:
        raise ValueError("that is more than ten years away; choose a time that is nearer")
    return at
