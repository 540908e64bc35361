"""What a stage leaves to the next one of its room, on the bus: who was put off, who had a seat, when a voice was heard.

Written in a task beside the ticks, the last wish counts; while the bus is away it waits, and this stage goes on by
what it knows itself.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from rostra.errors import NotFound, RostraError, WireError
from rostra.stage.record import RETRY_S
from rostra.wire.rooms import Room
from rostra.wire.stages import StageMemory

log = logging.getLogger("rostra.stage")


class Memories(Protocol):
    """What a stage needs of the bus here."""

    async def get(self, key: str) -> tuple[StageMemory, int]: ...
    async def put(self, key: str, value: StageMemory, revision: int | None = None) -> int: ...


async def recall(bus: Memories, room: Room) -> StageMemory:
    """What the stage before us knew. :raises RostraError: the bus does not answer."""
    try:
        memory, _ = await bus.get(room.id)
    except NotFound:
        return StageMemory(room.created)
    except WireError as e:
        log.warning("room %s: what the stage before knew cannot be read: %s", room.id, e)
        return StageMemory(room.created)
    return memory if memory.created == room.created else StageMemory(room.created)


class Keeper:
    """Keeps the memory of one room on the bus."""

    def __init__(self, bus: Memories, room_id: str, memory: StageMemory) -> None:
        self._bus, self._room_id = bus, room_id
        self._known = self._wanted = memory
        self._wished = asyncio.Event()

    def wish(self, memory: StageMemory) -> None:
        self._wanted = memory
        if memory != self._known:
            self._wished.set()

    async def keep(self) -> None:
        """Write wishes until cancelled."""
        while True:
            await self._wished.wait()
            self._wished.clear()
            try:
                await self.write()
            except RostraError as e:
                log.warning("room %s: what is to be remembered waits for the bus: %s", self._room_id, e)
                self._wished.set()
                await asyncio.sleep(RETRY_S)

    async def write(self) -> None:
        """:raises RostraError: if the bus does not let us now."""
        wanted = self._wanted
        if wanted != self._known:
            await self._bus.put(self._room_id, wanted)
            self._known = wanted
