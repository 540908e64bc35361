"""When the next 20 ms are due.

The deadline of tick *n* is ``start + n * 20 ms``, computed from the count each time: adding up floats would drift.
"""

from __future__ import annotations

from typing import Final

from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Monotonic

MAX_CATCH_UP_TICKS: Final = 50
"""One second. After a longer stall the voices' sound is gone from the jitter buffers anyway; mixing it would only delay
the sound that is there now."""


class TickClock:
    """Counts the ticks of one stage from ``start`` on. It reads no clock: it is told ``now``.

    ::

        for _ in range(clock.take_lost()):  # after clock.due(now)
            ...  # 20 ms of silence: media time advances all the same
        for _ in range(due):
            ...  # a tick
    """

    __slots__ = ("_count", "_lost", "_lost_total", "_start")

    def __init__(self, start: Monotonic) -> None:
        self._start = start
        self._count = 0
        self._lost = 0
        self._lost_total = 0

    @property
    def count(self) -> int:
        """Ticks handed out or lost since ``start``: media time is ``base + count * 960`` whatever happened."""
        return self._count

    @property
    def lost_total(self) -> int:
        """Ticks that were skipped since ``start``, for the metrics."""
        return self._lost_total

    def next_deadline(self) -> Monotonic:
        """When the next tick is due: at its end, when its 20 ms are over."""
        return Monotonic(self._start + (self._count + 1) * FRAME_SAMPLES / SAMPLE_RATE)

    def due(self, now: Monotonic) -> int:
        """Ticks to run now, at most :data:`MAX_CATCH_UP_TICKS`; what is beyond them is lost, see :meth:`take_lost`.

        A ``now`` before the next deadline, or one that goes back, gives 0.
        """
        # Half a sample of slack: a sleep that ends exactly at the deadline must not miss it by rounding.
        passed = int(((now - self._start) * SAMPLE_RATE + 0.5) // FRAME_SAMPLES)
        behind = passed - self._count
        if behind <= 0:
            return 0
        self._count = passed
        if behind <= MAX_CATCH_UP_TICKS:
            return behind
        self._lost += behind - MAX_CATCH_UP_TICKS
        self._lost_total += behind - MAX_CATCH_UP_TICKS
        return MAX_CATCH_UP_TICKS

    def take_lost(self) -> int:
        """Ticks lost since this was last asked. They lie *before* those that :meth:`due` just gave."""
        lost, self._lost = self._lost, 0
        return lost
