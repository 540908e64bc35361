"""The public state of a room as it stands on the bus (key-value bucket ``rooms``, key: the room's id), as JSON.

Nothing in it is secret: edges serve it to everyone.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from rostra.errors import WireError
from rostra.units import RoomState, WallTime

ROOM_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
"""A room's id: 1 to 40 of a-z, 0-9 and inner hyphens. It stands in addresses, bus subjects and file names."""


@dataclass(frozen=True, slots=True)
class Room:
    """What everyone may know of a room. Times are UTC seconds."""

    id: str
    title: str
    state: RoomState
    at: WallTime
    """When it is announced to begin."""
    created: WallTime
    epoch: WallTime = WallTime(0.0)
    """When its first stage opened: media time 0. 0.0 before that."""
    generation: int = 0
    """The generation of the stage that has the room now; 0 before the first."""
    started: WallTime = WallTime(0.0)
    """When the first voice was heard; 0.0 before that."""
    ended: WallTime = WallTime(0.0)

    def __post_init__(self) -> None:
        if not ROOM_ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r} is not a room id: 1 to 40 of a-z, 0-9 and inner hyphens")
        if not 1 <= len(self.title) <= 200:
            raise ValueError("a title has 1 to 200 characters")

    @property
    def on_air(self) -> bool:
        """Whether a stage should have it: open, live or interrupted."""
        return self.state in (RoomState.OPEN, RoomState.LIVE, RoomState.INTERRUPTED)

    def with_(self, **changes: Any) -> Room:
        return replace(self, **changes)


def encode_room(room: Room) -> bytes:
    return json.dumps({"v": 1, **asdict(room)}, separators=(",", ":"), ensure_ascii=False).encode()


def decode_room(data: bytes) -> Room:
    """:raises WireError: if it is not a room of a version we know."""
    try:
        fields = json.loads(data)
        if fields.pop("v") != 1:
            raise WireError("a room record of another version")
        return Room(**{**fields, "state": RoomState(fields["state"])})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise WireError(f"not a room record: {e}") from e
