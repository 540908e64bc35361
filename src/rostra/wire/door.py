"""What the edges tell one another about the door, as JSON: who is called (bucket ``door``, key: the room's id), what
each of them counted (subject ``door.report.EDGE``, each second) and whom it seated (``door.seated``, each tenth of a
second).

A *rank* says where on its line a pass stands, the lowest first. Who came before the doors opened is shuffled when they
open: the rank is drawn from a seed that nobody knew before. Who came later stands by the time of coming.

Nobody is remembered one by one. Those who wait stand in :data:`Spans`: so many with a rank from here to there.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from rostra.errors import WireError
from rostra.units import WallTime
from rostra.wire.passes import ID_BYTES, LINES, Line
from rostra.wire.rooms import ROOM_ID

SHUFFLED: Final = 2**32
"""Ranks below are drawn; from it on they are milliseconds since the doors opened."""

MAX_RANK: Final = 2**53
"""What JSON carries everywhere without loss."""

SEED_BYTES: Final = 16

Spans = tuple[tuple[int, int, int], ...]
"""``(low, high, count)``: so many with ``low <= rank < high``; in order, and none over another."""

MAX_SPANS: Final = 128
"""A line. When there are more, neighbours are put together, and positions are a little less exact."""

MAX_MARKS: Final = 64
"""Moments that are remembered of the last quarter of a minute."""

MAX_FOLDED: Final = 256
"""Edges at work at once."""

MAX_ROOMS: Final = 64
"""Rooms with people waiting, in one report. The others come with the next."""

MAX_COUNT: Final = 10**9

MAX_RECORD_BYTES: Final = 64 * 1024
"""Four lines of 128 spans of 40 letters, 256 edges of 80."""

MAX_REPORT_BYTES: Final = 256 * 1024

MAX_SEATED: Final = 4096
"""In one message: 70 KB. An edge seats 2,000 in a tenth of a second at most."""

EDGE_RUN: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
"""An edge from its start to its end; the same edge started again is another."""

SIZES: Final = ("1", "2-9", "10-99", "100-999", "1000+")
"""How many came from the same network (IPv4 /24, IPv6 /48) lately."""

_SIZE_FROM = (2, 10, 100, 1000)


class Outcome(IntEnum):
    """What came of somebody's coming. Numbers stay as they are: they stand in what is kept. New ones go to the end."""

    ADMITTED = 0
    ADMITTED_PASS = 1
    """Let in by a pass."""
    CHALLENGED = 2
    SOLVED = 3
    BAD_SOLUTION = 4
    NUMBERED = 5
    """Given a place in the line."""
    CALLED = 6
    """Came when their place in the line was called."""
    SEATED = 7
    REPLACED = 8
    """Let go of because their pass was seated elsewhere."""
    WAITING = 9
    """Told to go on waiting."""
    REFUSED_FULL = 10
    REFUSED_RATE = 11
    BAD_PASS = 12
    SLOW_HEAD = 13
    BAD_HEAD = 14
    SLOW_BODY = 15
    BAD_BODY = 16
    SLOW_READER = 17
    IDLE = 18
    TOO_MANY_REQUESTS = 19
    """On one connection."""
    CACHE_BUST = 20
    UNKNOWN_ROOM = 21
    BAD_LINK = 22
    """A link's token that is not good."""
    BAD_PROXY = 23
    """A PROXY preamble or forwarding header that is not one."""
    TLS_FAILED = 24


Outcomes = Mapping[Outcome, tuple[int, ...]]
"""By outcome, one count for each of :data:`SIZES`, since the edge began."""


def size_class(came: int) -> int:
    """Where in :data:`SIZES` a network stands of which ``came`` came lately."""
    return bisect_right(_SIZE_FROM, came)


def rank_of(at: float, id_: bytes, start: float, seed: bytes) -> int | None:
    """The rank of a pass made at ``at`` when the doors opened at ``start``; None: it is not drawn yet."""
    if not seed:
        return None
    if at >= start:
        return min(SHUFFLED + int((at - start) * 1000), MAX_RANK)
    return int.from_bytes(sha256(seed + id_).digest()[:4])


@dataclass(frozen=True, slots=True)
class RoomCount:
    """What one edge counted for one room and nobody has entered into its record yet."""

    since: int
    """The number of this edge's last count that stands in the record."""
    upto: int
    """The number that stands there once this is entered."""
    numbered: Mapping[Line, Spans] = field(default_factory=dict)
    """Those who were given a place in the line."""
    seated: Mapping[Line, int] = field(default_factory=dict)
    """Those who came with a pass that was called and were seated."""

    def __post_init__(self) -> None:
        if not 0 <= self.since <= self.upto <= MAX_RANK:
            raise ValueError("counts are numbered upwards")
        for spans in self.numbered.values():
            check_spans(spans)
        if not all(0 <= n <= MAX_COUNT for n in self.seated.values()):
            raise ValueError("nobody counts so many")


@dataclass(frozen=True, slots=True)
class DoorReport:
    """How it stands with one edge."""

    edge: str
    """Its run (:data:`EDGE_RUN`)."""
    at: WallTime
    """By its clock: all go by the middle one of theirs (``admission.usher``)."""
    places: int
    """So many more listeners fit."""
    joins_s: float
    """So many can join in a second."""
    rooms: Mapping[str, RoomCount] = field(default_factory=dict)
    step: int = 0
    """Of the ladder (``admission.steps``)."""
    share: float = 0.0
    """Of the limit that is nearest."""
    scarce: str = ""
    """What that limit is of."""
    outcomes: Outcomes = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not EDGE_RUN.fullmatch(self.edge) or len(self.scarce) > 40:
            raise ValueError("an edge's run has 1 to 80 letters, digits, - and _; what is scarce has a short name")
        if not 0 <= self.places <= MAX_COUNT or not _fair(self.joins_s) or not _fair(self.share):
            raise ValueError("places, joins and shares are not negative, and have an end")
        if len(self.rooms) > MAX_ROOMS or not all(ROOM_ID.fullmatch(room) for room in self.rooms):
            raise ValueError(f"a report tells of at most {MAX_ROOMS} rooms")
        if not 0 <= self.step <= 99 or not _fair(self.at):
            raise ValueError("that is no step, or no time")
        for counts in self.outcomes.values():
            if len(counts) != len(SIZES) or not all(0 <= n <= MAX_RANK for n in counts):
                raise ValueError(f"an outcome has {len(SIZES)} counts")


Marks = tuple[tuple[float, int], ...]
"""``(age_s, count)``: so many, so long ago; the latest last."""


@dataclass(frozen=True, slots=True)
class LineRecord:
    """How it stands with one line of a room."""

    serving: int = 0
    """Who has a rank below it is called, for ever after."""
    waiting: Spans = ()
    """Those who are not called yet."""
    called: Marks = ()
    """Lately."""
    came: Marks = ()
    """Lately, of those who were called."""
    called_faded: float = 0.0
    """All that were called and had time to come, the long ago for less."""
    came_faded: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.serving <= MAX_RANK:
            raise ValueError("that is no rank")
        check_spans(self.waiting)
        for marks in (self.called, self.came):
            if len(marks) > MAX_MARKS or not all(_fair(age) and 0 <= n <= MAX_COUNT for age, n in marks):
                raise ValueError(f"at most {MAX_MARKS} moments are remembered")
        if not _fair(self.called_faded) or not _fair(self.came_faded):
            raise ValueError("what fades is not negative, and has an end")


@dataclass(frozen=True, slots=True)
class DoorRecord:
    """Who is called in a room. Moved on by any edge, by compare-and-set; ``serving`` never goes back."""

    room: str
    start: WallTime = WallTime(0.0)
    """When the doors opened; 0.0: not yet."""
    seed: bytes = b""
    """Drawn when they opened; empty before."""
    lines: Mapping[Line, LineRecord] = field(default_factory=dict)
    folded: Mapping[str, int] = field(default_factory=dict)
    """By edge: the number of its last count that was entered here. The latest entered last."""
    pace: tuple[float, float] = (0.0, 0.0)
    """Called in a second: over half a minute, over five."""
    owed: float = 0.0
    """Less than one who may be called."""
    owed_crowded: float = 0.0
    at: WallTime = WallTime(0.0)
    """For people, as ``by``."""
    by: str = ""

    def __post_init__(self) -> None:
        if not ROOM_ID.fullmatch(self.room):
            raise ValueError(f"{self.room!r} is not a room id")
        if len(self.seed) not in (0, SEED_BYTES) or bool(self.seed) != (self.start > 0):
            raise ValueError("the seed is drawn when the doors open")
        if len(self.folded) > MAX_FOLDED or not all(EDGE_RUN.fullmatch(edge) for edge in self.folded):
            raise ValueError(f"at most {MAX_FOLDED} edges count at once")
        if not all(0 <= n <= MAX_RANK for n in self.folded.values()):
            raise ValueError("counts are numbered upwards")
        if not all(map(_fair, (*self.pace, self.owed, self.owed_crowded, self.start, self.at))):
            raise ValueError("what is counted is not negative, and has an end")
        if self.by and not EDGE_RUN.fullmatch(self.by):
            raise ValueError("an edge's run has 1 to 80 letters, digits, - and _")

    def line(self, line: Line) -> LineRecord:
        return self.lines.get(line, _NOBODY)

    @property
    def serving(self) -> dict[Line, int]:
        return {line: self.line(line).serving for line in Line}


@dataclass(frozen=True, slots=True)
class Seated:
    """Passes that an edge seated in the last tenth of a second: whoever holds an older session of one lets go of it."""

    edge: str
    passes: tuple[tuple[str, bytes], ...]
    """Room and id."""

    def __post_init__(self) -> None:
        if not EDGE_RUN.fullmatch(self.edge):
            raise ValueError("an edge's run has 1 to 80 letters, digits, - and _")
        if len(self.passes) > MAX_SEATED or not all(len(id_) == ID_BYTES for _, id_ in self.passes):
            raise ValueError(f"at most {MAX_SEATED} passes are told of at once")


def encode_record(record: DoorRecord) -> bytes:
    lines = {
        line.label: [one.serving, one.waiting, one.called, one.came, one.called_faded, one.came_faded]
        for line, one in record.lines.items()
    }
    return _json(
        {
            "v": 1, "room": record.room, "start": record.start, "seed": record.seed.hex(), "lines": lines,
            "folded": dict(record.folded), "pace": record.pace, "owed": [record.owed, record.owed_crowded],
            "at": record.at, "by": record.by,
        }
    )  # fmt: skip


def decode_record(data: bytes) -> DoorRecord:
    """:raises WireError: if it is not a record of a version we know."""
    try:
        body = _body(data, MAX_RECORD_BYTES)
        lines = {}
        for label, (serving, waiting, called, came, called_faded, came_faded) in body["lines"].items():
            lines[LINES[label]] = LineRecord(
                _int(serving), _spans(waiting), _marks(called), _marks(came), float(called_faded), float(came_faded)
            )
        fast, slow = body["pace"]
        owed, owed_crowded = body["owed"]
        return DoorRecord(
            str(body["room"]), WallTime(float(body["start"])), bytes.fromhex(body["seed"]), MappingProxyType(lines),
            MappingProxyType({str(edge): _int(n) for edge, n in body["folded"].items()}), (float(fast), float(slow)),
            float(owed), float(owed_crowded), WallTime(float(body["at"])), str(body["by"]),
        )  # fmt: skip
    except _LIES as e:
        raise WireError(f"not the record of a door: {e}") from e


def encode_report(report: DoorReport) -> bytes:
    rooms = {
        room: [
            count.since,
            count.upto,
            {line.label: spans for line, spans in count.numbered.items()},
            {line.label: n for line, n in count.seated.items()},
        ]
        for room, count in report.rooms.items()
    }
    return _json(
        {
            "v": 1, "edge": report.edge, "at": report.at, "places": report.places, "joins_s": report.joins_s,
            "rooms": rooms, "step": report.step, "share": report.share, "scarce": report.scarce,
            "outcomes": {outcome.name.lower(): counts for outcome, counts in report.outcomes.items()},
        }
    )  # fmt: skip


def decode_report(data: bytes) -> DoorReport:
    """An outcome that we do not know is one of a later version: it is left out.

    :raises WireError: if it is not a report of a version we know.
    """
    try:
        body = _body(data, MAX_REPORT_BYTES)
        rooms = {}
        for room, (since, upto, numbered, seated) in body["rooms"].items():
            rooms[str(room)] = RoomCount(
                _int(since), _int(upto),
                MappingProxyType({LINES[label]: _spans(spans) for label, spans in numbered.items()}),
                MappingProxyType({LINES[label]: _int(n) for label, n in seated.items()}),
            )  # fmt: skip
        outcomes = {
            _OUTCOMES[name]: tuple(map(_int, counts)) for name, counts in body["outcomes"].items() if name in _OUTCOMES
        }
        return DoorReport(
            str(body["edge"]), WallTime(float(body["at"])), _int(body["places"]), float(body["joins_s"]),
            MappingProxyType(rooms), _int(body["step"]), float(body["share"]), str(body["scarce"]),
            MappingProxyType(outcomes),
        )  # fmt: skip
    except _LIES as e:
        raise WireError(f"not the report of a door: {e}") from e


def encode_seated(seated: Seated) -> bytes:
    rooms: dict[str, list[bytes]] = {}
    for room, id_ in seated.passes:
        rooms.setdefault(room, []).append(id_)
    return _json({"v": 1, "edge": seated.edge, "rooms": {room: b"".join(ids).hex() for room, ids in rooms.items()}})


def decode_seated(data: bytes) -> Seated:
    """:raises WireError: if nobody was seated by it."""
    try:
        body = _body(data, MAX_REPORT_BYTES)
        passes = []
        for room, text in body["rooms"].items():
            ids = bytes.fromhex(text)
            if not ROOM_ID.fullmatch(room) or len(ids) % ID_BYTES:
                raise WireError("no room, or half a pass")
            passes += [(room, ids[i : i + ID_BYTES]) for i in range(0, len(ids), ID_BYTES)]
        return Seated(str(body["edge"]), tuple(passes))
    except _LIES as e:
        raise WireError(f"nobody was seated: {e}") from e


def check_spans(spans: Spans) -> None:
    """:raises ValueError: if they are not in order, or too many."""
    if len(spans) > MAX_SPANS:
        raise ValueError(f"a line has at most {MAX_SPANS} spans")
    before = 0
    for low, high, count in spans:
        if not before <= low < high <= MAX_RANK + 1 or not 0 <= count <= MAX_COUNT:
            raise ValueError("spans are in order, and none is empty or over another")
        before = high


_OUTCOMES = {outcome.name.lower(): outcome for outcome in Outcome}

_LIES = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, WireError)


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _body(data: bytes, most: int) -> dict[str, Any]:
    if len(data) > most:
        raise WireError(f"more than {most} bytes")
    body = json.loads(data)
    if body["v"] != 1:
        raise WireError("another version")
    return dict(body)


def _int(value: object) -> int:
    if type(value) is not int:
        raise WireError("not a whole number")
    return value


def _spans(listed: list[list[object]]) -> Spans:
    return tuple((_int(low), _int(high), _int(count)) for low, high, count in listed)


def _marks(listed: list[list[Any]]) -> Marks:
    return tuple((float(age_s), _int(count)) for age_s, count in listed)


def _fair(value: float) -> bool:
    return value >= 0 and math.isfinite(value)


_NOBODY = LineRecord()
