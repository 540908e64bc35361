"""The resampler: exact where it may be, quiet about its work everywhere else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rostra.stage.resample import HALF, MAX_STEP, Resampler
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE

N = FRAME_SAMPLES


def tone(hz: float, samples: int) -> NDArray[np.float64]:
    return 20_000 * np.sin(2 * np.pi * hz * np.arange(samples) / SAMPLE_RATE)


def snr_db(wanted: NDArray[np.float64], got: NDArray[np.int16]) -> float:
    noise = got - wanted
    return float(10 * np.log10(np.mean(wanted**2) / np.mean(noise**2)))


def test_a_whole_frame_passes_bit_for_bit() -> None:
    sound = np.random.default_rng(1).integers(-32768, 32767, 10 * N).astype(np.int16)
    resampler = Resampler()
    out = np.concatenate([resampler.frame(sound[i : i + N]) for i in range(0, len(sound), N)])
    assert (out[HALF:] == sound[:-HALF]).all()


@pytest.mark.parametrize("n", [N - MAX_STEP, N - 5, N + 1, N + 5, N + MAX_STEP])
@pytest.mark.parametrize(("hz", "least_db"), [(1_000, 75), (8_000, 65), (12_000, 60)])
def test_signal_to_noise(n: int, hz: int, least_db: float) -> None:
    ticks = 25
    sound = np.rint(tone(hz, ticks * n)).astype(np.int16)
    resampler = Resampler()
    out = np.concatenate([resampler.frame(sound[i : i + n]) for i in range(0, len(sound), n)])
    place = np.arange(ticks * N) * (n / N) - HALF
    wanted = 20_000 * np.sin(2 * np.pi * hz * place / SAMPLE_RATE)
    assert snr_db(wanted[N:], out[N:]) > least_db


def test_changing_the_ratio_every_tick_leaves_no_seam() -> None:
    steps = [N, N + 5, N + 4, N, N - 5, N, N + 20, N - 20] * 4
    sound = np.rint(tone(1_000, sum(steps))).astype(np.int16)
    resampler = Resampler()
    out, wanted, begin = [], [], 0
    for n in steps:
        out.append(resampler.frame(sound[begin : begin + n]))
        place = begin - HALF + np.arange(N) * (n / N)
        wanted.append(20_000 * np.sin(2 * np.pi * 1_000 * place / SAMPLE_RATE))
        begin += n
    assert snr_db(np.concatenate(wanted)[N:], np.concatenate(out)[N:]) > 70


def test_loud_sound_is_clipped_and_not_wrapped() -> None:
    square = np.where(np.arange(2 * (N + 7)) // 24 % 2, 32767, -32768).astype(np.int16)
    resampler = Resampler()
    resampler.frame(square[: N + 7])
    out = resampler.frame(square[N + 7 :])
    assert np.abs(np.diff(out.astype(int))).max() <= 65_535 and out.max() == 32767 and out.min() == -32768


@pytest.mark.parametrize("n", [0, N - MAX_STEP - 1, N + MAX_STEP + 1])
def test_anything_else_is_our_mistake(n: int) -> None:
    with pytest.raises(ValueError, match="cannot be made"):
        Resampler().frame(np.zeros(n, np.int16))
