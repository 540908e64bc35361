"""What a stage must know though it crashed, as it stands on the bus (bucket ``stages``, key: the room's id), as JSON.

Only the room's stage writes it, and only the next stage of that room reads it: nobody else is told who was put off.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from rostra.errors import WireError
from rostra.units import WallTime

MAX_BARRED = 256
"""Links, browsers and people who may not come back: each was pressed by hand. The newest count."""

MAX_SAT = 64
"""People who had a seat; the stage has 32 at most, and who came last comes back."""

MAX_MARK = 32


@dataclass(frozen=True, slots=True)
class StageMemory:
    """People and links are told by marks (:func:`rostra.stage.moderation.mark`), which say nothing about them."""

    created: WallTime
    """Of the room: one of the same name that was made later begins without it."""
    barred: tuple[str, ...] = ()
    """Who may not come back, oldest first."""
    sat: tuple[str, ...] = ()
    """Who had a seat, oldest first."""
    heard: WallTime = WallTime(0.0)
    """When a voice was heard last, to the minute; 0.0: none was."""

    def __post_init__(self) -> None:
        if len(self.barred) > MAX_BARRED or len(self.sat) > MAX_SAT:
            raise ValueError(f"at most {MAX_BARRED} marks are barred and {MAX_SAT} have sat")
        if any(not 0 < len(mark) <= MAX_MARK for mark in (*self.barred, *self.sat)):
            raise ValueError(f"a mark has 1 to {MAX_MARK} characters")


def encode_memory(memory: StageMemory) -> bytes:
    return json.dumps({"v": 1, **asdict(memory)}, separators=(",", ":")).encode()


def decode_memory(data: bytes) -> StageMemory:
    """:raises WireError: if it is not a memory of a version we know."""
    try:
        body: dict[str, Any] = json.loads(data)
        if body["v"] != 1:
            raise WireError("a stage's memory of another version")
        return StageMemory(
            WallTime(float(body["created"])),
            tuple(map(str, body["barred"])),
            tuple(map(str, body["sat"])),
            WallTime(float(body["heard"])),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise WireError(f"not a stage's memory: {e}") from e
