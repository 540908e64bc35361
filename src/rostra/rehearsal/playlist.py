"""What a low-latency player takes from a media playlist (rfc8216bis), no more. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rostra.errors import WireError
from rostra.wire.playlists import PART_HOLD_BACK_S

MAX_LINES = 5000

MAX_KNOWN = 256
"""A minute of them, whole and delta. When full, all are forgotten."""

_URI = re.compile(r'URI="([^"]{1,200})"')
_DURATION = re.compile(r"DURATION=([0-9.]{1,12})")


@dataclass(frozen=True, slots=True)
class Listed:
    """One part: where it stands and how it is called."""

    msn: int
    index: int
    uri: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Playlist:
    parts: tuple[Listed, ...]
    next_msn: int
    next_part: int
    init: str
    ended: bool

    def first(self) -> int:
        """Where a newcomer begins: the last part that is at least PART-HOLD-BACK from the end (6.3.3)."""
        behind = 0.0
        for at in range(len(self.parts) - 1, -1, -1):
            behind += self.parts[at].duration_s
            if behind >= PART_HOLD_BACK_S:
                return at
        return 0


def read_playlist(text: str) -> Playlist:
    """A whole playlist, or a delta update of one. :raises WireError: it is none."""
    lines = text.splitlines()
    if not lines or lines[0] != "#EXTM3U" or len(lines) > MAX_LINES:
        raise WireError("the answer is not a playlist")
    parts: list[Listed] = []
    msn = index = 0
    init, ended = "", False
    try:
        for line in lines:
            if line.startswith("#EXT-X-PART:"):
                uri, duration = _URI.search(line), _DURATION.search(line)
                if uri and "GAP=YES" not in line:
                    parts.append(Listed(msn, index, uri.group(1), float(duration.group(1)) if duration else 0.5))
                index += 1
            elif line.startswith("#EXTINF:"):
                msn, index = msn + 1, 0
            elif line.startswith("#EXT-X-MEDIA-SEQUENCE:"):
                msn = int(line[22:])
            elif line.startswith("#EXT-X-SKIP:"):
                msn += int(line.partition("SKIPPED-SEGMENTS=")[2].partition(",")[0])
            elif line.startswith("#EXT-X-MAP:"):
                found = _URI.search(line)
                init = found.group(1) if found else init
            elif line == "#EXT-X-ENDLIST":
                ended = True
    except ValueError as e:
        raise WireError(f"a playlist whose lines make no sense: {e}") from e
    return Playlist(tuple(parts), msn, index, init, ended)


class Playlists:
    """Those that were read lately: all who wait for a part are sent the same one."""

    def __init__(self) -> None:
        self._known: dict[bytes, Playlist] = {}

    def read(self, body: bytes) -> Playlist:
        """:raises WireError: it is none."""
        found = self._known.get(body)
        if found is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            found = self._known[body] = read_playlist(body.decode("utf-8", "replace"))
        return found
