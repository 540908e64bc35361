"""``rostra stage ROOM``: one room on air. Brings seats, mixer, encoders, packagers and the bus together.

On its ticks, 50 a second, there is nothing else: no disk, no HTTP, no full garbage collection. What must wait for the
bus waits in tasks beside them. If the bus is lost, the ticks go on and the parts are kept until it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from rostra.bus import Bus, subjects
from rostra.codecs.libopus import OpusDecoder, OpusEncoder, packet_samples
from rostra.config import Settings
from rostra.encoding import Encoder, make_encoder
from rostra.errors import ConfigError, RostraError, StageUnavailable
from rostra.keys import public_key
from rostra.mixing import Mixer, MixerSettings, TickClock
from rostra.packaging import Packager, first_sequence
from rostra.stage.floor import Floor, Heard
from rostra.stage.handover import Inlet
from rostra.stage.ice import network_of
from rostra.stage.jitter import JitterBuffer
from rostra.stage.memory import Keeper, recall
from rostra.stage.news import Counts, News, on_stage
from rostra.stage.programme import Programme
from rostra.stage.record import Record, TakenUp, take_up
from rostra.stage.rtc import Rtc
from rostra.stage.voice import Voice
from rostra.units import (
    ALWAYS_MADE,
    FRAME_S,
    FRAME_SAMPLES,
    MADE_WHEN_WANTED,
    SAMPLE_RATE,
    EncodedFrame,
    MediaTime,
    Monotonic,
    Part,
    PcmFrame,
    Rendition,
    RoomState,
    WallTime,
)
from rostra.wire.boards import Board
from rostra.wire.emsg import snapshot_emsg
from rostra.wire.rooms import Room
from rostra.wire.stages import StageMemory
from rostra.wire.tokens import verify

log = logging.getLogger("rostra.stage")

RETURN_BIT_RATE: Final = 32_000
"""Of a return that is encoded for one speaker."""
RETURN_COMPLEXITY: Final = 5

HOUSE_EVERY: Final = 12
"""Ticks, 0.24 s, between the things that need not be done each tick."""

EMPTY_S: Final = 120.0
"""A green room before the doors are open in which nobody is any more; who comes back to it opens another one."""

MAX_LOST_S: Final = 10.0
"""A machine that slept for longer takes the room up anew: that much silence is quicker said by a new generation."""

MAX_UNSENT: Final = 512
"""Parts that wait for the task that gives them to the bus, which keeps 60 s of them itself."""

SWITCH_INTERVAL_S: Final = 0.001
"""How long a source's decoder may hold the interpreter while a tick waits; Python's own 5 ms is a quarter of a tick."""

YOUNG_EVERY_S: Final = 5.0
OLD_EVERY_S: Final = 60.0
"""Between garbage collections, young objects and all. What was there at the start is frozen, so all is little: it
takes some milliseconds, and only after someone left: connections are what makes cycles."""


@dataclass(slots=True)
class _Line:
    encoder: Encoder
    packager: Packager
    base: MediaTime


class Output:
    """Encoders and packagers of all renditions."""

    def __init__(self, taken: TakenUp, news: News, publish: Callable[[Part], None]) -> None:
        self._generation = taken.room.generation
        self._known = dict(taken.known)
        self._news, self._publish = news, publish
        self._lines: dict[Rendition, _Line] = {}
        self._in_step: dict[Rendition, Rendition] = {}

    def start(self, rendition: Rendition, base: MediaTime) -> None:
        """Make a rendition from the frame at ``base`` on."""
        encoder = make_encoder(rendition)
        sequence = first_sequence(rendition, self._generation, base, self._known.get(rendition))
        self._lines[rendition] = _Line(
            encoder, Packager(rendition, self._generation, sequence, encoder.decoder_config), base
        )

    def start_in_step(self, rendition: Rendition, leader: Rendition) -> None:
        """Make it from where the next part of ``leader`` begins: who changes from one to the other in the middle of it
        has each part once."""
        self._in_step[rendition] = leader

    def stop(self, rendition: Rendition) -> None:
        """Make it no longer; what is there of a part goes out."""
        self._in_step.pop(rendition, None)
        line = self._lines.pop(rendition, None)
        if line is not None:
            self._send(line, line.packager.close(self._metadata(line)))

    def makes(self, rendition: Rendition) -> bool:
        """Or is about to."""
        return rendition in self._lines or rendition in self._in_step

    def add(self, frame: PcmFrame, wall: WallTime) -> bytes | None:
        """Encode 20 ms, and publish the parts that are whole now. Returns the packet of Opus.

        :param wall: when the frame's first sample left the mixer.
        """
        packet = None
        if self._in_step:
            self._fall_in(frame.time)
        for rendition, line in self._lines.items():
            for encoded in line.encoder.encode(frame):
                if rendition is Rendition.OPUS:
                    packet = encoded.payload
                at = WallTime(wall - (frame.time - encoded.time) / SAMPLE_RATE)
                self._send(line, self._package(line, encoded, at))
        return packet

    def _fall_in(self, time: MediaTime) -> None:
        for rendition, leader in list(self._in_step.items()):
            line = self._lines.get(leader)
            if line is None or (time - line.base) % leader.part_samples == 0:
                del self._in_step[rendition]
                self.start(rendition, time)

    def close(self) -> None:
        self._in_step.clear()
        for rendition in list(self._lines):
            self.stop(rendition)

    def _package(self, line: _Line, encoded: EncodedFrame, wall: WallTime) -> Part | None:
        return line.packager.add(encoded, wall, self._metadata(line))

    def _metadata(self, line: _Line) -> Callable[[MediaTime], bytes]:
        packager = line.packager

        def emsg(start: MediaTime) -> bytes:
            first = packager.next_sequence % 8 == 0
            return snapshot_emsg(self._news.snapshot(packager.rendition.value, first=first), start)

        return emsg

    def _send(self, line: _Line, part: Part | None) -> None:
        if part is not None:
            self._known[part.name.rendition] = part.name.sequence
            self._publish(part)


class Wall:
    """Wall time that goes with the monotonic clock, so that parts are evenly spaced; set anew when it is off by
    :data:`OFF_S`, for someone has set the machine's clock."""

    OFF_S: Final = 0.1

    def __init__(self, monotonic: Monotonic, wall: WallTime) -> None:
        self._offset = wall - monotonic

    def at(self, monotonic: Monotonic) -> WallTime:
        return WallTime(monotonic + self._offset)

    def check(self, monotonic: Monotonic, wall: WallTime) -> None:
        if abs(self.at(monotonic) - wall) > self.OFF_S:
            self._offset = wall - monotonic


def return_encoder() -> OpusEncoder:
    return OpusEncoder(RETURN_BIT_RATE, fec=True, complexity=RETURN_COMPLEXITY)


def monotonic() -> Monotonic:
    return Monotonic(time.monotonic())


def wall_clock() -> WallTime:
    return WallTime(time.time())


class Stage:
    """One room on air: its ticks, and the tasks beside them."""

    def __init__(self, settings: Settings, bus: Bus, taken: TakenUp, floor: Floor, memory: StageMemory) -> None:
        self.settings, self.bus, self.taken, self.floor = settings, bus, taken, floor
        self.record = Record(bus, taken.room, wall_clock)
        self.keeper = Keeper(bus.stages, taken.room.id, memory)
        self.news = News()
        self.ended = asyncio.Event()
        """Set when the host has ended the room, and what was said has gone out."""
        self.left = asyncio.Event()
        """Set when nobody is in the green room of a room whose doors are not open yet."""
        room = taken.room
        self._room = room
        self._voice = Voice(settings.rooms.silence_ends_s, memory.heard, wall_clock())
        self._someone_at = monotonic()
        self.floor.moderation.recall(memory)
        self._programme = Programme(room, self.news)
        self._counts = Counts(room.id)
        self._aside: OpusEncoder | None = None
        """Of the mix for speakers, while what listeners get is something else."""
        self._unsent: asyncio.Queue[Part] = asyncio.Queue(MAX_UNSENT)
        self._output = Output(self.taken, self.news, self._publish)
        self._mixer = Mixer(MixerSettings(loudness_lufs=self.settings.stage.loudness_lufs))
        self._time = self.taken.base
        self._seats_changed = True
        self._collect_young = self._collect_old = Monotonic(0.0)
        self._garbage = False
        self.floor.on_change = self._on_change
        self.record.on_room = self._know
        self._know(room)

    def _know(self, room: Room) -> None:
        """The record, as it is now: host and studio change it while we are on air."""
        self._room = room
        self._programme.know(room)
        self.floor.know(room)
        if room.on_air:
            for rendition in ALWAYS_MADE:
                if not self._output.makes(rendition):
                    self._output.start(rendition, self._time)

    def _on_change(self) -> None:
        self._seats_changed = self._garbage = True

    async def run(self, stop: asyncio.Event) -> None:
        """On air until ``stop``, the end, or another stage."""
        room = self.taken.room
        await self.bus.subscribe_counts(lambda edge, count: self._counts.take(edge, count, monotonic()))
        await self.bus.watch_rooms(self.record.seen)
        await self.bus.boards.watch(self._on_board, room.id)
        await self.bus.serve(subjects.stage_subject(room.id), self._call)
        inlet = Inlet(Path(self.settings.data) / "run" / f"stage-{room.id}.sock", room.id, self.floor)
        self._open(inlet)
        what = "on air" if room.on_air else "a green room"
        log.info("room %s is %s: generation %d from %.1f s", room.id, what, room.generation, self._time / SAMPLE_RATE)
        work = (self._ticks(), self._send(), self.record.keep(), self.keeper.keep())
        tasks = [asyncio.create_task(one) for one in work]
        ends = [asyncio.create_task(event.wait()) for event in (stop, self.ended, self.left, *self._taken_away())]
        try:
            done, _ = await asyncio.wait((*tasks, *ends), return_when=asyncio.FIRST_COMPLETED)
            for task in done.intersection(tasks):
                task.result()  # raises what it raised
        finally:
            for task in (*tasks, *ends):
                task.cancel()
            await asyncio.gather(*tasks, *ends, return_exceptions=True)
            await inlet.close()
            await self._finish()

    def _on_board(self, room_id: str, board: Board | None) -> None:
        if room_id == self.taken.room.id and board is not None:
            self.news.set_board(board.version)

    def _taken_away(self) -> tuple[asyncio.Event, asyncio.Event]:
        return self.record.superseded, self.record.closed

    def _open(self, inlet: Inlet) -> None:
        try:
            inlet.open()
        except OSError as e:
            log.warning("source clients cannot be taken over: %s", e)

    async def _finish(self) -> None:
        """The last part, the record, goodbyes."""
        over = self._programme.ended or self.record.closed.is_set()
        if over:
            self.news.set_state(RoomState.ENDED if self._programme.ended else self.record.left_as)
        if over and self.record.left_as is RoomState.SCHEDULED:
            self.floor.moderation.send_off()
        if not self.record.superseded.is_set():
            self._output.close()
            while not self._unsent.empty():
                await self.bus.publish_part(self.taken.room.id, self._unsent.get_nowait())
        with contextlib.suppress(RostraError):
            async with asyncio.timeout(2.0):
                await self.bus.flush()
                if not self.record.superseded.is_set():
                    self._remember()
                    await self.keeper.write()
                if self._programme.ended:  # who closed it otherwise has written that down
                    self.record.wish(RoomState.ENDED)
                    await self.record.write()
        await self.floor.close()
        log.info("room %s: %s", self.taken.room.id, "ended" if over else "this stage goes")

    async def _call(self, body: dict[str, Any]) -> dict[str, Any]:
        match body.get("op"):
            case "start":
                self._programme.start(monotonic())
                return {"ok": True, "state": self._programme.state.value}
            case "dump":
                return {"ok": True, "dumped_s": round(self._programme.dump(), 2)}
            case "end":
                return {"ok": True, "plays_out_s": round(self._end(), 2)}
        answer = {"ok": True, **await self.floor.call(body)}
        self._remember()
        if body.get("op") in ("people", "me"):
            answer["state"] = self._programme.state.value
        if body.get("op") == "people":
            answer |= {"delay_s": self._programme.delay_s, "dumped": self._programme.dumps}
            answer["silent_s"] = round(wall_clock() - self._voice.at)
        return answer

    def _end(self) -> float:
        """Speakers go at once. The seconds until what they said has gone out; it can still be dumped."""
        if self._programme.end():
            self.floor.leave()
        if self._programme.over:
            self.ended.set()
        return self._programme.left_s

    # Ticks

    async def _ticks(self) -> None:
        clock = TickClock(monotonic())
        wall = Wall(monotonic(), wall_clock())
        done = 0
        while True:
            await asyncio.sleep(max(0.0, clock.next_deadline() - monotonic()))
            due = clock.due(monotonic())
            lost = clock.take_lost()
            if lost * FRAME_S > MAX_LOST_S:
                raise StageUnavailable(
                    f"This machine stood still for {lost * FRAME_S:.0f} s; the room is taken up anew."
                )
            if lost:
                log.warning("room %s: %.1f s were lost", self.taken.room.id, lost * FRAME_S)
            for n in range(lost + due):
                deadline = Monotonic(clock.next_deadline() - (lost + due - n) * FRAME_S)
                self._tick(deadline, wall.at(deadline), heard=n >= lost)
                done += 1
                if done % HOUSE_EVERY == 0:
                    wall.check(monotonic(), wall_clock())
                    self._keep_house(deadline)

    def _tick(self, now: Monotonic, wall: WallTime, *, heard: bool) -> None:
        """20 ms that are over at ``now``. ``heard``: false for time that was lost, which is silence."""
        frames = self.floor.frames(now) if heard else dict.fromkeys((s.id for s in self.floor.seats.all()), None)
        mixed = self._mixer.tick(self._time, frames, self.floor.seats.muted)
        if mixed.levels:
            self._voice.heard(wall)
        aired = self._programme.tick(mixed.program, mixed.levels, connected=self.floor.anyone_here, now=now, wall=wall)
        packet = self._output.add(aired.frame, wall)
        shared = packet if aired.direct else self._for_speakers(mixed.program)
        self.floor.send_returns(self._time, shared, mixed.returns)
        self.floor.heard = Heard(mixed.levels, mixed.echo)
        if aired.turned:
            log.info("room %s is %s", self.taken.room.id, self.news.state.value)
            self.record.wish(self.news.state)
        if self._programme.over:
            self.ended.set()
        self._time = MediaTime(self._time + FRAME_SAMPLES)

    def _for_speakers(self, mix: PcmFrame) -> bytes | None:
        """The packet of the mix itself: nobody on stage waits for the delay, and the green room is theirs."""
        if not self.floor.anyone_listens:
            return None
        if self._aside is None:
            self._aside = return_encoder()
        return self._aside.encode(mix.samples)

    def _keep_house(self, now: Monotonic) -> None:
        self.floor.keep_house(now)
        if self._seats_changed:
            self._seats_changed = False
            self._programme.stage = on_stage(self.floor.seats.all())
        self._remember()
        self._end_in_silence(now, wall_clock())
        self.news.listening = self._counts.listening(now)
        self.news.reactions = self._counts.reactions(now)
        self._make_what_is_wanted(now)
        if now >= self._collect_young:
            old = self._garbage and now >= self._collect_old
            gc.collect(2 if old else 1)
            self._collect_young = Monotonic(now + YOUNG_EVERY_S)
            if old:
                self._garbage = False
                self._collect_old = Monotonic(now + OLD_EVERY_S)

    def _make_what_is_wanted(self, now: Monotonic) -> None:
        output = self._output
        for rendition in MADE_WHEN_WANTED:
            wanted = self._counts.wanted(rendition.value, now)
            if wanted and self._room.on_air and not output.makes(rendition):
                if rendition is Rendition.OPUS_LOW:
                    output.start_in_step(rendition, Rendition.OPUS)
                else:
                    output.start(rendition, self._time)
            elif not wanted and output.makes(rendition):
                output.stop(rendition)

    def _remember(self) -> None:
        """What the next stage of this room must know."""
        self.keeper.wish(self.floor.moderation.memory(self.taken.room.created, self._voice.noted))

    def _end_in_silence(self, now: Monotonic, wall: WallTime) -> None:
        """A laptop that was left open on the stage keeps no room on air; nor does one who left the green room."""
        if self._room.on_air and not self._programme.ended and self._voice.silent_for_long(wall, self._room):
            log.info("room %s ends: no voice was heard for %g s", self._room.id, self._voice.ends_s)
            self._end()
        if self._room.on_air or self.floor.seats.all():
            self._someone_at = now
        elif now - self._someone_at >= EMPTY_S:
            self.left.set()

    # Parts

    def _publish(self, part: Part) -> None:
        if self._unsent.full():
            self._unsent.get_nowait()  # the bus has been stuck for a minute: the oldest is of no use any more
        self._unsent.put_nowait(part)

    async def _send(self) -> None:
        while True:
            part = await self._unsent.get()
            try:
                await self.bus.publish_part(self.taken.room.id, part)
            except RostraError as e:
                log.warning("a part waits for the bus: %s", e)


async def run_stage(settings: Settings, stop: asyncio.Event, room_id: str) -> None:
    """Be the stage of ``room_id`` until it ends or ``stop`` is set.

    :raises RostraError: if the stage cannot begin.
    """
    if not settings.bus.url:
        raise ConfigError("A stage needs the bus: give --nats URL, or run `rostra serve`, which brings one.")
    network = network_of(settings.webrtc)
    key = public_key(Path(settings.data))
    bus = await _connect(settings.bus.url, f"stage-{room_id}", stop)
    if bus is None:
        return
    try:
        taken = await take_up(bus, room_id, wall_clock)
        if taken is None:
            log.info("room %s is over: nothing to do", room_id)
            return
        floor = Floor(
            settings.stage,
            Rtc(network),
            verify=lambda token: verify(token, key, room_id, wall_clock()),
            make_buffer=lambda: JitterBuffer(OpusDecoder(), packet_samples),
            make_encoder=return_encoder,
            clock=monotonic,
            generation=taken.room.generation,
        )
        stage = Stage(settings, bus, taken, floor, await recall(bus.stages, taken.room))
        warm_up()
        with _on_time():
            await stage.run(stop)
    finally:
        await bus.close()


def warm_up() -> None:
    """Do once what is slow the first time: imports, tables, numpy's own set-up."""
    mixer, silence = Mixer(), np.zeros(FRAME_SAMPLES, np.int16)
    for n in range(3):
        mixer.tick(MediaTime(n * FRAME_SAMPLES), {"warm": silence})
    decoder = OpusDecoder()
    decoder.decode(OpusEncoder(RETURN_BIT_RATE).encode(silence))


class _on_time:
    """No full collection on the ticks, and no decoder's thread that keeps them waiting."""

    def __enter__(self) -> None:
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.collect()
        gc.freeze()
        gc.disable()

    def __exit__(self, *exc: object) -> None:
        gc.enable()
        gc.unfreeze()
        sys.setswitchinterval(self._interval)


async def _connect(url: str, name: str, stop: asyncio.Event) -> Bus | None:
    """The bus, or None if we are asked to end before it is there."""
    connecting, stopping = asyncio.create_task(Bus.connect(url, name)), asyncio.create_task(stop.wait())
    await asyncio.wait((connecting, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if connecting.done():
        return connecting.result()
    connecting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await connecting
    return None
