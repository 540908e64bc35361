"""Where a room with a stage is: doors open, live, interrupted, ended. Pure; every change is one of the table's in
:mod:`rostra.life`.

Before the doors open a host may be in the green room: *scheduled*, until the record says that they are. A room whose
doors are *open* goes *live* when its host says so (``go`` in the record, or :meth:`OnAir.start`), or by
itself: from the announced time on, with the first voice that is heard. It is *interrupted* when nobody who speaks has
been connected for :data:`NOBODY_S`. *Ended* is for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rostra.life import LifeEvent, after
from rostra.units import Monotonic, RoomState, WallTime

NOBODY_S: Final = 3.0
"""Without a connected speaker before listeners are told. A browser that reloads is back sooner."""


@dataclass(slots=True)
class OnAir:
    """The state of one room. ``state`` to begin with: as the record says; a room that was live and has no speakers now
    is interrupted, for a stage that takes it up begins without anyone."""

    state: RoomState
    at: WallTime = WallTime(0.0)
    """When it is announced to begin, by the record."""
    go: bool = False
    """The host said that it starts, by the record."""
    _someone_at: Monotonic | None = None

    def __post_init__(self) -> None:
        if self.state is RoomState.LIVE:
            self.state = RoomState.INTERRUPTED

    def know(self, at: WallTime, go: bool, *, doors: bool) -> None:
        """By the record: when it begins, whether the host said so, whether the doors are open."""
        self.at, self.go = at, go
        if doors:
            self._advance(LifeEvent.OPEN)

    def tick(self, *, connected: bool, heard: bool, now: Monotonic, wall: WallTime) -> bool:
        """What is so now. True if the state changed."""
        before = self.state
        if connected:
            self._someone_at = now
        if self.state is RoomState.OPEN and (self.go or (heard and wall >= self.at)):
            self.start(now)
        if connected or heard:
            self._advance(LifeEvent.BACK)
        elif self._someone_at is None or now - self._someone_at >= NOBODY_S:
            self._advance(LifeEvent.LOST)
        return self.state is not before

    def start(self, now: Monotonic) -> bool:
        """The host says so. True if that made it live; a room that has begun goes on as it is."""
        if not self._advance(LifeEvent.START):
            return False
        self._someone_at = now  # who starts it is given the time to say something
        return True

    def end(self) -> bool:
        """For good. True if it was not ended before."""
        return self._advance(LifeEvent.END)

    def _advance(self, event: LifeEvent) -> bool:
        """A pair that is not in the table changes nothing."""
        found = after(self.state, event)
        if found is None:
            return False
        self.state = found
        return True
