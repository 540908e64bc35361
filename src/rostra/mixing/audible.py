"""Who is heard: the few loudest of those who talk, without flickering.

A seat that is heard has a mix of its own, which costs an encoder; the others share one. Whoever begins to talk is
heard at once if there is a place. A place is kept for a second and a half after the last word, so that a pause for
breath does not cost it, and is lost before that only to someone who talks while its holder does not, or who is
clearly louder.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from rostra.mixing.kweighting import F32
from rostra.mixing.loudness import Mask

KEEP_FRAMES: Final = 75
"""1.5 s."""
LOUDER_DB: Final = 6.0
"""What it takes to push out someone who talks."""
_FALL_DB: Final = 12.0 / 50
"""How fast a meter falls: 12 dB a second, slower than syllables."""
_LOWEST_DB: Final = -120.0


class Audible:
    """Places for ``places`` of ``rows`` seats."""

    def __init__(self, rows: int, places: int) -> None:
        self._places = places
        self.level: F32 = np.full(rows, _LOWEST_DB, np.float32)
        """How loud each voice is in dBFS, as a meter shows it: up at once, down slowly."""
        self._keep = np.zeros(rows, np.int32)
        self._holders: list[int] = []
        self.newly: list[int] = []
        """Rows that got their place in the last call of :meth:`choose`."""

    def reset(self, row: int) -> None:
        self.level[row] = _LOWEST_DB
        self._keep[row] = 0
        if row in self._holders:
            self._holders.remove(row)

    def choose(self, levels: F32, talks: Mask, present: Mask) -> list[int]:
        """The rows that are heard in this frame, at most ``places``, in the order in which they got their place.

        :param levels: dBFS after gain of the first n rows.
        :param talks: rows that say something; :param present: rows that could: the others lose their place at once.
        """
        n = len(levels)
        level, keep = self.level[:n], self._keep[:n]
        np.maximum(level - np.float32(_FALL_DB), np.where(talks, levels, _LOWEST_DB), out=level)
        keep -= 1
        keep[talks] = KEEP_FRAMES
        keep[~present] = 0
        self._holders = [row for row in self._holders if row < n and keep[row] > 0]
        self.newly = []
        if not talks.any() or not self._places:
            return list(self._holders)
        waiting = [row for row in np.flatnonzero(talks).tolist() if row not in self._holders]
        for row in sorted(waiting, key=lambda r: -float(level[r])):
            if len(self._holders) >= self._places and not self._make_place(row, talks):
                break
            self._holders.append(row)
            self.newly.append(row)
        return list(self._holders)

    def _make_place(self, row: int, talks: Mask) -> bool:
        """Let go of the weakest holder if ``row`` has the better claim."""
        weakest = min(self._holders, key=lambda r: (bool(talks[r]), float(self.level[r])))
        if talks[weakest] and self.level[row] <= self.level[weakest] + LOUDER_DB:
            return False
        self._holders.remove(weakest)
        return True
