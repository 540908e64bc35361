"""The buffer of a source: bursts, stalls, clocks that are off, the brim, the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from rostra.stage.stream import ABOVE, CAPACITY, FIRST_TARGET, MAX_TARGET, MS, StreamBuffer
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Pcm
from tests import sounds


@dataclass
class Played:
    out: Pcm
    buffer: StreamBuffer
    least: int
    """Fill after half a minute, at the least, and at the most."""
    most: int


def play(sound: Pcm, clock: float = 1.0, burst: int = 1152, seconds: float = 60, ahead: int = 0) -> Played:
    """Feed ``sound`` in a loop, in bursts, at the source's clock (1.005: 0.5% fast), and pull for ``seconds``."""
    buffer = StreamBuffer()
    sent, out, fills = 0, [], [0]
    looped = np.tile(sound, int(seconds * SAMPLE_RATE * 1.02 / len(sound)) + 2)
    for tick in range(int(seconds * 50)):
        while sent + burst <= (tick + 1) * FRAME_SAMPLES * clock + ahead and not buffer.full:
            buffer.push(looped[sent : sent + burst])
            sent += burst
        frame = buffer.pull()
        out.append(np.zeros(FRAME_SAMPLES, np.int16) if frame is None else frame)
        fills.append(buffer.fill)
    return Played(np.concatenate(out), buffer, min(fills[1500:], default=0), max(fills[1500:], default=0))


@pytest.mark.parametrize("clock", [1.0, 1.005, 0.995])
@pytest.mark.parametrize("burst", [480, 1152, 24_000])
def test_a_clock_that_is_off_is_resampled_and_never_buffered_without_end(clock: float, burst: int) -> None:
    played = play(sounds.tone(440, 1), clock, burst, seconds=120)
    buffer = played.buffer
    assert buffer.stalls <= (0 if burst < 24_000 else 2)
    assert played.least > 60 * MS and played.most < FIRST_TARGET + ABOVE + burst * 3
    assert buffer.cut == 0, "a tone has no pauses"


@pytest.mark.parametrize("burst", [1152, 12_000, 48_000])
def test_a_source_that_keeps_time_is_never_touched_however_large_its_bursts(burst: int) -> None:
    voice = sounds.voice(20, 4)
    played = play(voice, burst=burst, seconds=19)
    assert played.buffer.stalls == 0 and played.buffer.cut == 0
    late = sounds.align(voice[SAMPLE_RATE * 3 : SAMPLE_RATE * 4], played.out) - 3 * SAMPLE_RATE
    end = len(played.out)
    assert (played.out[3 * SAMPLE_RATE :] == voice[3 * SAMPLE_RATE - late : end - late]).all(), "bit for bit"


def test_played_at_the_right_speed_it_is_what_was_sent() -> None:
    voice = sounds.voice(20, 4)
    played = play(voice, seconds=18)
    out, buffer = played.out, played.buffer
    late = sounds.align(voice[SAMPLE_RATE * 5 : SAMPLE_RATE * 6], out) - SAMPLE_RATE * 5
    assert 0 <= late < FIRST_TARGET + 3 * FRAME_SAMPLES
    assert buffer.stalls == 0
    assert sounds.snr_db(voice[SAMPLE_RATE * 5 : SAMPLE_RATE * 6], out) > 40


def test_a_burst_at_the_beginning_is_worked_off() -> None:
    played = play(sounds.voice(10, 4), ahead=2 * SAMPLE_RATE, seconds=120)
    buffer = played.buffer
    assert buffer.stalls == 0 and buffer.fill < 800 * MS and buffer.cut > 0


def test_a_file_pushed_without_pacing_is_paced_by_the_brim_and_not_sped_up() -> None:
    voice = sounds.voice(30, 4)
    played = play(voice, clock=50.0, seconds=20)
    out, buffer = played.out, played.buffer
    assert buffer.fill <= CAPACITY + 1152 and buffer.stalls == 0
    assert sounds.snr_db(voice[SAMPLE_RATE * 10 : SAMPLE_RATE * 11], out) > 60
    late = sounds.align(voice[SAMPLE_RATE * 10 : SAMPLE_RATE * 11], out) - 10 * SAMPLE_RATE
    assert abs(late - FIRST_TARGET) < 2 * FRAME_SAMPLES


def test_a_stall_is_silence_and_then_it_goes_on() -> None:
    buffer = StreamBuffer()
    tone = sounds.tone(440, 1)
    out = []
    for tick in range(300):
        if not 100 <= tick < 160:
            buffer.push(tone[:FRAME_SAMPLES])
        out.append(buffer.pull())
    assert buffer.stalls == 1 and buffer.target > FIRST_TARGET and buffer.longest_gap_ticks > 40
    assert out[150] is None and out[-1] is not None
    after = next(frame for frame in out[160:] if frame is not None)
    assert np.abs(after[:20]).max() < 600, "it fades in"
    for _ in range(40):
        buffer.pull()
        buffer.push(tone[:10])
    assert buffer.target <= MAX_TARGET


def test_what_is_left_is_played_when_it_ends() -> None:
    buffer = StreamBuffer()
    buffer.push(np.full(2500, 1000, np.int16))
    assert buffer.pull() is None, "not before there is a reserve"
    buffer.end()
    frames = [buffer.pull() for _ in range(4)]
    assert [frame is None for frame in frames] == [False, False, False, True] and buffer.finished
    assert buffer.stalls == 0
    heard = np.concatenate([f for f in frames if f is not None])
    assert (heard > 500).sum() == pytest.approx(2500 - 240, abs=20)


def test_an_empty_source_is_nothing() -> None:
    buffer = StreamBuffer()
    buffer.push(np.zeros(0, np.int16))
    buffer.end()
    assert buffer.pull() is None and buffer.finished
