"""What is heard where nothing is said."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from rostra.stage.quiet import NOISE_DBFS, PERIOD_S, PULSE_HZ, Quiet
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, MediaTime, Pcm
from tests import sounds


def play(quiet: Quiet, seconds: float, *, pulse: bool = False, begin: int = 0) -> Pcm:
    ticks = range(round(seconds * 50))
    return np.concatenate([quiet.fill(MediaTime(begin + n * FRAME_SAMPLES), None, pulse=pulse) for n in ticks])


def test_it_is_faint_and_never_silent() -> None:
    noise = play(Quiet(), 2 * PERIOD_S)
    assert sounds.dbfs(noise) == pytest.approx(NOISE_DBFS, abs=0.5)
    assert min(sounds.dbfs(frame) for frame in sounds.frames(noise)) > NOISE_DBFS - 10
    steps, seam = np.diff(noise.astype(int)), round(PERIOD_S * SAMPLE_RATE) - 1
    assert abs(steps[seam]) < 5 * steps.std(), "it joins its own beginning without a click"


def test_a_pulse_tells_who_waits_that_they_are_connected() -> None:
    sound = play(Quiet(), 2 * PERIOD_S, pulse=True)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert int(spectrum.argmax()) * SAMPLE_RATE / len(sound) == pytest.approx(PULSE_HZ, abs=2)
    assert 200 < np.abs(sound).max() < 600, "heard, and far below any voice"
    loud = np.flatnonzero([sounds.dbfs(f) > NOISE_DBFS + 12 for f in sounds.frames(sound)])
    assert np.count_nonzero(np.diff(loud) > 50) == 1, "two, some seconds apart"


def test_what_is_due_follows_from_the_time_alone() -> None:
    a, b = play(Quiet(), 1.0, begin=48_000 * 3600), play(Quiet(), 1.0, begin=48_000 * 3600)
    assert np.array_equal(a, b) and len(a) == SAMPLE_RATE


def test_sound_passes_as_it_is_and_the_seams_are_soft() -> None:
    quiet, voice = Quiet(), sounds.frames(sounds.tone(440, 0.2))
    out = [quiet.fill(MediaTime(n * FRAME_SAMPLES), pcm) for n, pcm in enumerate([None, *voice, None, None])]
    assert out[2] is voice[1] and out[10] is voice[9]
    assert abs(int(out[1][0])) < 100 and np.abs(out[1][-48:] - voice[0][-48:]).max() < 300, "it fades in"
    assert abs(int(out[11][0]) - int(voice[9][-1])) < 200, "it breaks off without a jump"
    assert np.abs(out[11][-48:]).max() < 400 and np.abs(out[12]).max() < 400
    assert all(frame.dtype == np.int16 and frame.shape == (FRAME_SAMPLES,) for frame in out)


def begins(quiet: Quiet, before_s: float, after_s: float) -> list[float]:
    """When pulses begin, in seconds before (after: below 0) the start."""
    starts, heard = list[float](), False
    for n in range(round((before_s + after_s) * 50)):
        left_s = before_s - n / 50
        frame = quiet.fill(MediaTime(n * FRAME_SAMPLES), None, pulse=True, left_s=left_s)
        loud = sounds.dbfs(frame) > NOISE_DBFS + 12
        if loud and not heard:
            starts.append(left_s)
        heard = loud
    return starts


def test_pulses_come_nearer_and_count_the_last_ten_seconds() -> None:
    found = begins(Quiet(), 90.0, 30.0)
    apart = [(a, round(a - b)) for a, b in pairwise(found)]
    assert {gap for at, gap in apart if at > 66} == {5}
    assert {gap for at, gap in apart if 33 < at <= 60} == {3}
    assert {gap for at, gap in apart if 12 < at <= 30} == {2}
    last = [at for at in found if 0.5 < at <= 10.5]
    assert [round(at) for at in last] == list(range(10, 0, -1))
    assert all(0 <= round(at) - at < 0.2 for at in last), "each on its second, its swell heard a little later"
    assert {gap for at, gap in apart if at < -6} == {5}, "a host who is late is waited for as before"


def test_no_pulse_begins_in_the_middle_or_outlives_a_voice() -> None:
    quiet, voice = Quiet(), sounds.frames(sounds.tone(440, 0.2))
    times = iter(range(10_000))

    def tick(pcm: Pcm | None, left_s: float) -> Pcm:
        return quiet.fill(MediaTime(next(times) * FRAME_SAMPLES), pcm, pulse=True, left_s=left_s)

    assert sounds.dbfs(tick(None, 5.5)) < NOISE_DBFS + 10, "who comes between two hears none that is half over"
    while sounds.dbfs(tick(None, 4.9)) < NOISE_DBFS + 15:
        pass
    for frame in voice:
        tick(frame, 4.5)
    tick(None, 4.4)
    assert max(sounds.dbfs(tick(None, 4.4)) for _ in range(20)) < NOISE_DBFS + 10
