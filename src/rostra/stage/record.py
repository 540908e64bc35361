"""The room's record on the bus, as far as its stage reads and writes it (docs/topics/path.md, "Numbering")."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from rostra.errors import Conflict, RostraError, StageUnavailable, Unavailable
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, MediaTime, Part, Rendition, RoomState, WallTime
from rostra.wire.rooms import Room

log = logging.getLogger("rostra.stage")

TRIES: Final = 8
"""Of a compare-and-set: studio and stage change a record a few times an hour."""

RETRY_S: Final = 0.5
"""Between attempts while the bus does not take a record."""


class Records(Protocol):
    """What a stage needs of the bus here."""

    async def get_room(self, room_id: str) -> tuple[Room, int]: ...
    async def update_room(self, room: Room, revision: int) -> int: ...
    async def window(self, room: str | None = None) -> list[tuple[str, Part]]: ...


@dataclass(frozen=True, slots=True)
class TakenUp:
    """A room as this process has it."""

    room: Room
    base: MediaTime
    """Media time of the first tick."""
    known: dict[Rendition, int]
    """Highest sequence in the live window, by rendition."""


async def take_up(bus: Records, room_id: str, wall: Callable[[], WallTime]) -> TakenUp | None:
    """Become the room's stage: a compare-and-set of its record. None if the room is over.

    Before the doors are open, a stage is what hosts and co-hosts meet on; the room stays scheduled.

    :raises NotFound: if there is no such room. :raises RostraError: if the bus does not let us.
    """
    for _ in range(TRIES):
        room, revision = await bus.get_room(room_id)
        if room.over:
            return None
        now = wall()
        epoch = room.epoch or now
        state = RoomState.INTERRUPTED if room.state is RoomState.LIVE else room.state
        mine = room.with_(generation=room.generation + 1, epoch=epoch, state=state)
        with contextlib.suppress(Conflict):
            await bus.update_room(mine, revision)
            window = [part for _, part in await bus.window(room_id)]
            end = max((part.end for part in window), default=0)
            known: dict[Rendition, int] = {}
            for part in window:
                known[part.name.rendition] = max(part.name.sequence, known.get(part.name.rendition, 0))
            base = max(int((now - epoch) * SAMPLE_RATE), end)
            return TakenUp(mine, MediaTime(-(-base // FRAME_SAMPLES) * FRAME_SAMPLES), known)
    raise StageUnavailable(f"The record of room {room_id!r} changes too often to take the room up.")


class Record:
    """The room's record, as far as its stage writes it. Writes in a task; the last wish counts."""

    def __init__(self, bus: Records, room: Room, wall: Callable[[], WallTime]) -> None:
        self._bus, self._room, self._wall = bus, room, wall
        self._wished = asyncio.Event()
        self._state = room.state
        self._on_air, self._moved = room.on_air, room.moved
        self.left_as = RoomState.ENDED
        """What the room is once it was closed: ended, cancelled, or scheduled for a later time."""
        self.superseded = asyncio.Event()
        """Set when another stage has taken the room up."""
        self.closed = asyncio.Event()
        """Set when the room was ended, cancelled, moved to a later time or taken away by someone else."""
        self.on_room: Callable[[Room], None] = lambda room: None
        """Called with every record that the watch brings while the room is ours: host and studio change it."""

    def seen(self, room_id: str, room: Room | None) -> None:
        """News of a record, from the bus."""
        if room_id != self._room.id:
            return
        if room is None:
            self.closed.set()
        elif room.generation > self._room.generation:
            self.superseded.set()
        elif room.over or (not room.on_air and (self._on_air or room.moved > self._moved)):
            self.left_as = room.state
            self.closed.set()
        else:
            self._on_air, self._moved = room.on_air, room.moved
            self.on_room(room)

    def wish(self, state: RoomState) -> None:
        self._state = state
        self._wished.set()

    async def keep(self) -> None:
        """Write wishes until cancelled."""
        while True:
            await self._wished.wait()
            self._wished.clear()
            try:
                await self.write()
            except RostraError as e:
                log.warning("the record of room %s waits for the bus: %s", self._room.id, e)
                self._wished.set()
                await asyncio.sleep(RETRY_S)

    async def write(self) -> None:
        """Make the record say what is wished.

        :raises RostraError: if the bus does not let us now.
        """
        for _ in range(TRIES):
            room, revision = await self._bus.get_room(self._room.id)
            self.seen(room.id, room)
            if self.superseded.is_set() or not room.on_air:
                return  # whoever ended, cancelled or moved it has written that down
            wanted = room.with_(state=self._state)
            if self._state is RoomState.LIVE and not room.started:
                wanted = wanted.with_(started=self._wall())
            if self._state is RoomState.ENDED and not room.ended:
                wanted = wanted.with_(ended=self._wall())
            if wanted == room:
                return
            with contextlib.suppress(Conflict):
                await self._bus.update_room(wanted, revision)
                return
        raise Unavailable(f"The record of room {self._room.id!r} changes too often to be written.")
