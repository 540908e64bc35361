"""Where a room on air is: doors open, live, interrupted, ended. Pure, as a table.

*Open*: doors are open and nobody was heard yet. *Live*: from the first voice that is heard. *Interrupted*: nobody
who speaks has been connected for :data:`NOBODY_S`; quiet parts go on. *Ended* is for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from rostra.units import Monotonic, RoomState

NOBODY_S: Final = 3.0
"""Without a connected speaker before listeners are told. A browser that reloads is back sooner."""


class OnAirEvent(Enum):
    HEARD = auto()
    """A voice is heard."""
    SOMEONE = auto()
    """A speaker is connected."""
    NOBODY = auto()
    """No speaker has been connected for a while."""
    END = auto()


_R, _E = RoomState, OnAirEvent

TRANSITIONS: Final[dict[tuple[RoomState, OnAirEvent], RoomState]] = {
    (_R.OPEN, _E.HEARD): _R.LIVE,
    (_R.LIVE, _E.NOBODY): _R.INTERRUPTED,
    (_R.INTERRUPTED, _E.SOMEONE): _R.LIVE,
    (_R.INTERRUPTED, _E.HEARD): _R.LIVE,
    (_R.OPEN, _E.END): _R.ENDED,
    (_R.LIVE, _E.END): _R.ENDED,
    (_R.INTERRUPTED, _E.END): _R.ENDED,
}
"""A pair that is missing changes nothing."""


@dataclass(slots=True)
class OnAir:
    """The state of one room. ``state`` to begin with: as the record says; a room that was live and has no speakers now
    is interrupted, for a stage that takes it up begins without anyone."""

    state: RoomState
    _someone_at: Monotonic | None = None

    def __post_init__(self) -> None:
        if self.state is RoomState.LIVE:
            self.state = RoomState.INTERRUPTED

    def tick(self, *, connected: bool, heard: bool, now: Monotonic) -> bool:
        """What is so now. True if the state changed."""
        before = self.state
        if connected:
            self._someone_at = now
            self._advance(OnAirEvent.SOMEONE)
        if heard:
            self._advance(OnAirEvent.HEARD)
        if not connected and (self._someone_at is None or now - self._someone_at >= NOBODY_S):
            self._advance(OnAirEvent.NOBODY)
        return self.state is not before

    def end(self) -> bool:
        """For good. True if it was not ended before."""
        before = self.state
        self._advance(OnAirEvent.END)
        return self.state is not before

    def _advance(self, event: OnAirEvent) -> None:
        self.state = TRANSITIONS.get((self.state, event), self.state)
