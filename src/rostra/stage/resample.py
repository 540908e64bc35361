"""Taking a little more or a little less than a frame to make a frame: how clocks that differ are brought together.

A voice's clock and ours differ by some parts in ten thousand, and a buffer that is too full or too empty has to
change its level. Both are done by making the 960 samples of a tick from ``n`` samples of input, ``n`` a little more or
less than 960: at 965 the voice runs 0.52% fast, nine hundredths of a semitone.

``n`` is whole, so each tick begins on a whole input sample again, the filter coefficients of a ratio are computed
once, and a tick at 960 passes its input through bit for bit.

Windowed-sinc interpolation, :data:`TAPS` taps, Kaiser window (Oppenheim & Schafer, 7.5.3).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rostra.units import FRAME_SAMPLES, Pcm

TAPS: Final = 16
"""Coefficients an output sample: over 60 dB of signal to noise up to 12 kHz, for 15,000 multiplications a frame."""

HALF: Final = TAPS // 2

MAX_STEP: Final = 29
"""Most samples by which a tick's input may differ from a frame: 3%."""

_KAISER_BETA: Final = 7.0
"""Stop band about 70 dB down, which 16 taps allow with a transition band beginning near 17 kHz."""


class Resampler:
    """Makes frames from any number of samples near a frame. Delays by :data:`HALF` samples (0.17 ms)."""

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail: Pcm = np.zeros(TAPS, np.int16)

    def frame(self, samples: Pcm) -> Pcm:
        """``samples``: shape (n,), s16, ``abs(n - 960) <= 29``. Returns shape (960,), s16.

        :raises ValueError: if ``n`` is out of that range.
        """
        n = len(samples)
        if abs(n - FRAME_SAMPLES) > MAX_STEP:
            raise ValueError(f"a frame cannot be made of {n} samples")
        joined = np.concatenate((self._tail, samples))
        self._tail = joined[n:]
        if n == FRAME_SAMPLES:
            return joined[HALF : HALF + FRAME_SAMPLES]
        index, weights = _table(n)
        made = np.einsum("ij,ij->i", joined[index].astype(np.float32), weights)
        frame: Pcm = np.clip(np.rint(made), -32768, 32767).astype(np.int16)
        return frame


@lru_cache(maxsize=2 * MAX_STEP + 1)
def _table(n: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each output sample, which inputs and how much of each: two arrays of shape (960, 16), 120 KiB a ratio."""
    place = np.arange(FRAME_SAMPLES) * (n / FRAME_SAMPLES)
    whole = np.floor(place).astype(np.intp)
    offset = np.arange(TAPS) - (HALF - 1)
    distance = offset[None, :] - (place - whole)[:, None]
    # When there is more input than output, the band is narrowed by as much, so that nothing folds back.
    band = min(1.0, FRAME_SAMPLES / n)
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (distance / HALF) ** 2, 0, 1))) / np.i0(_KAISER_BETA)
    weights = np.sinc(distance * band) * band * window
    weights /= weights.sum(axis=1, keepdims=True)
    return whole[:, None] + (HALF + offset)[None, :], weights.astype(np.float32)
