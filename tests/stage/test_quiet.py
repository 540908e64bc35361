"""What is heard where nothing is said."""

from __future__ import annotations

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
