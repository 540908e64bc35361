"""What only the catalog knows, as values. Times are UTC seconds."""

from __future__ import annotations

from dataclasses import dataclass

from rostra.units import Role, WallTime


@dataclass(frozen=True, slots=True)
class Invitation:
    """A personal link that was made."""

    identity: str
    role: Role
    name: str
    at: WallTime
    revoked: WallTime = WallTime(0.0)
    """When it was taken back; 0.0 while it is good."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a listener says is wrong."""

    id: int
    room: str
    at: WallTime
    said: str
    about: str
    """The seat or post; may be empty."""


@dataclass(frozen=True, slots=True)
class SeatNote:
    """That somebody sat on the stage."""

    seat: int
    name: str
    role: Role
    at: WallTime
    left: WallTime = WallTime(0.0)
    """0.0 while they sit there."""
