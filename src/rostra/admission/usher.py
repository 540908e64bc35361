"""Who gets in. Pure: is told the readings once a second, to settle ten times a second, and ``now`` and ``wall`` always.

While there is enough nobody is asked (:attr:`Usher.waves_through`): the edge lets everyone in and says so by
:meth:`Usher.entered`. Otherwise it asks, and the answer depends on, in this order:

1. a pass whose turn it is: comes in, whatever the step. Only if there is no place at this very moment it is for later;
2. the step of the ladder (``steps``): up to THINNED everyone, at CHALLENGE who paid, from WAITING nobody else;
3. whether their network is above its share while there is not enough (``accounting``): then they get what others leave,
   and a place in the last line.

Nothing is kept of those who wait. Of those who came in by a pass its id is kept, for one pass holds one session.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import log2

import numpy as np

from rostra.admission.accounting import Accounting, Floors, Means, fold
from rostra.admission.capacity import NO_BOUND, Capacity, Pressure, Readings
from rostra.admission.insiders import Insiders, is_word, word
from rostra.admission.sketch import CountMin
from rostra.admission.steps import Change, Step, Steps
from rostra.admission.tally import Tally
from rostra.admission.verdicts import (
    Asked,
    Challenge,
    Draw,
    Enter,
    Gate,
    Given,
    Kind,
    ProofOfWork,
    Refuse,
    Verdict,
    Wait,
)
from rostra.admission.waiting import (
    CELL_MS,
    HEARD_S,
    MOVE_EVERY_S,
    Counts,
    Heard,
    called,
    latest,
    line_for,
    rank,
    serve,
)
from rostra.errors import BadAnswer, BadPass, TooMany
from rostra.units import WallTime
from rostra.wire.door import (
    MAX_COUNT,
    MAX_ROOMS,
    MAX_SEATED,
    SEED_BYTES,
    SHUFFLED,
    DoorRecord,
    DoorReport,
    Outcome,
    RoomCount,
    Seated,
    rank_of,
)
from rostra.wire.passes import ID_BYTES, MAX_SKEW_S, DoorKeys, Line, Pass, sign, verify

BURST_S = 1.0
"""Joins that may come in at once, as seconds of ``joins_s``: readings come once a second."""

WORTH_COUNTING = 2048
COUNTED_AFTER_S = 0.25
"""So many who came are counted at the next settling, fewer after so long: counting costs half a millisecond, however
few they are, and levels are found each half second only."""

SPARE_S = 0.3
"""While nobody is asked, those who come are taken off the places three settlings later at the latest."""

SPARE_LEAST = 64
"""A full house is asked for, however few come."""

PAID_KEPT = 32_768
"""Twice as many passes at most are remembered, 180 bytes each. An answer is good for two minutes: at more than 270 a
second at one edge the oldest could be shown a second time, and take a second place, further behind."""

AGAIN_S = 1.0
"""One pass takes a seat so often; more is not somebody whose phone changed the network."""

CALLED_OF_JOINS = 0.9
"""So much of what can join is called from the line: with all of it a queue would stand at the door itself, without an
order."""

SOON_S = 2.0
"""When it is their turn and there is no place: others report a second later."""

LATER_S = (15.0, 45.0)
"""Those who are refused come back spread over this, so that they do not come as they went."""

RSVPS_EASY = 5
"""Promises of one network in an hour or so that cost the least work; what comes after them costs more and more."""

RSVPS_HARDEST = 2_560
"""The work is the most there is from so many on: each doubling before is a ninth of the way."""

RSVPS_MOST = 5_000
"""Of one network in an hour or so: a campus. Numbers that nobody comes with are places that stand empty for a while."""

RSVPS_FADE_S = 3600.0

MANY_PROMISES = "Very many from your network said so lately. Come all the same: the door opens for everyone."

CLOCKS_AGREE_S = 2.0
"""Reports come late by less, and clocks that are kept by NTP differ by less."""

CLOCKS_BELIEVED_S = 600.0
"""A clock that differs by more is no clock."""

MAX_EDGES = 256
"""As many as a record knows of (``wire.door.MAX_FOLDED``)."""

FORGET_EDGE_S = 60.0

_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class DoorOptions:
    edge: str
    """Its run (``wire.door.EDGE_RUN``)."""
    on: bool = True
    floors: Floors = field(default_factory=Floors)
    shortest_flush_s: float = 0.5


class Usher:
    def __init__(
        self,
        options: DoorOptions,
        capacity: Capacity,
        *,
        gate: Gate | None = None,
        draw: Draw = secrets.token_bytes,
    ) -> None:
        self.options = options
        self.tally = Tally()
        seed = int.from_bytes(draw(16))
        self.accounting = Accounting(seed, options.floors)
        self.steps = Steps(options.shortest_flush_s)
        self.pressure = Pressure(0.0, "", NO_BOUND, capacity.joins_s)
        """As it was found last; before that nothing is known to be short."""
        self._capacity = capacity
        self._gate = gate or ProofOfWork()
        self._draw = draw
        self._keys: DoorKeys | None = None
        self._records: dict[str, tuple[DoorRecord, float]] = {}
        self._waiting: dict[str, int] = {}
        """By room: how many wait, as its record says."""
        self._fair_waiting: dict[str, int] = {}
        """Of those, the ones that are not crowded."""
        self._counts: dict[str, Counts] = {}
        self._heard: dict[str, tuple[DoorReport, float]] = {}
        self.behind_s = 0.0
        """How far our clock is behind what the edges go by."""
        self._seats: dict[tuple[str, bytes], float] = {}
        self._seated: list[tuple[str, bytes]] = []
        self._insiders = Insiders()
        self._rsvps = CountMin(seed + 128, RSVPS_FADE_S, 1 << 14)
        self._paid: dict[bytes, tuple[WallTime, Line]] = {}
        self._paid_before: dict[bytes, tuple[WallTime, Line]] = {}
        """Passes that were given lately: an answer that is shown again gives the same one again."""
        self._places = float(NO_BOUND)
        self._listeners = 0
        self._joins = capacity.joins_s * BURST_S
        self._settled_at: float | None = None
        self._counted_at = float("-inf")
        self._entered_now = 0
        self._changes: list[Change] = []
        self._spread = 0.0
        self.waves_through = True
        """Nobody is asked: the edge lets everyone in and tells it by :meth:`entered`."""
        self.came = self.accounting.came if options.on else _nobody
        """A connection from a packed address. The only thing that is done for each."""

    # What the edge asks.

    @property
    def step(self) -> Step:
        return self.steps.step

    @property
    def small(self) -> bool:
        """Who comes now and names no rendition gets the smallest."""
        return self.step >= Step.SMALL_SOUND

    @property
    def thinned(self) -> bool:
        """Reactions, captions and levels go out less often."""
        return self.step >= Step.THINNED

    def entered(self, address: bytes) -> None:
        """Somebody was let in because :attr:`waves_through`."""
        if not self.options.on:
            return
        self._entered_now += 1
        self.accounting.entered(address)
        self.tally.to[Outcome.ADMITTED](address)

    def lets_in(self, address: bytes, now: float) -> bool:
        """Whether somebody who shows no pass comes in without more ado: then they are in. :meth:`ask` in a tenth of the
        time, for most of those who come while shares are kept."""
        if self.waves_through:
            self.entered(address)
            return True
        short = self.step >= Step.CHALLENGE or self._places < 1 or self._joins < 1
        if short or self.accounting.crowded(address, now):
            return False
        self._admit(address, now, crowded=False)
        return True

    def ask(self, asked: Asked, now: float, wall: WallTime) -> Verdict:
        """Whether somebody may have sound."""
        wall = self._agreed(wall)
        if self.waves_through:
            self.entered(asked.address)
            return Enter()
        if asked.pass_:
            verdict = self._by_pass(asked, now, wall)
            if verdict is not None:
                return verdict
        return self._newcomer(asked, now, wall)

    def number(self, asked: Asked, now: float, wall: WallTime) -> Verdict:
        """A place in the line (:attr:`Kind.NUMBER`), or a promise to come (:attr:`Kind.RSVP`)."""
        return self._number(asked, now, self._agreed(wall))

    def _number(self, asked: Asked, now: float, wall: WallTime) -> Verdict:
        keys, rsvp = self._keys, asked.kind is Kind.RSVP
        if keys is None or (self.step is Step.REFUSING and not asked.inside):
            return self._refuse(asked)
        held = self._read(asked, keys, wall) if asked.pass_ else None
        if held is not None and (not rsvp or held.line is Line.RSVP):
            return self._given(asked.pass_, held)
        if asked.inside and is_word(keys, asked.room, asked.inside, wall) and (text := self._inside(asked.room, wall)):
            return Given(text, Line.LATE, None, True)
        if asked.answer:
            try:
                id_ = self._gate.check(keys, asked.answer, asked.room, _household(asked.address), wall)
            except BadAnswer as e:
                self.tally.to[Outcome.BAD_SOLUTION](asked.address)
                return Refuse(str(e), 0.0, e.slug)
            self.tally.to[Outcome.SOLVED](asked.address)
        else:
            return self._challenge(asked, keys, now, wall)
        if rsvp and self._paid_with(id_) is None and self._promises(asked.address, now, 1.0) > RSVPS_MOST:
            self.tally.to[Outcome.REFUSED_RATE](asked.address)
            return Refuse(MANY_PROMISES, RSVPS_FADE_S / 10, TooMany.slug)
        crowded = self.accounting.crowded(asked.address, now)
        return self._give(asked, keys, id_, now, wall, crowded=crowded, rsvp=rsvp)

    def challenge(self, asked: Asked, now: float, wall: WallTime) -> Verdict:
        """A challenge for who asks for one (``GET /r/ROOM/door``)."""
        if self._keys is None:
            return self._refuse(asked)
        return self._challenge(asked, self._keys, now, self._agreed(wall))

    def inside(self, room: str, wall: WallTime) -> str:
        """A pass for somebody who is in without one; empty: there were enough, or there are no keys."""
        return self._inside(room, self._agreed(wall))

    def _inside(self, room: str, wall: WallTime) -> str:
        keys = self._keys
        if keys is None or not self._insiders.take(room):
            return ""
        id_ = self._draw(ID_BYTES)
        return sign(Pass(room, Line.LATE, WallTime(round(wall, 3)), id_, keys.current, inside=True), keys)

    def word(self, room: str, listeners: int, wall: WallTime) -> int | None:
        """To be told to the ``listeners`` who are inside here; None: there are no keys yet."""
        if self._keys is None:
            return None
        self._insiders.told(room, listeners)
        return word(self._keys, room, self._agreed(wall))

    def left(self, seat: tuple[str, bytes]) -> None:
        """Whoever came in by a pass is gone."""
        self._seats.pop(seat, None)

    # What the machine says.

    def observe(self, readings: Readings, flush_s: float, now: float) -> tuple[Change, ...]:
        """Once a second. Returns what has changed since the last time."""
        self.pressure = self._capacity.observe(readings, now, flush_s)
        self._places = float(self.pressure.places)
        self._listeners = readings.listeners
        self._joins -= self._entered_now  # who came in since the last settling is among the listeners
        self._entered_now = 0
        if not self.options.on:
            return ()
        waiting = any(self._waiting.values())
        changes = (*self._changes, *self.steps.observe(self.pressure, flush_s, now, waiting=waiting))
        self._changes.clear()
        self._look()
        return changes

    def settle(self, now: float) -> None:
        """Ten times a second: everything that came since is counted."""
        passed = 0.1 if self._settled_at is None else max(0.0, now - self._settled_at)
        self._settled_at = now
        self._places -= self._entered_now
        self._listeners += self._entered_now  # the house is as large as it was
        self._joins -= self._entered_now
        self._entered_now = 0
        pace = self.pressure.joins_s
        self._joins = min(self._joins + pace * passed, pace * BURST_S)
        if not self.options.on:
            self.tally.settle(lambda addresses: self.accounting.near(addresses, now))
            return
        if self.accounting.pending >= WORTH_COUNTING or now - self._counted_at >= COUNTED_AFTER_S:
            self._counted_at = now
            places = max(0.0, self._places)
            self.accounting.settle(now, Means(places, pace, places + self._listeners))
            self.tally.settle(lambda addresses: self.accounting.near(addresses, now))
        if self._places < 1 or self._joins < 0:
            self._close(now)
        self._look()

    # What comes over the bus.

    def on_keys(self, keys: DoorKeys) -> None:
        self._keys = keys

    def on_record(self, record: DoorRecord, now: float) -> None:
        self._records[record.room] = (record, now)
        waiting = {line: sum(n for *_, n in one.waiting) for line, one in record.lines.items()}
        self._waiting[record.room] = sum(waiting.values())
        self._fair_waiting[record.room] = self._waiting[record.room] - waiting.get(Line.CROWDED, 0)
        if (counts := self._counts.get(record.room)) is not None:
            counts.on_record(record, self.options.edge)

    def on_report(self, report: DoorReport, now: float) -> None:
        """Of any edge, this one too."""
        self._heard[report.edge] = (report, now)
        if len(self._heard) > MAX_EDGES:
            del self._heard[min(self._heard, key=lambda edge: self._heard[edge][1])]

    def on_seated(self, seated: Seated) -> tuple[tuple[str, bytes], ...]:
        """Those whose pass was seated elsewhere: their sessions here are to be ended."""
        if seated.edge == self.options.edge:
            return ()
        gone = tuple(seat for seat in seated.passes if self._seats.pop(seat, None) is not None)
        for _ in gone:
            self.tally.to[Outcome.REPLACED](b"")
        return gone

    def forget(self, room: str) -> None:
        """The room has ended."""
        self._records.pop(room, None)
        self._waiting.pop(room, None)
        self._fair_waiting.pop(room, None)
        self._counts.pop(room, None)
        self._insiders.forget(room)

    # What goes over the bus.

    def report(self, now: float, wall: WallTime) -> DoorReport:
        """Once a second."""
        self.behind_s = self._compare(now, wall)
        rooms = {}
        for room, counts in self._counts.items():
            if (count := counts.report()) is not None:
                rooms[room] = count
            if len(rooms) == MAX_ROOMS:
                break
        return DoorReport(
            edge=self.options.edge,
            at=wall,
            places=self._to_call(rooms, now),
            joins_s=CALLED_OF_JOINS * self.pressure.joins_s,
            rooms=rooms,
            step=int(self.step),
            share=self.pressure.share,
            scarce=self.pressure.scarce,
            outcomes=self.tally.counts,
        )

    def _compare(self, now: float, wall: WallTime) -> float:
        """How far we are behind the middle one of all clocks; 0.0 where they agree. Places in the line are times: by
        clocks that differ by minutes, who comes to one edge would pass all who came to another."""
        others = (
            report.at + (now - at) - wall
            for edge, (report, at) in self._heard.items()
            if edge != self.options.edge and now - at <= HEARD_S
        )
        clocks = sorted((0.0, *(ahead for ahead in others if abs(ahead) <= CLOCKS_BELIEVED_S)))
        behind_s = (clocks[(len(clocks) - 1) // 2] + clocks[len(clocks) // 2]) / 2
        return behind_s if abs(behind_s) > CLOCKS_AGREE_S / 2 else 0.0

    def _agreed(self, wall: WallTime) -> WallTime:
        """The time by which all edges go."""
        return WallTime(wall + self.behind_s)

    def _to_call(self, rooms: Mapping[str, RoomCount], now: float) -> int:
        """Places for those who wait. Who is crowded has none of those that others are about to take."""
        places = max(0.0, self._places)
        if self.step is Step.REFUSING or places < 1:
            return 0
        elsewhere = sum(
            report.places
            for edge, (report, at) in self._heard.items()
            if edge != self.options.edge and now - at <= HEARD_S
        )
        fair = sum(self._fair_waiting.values()) * places / (places + elsewhere)
        for count in rooms.values():
            fair += sum(n for line, spans in count.numbered.items() if line is not Line.CROWDED for *_, n in spans)
        return int(min(MAX_COUNT, places, fair + self.accounting.left))

    def seated(self) -> tuple[Seated, ...]:
        """Those seated since the last time; ten times a second."""
        taken, self._seated = self._seated, []
        starts = range(0, len(taken), MAX_SEATED)
        return tuple(Seated(self.options.edge, tuple(taken[i : i + MAX_SEATED])) for i in starts)

    def rooms(self) -> tuple[str, ...]:
        """Those with a line: each has a record, which somebody must make and move on."""
        return tuple(self._records.keys() | self._counts.keys())

    def next_record(self, room: str, now: float, wall: WallTime, opened: WallTime, seed: bytes) -> DoorRecord | None:
        """The record as it should be now, to be written by compare-and-set; None: as it is.

        :param opened: when the doors of the room opened; 0.0: they have not. :param seed: drawn afresh.
        """
        record, since = self._records.get(room, (DoorRecord(room), now - MOVE_EVERY_S))
        if now - since < MOVE_EVERY_S:
            return None
        self._heard = {edge: one for edge, one in self._heard.items() if now - one[1] < FORGET_EDGE_S}
        heard: Iterable[Heard] = [Heard(report, now - at) for report, at in self._heard.values()]
        in_all = sum(self._waiting.values())
        portion = self._waiting.get(room, 0) / in_all if in_all else 1.0
        moved = serve(
            record, heard, now - since, portion=portion, opened=opened, draw=seed, by=self.options.edge,
            wall=self._agreed(wall),
        )  # fmt: skip
        return None if moved is record else moved

    # Deciding.

    def _by_pass(self, asked: Asked, now: float, wall: WallTime) -> Verdict | None:
        """None: it is no pass. Whoever holds such a one is a newcomer: they would never get further otherwise."""
        pass_ = None if self._keys is None else self._read(asked, self._keys, wall)
        if pass_ is None:
            return None
        seat = (asked.room, pass_.id)
        if (since := self._seats.get(seat)) is not None:
            if asked.kind is Kind.PLAYLIST:
                return Enter(seat)  # they are in, and ask for the next part
            if now - since < AGAIN_S:
                return Wait(True, AGAIN_S)
            # A phone that changed the network, and whose old connection nobody misses yet: it is the same place.
            self._seats[seat] = now
            self._seated.append(seat)
            self.tally.to[Outcome.REPLACED](asked.address)
            return Enter(seat)
        record = self._record(asked.room)
        if called(record, pass_):
            if self._places < 1 or self._joins < 1:
                self.tally.to[Outcome.WAITING](asked.address)
                return Wait(True, SOON_S)
            self.tally.to[Outcome.CALLED](asked.address)
            return self._seat(seat, None if pass_.inside else pass_.line, now)
        free = self.step < Step.WAITING and self._places >= 1 and self._joins >= 1 and not self._waiting.get(asked.room)
        if free and (pass_.line is not Line.CROWDED or self.accounting.leftover()):
            self.tally.to[Outcome.ADMITTED_PASS](asked.address)
            return self._seat(seat, pass_.line, now)
        self.tally.to[Outcome.WAITING](asked.address)
        return Wait(False, self.later())

    def _newcomer(self, asked: Asked, now: float, wall: WallTime) -> Verdict:
        step = self.step
        if step is Step.REFUSING:
            return self._refuse(asked)
        if self._places < 1 or self._joins < 1:
            self._close(now)
            step = self.step
        if step >= Step.WAITING:
            if self._keys is None:
                return self._refuse(asked)
            self.tally.to[Outcome.WAITING](asked.address)
            return Wait(False, self.later())
        crowded = self.accounting.crowded(asked.address, now)
        if step < Step.CHALLENGE and (not crowded or self.accounting.leftover()):
            return self._let_in(asked, now, crowded=crowded)
        if self._keys is None:
            return self._refuse(asked) if crowded else self._let_in(asked, now, crowded=crowded)
        if not asked.answer:
            # The challenge itself is to be had at the door's own address: it costs more than all the rest of this.
            self.tally.to[Outcome.CHALLENGED](asked.address)
            return Challenge()
        found = self._number(asked, now, wall)
        if not isinstance(found, Given) or (crowded and not self.accounting.leftover()):
            return found
        return self._by_fresh_pass(asked, found, now, wall)

    def _by_fresh_pass(self, asked: Asked, given: Given, now: float, wall: WallTime) -> Verdict:
        if self._keys is None:
            return given
        seat = (asked.room, verify(given.pass_, self._keys, asked.room, wall).id)
        self.tally.to[Outcome.ADMITTED_PASS](asked.address)
        return self._seat(seat, given.line, now, given.pass_)

    def _let_in(self, asked: Asked, now: float, *, crowded: bool) -> Enter:
        self._admit(asked.address, now, crowded=crowded)
        return Enter()

    def _admit(self, address: bytes, now: float, *, crowded: bool) -> None:
        self._take_place()
        self.accounting.take(address, now, crowded=crowded)
        self.tally.to[Outcome.ADMITTED](address)

    def _seat(self, seat: tuple[str, bytes], line: Line | None, now: float, pass_: str = "") -> Enter:
        """Their network counted them when the pass was given. ``line`` None: they were called by nobody."""
        self._take_place()
        if line is not None:
            self._counts_of(seat[0]).seated(line)
        self._seats[seat] = now
        self._seated.append(seat)
        self.tally.to[Outcome.SEATED](b"")
        return Enter(seat, pass_)

    def _take_place(self) -> None:
        self._places -= 1
        self._listeners += 1
        self._joins -= 1

    def _give(
        self, asked: Asked, keys: DoorKeys, id_: bytes, now: float, wall: WallTime, *, crowded: bool, rsvp: bool
    ) -> Given:
        if (again := self._paid_with(id_)) is not None:
            at, line = again
            return self._given(sign(pass_ := Pass(asked.room, line, at, id_, keys.current), keys), pass_)
        line = line_for(rsvp=rsvp, crowded=crowded, opened=asked.opened > 0)
        came_at = WallTime(round(self._came_at(asked.room, now, wall), 3))
        pass_ = Pass(asked.room, line, came_at, id_, keys.current)
        self._remember(pass_)
        self.accounting.take(asked.address, now, crowded=crowded)
        self.tally.to[Outcome.NUMBERED](asked.address)
        self._counts_of(asked.room).numbered(line, self._rank(pass_, asked.opened))
        return self._given(sign(pass_, keys), pass_)

    def _came_at(self, room: str, now: float, wall: WallTime) -> float:
        """When somebody came, as far as their place in the line goes: not before those who are called, nor before the
        last who wait. By a clock that is behind they would pass all who came to an edge whose clock is ahead, and be
        called at once, with no place for them."""
        found = self._records.get(room)
        if found is None or not found[0].seed:
            return wall
        record, since = found
        last = max(latest(record.line(line)) for line in (Line.LATE, Line.CROWDED))
        at = record.start + (last - SHUFFLED + 1) / 1000
        if not wall < at < wall + MAX_SKEW_S - 1:
            return wall
        # Spread over what is counted together: who has the very same rank is called at the very same moment.
        return at + (now - since) % (CELL_MS / 1000)

    def _rank(self, pass_: Pass, opened: WallTime) -> int | None:
        """As it is, or as it will be in the record that somebody is about to make."""
        record = self._record(pass_.room)
        if record is not None and record.seed:
            return rank(record, pass_)
        late = 0 < opened <= pass_.at
        return rank_of(pass_.at, pass_.id, opened, bytes(SEED_BYTES)) if late else None

    def _paid_with(self, id_: bytes) -> tuple[WallTime, Line] | None:
        """What this answer got when it was shown before."""
        return self._paid.get(id_) or self._paid_before.get(id_)

    def _remember(self, pass_: Pass) -> None:
        if len(self._paid) >= PAID_KEPT:
            self._paid, self._paid_before = {}, self._paid
        self._paid[pass_.id] = (pass_.at, pass_.line)

    def _given(self, text: str, pass_: Pass) -> Given:
        record = self._record(pass_.room)
        return Given(text, pass_.line, rank(record, pass_), called(record, pass_))

    def _challenge(self, asked: Asked, keys: DoorKeys, now: float, wall: WallTime) -> Challenge:
        self.tally.to[Outcome.CHALLENGED](asked.address)
        pressure = (self.pressure.share - 0.7) / 0.3
        if self.accounting.crowded(asked.address, now):
            pressure = max(pressure, 0.0) + 0.5
        if asked.kind is Kind.RSVP and (made := self._promises(asked.address, now, 0.0)) > RSVPS_EASY:
            pressure = max(pressure, log2(made / RSVPS_EASY) / log2(RSVPS_HARDEST / RSVPS_EASY))
        return Challenge(self._gate.make(keys, asked.room, _household(asked.address), pressure, wall))

    def _refuse(self, asked: Asked) -> Refuse:
        self.tally.to[Outcome.REFUSED_FULL](asked.address)
        retry_s = self.later()
        return Refuse(f"There is no room at the moment. Please come back in {retry_s:.0f} seconds.", retry_s)

    def _read(self, asked: Asked, keys: DoorKeys, wall: WallTime) -> Pass | None:
        try:
            return verify(asked.pass_, keys, asked.room, wall)
        except BadPass:
            self.tally.to[Outcome.BAD_PASS](asked.address)
            return None

    def _record(self, room: str) -> DoorRecord | None:
        found = self._records.get(room)
        return found[0] if found else None

    def _counts_of(self, room: str) -> Counts:
        counts = self._counts.get(room)
        if counts is None:
            counts = self._counts[room] = Counts()
        return counts

    def _promises(self, address: bytes, now: float, more: float) -> float:
        """What the network of this address promised lately, with ``more``."""
        network = int.from_bytes(fold(address)[: 3 if len(fold(address)) == 4 else 6])
        return float(self._rsvps.add(np.array([network], np.uint64), np.full(1, more), now)[0])

    def _close(self, now: float) -> None:
        """There is no place, or no time, for one more: from now on there is a line."""
        self._changes += self.steps.close(self.pressure, now)
        self._look()

    def _look(self) -> None:
        if not self.options.on:
            return
        spare = max(SPARE_LEAST, SPARE_S * self.accounting.wanted_s)
        enough = self._places > spare and self._joins > 0
        self.waves_through = self.step < Step.CHALLENGE and enough and not self.accounting.holds

    def later(self) -> float:
        """Evenly over LATER_S, one after the other."""
        self._spread = (self._spread + _GOLDEN) % 1.0
        return LATER_S[0] + (LATER_S[1] - LATER_S[0]) * self._spread


def _nobody(address: bytes) -> None:
    """Nothing is counted."""


def _household(address: bytes) -> bytes:
    """An address of IPv4, the network of a household of IPv6."""
    return fold(address)[:8]
