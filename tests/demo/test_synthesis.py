from __future__ import annotations

import numpy as np
import pytest

from rostra.demo.synthesis import HOP, Sound, Timbre, melody, speak
from rostra.units import SAMPLE_RATE

TIMBRE = Timbre(pitch_hz=110.0, formant_scale=1.0, breath=0.02, pace=1.0, liveliness=1.0)


def say(*symbols: str, question: bool = False, timbre: Timbre = TIMBRE) -> np.ndarray:
    return speak([Sound(s) for s in symbols], timbre, question, np.random.default_rng(3))


def spectrum(sound: np.ndarray) -> np.ndarray:
    return np.abs(np.fft.rfft(sound * np.hanning(len(sound)), SAMPLE_RATE)) ** 2


def share(sound: np.ndarray, low_hz: int, high_hz: int) -> float:
    power = spectrum(sound)
    return float(np.sum(power[low_hz:high_hz]) / np.sum(power))


@pytest.mark.parametrize(
    ("vowel", "low_hz", "high_hz", "other_hz"),
    [("IY", 2000, 2900, (900, 1500)), ("AA", 550, 1300, (1800, 2400)), ("UW", 100, 1100, (1500, 2200))],
)
def test_a_vowel_has_its_formants(vowel: str, low_hz: int, high_hz: int, other_hz: tuple[int, int]) -> None:
    sound = say(vowel, vowel)
    assert share(sound, low_hz, high_hz) > 2 * share(sound, *other_hz)


def test_a_fricative_is_high_noise() -> None:
    assert share(say("S", "S"), 4000, 11000) > 0.8
    assert share(say("SH", "SH"), 2000, 6000) > 0.8


def test_a_stop_is_silent_before_its_burst() -> None:
    sound = say("T", "_")
    closure = sound[HOP * 2 : HOP * 6]
    assert np.sqrt(np.mean(closure**2)) < 0.1 * np.max(np.abs(sound))


def test_a_question_rises_and_a_statement_falls() -> None:
    asked, said = (melody(200, [100.0], TIMBRE, question, np.random.default_rng(3)) for question in (True, False))
    assert asked[-1] > 1.2 * asked[120]
    assert said[-1] < 0.9 * said[120]
    assert 60 < np.min(said) < np.max(asked) < 250


def test_length_follows_pace() -> None:
    slow = Timbre(pitch_hz=110.0, formant_scale=1.0, breath=0.02, pace=2.0, liveliness=1.0)
    assert len(say("AA", "L", timbre=slow)) == pytest.approx(2 * len(say("AA", "L")), rel=0.05)


def test_nothing_is_not_a_number() -> None:
    assert np.all(np.isfinite(say("_", "HH", "M", "CH", "ER", "_")))
