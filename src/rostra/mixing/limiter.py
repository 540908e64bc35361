"""A peak limiter that sees 4 ms ahead, for a few mixes at once.

Sound leaves it 4 ms late. In that time the gain has come down in a straight line to what the loudest sample to come
allows, so that no sample passes the ceiling and nothing is cut. It recovers at a constant rate in dB.

The gain is worked out on blocks of 16 samples (a third of a millisecond) and drawn as straight lines between them.
The recovery ``g[k] = min(allowed[k], g[k-1] + rise)`` is a loop in itself, but ``g[k] - k * rise`` is a running
minimum.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rostra.mixing.kweighting import F32
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Pcm

BLOCK: Final = 16
AHEAD: Final = 12
"""Blocks of look-ahead: 192 samples, 4 ms. Shorter attacks are heard as a click, longer ones add to the delay of
speakers."""

LOOK_AHEAD_SAMPLES: Final = AHEAD * BLOCK
"""How much later sound leaves the limiter than it came."""

_BLOCKS: Final = FRAME_SAMPLES // BLOCK
RECOVERY_DB_S: Final = 40.0
"""6 dB in 150 ms: slow enough that a 100 Hz wave is not bent, fast enough that a cough does not hide a word."""

_RISE_DB: Final = RECOVERY_DB_S * BLOCK / SAMPLE_RATE
_FULL_SCALE: Final = np.float32(32768.0)


class Limiter:
    """Gain state of ``outputs`` mixes, each with its own number."""

    def __init__(self, outputs: int, ceiling_dbfs: float) -> None:
        self._ceiling = np.float32(10 ** (ceiling_dbfs / 20))
        # Per output: the unsmoothed gain of the last AHEAD blocks in dB, newest last. 0 dB when nothing is limited.
        self._past = np.zeros((outputs, AHEAD), np.float32)
        self._rising = (_RISE_DB * np.arange(_BLOCKS)).astype(np.float32)
        self._line = (np.arange(1, BLOCK + 1) / BLOCK).astype(np.float32)

    def copy(self, source: int, to: int) -> None:
        """Let output ``to`` go on where ``source`` stands: its mix was the same until now."""
        self._past[to] = self._past[source]

    def process(self, outputs: NDArray[np.intp], wave: F32) -> tuple[Pcm, F32]:
        """Limit one tick.

        :param outputs: the numbers of the mixes, shape (m,).
        :param wave: shape (m, 192 + 960), -1..1 and beyond: the last 4 ms of the tick before, then this tick.
        :returns: what leaves, int16 of shape (m, 960), and the deepest reduction of each in dB (0 or negative).
        """
        blocks = wave.reshape(len(wave), _BLOCKS + AHEAD, BLOCK)
        peak = np.maximum(blocks.max(axis=2), -blocks.min(axis=2))
        past = self._past[outputs]
        if float(peak.max()) <= self._ceiling and not past.any():
            return _to_int16(wave[:, :FRAME_SAMPLES]), np.zeros(len(wave), np.float32)

        allowed = 20 * np.log10(self._ceiling / np.maximum(peak, self._ceiling))
        ahead = np.lib.stride_tricks.sliding_window_view(allowed, AHEAD + 1, axis=1).min(axis=2)
        steps = np.empty((len(wave), AHEAD + _BLOCKS), np.float32)
        steps[:, :AHEAD] = past
        lowest = np.minimum(ahead, np.float32(0.0))
        lowest[:, 0] = np.minimum(lowest[:, 0], past[:, -1] + np.float32(_RISE_DB))
        steps[:, AHEAD:] = np.minimum.accumulate(lowest - self._rising, axis=1) + self._rising
        # A block's gain is the mean of the last AHEAD steps: a step down becomes a line that ends where the peak
        # begins.
        total = np.zeros((len(wave), AHEAD + _BLOCKS + 1), np.float64)
        np.cumsum(steps, axis=1, out=total[:, 1:])
        decibels = (total[:, AHEAD:] - total[:, : _BLOCKS + 1]) / AHEAD
        gain = (10 ** (decibels / 20)).astype(np.float32)
        lines = gain[:, :-1, np.newaxis] + (gain[:, 1:] - gain[:, :-1])[:, :, np.newaxis] * self._line
        newest = steps[:, -AHEAD:]
        self._past[outputs] = np.where(newest > -1e-4, np.float32(0.0), newest)  # at rest, despite rounding
        limited = wave[:, :FRAME_SAMPLES] * lines.reshape(len(wave), FRAME_SAMPLES)
        return _to_int16(limited), decibels.min(axis=1).astype(np.float32)


def _to_int16(wave: F32) -> Pcm:
    # Rounding can carry the gain's last bit past the ceiling, never past full scale: the ceiling lies below it.
    scaled: F32 = np.rint(wave * _FULL_SCALE)
    return scaled.astype(np.int16)
