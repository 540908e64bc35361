"""Which rooms have a stage, with stages that only note what happens to them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rostra.errors import BadRequest, Conflict, Full, NotFound
from rostra.supervision import stages as stages_module
from rostra.supervision.stages import Stages
from rostra.units import RoomState, WallTime
from rostra.wire.rooms import Room


def room(name: str, state: RoomState = RoomState.OPEN) -> Room:
    return Room(name, "A talk", state, WallTime(2e9), WallTime(1e9))


class Stage:
    def __init__(self, name: str, final: Callable[[int], bool], on_final: Callable[[], None]) -> None:
        self.name, self.final, self.on_final = name, final, on_final
        self.state = "made"
        self.pid: int | None = 7

    def start(self) -> None:
        self.state = "running"

    async def stop(self) -> None:
        self.state = "stopped"


class World:
    """Room records and the stages that were made."""

    def __init__(self, folder: Path, *, all_ours: bool = True) -> None:
        self.records: dict[str, Room] = {}
        self.made: list[Stage] = []
        self.stages = Stages(self, self._make, folder / "stages.json", all_ours=all_ours)

    def _make(self, name: str, final: Callable[[int], bool], on_final: Callable[[], None]) -> Stage:
        self.made.append(Stage(name, final, on_final))
        return self.made[-1]

    async def get_room(self, room_id: str) -> tuple[Room, int]:
        if room_id not in self.records:
            raise NotFound(f"There is no room {room_id!r}.")
        return self.records[room_id], 1

    def change(self, changed: Room) -> None:
        self.records[changed.id] = changed
        self.stages.room_changed(changed.id, changed)


async def test_a_stage_is_opened_once_when_asked(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.records["a"] = room("a")
    for _ in range(3):
        assert await world.stages.handle({"op": "open", "room": "a"}) == {"ok": {"room": "a", "pid": 7}}
    assert [s.state for s in world.made] == ["running"]
    assert world.stages.rooms == ["a"]


async def test_rooms_that_were_on_air_before_are_taken_up(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name, state in [("a", RoomState.LIVE), ("b", RoomState.INTERRUPTED), ("c", RoomState.SCHEDULED),
                        ("d", RoomState.ENDED)]:  # fmt: skip
        world.change(room(name, state))
    assert [s.name for s in world.made] == ["a", "b"]


async def test_on_a_shared_bus_only_rooms_that_were_opened_here(tmp_path: Path) -> None:
    world = World(tmp_path, all_ours=False)
    world.change(room("theirs", RoomState.LIVE))
    assert world.made == []
    world.records["ours"] = room("ours")
    await world.stages.handle({"op": "open", "room": "ours"})
    await world.stages.stop()
    again = World(tmp_path, all_ours=False)
    again.change(room("theirs", RoomState.LIVE))
    again.change(room("ours", RoomState.LIVE))
    assert [s.name for s in again.made] == ["ours"]


async def test_a_crash_is_not_final_while_the_room_is_on_air(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.change(room("a", RoomState.LIVE))
    assert not world.made[0].final(0)
    assert not world.made[0].final(-9)
    world.change(room("a", RoomState.ENDED))
    assert world.made[0].final(0)
    world.made[0].on_final()
    assert world.stages.rooms == []
    await world.stages.stop()


async def test_a_green_room_is_let_be_until_it_ends_and_then_stays_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages_module, "ENDS_BY_ITSELF_S", 0.01)
    world = World(tmp_path, all_ours=False)
    world.change(room("a", RoomState.SCHEDULED))
    await world.stages.handle({"op": "open", "room": "a"})
    world.change(room("a", RoomState.SCHEDULED).with_(title="Another"))
    await asyncio.sleep(0.05)
    assert (world.made[0].state, world.made[0].final(0)) == ("running", True)
    world.change(room("a", RoomState.OPEN))
    assert not world.made[0].final(0), "on air, and the same stage"
    assert len(world.made) == 1 and "a" in (tmp_path / "stages.json").read_text()
    world.change(room("a", RoomState.SCHEDULED))
    await asyncio.sleep(0.05)
    assert world.made[0].state == "stopped", "it was moved, and did not go"


async def test_a_stage_that_does_not_go_when_its_room_ends_is_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages_module, "ENDS_BY_ITSELF_S", 0.05)
    world = World(tmp_path)
    world.change(room("a", RoomState.LIVE))
    world.change(room("a", RoomState.ENDED))
    assert world.made[0].state == "running"
    await asyncio.sleep(0.2)
    assert world.made[0].state == "stopped"
    assert world.stages.rooms == []


async def test_stopping_leaves_the_rooms_on_air_for_the_next_start(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.change(room("a", RoomState.LIVE))
    await world.stages.stop()
    assert world.made[0].state == "stopped"
    assert world.records["a"].on_air
    world.stages.room_changed("b", room("b"))
    assert len(world.made) == 1, "nothing is opened any more"


async def test_close(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.change(room("a"))
    assert await world.stages.handle({"op": "close", "room": "a"}) == {"ok": {"room": "a"}}
    await asyncio.sleep(0.01)
    assert world.made[0].state == "stopped"
    with pytest.raises(NotFound):
        await world.stages.handle({"op": "close", "room": "a"})


@pytest.mark.parametrize("body", [{}, {"op": "open"}, {"op": "open", "room": "../x"}, {"op": "open", "room": 7}])
async def test_malformed_requests(tmp_path: Path, body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        await World(tmp_path).stages.handle(body)


async def test_what_cannot_be_opened(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.records["later"] = room("later", RoomState.ENDED)
    with pytest.raises(Conflict, match="is ended: it has no stage"):
        await world.stages.handle({"op": "open", "room": "later"})
    with pytest.raises(NotFound):
        await world.stages.handle({"op": "open", "room": "nobody"})
    with pytest.raises(BadRequest):
        await world.stages.handle({"op": "dance", "room": "later"})


async def test_a_machine_has_only_so_many_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages_module, "MOST_STAGES", 2)
    world = World(tmp_path)
    for name in ("a", "b", "c"):
        world.change(room(name))
    assert world.stages.rooms == ["a", "b"]
    with pytest.raises(Full):
        await world.stages.handle({"op": "open", "room": "c"})


async def test_a_damaged_memory_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "stages.json").write_text("{]")
    world = World(tmp_path, all_ours=False)
    world.change(room("a"))
    assert world.made == []
