import numpy as np
import pytest

from rostra.mixing.kweighting import KWeighting, lufs
from tests.sounds import frames, loudness_lufs, noise, tone, voice


def powers(*sounds: np.ndarray) -> np.ndarray:
    weighting = KWeighting(8)
    ticks = zip(*(frames(s) for s in sounds), strict=True)
    return np.array([weighting.mean_square(np.stack(tick).astype(np.float32) / 32768) for tick in ticks])


@pytest.mark.parametrize(("hz", "expected"), [(40.0, -26.3), (100.0, -21.8), (997.0, -20.0), (10_000.0, -16.7)])
def test_tones_read_as_the_recommendation_says(hz: float, expected: float) -> None:
    """BS.1770-5: 997 Hz at -20 dBFS RMS in one channel reads -20 LUFS; its figures 2 and 4 for the others."""
    heard = powers(tone(hz, 1.0, -20.0))[10:].mean(axis=0)
    assert float(lufs(heard)[0]) == pytest.approx(expected, abs=0.1)


def test_it_is_the_filter_itself_for_every_row() -> None:
    sounds = [voice(3.0, seed=i, level_dbfs=-10 - 8 * i) for i in range(4)] + [noise(3.0, seed=9, level_dbfs=-30)]
    mean = powers(*sounds).mean(axis=0)
    # Steady noise passes all gates, so the integrated loudness of the tests' own meter is that of the whole.
    assert float(lufs(mean)[4]) == pytest.approx(loudness_lufs(sounds[4]), abs=0.05)
    for row, sound in enumerate(sounds[:4]):
        alone = powers(sound).mean(axis=0)
        assert float(mean[row]) == pytest.approx(float(alone[0]), rel=1e-4)


def test_reset_forgets_a_row_and_only_that() -> None:
    loud = np.stack([frames(tone(50, 0.02, -6))[0]] * 2).astype(np.float32) / 32768
    weighting = KWeighting(2)
    weighting.mean_square(loud)
    weighting.reset(0)
    ringing = weighting.mean_square(np.zeros_like(loud))
    assert float(ringing[0]) == 0.0
    assert float(ringing[1]) > 0.0


def test_silence_is_a_number() -> None:
    assert float(lufs(np.zeros(1, np.float32))[0]) == pytest.approx(-120, abs=1)
