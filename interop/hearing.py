"""Whether what was heard is what was said."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rostra.units import SAMPLE_RATE, Pcm

BLOCK = SAMPLE_RATE // 5
SAME = 0.7
"""Normalised correlation above which a fifth of a second is the same fifth. Lossy codecs and the leveller's slow gain
leave speech above 0.9; another voice stays under 0.3."""


def likeness(said: Pcm, heard: Pcm) -> float:
    """Of the fifths of a second of ``heard`` that are not silent, the share found in ``said`` (which loops)."""
    loop = np.concatenate([said, said[: 2 * BLOCK]]).astype(np.float64)
    size = 1 << (loop.size + BLOCK).bit_length()
    spectrum = np.fft.rfft(loop, size)
    energy = np.concatenate([[0.0], np.cumsum(loop**2)])
    window = energy[BLOCK:] - energy[:-BLOCK]
    found = [
        _best(spectrum, size, window, block)
        for start in range(0, heard.size - BLOCK + 1, BLOCK)
        if float(np.sqrt(np.mean((block := heard[start : start + BLOCK].astype(np.float64)) ** 2))) > 300.0
    ]
    return float(np.mean([best > SAME for best in found])) if found else 0.0


def _best(
    spectrum: NDArray[np.complex128], size: int, window: NDArray[np.float64], block: NDArray[np.float64]
) -> float:
    correlation = np.fft.irfft(spectrum * np.conj(np.fft.rfft(block, size)), size)[: window.size]
    return float(np.max(np.abs(correlation) / np.sqrt(np.maximum(window, 1.0) * np.sum(block**2))))
