"""The live window of one rendition of a room, as an edge holds it: parts in, playlists and media out.

What is listed is a function of the parts alone, so that all edges list the same and a client may hop between them:
the last :data:`LISTED_S` of whole segments and the open one. That is less than the bus remembers (60 s), so that an
edge that starts late lists what its siblings do.

Playlists are rendered when first asked for after a part came, once, and shared as bytes (``benchmarks/packaging.py``).
"""

from __future__ import annotations

import gzip
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rostra.packaging.segments import LiveSegment
from rostra.units import PARTS_PER_SEGMENT, SAMPLE_RATE, MediaTime, Part, PartName, Rendition
from rostra.wire import playlists

LISTED_S = 48
"""Whole segments in the playlist: 12 of them. With the open one (4.1 s) and a first one that is only half in the
bus's 60 s, this is the most that a late edge is sure to have."""

LISTED_SEGMENTS = 64
"""Bound on segments listed, for a stage that crashes again and again and leaves segments of one part."""

RETIRED_S = LISTED_S + 3 * playlists.TARGET_DURATION_S
"""RFC 8216, 6.2.2: a segment that left the playlist "MUST remain available to clients for a period of time equal to the
duration of the segment plus the duration of the longest Playlist file ... containing that segment": 4.1 + 53.3 s.
rfc8216bis is content with less; its parts want 12 s."""

ADVANCE_LIMIT_SEGMENTS = 2
"""bis 6.2.5.2: a request for a segment "greater than the Media Sequence Number of the last Media Segment in the
current Playlist plus two" is answered 400."""


class Rendered:
    """One playlist as bytes, and compressed when first asked for. Shared by all who ask; never changed."""

    __slots__ = ("_gzip", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._gzip: bytes | None = None

    @property
    def gzip(self) -> bytes:
        if self._gzip is None:
            self._gzip = gzip.compress(self.raw, 6, mtime=0)
        return self._gzip


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a newcomer to the pushed stream gets at once: the init, then these parts."""

    init: bytes
    parts: tuple[Part, ...]

    @property
    def duration_s(self) -> float:
        return sum(p.duration for p in self.parts) / SAMPLE_RATE


def _no_reports() -> Iterable[playlists.RenditionReport]:
    return ()


class LiveWindow:
    """Parts of one rendition. Not thread-safe; holds about 120 s of them (see the bounds above)."""

    def __init__(
        self, rendition: Rendition, reports: Callable[[], Iterable[playlists.RenditionReport]] = _no_reports
    ) -> None:
        """:param reports: asked when a playlist is rendered: how far the room's other renditions are."""
        self.rendition = rendition
        self.version = 0
        """Rises with every change; what was rendered for another version is stale."""
        self.ended = False
        self._reports = reports
        self._fence = 0
        """The highest generation seen: nothing of a lower one is taken any more."""
        self._last: Part | None = None
        self._listed: deque[LiveSegment] = deque()
        self._retired: deque[LiveSegment] = deque()
        self._open: LiveSegment | None = None
        self._listed_samples = 0
        self._discontinuity_sequence = 0
        self._inits: dict[int, bytes] = {}
        self._media: dict[str, bytes | Part | LiveSegment] = {}
        self._limit = _advance_part_limit(rendition)
        self._full: tuple[int, Rendered] | None = None
        self._delta: tuple[int, Rendered] | None = None

    # --- parts in ---

    def add(self, part: Part) -> bool:
        """Take a part in. False if it is not wanted: of a lower generation, had already, ended, or not usable here.

        Not usable: the init of its generation is not here (it comes with the next segment, within 4.1 s), its place
        contradicts its name, or its time lies before what is here already.
        """
        if part.name.rendition is not self.rendition:
            raise ValueError(f"a {part.name.rendition} part for {self.rendition}")
        last, generation = self._last, part.name.generation
        if self.ended or generation < self._fence or (last is not None and not _follows(part, last)):
            return False
        if divmod(part.name.sequence, PARTS_PER_SEGMENT) != (part.segment, part.index):
            return False
        self._fence = generation
        if part.init:
            self._keep_init(generation, part.init)
        elif self.rendition is not Rendition.MP3 and generation not in self._inits:
            return False
        if last is not None and part.time < last.end:
            # Time never runs backwards. It would if a stage that was believed dead went on while the next one began:
            # from now on the old one is fenced off, and the new one is heard as soon as it is past the old one's end.
            return False
        self._place(part, last)
        self._last = part
        self._media[playlists.part_name(part.name)] = part
        self._trim(part.end)
        self.version += 1
        return True

    def end(self) -> None:
        """No more will come: the open segment closes and the playlist says EXT-X-ENDLIST."""
        if not self.ended:
            self._close()
            self.ended = True
            self.version += 1

    def _place(self, part: Part, last: Part | None) -> None:
        segment = self._open
        if segment is not None and segment.msn != part.segment:
            if _tail_was_lost(part, last, PARTS_PER_SEGMENT - len(segment.parts)):
                while len(segment.parts) < PARTS_PER_SEGMENT:
                    segment.add_hole()
            self._close()
            segment = None
        if segment is None:
            self._bridge(part)
            segment = self._open = self._begin(part, last)
        while len(segment.parts) < part.index:
            segment.add_hole()
        segment.add(part)
        if len(segment.parts) == PARTS_PER_SEGMENT:
            self._close()

    def _begin(self, part: Part, last: Part | None) -> LiveSegment:
        generation = part.name.generation
        if last is None:
            # Discontinuities are counted by generations, which all edges know, the first one being number 0.
            self._discontinuity_sequence = max(0, generation - 1 - int(generation > 1 and part.discontinuity))
            steps = int(generation > 1 and part.discontinuity)
        else:
            # A generation that never made a part counts too: then there is more than one tag.
            steps = generation - last.name.generation
        return LiveSegment(
            self.rendition,
            generation,
            part.segment,
            part.time,
            wall=part.wall,
            discontinuities=steps,
            begins_map=last is None or steps > 0,
        )

    def _bridge(self, part: Part) -> None:
        """Fill the media sequence numbers that nobody has, since those listed have none missing (bis 6.2.1)."""
        if not self._listed:
            return
        end, whole = self._listed[-1].end, PARTS_PER_SEGMENT * self.rendition.part_samples
        most = LISTED_S * SAMPLE_RATE // whole + 1
        for msn in range(max(self._listed[-1].msn + 1, part.segment - most), part.segment):
            if msn != self._listed[-1].msn + 1:
                # All that was listed leaves at once, in order, as if those in between had been listed and had left.
                while self._listed:
                    self._retire(end)
            self._list(LiveSegment.filler(self.rendition, msn, end))

    def _close(self) -> None:
        segment, self._open = self._open, None
        if segment is not None:
            segment.close()
            self._list(segment)
            self._media[segment.uri.rpartition("/")[2]] = segment

    def _list(self, segment: LiveSegment) -> None:
        self._listed.append(segment)
        self._listed_samples += segment.duration

    def _trim(self, now: MediaTime) -> None:
        while self._listed and (
            self._listed_samples - self._listed[0].duration >= LISTED_S * SAMPLE_RATE
            or len(self._listed) > LISTED_SEGMENTS
        ):
            self._retire(now)
        while self._retired and now - self._retired[0].retired_at >= RETIRED_S * SAMPLE_RATE:
            self._forget(self._retired.popleft())

    def _retire(self, now: MediaTime) -> None:
        segment = self._listed.popleft()
        self._listed_samples -= segment.duration
        # bis 6.2.2: "If the server removes an EXT-X-DISCONTINUITY tag from a Media Playlist ... it MUST increment the
        # value of the EXT-X-DISCONTINUITY-SEQUENCE tag".
        self._discontinuity_sequence += segment.discontinuities
        segment.retired_at = now
        self._retired.append(segment)

    def _forget(self, segment: LiveSegment) -> None:
        self._media.pop(segment.uri.rpartition("/")[2], None)
        for part in segment.parts:
            if part is not None:
                self._media.pop(playlists.part_name(part.name), None)
        for generation in [g for g in self._inits if g < self.oldest_generation]:
            del self._inits[generation]
            self._media.pop(playlists.init_name(generation), None)

    def _keep_init(self, generation: int, init: bytes) -> None:
        if self._inits.setdefault(generation, init) is init:
            self._media[playlists.init_name(generation)] = init

    # --- what is here ---

    @property
    def oldest_generation(self) -> int:
        """The lowest generation of which something is still held."""
        return min((s.generation for s in self._segments() if not s.is_filler), default=self.generation)

    @property
    def generation(self) -> int:
        """The generation of the newest part; 0 before the first."""
        return self._last.name.generation if self._last else 0

    @property
    def last(self) -> Part | None:
        """The newest part."""
        return self._last

    @property
    def init(self) -> bytes:
        """The init of the newest part's generation; empty before the first, and for MP3."""
        return self._inits.get(self.generation, b"")

    @property
    def position(self) -> tuple[int, int] | None:
        """Segment and index of the newest part that is listed."""
        return None if self._last is None else (self._last.segment, self._last.index)

    def _segments(self) -> Iterator[LiveSegment]:
        yield from self._retired
        yield from self._listed
        if self._open is not None:
            yield self._open

    def missing_before(self, part: Part) -> range:
        """Sequence numbers that lie between the newest part and this one, in the same generation: worth fetching from
        the bus's window before this one is added. Empty after a generation's end, and where nothing was lost.
        """
        last = self._last
        if last is None or last.name.generation != part.name.generation or last.end >= part.time:
            return range(0)
        return range(last.name.sequence + 1, part.name.sequence)

    def backlog(self, seconds: float) -> Backlog:
        """The newest parts, of the newest generation only, that last ``seconds`` or a little more."""
        parts: list[Part] = []
        samples = 0
        for segment in reversed(list(self._segments())):
            for part in reversed(segment.parts):
                if samples >= seconds * SAMPLE_RATE or (part and part.name.generation != self.generation):
                    return Backlog(self.init, tuple(reversed(parts)))
                if part is not None:
                    parts.append(part)
                    samples += part.duration
        return Backlog(self.init, tuple(reversed(parts)))

    def parts(self) -> list[Part]:
        """Everything held, oldest first."""
        return [p for s in self._segments() for p in s.parts if p is not None]

    def media(self, name: str) -> bytes | None:
        """The bytes of ``g3-init.mp4``, ``g3-p965.m4s`` or ``g3-s120.m4s``; None if that is not here."""
        found = self._media.get(name)
        if isinstance(found, LiveSegment):
            return found.read()
        if isinstance(found, Part):
            # Joined when first asked for: most edges have more listeners to push to than clients who fetch.
            found = self._media[name] = found.body
        return found

    # --- blocking ---

    @property
    def hint(self) -> str | None:
        """The name of the part that comes next: a request for it is held. None before the first and after the end."""
        if self._last is None or self.ended:
            return None
        n = self._last.name
        return playlists.part_name(PartName(n.rendition, n.generation, n.sequence + 1))

    def hopeless(self, name: str) -> bool:
        """Whether waiting for that name is in vain: it is not here and is not what comes next."""
        return name != self.hint and self.media(name) is None  # the latter, because a segment may be there with a hole

    def has(self, msn: int, part: int | None) -> bool:
        """Whether a playlist request with ``_HLS_msn`` and maybe ``_HLS_part`` can be answered now (bis 6.2.5.2)."""
        if self.ended:
            return True  # nothing more comes: waiting would be for ever
        if part is None:
            return bool(self._listed) and self._listed[-1].msn >= msn
        position = self.position
        return position is not None and position >= self._resolve(msn, part)

    def too_far(self, msn: int, part: int | None) -> bool:
        """Whether such a request asks for what is so far ahead that it is answered 400 (bis 6.2.5.2)."""
        if self.ended or self._last is None:
            return False
        last_whole = self._listed[-1].msn if self._listed else self._last.segment - 1
        if msn > last_whole + ADVANCE_LIMIT_SEGMENTS:
            return True
        if part is None:
            return False
        msn, part = self._resolve(msn, part)
        return PARTS_PER_SEGMENT * msn + part - self._last.name.sequence > self._limit

    def _resolve(self, msn: int, part: int) -> tuple[int, int]:
        """bis 6.2.5.2: "If the Client requests a Part Index greater than that of the final Partial Segment of the
        Parent Segment, the Server MUST treat the request as one for Part Index 0 of the following Parent Segment."
        """
        whole = next((s for s in reversed(self._listed) if s.msn == msn), None)
        count = len(whole.parts) if whole is not None and whole.parts else PARTS_PER_SEGMENT
        return (msn, part) if part < count else (msn + 1, 0)

    # --- playlists ---

    @property
    def ready(self) -> bool:
        """Whether there is anything to list."""
        return self._last is not None

    def playlist(self, *, skip: bool = False) -> Rendered:
        """The media playlist; with ``skip`` a delta update (``_HLS_skip=YES``), where there is enough to skip.

        bis 6.2.5.1: "A Server MUST ignore the _HLS_skip directive ... if it contains an EXT-X-ENDLIST tag."
        """
        if not skip or self.ended:
            if self._full is None or self._full[0] != self.version:
                self._full = (self.version, Rendered(self._render(0)))
            return self._full[1]
        if self._delta is None or self._delta[0] != self.version:
            skipped = self._skippable()
            rendered = Rendered(self._render(skipped)) if skipped else self.playlist()
            self._delta = (self.version, rendered)
        return self._delta[1]

    def report(self) -> playlists.RenditionReport | None:
        """This rendition, as the others' playlists report it."""
        at = self.position
        return None if at is None else playlists.RenditionReport(f"{self.rendition}.m3u8", *at)

    def _total(self) -> int:
        return self._listed_samples + (self._open.duration if self._open is not None else 0)

    def _skippable(self) -> int:
        """Segments "further from the end of the last (Parent) Media Segment in the Playlist than the Skip Boundary"
        (bis 6.2.5.1), all of them.
        """
        left, count = self._total(), 0
        for segment in self._listed:
            left -= segment.duration
            if left < playlists.SKIP_BOUNDARY_S * SAMPLE_RATE:
                break
            count += 1
        return count

    def _render(self, skipped: int) -> bytes:
        first = self._listed[0] if self._listed else self._open
        lines = [
            playlists.media_head(self.rendition, first.msn if first is not None else 0, self._discontinuity_sequence)
        ]
        if skipped:
            lines.append(playlists.skip_line(skipped))
        with_parts_from = len(self._listed) - playlists.CLOSED_SEGMENTS_WITH_PARTS
        mapped = bool(skipped)  # the map of what was skipped is known to whoever asked for a delta
        for i, segment in enumerate(self._listed):
            if i >= skipped:
                if not mapped and not segment.is_filler:
                    mapped = True
                    if not segment.begins_map:
                        lines.append(playlists.map_line(segment.map_uri))
                lines.append(segment.lines(with_parts=i >= with_parts_from))
        if self._open is not None:
            if not mapped and not self._open.begins_map:
                lines.append(playlists.map_line(self._open.map_uri))
            lines.append(self._open.lines(with_parts=True))
        if self.ended:
            lines.append(playlists.ENDLIST_LINE)
        elif (hint := self.hint) is not None:
            lines.append(playlists.hint_line(f"{self.rendition}/{hint}"))
        lines.extend(r.line() for r in self._reports())
        return "".join(lines).encode()


def _follows(part: Part, last: Part) -> bool:
    """Later by name; and a new generation begins a new segment."""
    if part.name.generation > last.name.generation:
        return part.segment > last.segment
    return part.name.sequence > last.name.sequence


def _tail_was_lost(part: Part, last: Part | None, missing: int) -> bool:
    """Whether the parts that a segment lacks at its end were made, and lost on the way here. Time tells: a segment that
    the stage cut short ends in a short part, or is followed without a hole by one of the next generation.
    """
    whole = part.name.rendition.part_samples
    if last is None or part.name.generation != last.name.generation or last.duration != whole:
        return False
    return part.time - last.end >= missing * whole


def _advance_part_limit(rendition: Rendition) -> int:
    """bis 6.2.5.2: "three divided by the Part Target Duration if the Part Target Duration is less than one second"."""
    return int(3 / rendition.part_s)
