"""A room in the catalog and the same room on the bus, as one record. Pure.

What is announced is the catalog's; what happens on air, and what is set while it is, the bus's: with the catalog away
that goes on. Links that were taken back, wherever it was noted, stay taken back.
"""

from __future__ import annotations

from typing import Any, Final

from rostra.life import doors_at
from rostra.units import RoomState, WallTime
from rostra.wire.rooms import MAX_REVOKED, Room

ANNOUNCED: Final = (
    "title", "at", "created", "words", "tz", "speakers", "picture", "card", "listed", "invited", "doors_s", "note",
    "moved",
)  # fmt: skip
ON_THE_CARD: Final = ("title", "at", "tz", "speakers", "picture")
SET_ON_AIR: Final = ("go", "delay_s", "locked")

_BEFORE: Final = (RoomState.SCHEDULED, RoomState.OPEN)


def to_bus(record: Room, filed: Room, now: WallTime) -> Room:
    """The record with what the catalog announces."""
    return record.with_(**_of(filed, ANNOUNCED), **_taken_back(record, filed), **_called_off(record, filed, now))


def to_catalog(filed: Room, record: Room) -> Room:
    """The room in the catalog with what was set on air."""
    return filed.with_(**_of(record, SET_ON_AIR), **_taken_back(filed, record))


def unheard(record: Room, filed: Room, now: WallTime) -> bool:
    """Whether the bus has yet to hear that the room was cancelled or moved: what it says of the state is old."""
    return bool(_called_off(record, filed, now))


def _of(room: Room, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(room, name) for name in names}


def _taken_back(one: Room, other: Room) -> dict[str, Any]:
    roles = one.issues.keys() | other.issues.keys()
    issues = {role: max(one.issues.get(role, 0), other.issues.get(role, 0)) for role in sorted(roles)}
    revoked = tuple(dict.fromkeys((*one.revoked, *other.revoked)))
    return {"issues": issues, "revoked": revoked[:MAX_REVOKED]}


def _called_off(record: Room, filed: Room, now: WallTime) -> dict[str, Any]:
    """It was cancelled or moved in the catalog, and the bus was not there to hear of it."""
    if filed.state is RoomState.CANCELLED and record.state in _BEFORE:
        return {"state": RoomState.CANCELLED, "ended": filed.ended}
    moved = filed.state is RoomState.SCHEDULED and filed.moved > record.moved
    if moved and record.state is RoomState.OPEN and doors_at(filed.at, filed.doors_s) > now:
        return {"state": RoomState.SCHEDULED, "go": False}
    return {}
