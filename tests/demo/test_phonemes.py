from __future__ import annotations

import pytest

from rostra.demo.phonemes import LONG_RELEASE, PHONEMES, Manner, Phoneme


def test_formants_rise_and_are_human() -> None:
    for symbol, phoneme in PHONEMES.items():
        for first, second, third in phoneme.formants:
            assert 200 <= first < second < third <= 3000, symbol


def test_a_diphthong_has_two_targets() -> None:
    assert all(len(PHONEMES[s].formants) == 2 for s in ("AY", "AW", "EY", "OW", "OY"))


def test_hiss_has_a_place() -> None:
    assert all(p.noise_hz > 0 for p in PHONEMES.values() if p.manner in (Manner.FRICATIVE, Manner.STOP))
    assert PHONEMES.keys() >= LONG_RELEASE


def test_a_phoneme_without_target_is_refused() -> None:
    with pytest.raises(ValueError, match="target"):
        Phoneme(Manner.VOWEL, 0.1, ())
