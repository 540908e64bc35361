"""A voice without pauses to speak of, so that it can be said to a few hundredths of a second when it is cut off.

Syllables of 160 ms with 40 ms between them, in which there is no more than the noise of a room: the mixer takes for a
voice what stands out of its own noise. Each has another pitch, so that none is like the one before.
"""

from __future__ import annotations

import numpy as np

from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Pcm

SPOKEN_FRAMES = 8
PAUSE_FRAMES = 2
PAUSE_S = PAUSE_FRAMES * FRAME_SAMPLES / SAMPLE_RATE

LOUD = 2500
"""A frame with a sample above this has the voice in it: what fills a pause stays below 700, the voice reaches 8000."""


def recording(seconds: float) -> Pcm:
    rng = np.random.default_rng(3)
    spoken, pause = SPOKEN_FRAMES * FRAME_SAMPLES, PAUSE_FRAMES * FRAME_SAMPLES
    count = max(1, round(seconds * SAMPLE_RATE / (spoken + pause)))
    t = np.arange(spoken) / SAMPLE_RATE
    edge = np.minimum(1.0, np.minimum(np.arange(spoken), np.arange(spoken)[::-1]) / (SAMPLE_RATE * 0.005))
    pieces = []
    for pitch in rng.uniform(110, 220, count):
        voice = sum(np.sin(2 * np.pi * pitch * n * t + n) / n**0.7 for n in range(1, 12))
        pieces += [edge * voice * 3000, np.zeros(pause)]
    whole = np.concatenate(pieces)
    return np.clip(whole + rng.normal(0, 25, len(whole)), -32768, 32767).astype(np.int16)


def voiced(pcm: Pcm) -> list[int]:
    """Numbers of the frames of 20 ms that have the voice in them."""
    whole = pcm[: len(pcm) - len(pcm) % FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES).astype(np.int32)
    return [int(n) for n in np.flatnonzero(np.abs(whole).max(axis=1, initial=0) > LOUD)]


def begins(pcm: Pcm) -> int | None:
    """The first sample of the voice; None: there is none."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > LOUD)
    return int(loud[0]) if len(loud) else None
