"""What is heard where nothing is said: before the start, while no voice reaches us, in place of what was dumped. Pure.

A phone in a pocket, a player and a watchdog all take digital silence for a stream that is dead. So it is a soft noise,
like that of a room; and before the start there is also a low pulse each few seconds, by which whoever waits knows
that they are connected. In the last minute the pulses come nearer together, and count the last ten seconds: who waits
with the phone in a pocket hears that it begins. Noise and pulse are made once; which piece of the noise is due, and far
from the start which of the pulse, follows from the media time alone.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, MediaTime, Pcm

PERIOD_S: Final = 5.0
"""Between pulses, and until the noise repeats: nobody hears that it does. 0.5 MB."""

NEARER: Final = ((10.0, 1.0), (30.0, 2.0), (60.0, 3.0))
"""So many seconds before the start: how far the pulses are apart from then on. A pulse begins at whole ones of these,
so the last one second before the start."""

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
    t = np.arange(round(PULSE_S * SAMPLE_RATE)) / SAMPLE_RATE
    swell = np.square(np.sin(np.pi * t / PULSE_S))
    return np.asarray(10 ** (PULSE_DBFS / 20) * swell * np.sin(2 * np.pi * PULSE_HZ * t))


def _int16(wave: NDArray[np.float64]) -> Pcm:
    return np.rint(wave * 32768).astype(np.int16)


def _count(time: MediaTime, left_s: float) -> tuple[float, int]:
    """How far pulses are apart, and which one is due: it begins when this changes."""
    for within_s, apart_s in NEARER:
        if 0.0 < left_s <= within_s:
            return apart_s, math.ceil(left_s / apart_s)
    return PERIOD_S, (time + _PERIOD // 2) // _PERIOD


class Quiet:
    """Fills the ticks that have no sound, and makes the seams soft."""

    def __init__(self) -> None:
        noise = _noise(np.random.default_rng(330))
        self._noise, self._pulse = _int16(noise), _int16(_pulse())
        self._before: Pcm | None = None
        """What was said in the tick before."""
        self._counted: tuple[float, int] | None = None
        self._at = len(self._pulse)
        """How far the pulse is that is heard."""

    def fill(self, time: MediaTime, pcm: Pcm | None, *, pulse: bool = False, left_s: float = math.inf) -> Pcm:
        """What goes out at ``time``: ``pcm`` as it is, or quiet where there is none. ``pulse``: it has not begun, and
        will in ``left_s``.

        The first 20 ms of sound fade in. The first of quiet holds what went out last, backwards and fading, as the
        mixer does when a voice breaks off.
        """
        before, self._before = self._before, pcm
        if pcm is not None and before is not None:
            return pcm
        quiet = self._piece(time, pulse, left_s)
        if pcm is not None:
            self._at = len(self._pulse)  # what is left of a pulse is not heard when the voice breaks off
            return np.rint(pcm * _FALL[::-1] + quiet * _FALL).astype(np.int16)
        if before is not None:
            return np.rint(before[::-1] * _FALL + quiet * _FALL[::-1]).astype(np.int16)
        return quiet

    def _piece(self, time: MediaTime, pulse: bool, left_s: float) -> Pcm:
        at = time // FRAME_SAMPLES * FRAME_SAMPLES % _PERIOD
        noise = self._noise[at : at + FRAME_SAMPLES]
        counted = _count(time, left_s) if pulse else None
        if counted != self._counted:
            begins = counted is not None and self._counted is not None and self._at >= len(self._pulse)
            self._counted, self._at = counted, 0 if begins else self._at
        if self._at >= len(self._pulse):
            return noise
        piece = self._pulse[self._at : self._at + FRAME_SAMPLES]
        self._at += FRAME_SAMPLES
        return noise + piece
