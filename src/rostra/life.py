"""The life of a room: every change of its state, and who may cause it. Pure, as two tables.

*Scheduled*: announced; nobody is let in yet. *Open*: the doors are open, listeners hold a quiet stream, speakers meet
in the green room. *Live*: what is said goes out. *Interrupted*: on air, and no voice reaches us; the place is kept.
*Ended* and *cancelled* are for good.

The picture in ``docs/life.md`` is drawn from these tables (``make docs``).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from rostra.errors import Conflict
from rostra.units import RoomState, WallTime


class LifeEvent(StrEnum):
    """What befalls a room."""

    OPEN = "doors open"
    START = "it starts"
    LOST = "no voice reaches us"
    BACK = "a voice is back"
    END = "it ends"
    CANCEL = "it is cancelled"
    POSTPONE = "it is moved to a later time"


class Cause(StrEnum):
    """Who or what makes it happen."""

    OPERATOR = "operator"
    HOST = "host"
    COHOST = "co-host"
    CLOCK = "clock"
    """Doors open a while before the announced time; it ends when no voice was heard for long."""
    STAGE = "stage"
    """A voice is heard at or after the announced time; the last speaker is gone, or back."""


_S, _E, _C = RoomState, LifeEvent, Cause

TRANSITIONS: Final[dict[tuple[RoomState, LifeEvent], RoomState]] = {
    (_S.SCHEDULED, _E.OPEN): _S.OPEN,
    (_S.SCHEDULED, _E.CANCEL): _S.CANCELLED,
    (_S.SCHEDULED, _E.POSTPONE): _S.SCHEDULED,
    (_S.OPEN, _E.START): _S.LIVE,
    (_S.OPEN, _E.POSTPONE): _S.SCHEDULED,
    (_S.OPEN, _E.CANCEL): _S.CANCELLED,
    (_S.OPEN, _E.END): _S.ENDED,
    (_S.LIVE, _E.LOST): _S.INTERRUPTED,
    (_S.LIVE, _E.END): _S.ENDED,
    (_S.INTERRUPTED, _E.BACK): _S.LIVE,
    (_S.INTERRUPTED, _E.END): _S.ENDED,
}
"""A pair that is missing cannot happen."""

CAUSES: Final[dict[LifeEvent, frozenset[Cause]]] = {
    _E.OPEN: frozenset({_C.OPERATOR, _C.HOST, _C.COHOST, _C.CLOCK}),
    _E.START: frozenset({_C.OPERATOR, _C.HOST, _C.COHOST, _C.STAGE}),
    _E.LOST: frozenset({_C.STAGE}),
    _E.BACK: frozenset({_C.STAGE}),
    _E.END: frozenset({_C.OPERATOR, _C.HOST, _C.CLOCK}),
    _E.CANCEL: frozenset({_C.OPERATOR, _C.HOST}),
    _E.POSTPONE: frozenset({_C.OPERATOR, _C.HOST, _C.COHOST}),
}

OVER: Final = frozenset({RoomState.ENDED, RoomState.CANCELLED})
ON_AIR: Final = frozenset({RoomState.OPEN, RoomState.LIVE, RoomState.INTERRUPTED})

_CANNOT: Final = {
    _S.SCHEDULED: "is announced for later",
    _S.OPEN: "has its doors open but has not begun",
    _S.LIVE: "is live",
    _S.INTERRUPTED: "is interrupted",
    _S.ENDED: "has ended",
    _S.CANCELLED: "has been cancelled",
}


def after(state: RoomState, event: LifeEvent) -> RoomState | None:
    """The state after ``event``; None if it cannot befall a room in ``state``."""
    return TRANSITIONS.get((state, event))


def advance(state: RoomState, event: LifeEvent) -> RoomState:
    """:raises Conflict: if that cannot befall a room in that state."""
    found = after(state, event)
    if found is None:
        raise Conflict(f"This room {_CANNOT[state]}: it cannot be that {event.value}.")
    return found


def doors_at(at: WallTime, doors_s: float) -> WallTime:
    """When the doors of a room announced for ``at`` open by themselves."""
    return WallTime(at - doors_s)


def late(state: RoomState, at: WallTime, now: WallTime) -> bool:
    """Whether listeners wait for a host who is not there: the announced minute is over and nothing has begun."""
    return state in (RoomState.SCHEDULED, RoomState.OPEN) and now >= at
