from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from rostra.demo.script import LEXICON, SCRIPT
from rostra.demo.voices import NAMES, VOICES, conversation, sounds_of
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Pcm


@cache
def tracks() -> dict[str, Pcm]:
    return conversation()


def test_tracks_are_aligned_whole_frames_of_about_a_minute() -> None:
    lengths = {len(t) for t in tracks().values()}
    assert len(lengths) == 1
    length = lengths.pop()
    assert length % FRAME_SAMPLES == 0
    assert 40 <= length / SAMPLE_RATE <= 65
    assert all(t.dtype == np.int16 for t in tracks().values())
    assert tracks().keys() == VOICES.keys() == NAMES.keys()


@pytest.mark.parametrize("voice", list(VOICES))
def test_speech_is_at_conversational_level_and_never_clips(voice: str) -> None:
    track = tracks()[voice].astype(np.float64) / 32768
    blocks = track[: len(track) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    level = 10 * np.log10(np.maximum(np.mean(blocks**2, axis=1), 1e-12))
    spoken = level[level > -40]
    assert -26 < np.mean(spoken) < -16
    assert np.max(np.abs(track)) < 0.95
    assert 0.15 < len(spoken) / len(level) < 0.6


def test_they_take_turns() -> None:
    active = {
        v: np.sqrt(np.mean(t.reshape(-1, FRAME_SAMPLES).astype(float) ** 2, axis=1)) > 200 for v, t in tracks().items()
    }
    low, high = active.values()
    assert np.mean(low & high) < 0.03
    assert np.mean(low | high) > 0.5


def pitch(frame: np.ndarray) -> float:
    """Where the autocorrelation of the flattened spectrum peaks."""
    spectrum = np.abs(np.fft.rfft(frame * np.hanning(len(frame)), 16384)) ** 0.5
    correlation = np.fft.irfft(spectrum)
    lags = slice(SAMPLE_RATE // 320, SAMPLE_RATE // 75)
    return SAMPLE_RATE / (lags.start + int(np.argmax(correlation[lags])))


def test_the_voices_have_their_own_pitch() -> None:
    found = {}
    for voice, track in tracks().items():
        frames = track[: len(track) // 4096 * 4096].reshape(-1, 4096).astype(float)
        found[voice] = float(np.median([pitch(f) for f in frames if np.sqrt(np.mean(f**2)) > 3000]))
    assert 80 < found["low"] < 150 < found["high"] < 300


def test_same_seed_same_samples() -> None:
    again = conversation()
    other = conversation(seed=2)
    for voice in VOICES:
        assert np.array_equal(again[voice], tracks()[voice])
        assert not np.array_equal(other[voice], tracks()[voice])


def test_every_word_of_the_script_can_be_said_and_none_is_superfluous() -> None:
    words = {w.rstrip(",.?!") for line in SCRIPT for w in line.text.split()}
    assert words == LEXICON.keys()
    for line in SCRIPT:
        assert sounds_of(line.text)


def test_an_unknown_word_is_an_error() -> None:
    with pytest.raises(KeyError):
        sounds_of("xylophone")


def test_loop_point_is_silent() -> None:
    for track in tracks().values():
        assert np.max(np.abs(track[: FRAME_SAMPLES * 5])) < 100
        assert np.max(np.abs(track[-FRAME_SAMPLES * 20 :])) < 100
