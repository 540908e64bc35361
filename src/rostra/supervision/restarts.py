"""When a process that ended is started again: at once the first time, then later and later while it keeps failing."""

from __future__ import annotations

from dataclasses import dataclass

from rostra.units import Monotonic

FIRST_DELAY_S = 0.0
"""A crash on air must be over before anyone reaches for the phone: no delay for the first."""

SECOND_DELAY_S = 0.25
MOST_DELAY_S = 5.0
"""A process that cannot run costs a start every 5 s, and is back within 5 s of being able to."""

HEALTHY_AFTER_S = 10.0
"""One that lived so long starts with a clean slate."""


@dataclass(slots=True)
class Restarts:
    """The record of one process."""

    failures: int = 0
    """In a row, without a healthy life between."""
    _started: Monotonic = Monotonic(0.0)

    def started(self, now: Monotonic) -> None:
        self._started = now

    def ended(self, now: Monotonic) -> float:
        """Seconds until it should be started again."""
        if now - self._started >= HEALTHY_AFTER_S:
            self.failures = 0
        self.failures += 1
        if self.failures == 1:
            return FIRST_DELAY_S
        return min(MOST_DELAY_S, SECOND_DELAY_S * 2.0 ** min(self.failures - 2, 16))
