"""When a voice was heard last, and whether that is so long ago that the room ends. Pure: it is told the time.

Not whether somebody is connected: a laptop that was left open on the stage keeps no room on air.
"""

from __future__ import annotations

from typing import Final

from rostra.units import RoomState, WallTime
from rostra.wire.rooms import Room

NOTED_EVERY_S: Final = 60.0
"""Between notes of it for the stage after this one: what hangs on it is counted in minutes."""

RESUMED_S: Final = 300.0
"""A room that is taken up is given so long at least until it ends for want of a voice: people have to come back."""


class Voice:
    """When one was heard last on this stage, or on the one before it."""

    def __init__(self, ends_s: float, heard: WallTime, now: WallTime) -> None:
        self.ends_s = ends_s
        self._began = now
        self.at = heard or now
        """When, as far as we know; before the first, when this stage began."""
        self.noted = heard
        """The same as it is remembered, for which a minute more or less is nothing."""

    def heard(self, now: WallTime) -> None:
        self.at = max(self.at, now)
        if now - self.noted >= min(NOTED_EVERY_S, self.ends_s / 10):
            self.noted = now

    def silent_for_long(self, now: WallTime, room: Room) -> bool:
        """Whether the room is to end. Nothing is expected of one before its time, nor of a stage that just began."""
        since = max(self.at, room.started, room.at if room.state is RoomState.OPEN else WallTime(0.0))
        return now - since >= self.ends_s and now - self._began >= min(RESUMED_S, self.ends_s)
