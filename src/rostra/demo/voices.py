"""Two voices of our own making hold a conversation, for ever and always alike."""

from __future__ import annotations

import numpy as np

from rostra.demo.phonemes import PHONEMES, Manner
from rostra.demo.script import HIGH, LEXICON, LOW, SCRIPT, TAIL_S, Line
from rostra.demo.synthesis import Floats, Sound, Timbre, speak
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Pcm

VOICES: dict[str, Timbre] = {
    LOW: Timbre(pitch_hz=104.0, formant_scale=1.0, breath=0.02, pace=1.12, liveliness=0.9),
    HIGH: Timbre(pitch_hz=188.0, formant_scale=1.15, breath=0.05, pace=1.06, liveliness=1.15),
}

NAMES: dict[str, str] = {LOW: "Uno", HIGH: "Due"}


def conversation(seed: int = 1) -> dict[str, Pcm]:
    """The whole conversation, one track a voice.

    The tracks are of equal length (whole frames of 20 ms), aligned, and silent while the other speaks; played in a
    loop they go on for ever. 48 kHz, mono, s16; speech lies around -20 dBFS. The same seed gives the same samples.
    """
    rng = np.random.default_rng(seed)
    turns: list[tuple[int, Line, Floats]] = []
    end = 0
    for line in SCRIPT:
        sound = speak(sounds_of(line.text), VOICES[line.voice], line.text.endswith("?"), rng)
        start = max(0, end + round(line.pause_s * SAMPLE_RATE))
        turns.append((start, line, sound))
        end = max(end, start + len(sound))
    length = -(-(end + round(TAIL_S * SAMPLE_RATE)) // FRAME_SAMPLES) * FRAME_SAMPLES
    tracks = {voice: np.zeros(length) for voice in VOICES}
    for start, line, sound in turns:
        tracks[line.voice][start : start + len(sound)] += sound
    return {voice: _to_s16(track) for voice, track in tracks.items()}


def sounds_of(text: str) -> list[Sound]:
    """Words and punctuation to phonemes: accents from the lexicon, lengthening before a pause.

    :raises KeyError: if a word is not in the lexicon.
    """
    sounds: list[Sound] = [Sound("_", stretch=0.2)]
    for word in text.split():
        bare = word.rstrip(",.?!")
        spoken = [Sound(symbol.rstrip("1"), symbol.endswith("1")) for symbol in LEXICON[bare].split()]
        if bare != word:
            spoken = _lengthened(spoken, 1.35 if word.endswith(",") else 1.55)
        sounds += spoken
        if bare != word:
            sounds.append(Sound("_", stretch=1.2 if word.endswith(",") else 2.0))
    sounds[-1] = Sound("_", stretch=0.5)
    return sounds


def _lengthened(word: list[Sound], by: float) -> list[Sound]:
    """Stretches a word from its last vowel on, as speakers do before they pause."""
    vowels = [i for i, s in enumerate(word) if PHONEMES[s.symbol].manner is Manner.VOWEL]
    last = vowels[-1] if vowels else 0
    return [Sound(s.symbol, s.accent, by if i == last else 1.2) if i >= last else s for i, s in enumerate(word)]


def _to_s16(track: Floats) -> Pcm:
    """Rounds the few highest peaks off softly (nothing reaches full scale) and quantises."""
    knee = 0.5
    over = np.abs(track) > knee
    track = track.copy()
    track[over] = np.sign(track[over]) * (knee + (0.9 - knee) * np.tanh((np.abs(track[over]) - knee) / (0.9 - knee)))
    return np.asarray(np.round(track * 32767)).astype(np.int16)
