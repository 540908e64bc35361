"""What is asked at the door, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from rostra.admission.challenge import TRIALS, challenge, check
from rostra.units import WallTime
from rostra.wire.passes import DoorKeys, Line


class Kind(StrEnum):
    """What somebody wants."""

    LIVE = "live"
    MP3 = "mp3"
    PLAYLIST = "playlist"
    NUMBER = "number"
    """A place in the line (``POST /r/ROOM/door``)."""
    RSVP = "rsvp"
    """A place in the line of those who say beforehand that they will come."""


@dataclass(frozen=True, slots=True)
class Asked:
    room: str
    kind: Kind
    address: bytes
    """Packed: 4 or 16 bytes; empty: unknown."""
    opened: WallTime
    """When the doors of the room opened; 0.0: they have not."""
    pass_: str = ""
    answer: str = ""
    """To a challenge, as ALTCHA writes it."""
    inside: int = 0
    """The word that those inside were told (``insiders``)."""


@dataclass(frozen=True, slots=True)
class Enter:
    """Come in."""

    seat: tuple[str, bytes] | None = None
    """What they hold by a pass: whoever holds an older session of it lets go of it."""
    pass_: str = ""
    """A pass that was made just now, to be kept."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A proof of work first."""

    challenge: dict[str, Any] | None = None
    """None: it is to be asked for."""


@dataclass(frozen=True, slots=True)
class Given:
    """A place in the line."""

    pass_: str
    line: Line
    rank: int | None
    """None: drawn when the doors open."""
    called: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """The house is full, or too many come at once: there is a line."""

    called: bool
    """It is their turn, but there is no place here at this moment."""
    retry_s: float


@dataclass(frozen=True, slots=True)
class Refuse:
    sentence: str
    retry_s: float
    slug: str = "full"
    """Of the problem (``rostra.errors``)."""


Verdict = Enter | Challenge | Given | Wait | Refuse


class Gate(Protocol):
    """Makes challenges and checks answers."""

    def make(self, keys: DoorKeys, room: str, place: bytes, pressure: float, wall: WallTime) -> dict[str, Any]: ...

    def check(self, keys: DoorKeys, answer: str, room: str, place: bytes, wall: WallTime) -> bytes:
        """The id of the pass it pays for. :raises BadAnswer: with a sentence."""


class ProofOfWork:
    """:class:`Gate` as it is (``admission.challenge``)."""

    def __init__(self, bounds: tuple[int, int] = TRIALS) -> None:
        """:param bounds: keys that a page tries at most, without pressure and under all of it."""
        if not 1 <= bounds[0] <= bounds[1]:
            raise ValueError("a challenge is not easier under pressure than without")
        self._bounds = bounds

    def make(self, keys: DoorKeys, room: str, place: bytes, pressure: float, wall: WallTime) -> dict[str, Any]:
        return challenge(keys, room, place, pressure, wall, bounds=self._bounds)

    def check(self, keys: DoorKeys, answer: str, room: str, place: bytes, wall: WallTime) -> bytes:
        return check(keys, answer, room, place, wall)


Draw = Callable[[int], bytes]
"""So many bytes that nobody can guess."""
