"""The ladder of the door: what gives way, in which order, when there is not enough for everyone. Pure: is told the
pressure once a second, and ``now``.

Theory of operation. A step is taken when the pressure has been above its threshold (:data:`UP`) for ``HELD_S``; the
highest such step counts, so a quick rise takes several at once. When places run out or a limit is passed, numbers are
given at once. A step is left, one at a time, when the pressure has been ``BELOW`` under its threshold for ``CALM_S``.
While somebody waits, the waiting room is not closed: who comes now would pass those who came before.

A full house stands at 1.0, and there numbers are still given. ``REFUSING`` is for when a limit is *passed* for as long
as a step must hold: then the edge has not even time to give numbers.

===============  =====================  =======================================
step             from                   by
===============  =====================  =======================================
OPEN             LONGER_FLUSH           the flush is the shortest again
LONGER_FLUSH     OPEN                   the flush of the edge, which decides it
SMALL_SOUND ..   any lower              pressure above ``UP[step]`` for HELD_S
WAITING          any lower              no place left; a limit passed
any              the next higher        pressure below ``UP - BELOW`` for CALM_S
===============  =====================  =======================================
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rostra.admission.capacity import Pressure


class Step(IntEnum):
    OPEN = 0
    LONGER_FLUSH = 1
    """Sound goes out less often and more at a time. Nobody hears it."""
    SMALL_SOUND = 2
    """Who comes now and does not say what they want gets the 16 kbit/s Opus."""
    THINNED = 3
    """Reactions, captions and levels."""
    CHALLENGE = 4
    """Who comes now without a pass does a proof of work."""
    WAITING = 5
    """Who comes now gets a number."""
    REFUSING = 6
    """Who comes now is told when to come back."""

    @property
    def slug(self) -> str:
        """Its name in ``/state``, metrics and logs."""
        return self.name.lower().replace("_", "-")


UP = {
    Step.LONGER_FLUSH: 0.70,
    Step.SMALL_SOUND: 0.78,
    Step.THINNED: 0.84,
    Step.CHALLENGE: 0.88,
    Step.WAITING: 0.94,
    Step.REFUSING: 1.05,
}
"""Pressure above which a step is taken. LONGER_FLUSH is taken by the edge's own ladder; its threshold only says below
what it is left again."""

BELOW = 0.10
HELD_S = 2.0
"""A burst of joins is over by then."""
CALM_S = 20.0
"""Down and up again would trouble everyone twice."""


@dataclass(frozen=True, slots=True)
class Change:
    was: Step
    now: Step
    at: float
    share: float
    scarce: str
    """The limit that is nearest to its end, at the change."""

    @property
    def sentence(self) -> str:
        verb = "up" if self.now > self.was else "down"
        return f"door {verb} from {self.was.slug} to {self.now.slug}: {self.scarce} at {100 * self.share:.0f}%"


class Steps:
    def __init__(self, shortest_flush_s: float = 0.5) -> None:
        """:param shortest_flush_s: the flush at which nothing has given way (a fixed one, if it is fixed)."""
        self.step = Step.OPEN
        self._shortest_flush_s = shortest_flush_s
        self._above: dict[Step, float] = {}
        """Since when the pressure has been above a step's threshold."""
        self._calm_since: float | None = None

    def observe(self, pressure: Pressure, flush_s: float, now: float, *, waiting: bool = False) -> tuple[Change, ...]:
        """Told once a second. :param waiting: whether somebody has a number and was not called."""
        before = self.step
        wanted = self._wanted(pressure, now)
        if pressure.places <= 0 or pressure.share > 1.0:
            wanted = max(wanted, Step.WAITING)
        if wanted > self.step:
            self.step = wanted
            self._calm_since = None
        else:
            self._come_down(pressure, flush_s, now, waiting)
        if self.step is Step.OPEN and flush_s > self._shortest_flush_s:
            self.step = Step.LONGER_FLUSH
        return self._changed(before, pressure, now)

    def close(self, pressure: Pressure, now: float) -> tuple[Change, ...]:
        """There is no place left, and a second is too long to wait."""
        before = self.step
        self.step = max(self.step, Step.WAITING)
        self._calm_since = None
        return self._changed(before, pressure, now)

    def _wanted(self, pressure: Pressure, now: float) -> Step:
        wanted = Step.OPEN
        for step, threshold in UP.items():
            if step is Step.LONGER_FLUSH:
                continue
            if pressure.share < threshold:
                self._above.pop(step, None)
            elif now - self._above.setdefault(step, now) >= HELD_S:
                wanted = step
        return wanted

    def _come_down(self, pressure: Pressure, flush_s: float, now: float, waiting: bool) -> None:
        if self.step is Step.OPEN:
            return
        if self.step is Step.LONGER_FLUSH:
            if flush_s <= self._shortest_flush_s:
                self.step = Step.OPEN
            return
        held = waiting and self.step is Step.WAITING
        if held or pressure.places <= 0 or pressure.share >= UP[self.step] - BELOW:
            self._calm_since = None
            return
        if self._calm_since is None:
            self._calm_since = now
        if now - self._calm_since >= CALM_S:
            self.step = Step(self.step - 1)
            self._calm_since = now
            if self.step is Step.LONGER_FLUSH and flush_s <= self._shortest_flush_s:
                self.step = Step.OPEN

    def _changed(self, before: Step, pressure: Pressure, now: float) -> tuple[Change, ...]:
        if self.step is before:
            return ()
        return (Change(before, self.step, now, pressure.share, pressure.scarce),)
