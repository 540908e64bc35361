"""What share of a speaker's packets was lost of late. Pure: it is told the time, and what was counted since the start.

What was bad an hour ago is over, and what is bad now shows.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from rostra.units import Monotonic

LOSS_S: Final = 10.0
"""Of so many last seconds."""

EVERY_S: Final = 1.0


class Loss:
    """Of one link."""

    def __init__(self) -> None:
        self._counted: deque[tuple[Monotonic, int, int]] = deque(maxlen=int(LOSS_S / EVERY_S) + 2)
        """When, packets that had come by then, packets that were lost."""

    def take(self, packets: int, lost: int, now: Monotonic) -> None:
        if self._counted and now - self._counted[-1][0] < EVERY_S:
            return
        if self._counted and packets < self._counted[-1][1]:
            self._counted.clear()  # the sender began a stream anew
        self._counted.append((now, packets, lost))
        while now - self._counted[0][0] > LOSS_S:
            self._counted.popleft()

    def percent(self, packets: int, lost: int) -> float:
        """Until now: as many have come, as many were lost."""
        _, before, missing = self._counted[0] if self._counted else (0.0, 0, 0)
        if packets < before:
            before = missing = 0
        came, gone = packets - before, max(0, lost - missing)
        return round(100 * gone / max(1, came + gone), 1)
