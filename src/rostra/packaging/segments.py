"""A segment as a live window holds it: its parts, its lines in the playlist, its bytes."""

from __future__ import annotations

from rostra.units import PARTS_PER_SEGMENT, MediaTime, Part, PartName, Rendition, WallTime
from rostra.wire import playlists


class LiveSegment:
    """Grows part by part, then is closed and changes no more. Lines are made as parts come, once.

    A part that did not reach this edge is a hole: its place is kept, so that the others keep theirs.
    """

    __slots__ = (
        "_bytes", "_full", "_head", "_lines", "_short", "begins_map", "discontinuities", "duration", "end", "gap",
        "generation", "map_uri", "msn", "parts", "rendition", "retired_at", "start", "uri",
    )  # fmt: skip

    def __init__(
        self,
        rendition: Rendition,
        generation: int,
        msn: int,
        start: MediaTime,
        *,
        wall: WallTime | None = None,
        discontinuities: int = 0,
        begins_map: bool = False,
    ) -> None:
        self.rendition, self.generation, self.msn = rendition, generation, msn
        self.start = self.end = start
        self.duration = 0
        self.discontinuities = discontinuities
        """EXT-X-DISCONTINUITY tags before it."""
        self.begins_map = begins_map
        """Whether EXT-X-MAP stands before it, come what may: the first segment of a generation."""
        self.parts: list[Part | None] = []
        self.gap = False
        """True if a part is missing: the segment as a whole cannot be had here."""
        self.uri = ""
        """Set when it closes."""
        self.retired_at = MediaTime(0)
        self.map_uri = f"{rendition}/{playlists.init_name(generation)}"
        self._head = playlists.segment_head(wall, discontinuities, self.map_uri if begins_map else None)
        self._lines = ""
        self._full = self._short = ""
        self._bytes: bytes | None = None

    @classmethod
    def filler(cls, rendition: Rendition, msn: int, start: MediaTime) -> LiveSegment:
        """A segment nobody has: media sequence numbers have none missing, so something must stand in its place."""
        segment = cls(rendition, 0, msn, start)
        segment.gap = True
        segment.duration = PARTS_PER_SEGMENT * rendition.part_samples
        segment.uri = f"{rendition}/gap-s{msn}.m4s"
        segment._full = segment._short = playlists.segment_tail(segment.uri, segment.duration, gap=True)
        return segment

    @property
    def is_filler(self) -> bool:
        return self.gap and not self.parts

    def add(self, part: Part) -> None:
        self.parts.append(part)
        self.duration += part.duration
        self.end = part.end
        self._lines += playlists.part_line(f"{self.rendition}/{playlists.part_name(part.name)}", part.duration)

    def add_hole(self) -> None:
        name = PartName(self.rendition, self.generation, self.msn * PARTS_PER_SEGMENT + len(self.parts))
        self.parts.append(None)
        self.gap = True
        self.duration += self.rendition.part_samples
        self._lines += playlists.gap_part_line(
            f"{self.rendition}/{playlists.part_name(name)}", self.rendition.part_samples
        )

    def close(self) -> None:
        self.uri = f"{self.rendition}/{playlists.segment_name(self.generation, self.msn, len(self.parts))}"
        tail = playlists.segment_tail(self.uri, self.duration, gap=self.gap)
        self._full = self._head + self._lines + tail
        self._short = self._head + tail

    def lines(self, *, with_parts: bool) -> str:
        """The segment in the playlist. An open one has no address yet, only parts."""
        if not self.uri:
            return self._head + self._lines
        return self._full if with_parts else self._short

    def read(self) -> bytes | None:
        """All of its parts' bytes, joined when first asked for; None while it is open or if a part is missing."""
        if self.gap or not self.uri:
            return None
        if self._bytes is None:
            self._bytes = b"".join(p.body for p in self.parts if p is not None)
        return self._bytes
