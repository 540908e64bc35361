"""The line in front of a full house: who is called next, and what those who wait may be told. Pure.

Nobody is remembered. A pass says where its holder stands (``wire.passes``, ``wire.door.rank_of``); the record of the
room says up to which rank of each line people are called; whoever is called may come in at any edge that has a place,
for ever after.

**How a number gets into the record.** An edge that gives one counts it (:class:`Counts`). Its report of each second
carries all that it counted and the record does not have yet, under a running number. Whoever moves the record on enters
what it heard from all edges, and the running numbers with it, in one compare-and-set: each count is entered once,
whoever enters it, however often it was sent; and those of an edge that dies stand in the record already.

**How the record is moved on** (:func:`serve`). Any edge may do it, half a second after the last time. As many are
called as there are places at the edges heard of lately, less those who were called and are still expected, and no more
than can join in that time. Of those who are called some have gone home: that share is measured, and more are called for
it. Clocks of edges may differ by minutes, so nothing here asks what time it was elsewhere: ages are counted on from
move to move.

**In which order.** Who said that they would come, then who came before the doors opened, then who came later; each by
rank, and nobody is ever overtaken by someone behind them on their own line. Those whose network is over its share come
last, but of every :data:`CROWDED_ONE_OF` who are called one is theirs: an endless stream before them must not keep them
out.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from rostra.units import WallTime
from rostra.wire.door import (
    MAX_FOLDED,
    MAX_MARKS,
    MAX_RANK,
    MAX_SPANS,
    SHUFFLED,
    DoorRecord,
    DoorReport,
    LineRecord,
    Marks,
    RoomCount,
    Spans,
    rank_of,
)
from rostra.wire.passes import Line, Pass

MOVE_EVERY_S: Final = 0.5
"""How old the record must be before somebody moves it on."""

HEARD_S: Final = 3.0
"""An edge that was not heard of for so long has no places."""

STILL_S: Final = 5.0
"""While nobody is called, the record is written so often, for the pace that is told."""

PROMPT_S: Final = 3.0
"""Who is called comes within this, if the page is open: near the front it asks that often."""

PATIENCE_S: Final = 15.0
"""After it nobody is expected any more. They may come all the same."""

FADE_S: Final = 60.0
"""Half of what is known of the share who come is forgotten in so long."""

LEAST_SHARE: Final = 0.05
"""However few come, no more than 20 are called for a place."""

BELIEVED: Final = 20.0
"""Before anything is measured everyone is expected to come, with the weight of so many who did."""

CROWDED_ONE_OF: Final = 20

LOST_S: Final = 150.0
"""A number that died with its edge is known to nobody. While nobody else waits, everyone who came so long ago is
called; more than clocks may differ (``passes.MAX_SKEW_S``)."""

LOST_EVERY_S: Final = 60.0

PACES_S: Final = (30.0, 300.0)

CELL_MS: Final = 250
"""Of those who came later, so many thousandths of a second are counted together."""

CELL_SHUFFLED: Final = 2**25
"""128 cells for all that is shuffled."""

MAX_CHUNKS: Final = 64
"""Counts of seconds that wait to be entered. More, and what follows is counted with the next."""

MAX_CHUNK_SPANS: Final = 16
"""A line, a second: more come only from clocks that differ."""

TOLD_SPANS: Final = 16
"""A line, to those who wait: two points each."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The last report of an edge, and how long ago it came, by the clock of whoever heard it."""

    report: DoorReport
    age_s: float


def line_for(*, rsvp: bool, crowded: bool, opened: bool) -> Line:
    """The line for someone who takes a number now. Who says only after the doors opened that they would come is no
    earlier than others."""
    if rsvp and not opened:
        return Line.RSVP
    if crowded:
        return Line.CROWDED
    return Line.LATE if opened else Line.EARLY


def rank(record: DoorRecord | None, pass_: Pass, opened: WallTime = WallTime(0.0)) -> int | None:
    """Where the holder stands; None: that is drawn when the doors open.

    :param opened: when they did, for the moment before a seed is drawn.
    """
    if record is not None and record.seed:
        return rank_of(pass_.at, pass_.id, record.start, record.seed)
    return SHUFFLED + int((pass_.at - opened) * 1000) if 0 < opened <= pass_.at else None


def called(record: DoorRecord | None, pass_: Pass) -> bool:
    """Whether its holder may come in: once it is so, it stays so."""
    if pass_.inside:
        return True
    found = rank(record, pass_)
    return record is not None and found is not None and found < record.line(pass_.line).serving


def latest(line: LineRecord) -> int:
    """The rank from which on whoever comes now may stand: everyone before it is called, or waits already."""
    return max(line.serving, line.waiting[-1][0] if line.waiting else 0)


# Moving the record on.


def serve(
    record: DoorRecord,
    heard: Iterable[Heard],
    elapsed_s: float,
    *,
    portion: float = 1.0,
    opened: WallTime = WallTime(0.0),
    draw: bytes = b"",
    by: str = "",
    wall: WallTime = WallTime(0.0),
) -> DoorRecord:
    """The record as it should be now. The same object if there is nothing to write.

    :param elapsed_s: since ``record`` was moved on, by the clock of whoever asks: since it came.
    :param portion: of all places for this room, where people wait for several.
    :param opened: when the doors opened; 0.0 if they have not.
    :param draw: the seed, if none is drawn yet: :data:`~rostra.wire.door.SEED_BYTES` that nobody can guess.
    :param wall: by which nothing is decided but what was lost.
    """
    heard = list(heard)
    lines = {line: _aged(record.line(line), elapsed_s) for line in Line}
    start, seed = record.start, record.seed
    if not seed and opened > 0 and draw:
        start, seed = opened, draw
    folded = _enter(record, heard, lines)
    fast, slow = (_fade(pace, elapsed_s, over_s) for pace, over_s in zip(record.pace, PACES_S, strict=True))
    owed = owed_crowded = 0.0
    total = 0
    if seed:
        now = [one.report for one in heard if one.age_s <= HEARD_S]
        free = portion * sum(report.places for report in now) - sum(_expected(line) for line in lines.values())
        flow = record.owed + portion * sum(report.joins_s for report in now) * min(elapsed_s, HEARD_S)
        count = max(0, math.floor(min(free, flow)))
        rest, owed_crowded, total = _call(lines, count, record.owed_crowded)
        owed = min(max(flow - count, 0.0), 1.0)
        if elapsed_s > 0:
            fast += total / elapsed_s * (1 - math.exp(-elapsed_s / PACES_S[0]))
            slow += total / elapsed_s * (1 - math.exp(-elapsed_s / PACES_S[1]))
        if rest > 0:
            _call_lost(lines, start, wall)
    if not total and folded == record.folded and seed == record.seed and _serving(lines) == record.serving:
        nobody = not any(one.waiting or one.called for one in record.lines.values())
        if nobody or elapsed_s < STILL_S:
            return record  # nothing that could not as well be done later, for all the time since then
    found = {line: one for line, one in lines.items() if one != _NOBODY}
    pace = (fast if fast > _SLOWEST else 0.0, slow if slow > _SLOWEST else 0.0)
    return DoorRecord(record.room, start, seed, found, folded, pace, owed, owed_crowded, wall, by)


def _serving(lines: Mapping[Line, LineRecord]) -> dict[Line, int]:
    return {line: one.serving for line, one in lines.items()}


def _enter(record: DoorRecord, heard: list[Heard], lines: dict[Line, LineRecord]) -> dict[str, int]:
    """Enters into ``lines`` what edges counted; the running numbers afterwards."""
    folded = dict(record.folded)
    for one in heard:
        edge, count = one.report.edge, one.report.rooms.get(record.room)
        if count is None or count.upto <= count.since or folded.get(edge, 0) != count.since:
            continue
        folded.pop(edge, None)
        folded[edge] = count.upto
        for line, spans in count.numbered.items():
            lines[line] = _numbered(lines[line], spans)
        for line, came in count.seated.items():
            lines[line] = replace(
                lines[line],
                came=_marked(lines[line].came, came),
                came_faded=lines[line].came_faded + came,
            )
    while len(folded) > MAX_FOLDED:
        del folded[next(iter(folded))]
    return folded


def _numbered(line: LineRecord, spans: Spans) -> LineRecord:
    """Those behind ``serving`` wait; the others may come at once."""
    waiting, called_already = list(line.waiting), 0
    for low, high, count in spans:
        if high <= line.serving:
            called_already += count
        else:
            _add(waiting, max(low, line.serving), high, count)
    return replace(line, waiting=_coarsened(waiting, MAX_SPANS), called=_marked(line.called, called_already))


def _call(lines: dict[Line, LineRecord], count: int, owed_crowded: float) -> tuple[int, float, int]:
    """Calls so many that ``count`` may be expected to come. How many places nobody waits for, what those in the last
    line are owed, and how many were called."""
    total = 0
    others = any(lines[line].waiting for line in _IN_ORDER)
    if others and lines[Line.CROWDED].waiting:
        owed_crowded += count / CROWDED_ONE_OF
        theirs = min(math.floor(owed_crowded), count)
        left, number = _call_line(lines, Line.CROWDED, theirs)
        owed_crowded = min(owed_crowded - (theirs - left), 1.0)
        count -= theirs - left
        total += number
    else:
        owed_crowded = 0.0
    for line in (*_IN_ORDER, Line.CROWDED):
        count, number = _call_line(lines, line, count)
        total += number
    return count, owed_crowded, total


def _call_line(lines: dict[Line, LineRecord], which: Line, count: int) -> tuple[int, int]:
    """How many places are left, and how many were called."""
    line = lines[which]
    if count <= 0 or not line.waiting:
        return count, 0
    share = _share(line)
    want = max(1, math.floor(count / share))
    serving, waiting, number = line.serving, line.waiting, 0
    for i, (low, high, there) in enumerate(line.waiting):
        if want >= there:
            want -= there
            number += there
            serving, waiting = max(serving, high), line.waiting[i + 1 :]
            continue
        if want > 0:
            # Spread evenly, as far as we know. At least one rank further, or it would never move.
            cut = low + -(-(high - low) * want // there)
            taken = max(want, there * (cut - low) // (high - low))
            number += taken
            serving = max(serving, cut)
            waiting = (((cut, high, there - taken),) if cut < high else ()) + line.waiting[i + 1 :]
        break
    lines[which] = replace(line, serving=serving, waiting=waiting, called=_marked(line.called, number))
    return max(0, count - math.ceil(number * share)), number


def _call_lost(lines: dict[Line, LineRecord], start: WallTime, wall: WallTime) -> None:
    """There are places, and nobody who is known of waits."""
    long_ago = wall - LOST_S - start
    if long_ago < 0 or any(line.waiting for line in lines.values()):
        return
    to = min(SHUFFLED + int(long_ago * 1000), MAX_RANK)
    for which, line in lines.items():
        if to - line.serving >= LOST_EVERY_S * 1000:
            lines[which] = replace(line, serving=to)


def _share(line: LineRecord) -> float:
    """Of those who are called, how many come."""
    share = (line.came_faded + BELIEVED) / (line.called_faded + BELIEVED)
    return min(max(share, LEAST_SHARE), 1.0)


def _expected(line: LineRecord) -> float:
    """How many of those who were called lately will still come: all at first, the fewer the longer they let us wait."""
    number = sum(n for _, n in line.called)
    if not number:
        return 0.0
    left = max(0.0, number * _share(line) - sum(n for _, n in line.came))
    patience = sum(n * min(1.0, (PATIENCE_S - age_s) / (PATIENCE_S - PROMPT_S)) for age_s, n in line.called)
    return left * patience / number


def _aged(line: LineRecord, elapsed_s: float) -> LineRecord:
    if line == _NOBODY:
        return line
    called = tuple((age_s + elapsed_s, n) for age_s, n in line.called)
    came = tuple((age_s + elapsed_s, n) for age_s, n in line.came)
    over = sum(n for age_s, n in called if age_s >= PATIENCE_S)
    half = 0.5 ** (elapsed_s / FADE_S)
    return replace(
        line,
        called=tuple(mark for mark in called if mark[0] < PATIENCE_S),
        came=tuple(mark for mark in came if mark[0] < PATIENCE_S),
        called_faded=_faded(line.called_faded * half + over),
        came_faded=_faded(line.came_faded * half),
    )


def _marked(marks: Marks, count: int) -> Marks:
    if not count:
        return marks
    marks = (*marks, (0.0, count))
    if len(marks) > MAX_MARKS:
        (_, first), (age_s, second), *rest = marks
        marks = ((age_s, first + second), *rest)
    return marks


def _faded(value: float) -> float:
    return round(value, 3) if value > _SLOWEST else 0.0


def _fade(pace: float, elapsed_s: float, over_s: float) -> float:
    return pace * math.exp(-elapsed_s / over_s)


_NOBODY = LineRecord()
_IN_ORDER = (Line.RSVP, Line.EARLY, Line.LATE)
_SLOWEST = 0.001


# Spans.


def _add(spans: list[tuple[int, int, int]], low: int, high: int, count: int) -> None:
    """``count`` more from ``low`` to ``high``. What is there already keeps its bounds."""
    middle = (low + high) // 2
    i = bisect_right(spans, middle, key=lambda span: span[0]) - 1
    if i >= 0 and middle < spans[i][1]:
        there_low, there_high, there = spans[i]
        spans[i] = (there_low, there_high, there + count)
        return
    if i >= 0:
        low = max(low, spans[i][1])
    if i + 1 < len(spans):
        high = min(high, spans[i + 1][0])
    spans.insert(i + 1, (low, high, count))


def _coarsened(spans: Iterable[tuple[int, int, int]], most: int) -> Spans:
    """At most so many: the neighbours with the fewest people are put together."""
    found = list(spans)
    while len(found) > most:
        i = min(range(len(found) - 1), key=lambda i: found[i][2] + found[i + 1][2])
        found[i : i + 2] = [(found[i][0], found[i + 1][1], found[i][2] + found[i + 1][2])]
    return tuple(found)


# What one edge counts.


class Counts:
    """What one edge counted for one room and the record does not have yet."""

    def __init__(self) -> None:
        self._open: dict[Line, dict[tuple[int, int], int]] = {}
        self._seated: dict[Line, int] = {}
        self._chunks: deque[tuple[int, dict[Line, Spans], dict[Line, int]]] = deque()
        self._last = 0
        self._since = 0

    def numbered(self, line: Line, rank: int | None) -> None:
        """Somebody was given a number."""
        cells = self._open.setdefault(line, {})
        cell = _cell(rank)
        cells[cell] = cells.get(cell, 0) + 1
        if len(cells) > 8 * MAX_SPANS:  # while nothing can be entered
            self._open[line] = {(low, high): n for low, high, n in _coarsened(_spans(cells), MAX_SPANS)}

    def seated(self, line: Line) -> None:
        """Somebody whose number was called has a seat."""
        self._seated[line] = self._seated.get(line, 0) + 1

    def on_record(self, record: DoorRecord, edge: str) -> None:
        """Forgets what stands in it."""
        self._since = record.folded.get(edge, 0)
        while self._chunks and self._chunks[0][0] <= self._since:
            self._chunks.popleft()

    def report(self) -> RoomCount | None:
        """For the report of this second; None: everything stands in the record."""
        if (self._open or self._seated) and len(self._chunks) < MAX_CHUNKS:
            self._last += 1
            numbered = {line: _coarsened(_spans(cells), MAX_CHUNK_SPANS) for line, cells in self._open.items()}
            self._chunks.append((self._last, numbered, self._seated))
            self._open, self._seated = {}, {}
        if not self._chunks:
            return None
        spans: dict[Line, list[tuple[int, int, int]]] = {}
        seated: dict[Line, int] = {}
        for _, numbered, came in self._chunks:
            for line, more in numbered.items():
                for low, high, n in more:
                    _add(spans.setdefault(line, []), low, high, n)
            for line, n in came.items():
                seated[line] = seated.get(line, 0) + n
        coarse = {line: _coarsened(listed, MAX_CHUNK_SPANS) for line, listed in spans.items()}
        return RoomCount(self._since, self._chunks[-1][0], coarse, seated)


def _spans(cells: Mapping[tuple[int, int], int]) -> Spans:
    found: list[tuple[int, int, int]] = []
    for (low, high), n in sorted(cells.items(), key=lambda item: (item[0][1] - item[0][0], item[0])):
        _add(found, low, high, n)
    return tuple(found)


def _cell(rank: int | None) -> tuple[int, int]:
    """What is counted together with ``rank``."""
    if rank is None:
        return 0, SHUFFLED
    if rank < SHUFFLED:
        low = rank // CELL_SHUFFLED * CELL_SHUFFLED
        return low, low + CELL_SHUFFLED
    low = (rank - SHUFFLED) // CELL_MS * CELL_MS + SHUFFLED
    return low, min(low + CELL_MS, MAX_RANK + 1)


# What those who wait are told.


def told(record: DoorRecord) -> dict[str, Any]:
    """What ``/state`` says of it, the same to all: each computes from it where they stand (:func:`standing`).

    ``ahead``: by line, ``[rank, count]``: so many wait with a rank below; evenly in between.
    """
    return {
        "serving": {line.label: record.line(line).serving for line in Line},
        "ahead": {line.label: _points(record.line(line)) for line in Line if record.line(line).waiting},
        "pace": [round(pace, 3) for pace in record.pace],
        "seed": record.seed.hex(),
        "start": record.start,
    }


def _points(line: LineRecord) -> list[list[int]]:
    points: list[list[int]] = []
    below = 0
    for low, high, count in _coarsened(line.waiting, TOLD_SPANS):
        if not points or points[-1][0] != low:
            points.append([low, below])
        below += count
        points.append([high, below])
    return points


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands, as far as can be said."""

    called: bool
    position: int
    """So many are called until then, themselves included. 0: they are called."""
    give_or_take: int
    soonest_s: float | None = None
    """None: nobody was called lately, no time can be told."""
    latest_s: float | None = None


def standing(record: DoorRecord, line: Line, rank: int | None) -> Standing:
    """``rank`` None: not drawn yet, anywhere on the line.

    Who comes later and stands further in front (a promise to come) is not counted: the position is of now.
    """
    if rank is not None and rank < record.line(line).serving:
        return Standing(True, 0, 0)
    waits = {which: sum(n for *_, n in record.line(which).waiting) for which in Line}
    own, error = _below(_points(record.line(line)), rank)
    before = float(sum(waits[which] for which in Line if which < line))
    number = before + own
    if line is Line.CROWDED:
        number = min(number, own * CROWDED_ONE_OF)
    elif waits[Line.CROWDED]:
        number += min(number / (CROWDED_ONE_OF - 1), waits[Line.CROWDED])
    slowest, fastest = sorted(record.pace)
    position = math.floor(number) + 1
    if fastest < 1 / 60:
        return Standing(False, position, math.ceil(error))
    spread = error + 2 * math.sqrt(position)
    return Standing(
        False,
        position,
        math.ceil(error),
        max(0.0, position - spread) / fastest,
        (position + spread) / max(slowest, fastest / 4),
    )


def _below(points: list[list[int]], rank: int | None) -> tuple[float, float]:
    """How many wait below ``rank``, and by how much that may be wrong."""
    if not points:
        return 0.0, 0.0
    if rank is None:
        return points[-1][1] / 2, points[-1][1] / 2
    i = bisect_right(points, rank, key=lambda point: point[0])
    if i == 0:
        return 0.0, 0.0
    if i == len(points):
        return float(points[-1][1]), 0.0
    (low, below), (high, above) = points[i - 1], points[i]
    return below + (above - below) * (rank - low) / (high - low), (above - below) / 2
