"""Whether a process is hung: its heartbeat, once it is regular, may not be silent for longer than its limit.

Before that a process is starting (imports, codecs, pages), which is bounded too. When the whole machine stood still
(suspended, a debugger, no CPU for anyone), the watchdog itself was late: then nobody is blamed for that time.
"""

from __future__ import annotations

from dataclasses import dataclass

from rostra.units import Monotonic

CHECK_EVERY_S = 0.25

LATE_S = 0.25
"""A check that comes so much too late did not come late because of the process it checks."""

START_LIMIT_S = 30.0
"""From the start to a regular heartbeat. A stage takes a second or two; a machine that is full takes longer."""

REGULAR_BEATS = 4
"""A loop that turned for a second has its start behind it."""

EDGE_LIMIT_S = 2.0
STUDIO_LIMIT_S = 5.0
STAGE_LIMIT_S = 3.0


@dataclass(slots=True)
class Watchdog:
    limit_s: float
    _deadline: Monotonic = Monotonic(0.0)
    _beats: int = 0
    _checked: Monotonic = Monotonic(0.0)

    def started(self, now: Monotonic) -> None:
        self._deadline = Monotonic(now + START_LIMIT_S)
        self._checked = now
        self._beats = 0

    def beat(self, now: Monotonic, beats: int = 1) -> None:
        """``beats`` were heard since the last look."""
        self._beats += beats
        if self._beats >= REGULAR_BEATS:
            self._deadline = Monotonic(now + self.limit_s)

    def hung(self, now: Monotonic) -> bool:
        """Ask each :data:`CHECK_EVERY_S`, after everything that was heard has been told."""
        late = now - self._checked - CHECK_EVERY_S
        self._checked = now
        if late > LATE_S:
            self._deadline = Monotonic(self._deadline + late)
        return now > self._deadline
