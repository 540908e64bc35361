"""What a stage leaves to the next one."""

from __future__ import annotations

import asyncio

import pytest

from rostra.errors import BusUnavailable, NotFound, WireError
from rostra.stage import memory as module
from rostra.stage.memory import Keeper, recall
from rostra.units import RoomState, WallTime
from rostra.wire.rooms import Room
from rostra.wire.stages import StageMemory

ROOM = Room("a", "A", RoomState.OPEN, WallTime(0.0), WallTime(7.0))
KNOWN = StageMemory(WallTime(7.0), ("p1",), ("p2",), WallTime(9.0))


class Shelf:
    def __init__(self, found: StageMemory | Exception) -> None:
        self.found, self.put_down = found, list[StageMemory]()
        self.away = 0

    async def get(self, key: str) -> tuple[StageMemory, int]:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found, 1

    async def put(self, key: str, value: StageMemory, revision: int | None = None) -> int:
        if self.away:
            self.away -= 1
            raise BusUnavailable("away")
        self.put_down.append(value)
        return 1


async def test_what_the_stage_before_knew() -> None:
    assert await recall(Shelf(KNOWN), ROOM) == KNOWN
    for nothing in (NotFound("none"), WireError("garbled"), StageMemory(WallTime(6.0), ("p9",))):
        assert await recall(Shelf(nothing), ROOM) == StageMemory(WallTime(7.0)), "another room of that name, say"
    with pytest.raises(BusUnavailable):
        await recall(Shelf(BusUnavailable("away")), ROOM)


async def test_it_is_written_when_it_changes_and_waits_for_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    shelf = Shelf(KNOWN)
    shelf.away = 2
    keeper = Keeper(shelf, "a", KNOWN)
    task = asyncio.create_task(keeper.keep())
    keeper.wish(KNOWN)
    later = StageMemory(WallTime(7.0), ("p1", "p3"))
    keeper.wish(later)
    async with asyncio.timeout(2):
        while not shelf.put_down:
            await asyncio.sleep(0.01)
    keeper.wish(later)
    await keeper.write()
    await asyncio.sleep(0.02)
    assert shelf.put_down == [later]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
