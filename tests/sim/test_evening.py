"""An evening on the virtual clock: early comers wait, it starts at the minute, something is dumped, it ends.

A speaker's pitch says when it was said, so that one can hear in what listeners got which of it went out, and when.
"""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass, field

import av
import numpy as np
import pytest

from rostra.stage.news import News
from rostra.stage.programme import Programme
from rostra.units import (
    FRAME_SAMPLES,
    SAMPLE_RATE,
    EncodedFrame,
    MediaTime,
    Monotonic,
    Part,
    Pcm,
    PcmFrame,
    Rendition,
    WallTime,
)
from rostra.units import RoomState as State
from rostra.wire.emsg import read_events, snapshot_emsg
from rostra.wire.listeners import Snapshot
from rostra.wire.rooms import Room
from tests import sounds
from tests.packaging.making import EPOCH
from tests.sim.bus import SimBus
from tests.sim.crowd import Crowd
from tests.sim.edge import SimEdge
from tests.sim.network import Link
from tests.sim.stage import RENDITIONS, Fine, Packet, SimStage, Speaker

AT_S = 10.0
DELAY_S = 3.0
DUMP_S, END_S = 22.2, 30.0

SAID = {
    "before": (400, 1.0, 9.0),
    "first": (700, 9.0, 19.4),
    "slip": (1100, 19.4, 22.0),
    "after": (1600, 22.0, END_S),
    "too late": (2300, END_S, 40.0),
}
"""What the speaker says: pitch, from, until."""

pytestmark = pytest.mark.timeout(120)


def speech() -> Pcm:
    """Tones that come and go like syllables: one that never ends is a hum to the mixer."""
    whole = np.zeros(round(41 * SAMPLE_RATE), np.int16)
    soft = np.hanning(1920) / np.hanning(1920).sum()
    for hz, begin, end in SAID.values():
        syllables = np.arange(round((end - begin) * SAMPLE_RATE)) // 12_000 % 2 == 0
        syllables[-2000:] = syllables[:1000] = False
        at = round(begin * SAMPLE_RATE)
        tone = sounds.tone(hz, end - begin, -20.0) * np.convolve(syllables, soft, "same")
        whole[at : at + len(tone)] = tone.astype(np.int16)
    return whole


class OnAir(Fine):
    """The stage's sound, with all that lies between mixer and encoders."""

    def __init__(self) -> None:
        super().__init__()
        self.news = News()
        room = Room("sim", "An evening", State.OPEN, WallTime(EPOCH + AT_S), WallTime(EPOCH), delay_s=DELAY_S)
        self.programme = Programme(room, self.news)
        self.turns: list[tuple[float, State]] = []
        self.green: list[Pcm] = []
        """What speakers hear."""

    def frames(self, time: MediaTime, voices: dict[str, Pcm | None]) -> itertools.chain[EncodedFrame]:
        mixed = self._mixer.tick(time, voices)
        now = (time + FRAME_SAMPLES) / SAMPLE_RATE
        self.green.append(mixed.program.samples)
        aired = self.programme.tick(
            mixed.program, mixed.levels, connected=True, now=Monotonic(now), wall=WallTime(EPOCH + now)
        )
        if aired.turned:
            self.turns.append((now, self.news.state))
        frame = PcmFrame(time, aired.frame.samples)
        return itertools.chain.from_iterable(encoder.encode(frame) for encoder in self._encoders.values())


class Stage(SimStage):
    news: News

    def _snapshot(self, time: MediaTime) -> bytes:  # type: ignore[override]
        return snapshot_emsg(self.news.snapshot("any", first=True), time)


@dataclass
class Evening:
    parts: list[Part] = field(default_factory=list)
    sound: OnAir = field(default_factory=OnAir)
    crowd: Crowd = field(default_factory=lambda: Crowd(5, np.linspace(1.0, 9.0, 2000)))
    dumped_s: float = 0.0
    ended_at: float = 0.0

    def run(self) -> Evening:
        bus, edge = SimBus("evening"), SimEdge("edge", self.crowd, lambda now: 0.05)
        bus.subscribe(edge.on_part, 0.0)
        speaker = Speaker(960, sound=speech())
        air: Link[Packet] = Link("air", delay_s=0.02, jitter_s=0.005)
        stage = Stage(1, self.sound, MediaTime(0), dict.fromkeys(RENDITIONS, 8), 0.0)
        stage.news = self.sound.news
        programme = self.sound.programme
        for count in range(round(40 / 0.02)):
            now = count * 0.02
            for packet in speaker.packets(now):
                air.send(packet, now)
            for packet, at in air.arrived(now):
                stage.hear("host", packet, at)
            if count == round(DUMP_S * 50):
                self.dumped_s = programme.dump()
            if count == round(END_S * 50):
                programme.end()
            if not programme.over:
                for part in stage.advance(now):
                    self.parts.append(part)
                    bus.publish(part, now)
                self.ended_at = now
            bus.deliver(now)
            if count % 12 == 0:
                # Once it is over, players run dry, as they should.
                edge.excused = now > END_S + DELAY_S
                edge.tick(now)
            if count % 50 == 0:
                edge.second(now)
        return self

    def heard(self, rendition: Rendition) -> Pcm:
        own = [p for p in self.parts if p.name.rendition is rendition]
        data = own[0].init + b"".join(p.payload for p in own)
        with av.open(io.BytesIO(data)) as container:
            whole = np.zeros(round(41 * SAMPLE_RATE), np.int16)
            for f in container.decode(audio=0):
                samples = sounds.pcm(f.to_ndarray()[0])
                begin = max(0, f.pts)
                whole[begin : begin + len(samples)] = samples[begin - f.pts :]
        return whole


@pytest.fixture(scope="module")
def evening() -> Evening:
    return Evening().run()


def level(sound: Pcm, hz: int, begin: float, end: float) -> float:
    """The loudest of a pitch within some time, in dBFS, by pieces of 40 ms."""
    piece = sound[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    pieces = piece[: len(piece) // 1920 * 1920].reshape(-1, 1920) * np.hanning(1920)
    spectrum = np.abs(np.fft.rfft(pieces / 32768, axis=1)) / 480
    at = round(hz / 25)
    return 20 * float(np.log10(spectrum[:, at - 1 : at + 2].max() + 1e-9))


@pytest.mark.parametrize("rendition", RENDITIONS)
def test_listeners_hear_what_was_said_from_the_minute_on_and_nothing_of_what_was_dumped(
    evening: Evening, rendition: Rendition
) -> None:
    sound = evening.heard(rendition)
    first, after = SAID["first"][0], SAID["after"][0]
    assert level(sound, first, AT_S + DELAY_S, DUMP_S) > -35, "said from the minute on, heard the delay later"
    assert level(sound, after, DUMP_S + DELAY_S, END_S + DELAY_S) > -35
    assert level(sound, first, 0.0, AT_S + DELAY_S - 0.1) < -55, "not a moment before"
    assert level(sound, first, DUMP_S + 0.1, 40.0) < -55, "what was said in the second before the slip went with it"
    for never in ("before", "slip", "too late"):
        assert level(sound, SAID[never][0], 0.0, 40.0) < -50, never
    green = np.concatenate(evening.sound.green)
    assert level(green, SAID["before"][0], 0.0, 10.0) > -35 and level(green, SAID["slip"][0], 19.0, 23.0) > -35


def test_the_stream_that_early_comers_hold_goes_on_and_nobody_runs_dry(evening: Evening) -> None:
    for rendition in RENDITIONS:
        own = [p for p in evening.parts if p.name.rendition is rendition]
        assert all(b.time == a.end for a, b in itertools.pairwise(own))
    assert evening.crowd.joined == 2000 and evening.crowd.underruns.max() == 0
    assert evening.crowd.least_held > 0


def test_before_it_starts_there_is_a_quiet_sound_and_no_silence(evening: Evening) -> None:
    for rendition in RENDITIONS:
        waiting = evening.heard(rendition)[SAMPLE_RATE : round((AT_S + DELAY_S - 0.1) * SAMPLE_RATE)]
        assert -70 < sounds.dbfs(waiting) < -40
        assert min(sounds.dbfs(p) for p in waiting[: len(waiting) // 4800 * 4800].reshape(-1, 4800)) > -80


def test_listeners_are_told_when_the_sound_is_there(evening: Evening) -> None:
    assert [state for _, state in evening.sound.turns] == [State.LIVE]
    assert evening.sound.turns[0][0] == pytest.approx(AT_S + DELAY_S, abs=0.1)
    for part in evening.parts:
        (told,) = [e for e in read_events(part.metadata) if isinstance(e, Snapshot)]
        if part.end / SAMPLE_RATE < AT_S + DELAY_S:
            assert (told.state, told.levels) == ("open", {})
        elif part.time / SAMPLE_RATE > AT_S + DELAY_S:
            assert told.state == "live"


def test_what_was_dumped_and_the_end(evening: Evening) -> None:
    assert evening.dumped_s == pytest.approx(DELAY_S)
    assert evening.ended_at == pytest.approx(END_S + DELAY_S, abs=0.05)
    assert evening.sound.programme.state is State.ENDED


def test_it_is_heard_what_is_not_dumped() -> None:
    """The negative control: of the same evening without the button, the slip is found."""
    careless = Evening()
    careless.sound.programme.dump = lambda: 0.0  # type: ignore[method-assign]
    assert level(careless.run().heard(Rendition.OPUS), SAID["slip"][0], 0.0, 40.0) > -35
