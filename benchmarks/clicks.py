"""Clicks that can be found again: short sweeps of three kinds over a quiet hum, one every few seconds.

A sweep survives a gate, a leveller and a lossy codec, and its correlation peak is a millisecond wide. Three kinds, in
turn, so that one that is late is not taken for the next. The hum is above any gate's threshold: nothing is cut off when
a sweep begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rostra.units import SAMPLE_RATE, Pcm

LENGTH = SAMPLE_RATE // 10
EVERY_S = 1.7
"""Not a multiple of any part, so that clicks fall everywhere in parts and flushes."""
KINDS = ((600.0, 1600.0), (1600.0, 600.0), (1700.0, 3200.0))
FOUND = 0.5
"""Correlation from which a sweep counts as found; the other kinds stay under 0.3, speech under 0.2."""


def sweep(kind: int) -> NDArray[np.float64]:
    begin, end = KINDS[kind]
    t = np.arange(LENGTH) / SAMPLE_RATE
    phase = 2 * np.pi * (begin * t + (end - begin) * t**2 / (2 * LENGTH / SAMPLE_RATE))
    return np.asarray(np.sin(phase) * np.hanning(LENGTH))


@dataclass(frozen=True, slots=True)
class Click:
    kind: int
    at: int
    """Sample at which it begins."""


def recording(clicks: int) -> tuple[Pcm, list[Click]]:
    """Hum with so many clicks in it, and where they are."""
    spacing = int(EVERY_S * SAMPLE_RATE)
    hum = np.sin(2 * np.pi * 140 * np.arange((clicks + 1) * spacing) / SAMPLE_RATE) * 700
    said = [Click(i % len(KINDS), spacing // 2 + i * spacing) for i in range(clicks)]
    for click in said:
        hum[click.at : click.at + LENGTH] += sweep(click.kind) * 9000
    return hum.astype(np.int16), said


def find(pcm: Pcm) -> list[Click]:
    """All clicks in what was heard, in order."""
    found: list[Click] = []
    if len(pcm) < LENGTH:
        return found
    sound = pcm.astype(np.float64)
    # The hum is below 300 Hz and none of a sweep is: take the low end off, so that it counts in neither.
    spectrum = np.fft.rfft(sound)
    spectrum[: int(300 * len(sound) / SAMPLE_RATE)] = 0
    sound = np.fft.irfft(spectrum, len(sound))
    total = np.concatenate([[0.0], np.cumsum(sound**2)])
    energy = np.sqrt(np.maximum(total[LENGTH:] - total[:-LENGTH], 1e6))
    size = 1 << (len(sound) + LENGTH).bit_length()
    transformed = np.fft.rfft(sound, size)
    for kind in range(len(KINDS)):
        wave = sweep(kind)
        match = np.fft.irfft(transformed * np.conj(np.fft.rfft(wave, size)), size)[: len(energy)]
        likeness = np.abs(match) / (energy * np.sqrt(wave @ wave))
        above = np.flatnonzero(likeness > FOUND)
        for group in np.split(above, np.flatnonzero(np.diff(above) > LENGTH) + 1):
            if len(group):
                found.append(Click(kind, int(group[np.argmax(likeness[group])])))
    return sorted(found, key=lambda c: c.at)


def delays(said: list[tuple[int, float]], heard: list[tuple[int, float]]) -> list[float]:
    """Seconds from each click that was heard to when it was said: (kind, wall time) of both.

    A click that was heard belongs to the latest of its kind that was said before.
    """
    found = []
    for kind, at in heard:
        before = [t for k, t in said if k == kind and t <= at]
        if before:
            found.append(at - max(before))
    return found
