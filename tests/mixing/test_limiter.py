import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.mixing.limiter import LOOK_AHEAD_SAMPLES, RECOVERY_DB_S, Limiter
from tests.sounds import snr_db, tone

CEILING = 10 ** (-1 / 20)


def limited(wave: np.ndarray, limiter: Limiter | None = None) -> np.ndarray:
    limiter = limiter or Limiter(1, -1.0)
    joined = np.concatenate([np.zeros(LOOK_AHEAD_SAMPLES), wave]).astype(np.float32)
    ticks = [
        limiter.process(np.array([0]), joined[np.newaxis, i : i + LOOK_AHEAD_SAMPLES + 960])[0][0]
        for i in range(0, len(wave) - 959, 960)
    ]
    return np.concatenate(ticks)


def test_what_is_below_the_ceiling_passes_unchanged_4_ms_later() -> None:
    wave = tone(440, 0.2, -6.0).astype(np.float32) / 32768
    assert LOOK_AHEAD_SAMPLES == 192
    heard = limited(wave)
    assert np.array_equal(heard[192:], (wave[: len(heard) - 192] * 32768).astype(np.int16))


@pytest.mark.parametrize("over_db", [0.1, 3, 12, 22, 40])
def test_nothing_passes_the_ceiling_and_nothing_is_cut(over_db: float) -> None:
    wave = tone(440, 1.0, -3.01).astype(np.float64) / 32768 * 10 ** (over_db / 20)
    heard = limited(wave)
    assert int(np.abs(heard.astype(int)).max()) <= round(CEILING * 32768)
    # A limiter that cut would square the sine: its third harmonic would be 20 dB down at least.
    later = heard[24_000:43_200]
    assert snr_db(tone(440, 1.0, -6.0)[: len(later) + 240], later) > 30


def test_one_peak_bends_only_its_surroundings() -> None:
    wave = np.full(9600, 0.25)
    wave[3000] = 4.0
    heard = limited(wave).astype(float) / 32768
    assert heard[3192] == pytest.approx(CEILING, rel=0.02)
    assert heard[:2900] == pytest.approx([0.0] * 192 + [0.25] * 2708, abs=1e-4)
    assert np.abs(np.diff(heard[300:3190])).max() < 0.003  # it comes down as a line, not as a step
    depth_db = 20 * np.log10(CEILING / 4.0)
    recovered = 3192 + int(-depth_db / RECOVERY_DB_S * 48_000) + 400
    assert heard[recovered : recovered + 100] == pytest.approx(0.25, abs=1e-3)


def test_a_new_output_goes_on_where_the_other_stands() -> None:
    limiter = Limiter(3, -1.0)
    loud = np.full((1, 1152), 2.0, np.float32)
    for _ in range(3):
        limiter.process(np.array([0]), loud)
    limiter.copy(0, 2)
    both, depth = limiter.process(np.array([0, 2]), np.repeat(loud, 2, axis=0))
    assert np.array_equal(both[0], both[1])
    assert float(depth[0]) == pytest.approx(20 * np.log10(CEILING / 2.0), abs=0.01)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 30), st.integers(1, 2000))
def test_no_sound_whatever_passes_the_ceiling(seed: int, loudness: float, bursts: int) -> None:
    rng = np.random.default_rng(seed)
    wave = rng.standard_normal(960 * 6) * rng.choice([0.0, 0.05, loudness], 960 * 6, p=[0.3, 0.6, 0.1])
    wave[rng.integers(0, len(wave), bursts)] *= 4
    assert int(np.abs(limited(wave).astype(int)).max()) <= round(CEILING * 32768) + 1
