"""What is heard where nothing is said: before the start, while no voice reaches us, in place of what was dumped. Pure.

A phone in a pocket, a player and a watchdog all take digital silence for a stream that is dead. So it is a soft noise,
like that of a room; and before the start there is also a low pulse each few seconds, by which whoever waits knows
that they are connected. Both are made once and repeat; which piece is due follows from the media time alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, MediaTime, Pcm

PERIOD_S: Final = 5.0
"""Between pulses, and until the noise repeats: nobody hears that it does. 0.5 MB."""

NOISE_DBFS: Final = -60.0
"""Root mean square: 42 dB below the voices. What watches for silence usually begins at -60 dB of peak; the noise's
peaks are 12 dB above that."""

PULSE_DBFS: Final = -40.0
PULSE_HZ: Final = 330.0
PULSE_S: Final = 0.6

_PERIOD: Final = round(PERIOD_S * SAMPLE_RATE)
_FALL: Final = np.linspace(1.0, 0.0, FRAME_SAMPLES, dtype=np.float32)


def _noise(rng: np.random.Generator) -> NDArray[np.float64]:
    """Falls 3 dB an octave from 100 Hz on, and joins its own beginning without a seam."""
    hz = np.fft.rfftfreq(_PERIOD, 1 / SAMPLE_RATE)
    phases = np.exp(2j * np.pi * rng.random(len(hz)))
    shape = np.where((hz >= 40) & (hz <= 12_000), 1 / np.sqrt(np.maximum(hz, 100.0)), 0.0)
    wave = np.fft.irfft(shape * phases, _PERIOD)
    return np.asarray(wave * 10 ** (NOISE_DBFS / 20) / np.sqrt(np.mean(np.square(wave))))


def _pulse() -> NDArray[np.float64]:
    """In the middle of a period."""
    wave = np.zeros(_PERIOD)
    t = np.arange(round(PULSE_S * SAMPLE_RATE)) / SAMPLE_RATE
    swell = np.square(np.sin(np.pi * t / PULSE_S))
    begin = (_PERIOD - len(t)) // 2
    wave[begin : begin + len(t)] = 10 ** (PULSE_DBFS / 20) * swell * np.sin(2 * np.pi * PULSE_HZ * t)
    return wave


def _int16(wave: NDArray[np.float64]) -> Pcm:
    return np.rint(wave * 32768).astype(np.int16)


class Quiet:
    """Fills the ticks that have no sound, and makes the seams soft."""

    def __init__(self) -> None:
        noise = _noise(np.random.default_rng(330))
        self._noise, self._pulsing = _int16(noise), _int16(noise + _pulse())
        self._before: Pcm | None = None
        """What was said in the tick before."""

    def fill(self, time: MediaTime, pcm: Pcm | None, *, pulse: bool = False) -> Pcm:
        """What goes out at ``time``: ``pcm`` as it is, or quiet where there is none.

        The first 20 ms of sound fade in. The first of quiet holds what went out last, backwards and fading, as the
        mixer does when a voice breaks off.
        """
        before, self._before = self._before, pcm
        if pcm is not None and before is not None:
            return pcm
        quiet = self._piece(time, pulse)
        if pcm is not None:
            return np.rint(pcm * _FALL[::-1] + quiet * _FALL).astype(np.int16)
        if before is not None:
            return np.rint(before[::-1] * _FALL + quiet * _FALL[::-1]).astype(np.int16)
        return quiet

    def _piece(self, time: MediaTime, pulse: bool) -> Pcm:
        at = time // FRAME_SAMPLES * FRAME_SAMPLES % _PERIOD
        return (self._pulsing if pulse else self._noise)[at : at + FRAME_SAMPLES]
