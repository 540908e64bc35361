"""What is wrong with a microphone, as far as one can hear it from here. Pure: it is given what comes, tick by tick."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np

from rostra.units import FRAME_S, FRAME_SAMPLES, Pcm

SILENT_S: Final = 5.0
SILENT_DBFS: Final = -60.0
"""Root mean square of a tick. A room that is quiet, at a microphone that works, has more."""

CLIPPED_SHARE: Final = 0.01
"""Of the last second's samples at full scale. A voice that is well set has none; one that shouts, a few."""

FULL_SCALE: Final = 32767

_SECOND: Final = round(1 / FRAME_S)
_SILENT_POWER: Final = 10 ** (SILENT_DBFS / 10) * 32768.0**2 * FRAME_SAMPLES


class Source(StrEnum):
    """What ``people`` and ``me`` say."""

    GOOD = ""
    SILENT = "silent"
    CLIPPING = "clipping"


class Health:
    """Of one line. A tick in which nothing came says nothing about the microphone."""

    def __init__(self) -> None:
        self._silent_ticks = 0
        self._clipped = np.zeros(_SECOND, np.int32)
        """Samples at full scale in each tick of the last second."""
        self._place = 0

    def hear(self, pcm: Pcm | None, *, muted: bool) -> None:
        if muted:
            self._silent_ticks = 0  # a page that mutes sends silence, as it should
        if pcm is None:
            return
        wave = pcm.astype(np.float32)
        self._clipped[self._place] = np.count_nonzero(np.abs(wave) >= FULL_SCALE)
        self._place = (self._place + 1) % _SECOND
        if not muted:
            self._silent_ticks = self._silent_ticks + 1 if float(wave @ wave) < _SILENT_POWER else 0

    @property
    def source(self) -> Source:
        if self._clipped.sum() > CLIPPED_SHARE * _SECOND * FRAME_SAMPLES:
            return Source.CLIPPING
        return Source.SILENT if self._silent_ticks * FRAME_S >= SILENT_S else Source.GOOD
