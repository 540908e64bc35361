"""Reads playlists for the checker, apart from the product's own code, and never refuses: rules do that.

"bis" is draft-pantos-hls-rfc8216bis-22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]+)(?:,|$)')
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,}(Z|[+-]\d\d:?\d\d)")

ATTRIBUTE_TAGS = frozenset(
    f"#EXT-X-{name}"
    for name in (
        "SERVER-CONTROL", "PART-INF", "MAP", "PART", "SKIP", "PRELOAD-HINT", "RENDITION-REPORT", "STREAM-INF", "START",
        "DEFINE", "DATERANGE", "KEY", "MEDIA",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A tag (``name`` begins with #EXT), a comment, or an address (``name`` is empty)."""

    number: int
    text: str

    @cached_property
    def name(self) -> str:
        return self.text.partition(":")[0] if self.text.startswith("#") else ""

    @cached_property
    def value(self) -> str:
        return self.text.partition(":")[2]

    @cached_property
    def attributes(self) -> dict[str, str]:
        """Without quotes; the first of a name that stands twice."""
        found: dict[str, str] = {}
        for name, value in ATTRIBUTE.findall(self.value):
            found.setdefault(name, value.strip('"'))
        return found

    def number_of(self, attribute: str) -> float | None:
        return as_number(self.attributes.get(attribute))


def as_number(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"\d+(\.\d+)?", text) else None


@dataclass
class ListedPart:
    """A partial segment."""

    line: Line
    msn: int
    index: int

    @property
    def uri(self) -> str:
        return self.line.attributes.get("URI", "")

    @property
    def duration(self) -> float:
        return self.line.number_of("DURATION") or 0.0

    @property
    def gap(self) -> bool:
        return self.line.attributes.get("GAP") == "YES"

    @property
    def independent(self) -> bool:
        return self.line.attributes.get("INDEPENDENT") == "YES"


@dataclass
class ListedSegment:
    """A media segment, or (``uri`` is None) the parts after the last one."""

    msn: int
    uri: str | None = None
    tags: list[Line] = field(default_factory=list)
    parts: list[ListedPart] = field(default_factory=list)
    map_uri: str | None = None
    """Of the EXT-X-MAP in force."""
    discontinuity_number: int = 0

    def has(self, name: str) -> bool:
        return any(t.name == name for t in self.tags)

    def tag(self, name: str) -> Line | None:
        return next((t for t in self.tags if t.name == name), None)

    @property
    def extinf(self) -> float | None:
        line = self.tag("#EXTINF")
        return as_number(line.value.partition(",")[0]) if line else None

    @property
    def duration(self) -> float:
        return (self.extinf or 0.0) if self.uri is not None else sum(p.duration for p in self.parts)

    @property
    def gap(self) -> bool:
        return self.has("#EXT-X-GAP")

    @property
    def date(self) -> float | None:
        """EXT-X-PROGRAM-DATE-TIME in seconds since 1970."""
        line = self.tag("#EXT-X-PROGRAM-DATE-TIME")
        if line is None or not DATE.fullmatch(line.value):
            return None
        return datetime.fromisoformat(line.value).timestamp()

    @property
    def discontinuities(self) -> int:
        return sum(t.name == "#EXT-X-DISCONTINUITY" for t in self.tags)


SEGMENT_TAGS = frozenset(
    ("#EXTINF", "#EXT-X-GAP", "#EXT-X-DISCONTINUITY", "#EXT-X-MAP", "#EXT-X-PROGRAM-DATE-TIME", "#EXT-X-BITRATE")
)


class Playlist:
    """One text, taken apart. Values are None where a tag is missing or makes no sense."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.text = body.decode("utf-8", "replace")
        rows = self.text.replace("\r\n", "\n").removesuffix("\n").split("\n")
        self.lines = [Line(i + 1, t) for i, t in enumerate(rows)]
        self.segments: list[ListedSegment] = []
        self._read()

    def all(self, name: str) -> list[Line]:
        return [line for line in self.lines if line.name == name]

    def first(self, name: str) -> Line | None:
        return next((line for line in self.lines if line.name == name), None)

    def has(self, name: str) -> bool:
        return self.first(name) is not None

    def integer(self, name: str) -> int | None:
        line = self.first(name)
        return int(line.value) if line is not None and re.fullmatch(r"\d{1,20}", line.value) else None

    def attribute(self, tag: str, name: str) -> float | None:
        line = self.first(tag)
        return line.number_of(name) if line is not None else None

    @property
    def target(self) -> float:
        return float(self.integer("#EXT-X-TARGETDURATION") or 0)

    @property
    def part_target(self) -> float:
        return self.attribute("#EXT-X-PART-INF", "PART-TARGET") or 0.0

    @property
    def media_sequence(self) -> int:
        return self.integer("#EXT-X-MEDIA-SEQUENCE") or 0

    @property
    def ended(self) -> bool:
        return self.has("#EXT-X-ENDLIST")

    @property
    def skipped(self) -> int:
        return int(self.attribute("#EXT-X-SKIP", "SKIPPED-SEGMENTS") or 0)

    @property
    def whole(self) -> list[ListedSegment]:
        return [s for s in self.segments if s.uri is not None]

    @property
    def parts(self) -> list[ListedPart]:
        return [p for s in self.segments for p in s.parts]

    @property
    def hint(self) -> str | None:
        line = self.first("#EXT-X-PRELOAD-HINT")
        return line.attributes.get("URI") if line is not None else None

    @property
    def duration(self) -> float:
        return sum(s.duration for s in self.segments)

    @property
    def last(self) -> tuple[int, int]:
        """Segment and index of the last part; -1 for a segment that is listed without parts."""
        if not self.segments:
            return (self.media_sequence - 1, -1)
        return (self.segments[-1].msn, len(self.segments[-1].parts) - 1)

    @property
    def end_date(self) -> float | None:
        """The date at which what is listed ends."""
        after = 0.0
        for segment in reversed(self.segments):
            after += segment.duration
            if segment.date is not None:
                return segment.date + after
        return None

    def _read(self) -> None:
        msn = self.media_sequence + self.skipped
        number = self.integer("#EXT-X-DISCONTINUITY-SEQUENCE") or 0
        map_uri: str | None = None
        current = ListedSegment(msn)
        for line in self.lines:
            if line.name in SEGMENT_TAGS:
                current.tags.append(line)
                number += line.name == "#EXT-X-DISCONTINUITY"
                if line.name == "#EXT-X-MAP":
                    map_uri = line.attributes.get("URI")
            elif line.name == "#EXT-X-PART":
                current.parts.append(ListedPart(line, current.msn, len(current.parts)))
            elif line.name or not line.text:
                continue
            else:
                current.uri = line.text
            current.map_uri, current.discontinuity_number = map_uri, number
            if current.uri is not None:
                self.segments.append(current)
                msn += 1
                current = ListedSegment(msn)
        if current.parts:
            self.segments.append(current)


@dataclass(frozen=True)
class Seen:
    """A playlist as a client got it: when, of which rendition, asked for how."""

    at_s: float
    rendition: str
    body: bytes
    msn: int | None = None
    part: int | None = None
    skip: bool = False

    @cached_property
    def playlist(self) -> Playlist:
        return Playlist(self.body)


@dataclass(frozen=True)
class Fetched:
    """Media as a client got it: ``body`` is None where it was not to be had."""

    at_s: float
    uri: str
    body: bytes | None


@dataclass(frozen=True)
class Run:
    """All that was seen, in order of time. Addresses are relative to the playlists'."""

    multivariant: bytes
    seen: list[Seen]
    fetched: list[Fetched] = field(default_factory=list)
    pauses: list[tuple[float, float]] = field(default_factory=list)
    """When nothing could come, for no fault of the server's: a crash upstream, a part lost on the way."""

    @cached_property
    def renditions(self) -> list[str]:
        return list(dict.fromkeys(s.rendition for s in self.seen))

    @cached_property
    def _whole(self) -> dict[str, list[Seen]]:
        return {r: [s for s in self.seen if s.rendition == r and not s.skip] for r in self.renditions}

    def whole(self, rendition: str) -> list[Seen]:
        """Playlists asked for without ``_HLS_skip``."""
        return self._whole.get(rendition, [])

    def updates(self) -> list[tuple[Seen, Seen]]:
        """Each whole playlist and the one before it."""
        return [pair for r in self.renditions for pair in zip(self.whole(r), self.whole(r)[1:], strict=False)]

    def paused(self, start_s: float, end_s: float) -> bool:
        return any(start_s < until and since < end_s for since, until in self.pauses)
