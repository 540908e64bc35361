"""The usher behind the edge's door (``edge.contracts.Admission``): verdicts become answers, readings are taken, and
what edges tell one another goes over the bus."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rostra.admission.accounting import Floors
from rostra.admission.capacity import Capacity, Limits, Measured, Readings, find_limits
from rostra.admission.steps import Change, Step
from rostra.admission.usher import DoorOptions, Usher
from rostra.admission.verdicts import Asked, Challenge, Enter, Given, Kind, ProofOfWork, Verdict, Wait
from rostra.admission.waiting import told
from rostra.bus import Bus
from rostra.bus.buckets import THE_KEYS
from rostra.config import DoorSettings, Settings
from rostra.edge.contracts import Entered, Knock, Numbered, Want
from rostra.edge.entrance import door_of
from rostra.edge.front import Front
from rostra.edge.metrics import Labels, Metric, one
from rostra.errors import BadAnswer, Conflict, Full, InLine, NotFound, RostraError, TooMany, WorkFirst
from rostra.kernel import NOW, read_kernel
from rostra.limits import KERNEL_BYTES, MEMORY_SHARE, machine_facts
from rostra.units import WallTime
from rostra.wire.door import SEED_BYTES, SIZES, DoorRecord, Outcome, Outcomes, Seated
from rostra.wire.passes import KEY_BYTES, DoorKeys, tend

log = logging.getLogger("rostra.door")

SECOND_S = 1.0
TENTH_S = 0.1
MOVE_S = 0.5
KEYS_S = 20.0
"""How often the door keys are looked at; each time up to as much later."""

CHALLENGE_AGAIN_S = (2.0, 6.0)
"""Who is told to do a little work first, and cannot, comes back within this: by then the crowd may be through."""

TELL_INSIDERS_S = 60.0
"""How often those inside are told how they come in again, while the door is shut: a page may have missed it."""

LOST_EVERY = 10
"""Of so many times that there is nothing to write it is looked once whether the bus still has what was written."""

CLOCK_TOLD_S = 600.0
"""That our clock is not that of the others is a line in the log no more often."""

KERNEL_TOLD_S = 10.0
"""What the kernel drops is a line in the log no more often."""

_KINDS = {
    Want.LIVE: Kind.LIVE,
    Want.MP3: Kind.MP3,
    Want.PLAYLIST: Kind.PLAYLIST,
    Want.NUMBER: Kind.NUMBER,
    Want.RSVP: Kind.RSVP,
}


def edge_run(name: str) -> str:
    """An edge from its start to its end: the same edge started again is another."""
    return f"{name[:64]}-{secrets.token_hex(4)}"


def usher_of(settings: Settings, run: str, max_open: int) -> Usher:
    """As the settings, this machine and its last rehearsal say."""
    door = settings.door
    capacity = Capacity(
        _limits(settings, max_open),
        Measured.read(_measured(Path(settings.data))),
        joins_s=door.joins_s,
        longest_flush_s=settings.front.flush_s or 4.0,
    )
    options = DoorOptions(
        edge=run,
        on=door.admission == "on",
        floors=_floors(door),
        shortest_flush_s=settings.front.flush_s or 0.5,
    )
    return Usher(options, capacity, gate=ProofOfWork(door.challenge_trials))


def _floors(door: DoorSettings) -> Floors:
    network = max(door.address_floor, door.network_floor)
    return Floors(door.address_floor, network, max(network, door.provider_floor))


def _limits(settings: Settings, max_open: int) -> Limits:
    edges = max(1, settings.front.edges)
    memory = int(machine_facts().memory_bytes * MEMORY_SHARE)
    found = find_limits(max_open, memory, edges, len(os.sched_getaffinity(0)), settings.door.uplink_mbit_s)
    return replace(found, listeners=settings.door.places)


def _measured(data: Path) -> Any:
    try:
        return json.loads((data / "rehearsal" / "last.json").read_text()).get("measured")
    except (OSError, ValueError, AttributeError):
        return None


def _behind(record: DoorRecord, known: DoorRecord | None) -> bool:
    """Whether fewer are called by it than we know were."""
    return known is not None and sum(known.serving.values()) > sum(record.serving.values())


class Doorkeeper:
    """:class:`rostra.edge.contracts.Admission` by the usher."""

    def __init__(self, usher: Usher) -> None:
        self.usher = usher
        self.came: Callable[[bytes], None] = usher.came
        self.entered = usher.entered
        self.lets_in = usher.lets_in
        self.left = usher.left
        self.records: dict[str, DoorRecord] = {}
        self._tally = usher.tally.to
        self._refusals = 0

    @property
    def waves_through(self) -> bool:
        return self.usher.waves_through

    @property
    def shut(self) -> bool:
        return self.usher.step >= Step.CHALLENGE

    @property
    def step(self) -> str:
        return self.usher.step.slug if self.usher.step else ""

    @property
    def small(self) -> bool:
        return self.usher.small

    @property
    def thinned(self) -> bool:
        return self.usher.thinned

    @property
    def outcomes(self) -> Outcomes:
        return self.usher.tally.counts

    def note(self, outcome: Outcome, address: bytes) -> None:
        self._tally[outcome](address)

    def refusal(self, room: str) -> tuple[RostraError, Outcome]:
        door, step = door_of(room), self.usher.step
        if step is Step.CHALLENGE:
            low, high = CHALLENGE_AGAIN_S
            self._refusals += 1
            return WorkFirst(door, low + (high - low) * (self._refusals * 0.618 % 1.0)), Outcome.CHALLENGED
        retry_s = self.usher.later()
        if step is Step.WAITING:
            return InLine(door, retry_s), Outcome.WAITING
        sentence = f"There is no room at the moment. Please come back in {retry_s:.0f} seconds."
        return Full(sentence, retry_s), Outcome.REFUSED_FULL

    def ask(self, knock: Knock, now: float, wall: WallTime) -> Entered | Numbered:
        return self._answer(knock, self.usher.ask(_asked(knock), now, wall))

    def number(self, knock: Knock, now: float, wall: WallTime) -> Numbered:
        if knock.want is Want.CHALLENGE:
            verdict = self.usher.challenge(_asked(knock), now, wall)
        else:
            verdict = self.usher.number(_asked(knock), now, wall)
        found = self._answer(knock, verdict)
        assert isinstance(found, Numbered)
        return found

    def _answer(self, knock: Knock, verdict: Verdict) -> Entered | Numbered:
        door = door_of(knock.room)
        if isinstance(verdict, Enter):
            return Entered(verdict.seat)
        if isinstance(verdict, Given):
            body: dict[str, Any] = {"pass": verdict.pass_, "line": verdict.line.label, "rank": verdict.rank}
            if (record := self.records.get(knock.room)) is not None:
                body["serving"] = {line.label: rank for line, rank in record.serving.items()}
            return Numbered(body, verdict.called)
        if isinstance(verdict, Challenge):
            raise WorkFirst(door, CHALLENGE_AGAIN_S[0], verdict.challenge)
        if isinstance(verdict, Wait):
            raise InLine(door, verdict.retry_s, called=verdict.called)
        if verdict.slug == BadAnswer.slug:
            raise BadAnswer(verdict.sentence)
        if verdict.slug == TooMany.slug:
            raise TooMany(verdict.sentence, verdict.retry_s)
        raise Full(verdict.sentence, verdict.retry_s)

    def inside(self, room: str, wall: WallTime) -> str:
        return self.usher.inside(room, wall)

    def told(self, room: str) -> Mapping[str, Any]:
        said: dict[str, Any] = {"door": {"step": self.step}} if self.step else {}
        record = self.records.get(room)
        if record is not None and any(line.waiting or line.called for line in record.lines.values()):
            said |= told(record)
        return said


def _asked(knock: Knock) -> Asked:
    kind = _KINDS.get(knock.want, Kind.NUMBER)
    return Asked(knock.room, kind, knock.address, knock.opened, knock.pass_, knock.answer, knock.inside)


class Readers:
    """What the machine says of this edge, since it was last asked."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._at = time.monotonic()
        self._cpu_s = time.process_time()
        self._sent = 0
        self._joined = 0

    def read(self) -> Readings:
        front, now, cpu_s = self._front, time.monotonic(), time.process_time()
        passed = max(now - self._at, 0.05)
        entrance = front.door.entrance
        joined, sent = front.tally.joined + entrance.joined_in_pieces, front.tally.sent_bytes
        listeners = sum(map(len, front.door.all_crowds())) + entrance.in_pieces
        found = Readings(
            open_files=len(front.poller) - front.idle,
            memory_bytes=_resident_bytes() + KERNEL_BYTES * len(front.poller),
            cpu_share=(cpu_s - self._cpu_s) / passed,
            late_s=front.load.late_s,
            out_bytes_s=(sent - self._sent) / passed,
            listeners=listeners,
            joins=joined - self._joined,
            sending_share=front.sending_share,
        )
        self._at, self._cpu_s, self._sent, self._joined = now, cpu_s, sent, joined
        return found


def _resident_bytes() -> int:
    """proc_pid_statm(5)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Admitting:
    """Keeps the usher told, and the bus."""

    def __init__(self, bus: Bus, front: Front, keeper: Doorkeeper) -> None:
        self._bus = bus
        self._front = front
        self._keeper = keeper
        self._usher = keeper.usher
        self._readers = Readers(front)
        self._keys: DoorKeys | None = None
        self._told_insiders: float | None = None
        self._looked = 0
        self._step = self._usher.step
        self._kernel = read_kernel()
        self._kernel_told = self._clock_told = float("-inf")
        front.more_metrics = self.metrics

    async def begin(self) -> None:
        """Before the first listener."""
        bus = self._bus
        await bus.door_keys.watch(self._on_keys)
        await bus.door.watch(self._on_record)
        await bus.subscribe_door_reports(lambda report: self._usher.on_report(report, time.monotonic()))
        await bus.subscribe_seated(self._on_seated)
        await self._quietly(self._tend_keys())
        self._usher.observe(self._readers.read(), self._front.ladder.flush_s, time.monotonic())

    def run(self) -> list[asyncio.Task[None]]:
        loops = (
            self._again(lambda: TENTH_S, self._each_tenth),
            self._again(lambda: SECOND_S, self._each_second),
            self._again(lambda: MOVE_S * (0.75 + random.random() / 2), self._move),
            self._again(lambda: KEYS_S * (1 + random.random()), self._tend_keys),
        )
        return [asyncio.create_task(loop) for loop in loops]

    async def _again(self, wait_s: Callable[[], float], do: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Whatever fails, the next time may succeed: a door that nobody looks after closes on everyone."""
        while True:
            await asyncio.sleep(wait_s())
            try:
                await self._quietly(do())
            except Exception:
                log.exception("a turn of the door failed")

    # --- what comes ---

    def _on_keys(self, key: str, keys: DoorKeys | None) -> None:
        if key == THE_KEYS and keys is not None:  # a bus that lost them is given them again
            self._keys = keys
            self._usher.on_keys(keys)

    def _on_record(self, room: str, record: DoorRecord | None) -> None:
        if record is None:
            return  # it was lost: whoever knows it writes it again
        known = self._keeper.records.get(room)
        if record == known or _behind(record, known):
            return  # our own; or an older one, of a bus that forgot: who was called stays called
        self._keeper.records[room] = record
        self._usher.on_record(record, time.monotonic())

    def _on_seated(self, seated: Seated) -> None:
        for seat in self._usher.on_seated(seated):
            self._front.door.entrance.end(seat)

    # --- what is done again and again ---

    async def _each_tenth(self) -> None:
        self._usher.settle(time.monotonic())
        if self._usher.step is not self._step:
            self._turned()
        for seated in self._usher.seated():
            await self._quietly(self._bus.publish_seated(seated))

    async def _each_second(self) -> None:
        now = time.monotonic()
        changes = self._usher.observe(self._readers.read(), self._front.ladder.flush_s, now)
        for change in changes:
            self._tell(change)
        self._tell_insiders(now)
        self._look_at_kernel(now)
        report = self._usher.report(now, WallTime(time.time()))
        self._usher.on_report(report, now)
        self._look_at_clocks(now)
        await self._bus.publish_door_report(report)

    def _tell(self, change: Change) -> None:
        level = logging.WARNING if max(change.was, change.now) >= Step.CHALLENGE else logging.INFO
        log.log(level, "%s", change.sentence)
        self._turned(int(change.now))

    def _turned(self, told: int | None = None) -> None:
        self._step = self._usher.step
        self._front.turned(told)

    def _tell_insiders(self, now: float) -> None:
        """How they come in again, if they came when nobody was asked."""
        if not self._keeper.shut:
            self._told_insiders = None
            return
        if self._told_insiders is not None and now - self._told_insiders < TELL_INSIDERS_S:
            return
        self._told_insiders = now
        for room in self._front.door.rooms.values():
            listeners = self._front.listeners(room)
            word = self._usher.word(room.id, listeners, WallTime(time.time())) if listeners else None
            if word is not None:
                room.announce("door", {"step": int(self._usher.step), "inside": word}, now)

    async def _move(self) -> None:
        for room in self._usher.rooms():
            await self._quietly(self._move_on(room))

    async def _move_on(self, room: str) -> None:
        on_air = self._front.door.rooms.get(room)
        if on_air is None or on_air.record is None or on_air.record.over:
            self._usher.forget(room)
            self._keeper.records.pop(room, None)
            return
        now, wall = time.monotonic(), WallTime(time.time())
        moved = self._usher.next_record(room, now, wall, on_air.record.epoch, secrets.token_bytes(SEED_BYTES))
        known = self._keeper.records.get(room)
        self._looked += 1
        if moved is None and (known is None or self._looked % LOST_EVERY):
            return
        there: DoorRecord | None
        try:
            there, revision = await self._bus.door.get(room)
        except NotFound:
            there, revision = None, 0
        if there is not None and there != known and not _behind(there, known):
            self._on_record(room, there)  # another edge was faster
            return
        if there is not None and moved is None:
            return
        moved = moved or known
        assert moved is not None
        try:
            await self._bus.door.put(room, moved, revision)
        except Conflict:
            return  # another edge was faster: its record is about to come
        self._on_record(room, moved)

    async def _tend_keys(self) -> None:
        keys: DoorKeys | None
        try:
            keys, revision = await self._bus.door_keys.get(THE_KEYS)
        except NotFound:
            keys, revision = self._keys, 0
        tended = tend(keys, WallTime(time.time()), secrets.token_bytes(KEY_BYTES))
        if tended is None and revision == 0:
            tended = keys  # the bus has lost them
        if tended is None:
            return
        try:
            await self._bus.door_keys.put(THE_KEYS, tended, revision)
        except Conflict:
            return
        self._on_keys(THE_KEYS, tended)

    async def _quietly(self, doing: Coroutine[Any, Any, object]) -> None:
        try:
            await doing
        except RostraError as e:
            log.debug("the door goes on with what it knows: %s", e)

    def _look_at_kernel(self, now: float) -> None:
        counters = read_kernel()
        sentence = counters.since(self._kernel).sentence
        self._kernel = counters
        if sentence and now - self._kernel_told >= KERNEL_TOLD_S:
            self._kernel_told = now
            log.warning("%s", sentence)

    def _look_at_clocks(self, now: float) -> None:
        behind_s = self._usher.behind_s
        if behind_s and now - self._clock_told >= CLOCK_TOLD_S:
            self._clock_told = now
            log.warning(
                "The clock of this edge is %.0f s %s what the edges go by together: places in the line are times. Let "
                "all machines keep theirs by NTP.", abs(behind_s), "behind" if behind_s > 0 else "ahead of",
            )  # fmt: skip

    def metrics(self) -> list[Metric]:
        pressure, usher = self._usher.pressure, self._usher
        steps: dict[Labels, float] = {(("step", s.slug),): float(s is usher.step) for s in Step}
        outcomes: dict[Labels, float] = {}
        for outcome, counts in usher.tally.counts.items():
            for size, count in zip(SIZES, counts, strict=True):
                outcomes[("outcome", outcome.name.lower()), ("came", size)] = float(count)
        waiting: dict[Labels, float] = {}
        serving: dict[Labels, float] = {}
        for room, record in self._keeper.records.items():
            for line, stands in record.lines.items():
                waiting[("room", room), ("line", line.label)] = float(sum(n for *_, n in stands.waiting))
                serving[("room", room), ("line", line.label)] = float(stands.serving)
        kernel = [
            one(f"rostra_kernel_{name}", "gauge" if name in NOW else "counter", "Of this network namespace.", value)
            for name, value in asdict(self._kernel).items()
        ]
        return [
            Metric("rostra_door_step", "gauge", "The step of the ladder that is taken.", steps),
            one("rostra_door_share", "gauge", f"In use of what is scarcest ({pressure.scarce}).", pressure.share),
            one("rostra_door_places", "gauge", "How many more listeners fit.", min(pressure.places, 1e12)),
            one("rostra_door_joins_per_second", "gauge", "How many may join in a second.", pressure.joins_s),
            one("rostra_door_clock_behind_seconds", "gauge", "Of the time that all edges go by.", usher.behind_s),
            Metric("rostra_door_outcomes_total", "counter", "What came of those who came, by network.", outcomes),
            Metric("rostra_door_waiting", "gauge", "Numbers that were given and not called.", waiting),
            Metric("rostra_door_serving", "gauge", "The rank up to which is called.", serving),
            *kernel,
        ]
