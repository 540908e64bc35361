"""A stretch of the path with its real codecs and mixer: what listeners decode is what was said, through loss, drift, a
crash and a late start."""

from __future__ import annotations

import io
import itertools

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from rostra.packaging import first_sequence
from rostra.units import SAMPLE_RATE, MediaTime, Pcm, Rendition
from tests.sim.bus import SimBus
from tests.sim.crowd import Crowd
from tests.sim.edge import SimEdge
from tests.sim.network import Link
from tests.sim.stage import RENDITIONS, Fine, Packet, SimStage, Speaker
from tests.sounds import pcm, voice

TURN_S = 6.0
CRASH_S, BACK_S = 8.0, 8.6
END_S = 3 * TURN_S
SEATS = ("ann", "bob", "eve")
SOUNDS = {s: voice(TURN_S, seed=40 + i, pitch_hz=100 + 45 * i) for i, s in enumerate(SEATS)}

pytestmark = pytest.mark.timeout(120)


def in_turn(seat: str) -> Pcm:
    """What a seat sends: its own turn, and nothing in the others'."""
    sound = np.zeros(round((END_S + 1) * SAMPLE_RATE), np.int16)
    start = round(SEATS.index(seat) * TURN_S * SAMPLE_RATE)
    sound[start : start + len(SOUNDS[seat])] = SOUNDS[seat]
    return sound


class Stream:
    """What the edge pushes to one who is there from some moment on."""

    def __init__(self) -> None:
        self.data: dict[Rendition, bytes] = {}

    def begin(self, edge: SimEdge) -> None:
        for rendition in RENDITIONS:
            self.data[rendition] = b"".join(p.data for p in edge.room.feeds[rendition].backlog(0.5))


@pytest.fixture(scope="module")
def streams() -> list[Stream]:
    """Of a listener from the beginning and of one who comes at 3.3 s."""
    bus = SimBus("sound")
    edge = SimEdge("edge", Crowd(1, np.zeros(0)), lambda now: 0.0)
    bus.subscribe(edge.room.on_part, 0.0)  # type: ignore[arg-type, return-value]
    off = {"ann": 0.001, "bob": -0.001, "eve": 0.0}
    speakers = {s: Speaker(960, off=off[s], sound=in_turn(s)) for s in SEATS}
    air: dict[str, Link[Packet]] = {s: Link(s, delay_s=0.02, jitter_s=0.005, loss=0.02) for s in SEATS}
    stage: SimStage | None = SimStage(1, Fine(), MediaTime(0), dict.fromkeys(RENDITIONS, 8), 0.0)
    first, late = Stream(), Stream()
    for count in range(round(END_S * 50)):
        now = count * 0.02
        for seat in SEATS:
            for packet in speakers[seat].packets(now):
                air[seat].send(packet, now)
            for packet, at in air[seat].arrived(now):
                if stage is not None:
                    stage.hear(seat, packet, at)
        if count == round(CRASH_S * 50):
            stage = None
        if count == round(BACK_S * 50):
            known = {r: bus.last_known(r, now) for r in RENDITIONS}
            base = MediaTime(-(-round(now * SAMPLE_RATE) // 960) * 960)
            numbers = {r: first_sequence(r, 2, base, p.name.sequence if p else None) for r, p in known.items()}
            stage = SimStage(2, Fine(), base, numbers, now)
        for part in stage.advance(now) if stage is not None else ():
            bus.publish(part, now)
        bus.deliver(now)
        if count == 0:
            first.begin(edge)
        if count == 165:
            late.begin(edge)
        # Both are flushed from the same feed, as they are in an edge.
        for rendition in RENDITIONS:
            feed = edge.room.feeds[rendition]
            if feed.due(0.5, now):
                data = b"".join(p.data for p in feed.flush())
                for stream in (first, late):
                    if rendition in stream.data:
                        stream.data[rendition] += data
    return [first, late]


def heard(stream: Stream, rendition: Rendition) -> dict[str, Pcm]:
    """What was decoded, each turn by its media time; zeros where nothing came."""
    with av.open(io.BytesIO(stream.data[rendition])) as container:
        frames = [(f.pts, pcm(f.to_ndarray()[0])) for f in container.decode(audio=0)]
    whole = np.zeros(round((END_S + 1) * SAMPLE_RATE), np.int16)
    for time, samples in frames:
        whole[time : time + len(samples)] = samples
    turn = round(TURN_S * SAMPLE_RATE)
    return {s: whole[i * turn : (i + 1) * turn] for i, s in enumerate(SEATS)}


def course(sound: Pcm) -> NDArray[np.float64]:
    """How loud each of 24 bands (100 Hz to 6 kHz) is, every 20 ms, in powers of ten: shape (24, n).

    A jitter buffer at work plays a little faster or slower, which moves samples but leaves this as it is.
    """
    frames = sound[: len(sound) // 960 * 960].reshape(-1, 960).astype(np.float64) * np.hanning(960)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    edges = np.geomspace(2, 120, 25).round().astype(int)
    bands = np.stack([power[:, a : max(b, a + 1)].mean(axis=1) for a, b in itertools.pairwise(edges)])
    return np.log10(bands + 1e4)


def alike(said: Pcm, heard: Pcm) -> float:
    """The best correlation of the two courses, over shifts of up to half a second, where there is something to hear."""
    a, b = course(said), course(heard)
    there = np.abs(heard[: len(heard) // 960 * 960].reshape(-1, 960)).max(axis=1) > 0
    best = 0.0
    for shift in range(26):
        n = min(a.shape[1], b.shape[1] - shift)
        mask = there[shift : shift + n]
        x, y = (c - c.mean(axis=1, keepdims=True) for c in (a[:, :n][:, mask], b[:, shift : shift + n][:, mask]))
        best = max(best, float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())))
    return best


@pytest.mark.parametrize("rendition", RENDITIONS)
@pytest.mark.parametrize("who", [0, 1], ids=["from the beginning", "late"])
def test_each_turn_is_heard_from_whom_it_was(streams: list[Stream], rendition: Rendition, who: int) -> None:
    for seat, sound in heard(streams[who], rendition).items():
        assert np.count_nonzero(sound) > 2 * SAMPLE_RATE
        others = [alike(SOUNDS[other], sound) for other in SEATS if other != seat]
        assert alike(SOUNDS[seat], sound) > 0.8
        assert max(others) < 0.6, "the negative control: the others' voices are not found in it"


def test_the_crash_is_the_only_hole(streams: list[Stream]) -> None:
    with av.open(io.BytesIO(streams[0].data[Rendition.OPUS])) as container:
        times = [p.pts for p in container.demux(audio=0) if p.pts is not None]
    holes = [(a, b) for a, b in itertools.pairwise(times) if b - a != 960]
    assert len(holes) == 1
    start, end = (t / SAMPLE_RATE for t in holes[0])
    assert CRASH_S - 0.6 < start < CRASH_S and BACK_S - 0.05 < end < BACK_S + 0.1
