"""The leveller alone: fed with weighted frame powers, as the mixer does."""

from itertools import pairwise

import numpy as np
import pytest

from rostra.mixing import MixerSettings
from rostra.mixing.kweighting import KWeighting
from rostra.mixing.loudness import Leveller
from tests.sounds import Pcm, frames, loudness_lufs, noise, silence, tone, voice

NO = np.zeros(1, np.bool_)
YES = np.ones(1, np.bool_)


class Rig:
    """One voice through meter and leveller; what it would sound like afterwards, without the mixer's drawn gains."""

    def __init__(self, **settings: float) -> None:
        self.leveller = Leveller(1, MixerSettings(**settings))
        self._weighting = KWeighting(1)
        self.gains: list[float] = []
        self.active: list[bool] = []

    def say(self, sound: Pcm, foreign: np.ndarray = NO, tainted: np.ndarray = NO) -> Pcm:
        out = []
        for frame in frames(sound):
            wave = frame[np.newaxis].astype(np.float32) / 32768
            self.leveller.advance(self._weighting.mean_square(wave), foreign, tainted)
            gain = float(self.leveller.gain_db[0] + self.leveller.gate_db[0])
            self.gains.append(float(self.leveller.gain_db[0]))
            self.active.append(bool(self.leveller.active[0]))
            out.append(frame * 10 ** (gain / 20))
        return np.clip(np.concatenate(out), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("level", [-40, -30, -20, -10, -6])
@pytest.mark.parametrize("seed", [1, 2])
def test_quiet_and_loud_end_within_a_loudness_unit_and_a_half(level: int, seed: int) -> None:
    heard = Rig().say(voice(10.0, seed=seed, level_dbfs=level))
    assert loudness_lufs(heard[3 * 48_000 :]) == pytest.approx(-18, abs=1.5)
    assert loudness_lufs(heard[3 * 48_000 : 6 * 48_000]) == pytest.approx(-18, abs=2.0)


def test_another_target_and_the_bounds_of_gain() -> None:
    assert loudness_lufs(Rig(loudness_lufs=-24).say(voice(8.0, seed=3))[144_000:]) == pytest.approx(-24, abs=1.5)
    rig = Rig(max_gain_db=6.0)
    rig.say(voice(6.0, seed=3, level_dbfs=-40))
    assert rig.gains[-1] == pytest.approx(6.0)


def test_the_gain_comes_to_rest() -> None:
    rig = Rig()
    rig.say(voice(20.0, seed=4, level_dbfs=-35))
    settled = rig.gains[12 * 50 :]
    assert max(settled) - min(settled) < 1.5
    assert sum(a != b for a, b in pairwise(settled)) < 50


def test_a_pause_however_long_changes_no_gain() -> None:
    rig = Rig()
    rig.say(voice(6.0, seed=5, level_dbfs=-35))
    before = rig.gains[-1]
    rig.say(silence(20.0))
    assert rig.gains[-1] == before
    rig.say(noise(20.0, seed=1, level_dbfs=-58))
    assert rig.gains[-1] == pytest.approx(before, abs=0.5)


@pytest.mark.parametrize("first", [silence(1.0), noise(1.0, 3, -75.0), voice(4.0, seed=6, level_dbfs=-38)])
def test_the_noise_of_a_room_is_never_lifted(first: Pcm) -> None:
    rig = Rig()
    rig.say(first)
    heard = rig.say(noise(10.0, seed=2, level_dbfs=-52))
    steady = heard[5 * 48_000 :]
    assert loudness_lufs(steady) < loudness_lufs(noise(5.0, seed=2, level_dbfs=-52)) - 8
    assert not any(rig.active[-250:])


def test_a_quiet_voice_over_noise_is_lifted() -> None:
    mixture = (voice(10.0, seed=7, level_dbfs=-36).astype(int) + noise(10.0, 4, -58)).astype(np.int16)
    assert loudness_lufs(Rig().say(mixture)[144_000:]) == pytest.approx(-18, abs=2.0)


def test_the_gate_opens_within_a_frame() -> None:
    rig = Rig()
    rig.say(noise(2.0, seed=5, level_dbfs=-60))
    assert not rig.active[-1]
    rig.say(tone(300, 0.02, -30))
    assert rig.active[-1]
    assert float(rig.leveller.gate_db[0]) == 0.0


def test_who_begins_to_shout_is_caught() -> None:
    rig = Rig()
    rig.say(voice(8.0, seed=8, level_dbfs=-38))
    shout = rig.say(voice(6.0, seed=9, level_dbfs=-12))
    assert loudness_lufs(shout[48_000 : 3 * 48_000]) < -8
    assert loudness_lufs(shout[3 * 48_000 :]) == pytest.approx(-18, abs=2.5)


def test_what_is_foreign_neither_opens_nor_counts() -> None:
    rig = Rig()
    rig.say(voice(5.0, seed=10, level_dbfs=-30), foreign=YES, tainted=YES)
    assert not any(rig.active)
    assert rig.gains[-1] == 0.0
    assert float(rig.leveller.speech_lufs[0]) == -np.inf


def test_what_is_tainted_is_heard_but_does_not_count() -> None:
    rig = Rig()
    rig.say(voice(5.0, seed=10, level_dbfs=-30), tainted=YES)
    assert any(rig.active)
    assert rig.gains[-1] == 0.0


def test_what_turned_out_to_be_foreign_is_unlearnt() -> None:
    fresh = Rig()
    fresh.say(voice(2.0, seed=11, level_dbfs=-40))
    assert fresh.gains[-1] > 10
    fresh.leveller.discount_recent(0)
    assert float(fresh.leveller.gain_db[0]) == 0.0

    known = Rig()
    known.say(voice(10.0, seed=11, level_dbfs=-25))
    learnt = float(known.leveller.speech_lufs[0])
    known.say(voice(1.5, seed=12, level_dbfs=-45))
    known.leveller.discount_recent(0)
    known.say(voice(3.0, seed=13, level_dbfs=-25))
    assert float(known.leveller.speech_lufs[0]) == pytest.approx(learnt, abs=1.0)


def test_a_new_voice_in_the_row_begins_afresh() -> None:
    rig = Rig()
    rig.say(voice(5.0, seed=14, level_dbfs=-40))
    rig.leveller.reset(0)
    assert float(rig.leveller.gain_db[0]) == 0.0
    assert not rig.leveller.active[0]
    assert loudness_lufs(rig.say(voice(8.0, seed=15, level_dbfs=-10))[144_000:]) == pytest.approx(-18, abs=1.5)
