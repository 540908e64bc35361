"""Reads what a low-latency client needs of a media playlist (rfc8216bis). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from rostra.errors import WireError

MAX_LINES = 5000
"""A live window of 60 s has some 200."""

MAX_LINE_CHARS = 2000
"""An address and its attributes; ours have 120."""

_ATTRIBUTE = re.compile(r'([A-Z0-9-]{1,40})=("[^"]*"|[^,]*)')
"""Names are bounded so that a line without an equals sign is not looked through over and over."""


@dataclass(frozen=True, slots=True)
class PlaylistPart:
    """``EXT-X-PART`` (4.4.4.9) and where it stands."""

    uri: str
    msn: int
    index: int
    duration_s: float
    map_uri: str
    wall: float | None
    """When it begins, by ``EXT-X-PROGRAM-DATE-TIME``, UTC seconds; None where the playlist does not say."""
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Playlist:
    """A media playlist."""

    parts: tuple[PlaylistPart, ...]
    next_msn: int
    """Of the part that comes next, for ``_HLS_msn``."""
    next_part: int
    """For ``_HLS_part``."""
    hint: str
    """Address in ``EXT-X-PRELOAD-HINT``; empty if there is none."""
    can_block: bool
    can_skip: bool
    """Whether delta updates are offered (``CAN-SKIP-UNTIL``)."""
    part_hold_back_s: float
    ended: bool


def read_playlist(text: str, last: Playlist | None = None) -> Playlist:
    """:param last: what was read before; in a delta update (4.4.5.2) its last ``EXT-X-MAP`` still holds.

    :raises WireError: it is no playlist, or one whose values are not numbers.
    """
    lines = text.splitlines()
    if (
        not lines
        or lines[0] != "#EXTM3U"
        or len(lines) > MAX_LINES
        or any(len(line) > MAX_LINE_CHARS for line in lines)
    ):
        raise WireError("not a playlist (rfc8216bis 4.4.1.1)")
    reader = _Reader(last.parts[-1].map_uri if last is not None and last.parts else "")
    try:
        for line in lines[1:]:
            reader.take(line)
    except (ValueError, KeyError, OverflowError) as e:
        raise WireError(f"a playlist whose lines make no sense: {e}") from e
    return reader.result()


def first_part(playlist: Playlist) -> int:
    """Index in ``playlist.parts`` at which to begin: the last that is at least PART-HOLD-BACK from the end (6.3.3)."""
    behind = 0.0
    for at in range(len(playlist.parts) - 1, -1, -1):
        behind += playlist.parts[at].duration_s
        if behind >= playlist.part_hold_back_s:
            return at
    return 0


class _Reader:
    def __init__(self, map_uri: str) -> None:
        self.parts: list[PlaylistPart] = []
        self.msn = self.index = 0
        self.map_uri, self.hint = map_uri, ""
        self.wall: float | None = None
        self.can_block = self.can_skip = self.ended = False
        self.part_hold_back_s = 1.0
        self.segment_s = 0.0

    def take(self, line: str) -> None:
        tag, _, value = line.partition(":")
        match tag:
            case "#EXT-X-MEDIA-SEQUENCE":
                self.msn = _number(value)
            case "#EXT-X-SKIP":
                self.msn += _number(_attributes(value)["SKIPPED-SEGMENTS"])
            case "#EXT-X-SERVER-CONTROL":
                control = _attributes(value)
                self.can_block = control.get("CAN-BLOCK-RELOAD") == "YES"
                self.can_skip = "CAN-SKIP-UNTIL" in control
                self.part_hold_back_s = _seconds(control.get("PART-HOLD-BACK", "1.0"))
            case "#EXT-X-MAP":
                self.map_uri = _attributes(value)["URI"]
            case "#EXT-X-PROGRAM-DATE-TIME":
                self.wall = datetime.fromisoformat(value).timestamp()
            case "#EXT-X-PART":
                self.part(_attributes(value))
            case "#EXT-X-PRELOAD-HINT":
                self.hint = _attributes(value)["URI"]
            case "#EXTINF":
                self.segment_s = _seconds(value.split(",")[0])
            case "#EXT-X-ENDLIST":
                self.ended = True
            case _ if line and not line.startswith("#"):
                self.segment()

    def part(self, attributes: dict[str, str]) -> None:
        duration_s = _seconds(attributes["DURATION"])
        gap = attributes.get("GAP") == "YES"
        self.parts.append(
            PlaylistPart(attributes["URI"], self.msn, self.index, duration_s, self.map_uri, self.wall, gap)
        )
        self.index += 1
        if self.wall is not None:
            self.wall += duration_s

    def segment(self) -> None:
        if not self.index and self.wall is not None:
            self.wall += self.segment_s
        self.msn += 1
        self.index = 0

    def result(self) -> Playlist:
        return Playlist(
            parts=tuple(self.parts),
            next_msn=self.msn,
            next_part=self.index,
            hint=self.hint,
            can_block=self.can_block,
            can_skip=self.can_skip,
            part_hold_back_s=self.part_hold_back_s,
            ended=self.ended,
        )


def _number(text: str) -> int:
    """4.2: a decimal-integer is "in the range from 0 to 2^64-1"."""
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise ValueError(f"{text[:40]!r} is not a number")
    return int(text)


def _seconds(text: str) -> float:
    """4.2: a decimal-floating-point, not negative. A day is longer than any segment."""
    seconds = float(text)
    if not 0 <= seconds <= 86_400:
        raise ValueError(f"{text[:40]!r} is not a duration")
    return seconds


def _attributes(text: str) -> dict[str, str]:
    """4.2: comma-separated NAME=value, values quoted or not."""
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text)}
