"""The echo detector alone: one seat talks, another one's loudspeaker sends what it hears back."""

import numpy as np
import pytest

from rostra.mixing.echo import EchoDetector
from tests.sounds import Pcm, frames, noise, pcm, silence, voice


class Rig:
    """Two seats; row 0's voice is sent to row 1."""

    def __init__(self) -> None:
        self.detector = EchoDetector(2)
        self.found_s: float | None = None
        self.only: list[bool] = []
        self.tainted: list[bool] = []

    def play(self, first: Pcm, second: Pcm) -> None:
        for a, b in zip(frames(first), frames(second), strict=True):
            wave = np.stack([a, b]).astype(np.float32) / 32768
            only, tainted = self.detector.hear(wave)
            self.only.append(1 in only)
            self.tainted.append(1 in tainted)
            # The echo itself is in the mix too until it is found, as in the mixer.
            self.detector.sent(np.array([1.0, 0.1 if 1 in only else 1.0], np.float32))
            if self.detector.look([0, 1]) == 1 and self.found_s is None:
                self.found_s = len(self.only) * 0.02


def echo(sound: Pcm, delay_ms: float, level_db: float, reverberation: float = 0.0, seed: int = 1) -> Pcm:
    """``sound`` through the air: late, quieter, and with so many times its power in 0.4 s of ringing."""
    wave = sound.astype(np.float64) / 32768
    if reverberation:
        ring = np.random.default_rng(seed).standard_normal(19_200) * 10 ** (-3 * np.arange(19_200) / 19_200)
        ring *= np.sqrt(reverberation / np.sum(ring**2))
        ring[0] += 1.0
        size = 1 << (len(wave) + len(ring)).bit_length()
        wave = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(ring / np.sqrt(1 + reverberation), size), size)
        wave = wave[: len(sound)]
    late = round(delay_ms * 48)
    return pcm(np.concatenate([np.zeros(late), wave])[: len(sound)] * 10 ** (level_db / 20))


def mixed(*sounds: Pcm) -> Pcm:
    return np.clip(np.sum([s.astype(int) for s in sounds], axis=0), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("delay_ms", [25, 150, 420, 590])
def test_an_echo_is_found_with_its_delay_and_level(delay_ms: float) -> None:
    sound = voice(5.0, seed=1)
    rig = Rig()
    rig.play(sound, mixed(echo(sound, delay_ms, -10), noise(5.0, 1, -65)))
    assert rig.found_s is not None and rig.found_s < 3.0
    assert rig.detector.delay_ms(1) == pytest.approx(delay_ms, abs=2.0)
    assert rig.detector.known[1] == pytest.approx(-10, abs=2.5)
    assert rig.detector.delay_ms(0) == 0.0


@pytest.mark.parametrize(("reverberation", "level_db"), [(1.0, -10), (3.0, -20), (10.0, -25)])
def test_a_reverberant_room_does_not_hide_it(reverberation: float, level_db: float) -> None:
    sound = voice(6.0, seed=2, pitch_hz=160)
    rig = Rig()
    rig.play(sound, mixed(echo(sound, 180, level_db, reverberation), noise(6.0, 2, -66)))
    assert rig.found_s is not None
    later = rig.only[round(rig.found_s * 50) + 10 :]
    assert np.mean(later) > 0.8


def test_two_people_who_talk_at_once_are_no_echo() -> None:
    rig = Rig()
    rig.play(voice(12.0, seed=16, pitch_hz=120), voice(12.0, seed=17, pitch_hz=125))
    assert not rig.detector.known


def test_clicks_on_both_sides_are_no_echo() -> None:
    rng = np.random.default_rng(3)

    def desk(seed: int) -> Pcm:
        wave = noise(12.0, seed, -55).astype(np.float64) / 32768
        for at in rng.integers(0, len(wave) - 400, 5):
            wave[at : at + 300] += 0.3 * rng.standard_normal(300) * np.exp(-np.arange(300) / 60)
        return pcm(wave)

    rig = Rig()
    rig.play(desk(1), desk(2))
    assert not rig.detector.known


def test_who_talks_over_the_echo_is_not_taken_for_it() -> None:
    sound = voice(9.0, seed=4)
    person = np.concatenate([silence(5.0), voice(4.0, seed=5, pitch_hz=200)])
    rig = Rig()
    rig.play(sound, mixed(echo(sound, 150, -20, 1.0), person, noise(9.0, 4, -66)))
    assert rig.found_s is not None and rig.found_s < 4.0
    assert np.mean(rig.only[round(rig.found_s * 50) + 10 : 250]) > 0.8
    assert np.mean(rig.only[260:440]) < 0.2
    assert np.mean(rig.tainted[200:250]) > 0.9


def test_it_is_forgotten_once_they_wear_headphones() -> None:
    sound = voice(12.0, seed=6)
    heard = np.concatenate([echo(sound, 150, -10)[: 5 * 48_000], noise(7.0, 6, -66)])
    rig = Rig()
    rig.play(sound, heard)
    assert rig.found_s is not None
    assert not rig.detector.known


def test_reset_forgets_the_row() -> None:
    sound = voice(4.0, seed=7)
    rig = Rig()
    rig.play(sound, echo(sound, 100, -10))
    assert 1 in rig.detector.known
    rig.detector.reset(1)
    assert not rig.detector.known
    rig.play(voice(2.0, seed=8), noise(2.0, 8, -30))
    assert not rig.detector.known


def test_silence_is_not_looked_at() -> None:
    rig = Rig()
    rig.play(silence(2.0), silence(2.0))
    rig.play(silence(2.0), voice(2.0, seed=9))
    assert not rig.detector.known
