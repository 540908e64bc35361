"""What can be done to a room, on a real bus."""

import asyncio

import pytest

from rostra.errors import Conflict, NotFound, StageUnavailable
from rostra.studio import rooms as rooms_module
from rostra.studio.rooms import Rooms
from rostra.units import Role, RoomState, WallTime
from tests.studio.conftest import Door, a_room


async def test_ids_are_taken_once(door: Door) -> None:
    rooms = door.office.rooms
    made = [await rooms.create(a_room("talk"), exactly=n == 0) for n in range(3)]
    assert [r.id for r in made] == ["talk", "talk-2", "talk-3"]
    with pytest.raises(Conflict, match="There is a room 'talk' already"):
        await rooms.create(a_room("talk"), exactly=True)
    assert [r.id for r in (await rooms.page(10, ""))[0]] == ["talk-3", "talk-2", "talk"]


async def test_two_that_make_the_same_room_at_once(door: Door) -> None:
    rooms = door.office.rooms
    made = await asyncio.gather(*(rooms.create(a_room("talk"), exactly=True) for _ in range(5)), return_exceptions=True)
    assert sum(not isinstance(m, Exception) for m in made) == 1
    assert sum(isinstance(m, Conflict) for m in made) == 4


async def test_a_host_opens_the_doors_by_coming_and_gets_a_stage(door: Door) -> None:
    await door.room()
    with pytest.raises(Conflict, match="they open when the host comes"):
        await door.office.rooms.enter("main", Role.SPEAKER)
    assert (await door.office.rooms.enter("main", Role.HOST)).state is RoomState.OPEN
    assert door.others.opened == ["main"]
    await door.office.rooms.enter("main", Role.SPEAKER)
    assert door.others.opened == ["main"], "a stage that answers is not asked for again"


async def test_a_stage_that_starts_late_is_waited_for(door: Door) -> None:
    await door.room()
    door.others.opens = False
    entering = asyncio.create_task(door.office.rooms.enter("main", Role.HOST))
    await asyncio.sleep(0.3)
    assert not entering.done()
    await door.others.stage_for("main")
    await entering
    assert door.others.opened == ["main"]


async def test_a_stage_that_does_not_come_is_a_sentence(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms_module, "STAGE_WITHIN_S", 0.4)
    await door.room()
    door.others.opens = False
    with pytest.raises(StageUnavailable, match="did not start within"):
        await door.office.rooms.open("main")


async def test_opening_twice_is_as_good_as_once_and_over_is_over(door: Door) -> None:
    await door.room()
    await door.office.rooms.open("main")
    assert (await door.office.rooms.open("main")).state is RoomState.OPEN
    assert (await door.office.rooms.end("main")).state is RoomState.ENDED
    assert (await door.office.rooms.end("main")).state is RoomState.ENDED
    with pytest.raises(Conflict, match="has ended; it cannot be opened again"):
        await door.office.rooms.open("main")
    with pytest.raises(Conflict, match="has ended"):
        await door.office.rooms.enter("main", Role.HOST)


async def test_ending_asks_the_stage_and_leaves_the_writing_to_it(door: Door) -> None:
    await door.room()
    await door.office.rooms.open("main")
    await door.office.rooms.end("main")
    assert [a["op"] for a in door.others.asked] == ["end"]


async def test_a_stage_that_says_yes_and_does_nothing_does_not_keep_the_room_on_air(door: Door) -> None:
    await door.room()
    await door.office.rooms.open("main")
    door.others.ends_rooms = False
    ended = await door.office.rooms.end("main")
    assert ended.state is RoomState.ENDED
    assert ended.ended > 0


async def test_what_is_in_the_broadcast_delay_plays_out_before_the_end_is_written(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms_module, "ENDS_WITHIN_S", 0.2)
    await door.room(state=RoomState.LIVE)
    await door.others.stage_for("main")
    door.others.answers["end"] = {"ok": True, "plays_out_s": 0.5}
    assert (await door.office.rooms.end("main")).state is RoomState.LIVE
    await asyncio.sleep(0.4)
    assert (await door.office.rooms.get("main")).state is RoomState.LIVE, "the last words are still going out"
    await asyncio.sleep(0.8)
    assert (await door.office.rooms.get("main")).state is RoomState.ENDED, "the stage did not, so we did"


async def test_a_room_on_air_without_a_stage_can_be_ended(door: Door) -> None:
    await door.room(state=RoomState.INTERRUPTED)
    assert (await door.office.rooms.end("main")).state is RoomState.ENDED


async def test_ending_before_the_beginning_cancels(door: Door) -> None:
    await door.room()
    assert (await door.office.rooms.end("main")).state is RoomState.CANCELLED
    with pytest.raises(Conflict, match="been cancelled"):
        await door.office.rooms.enter("main", Role.HOST)


async def test_no_room(door: Door) -> None:
    for work in (door.office.rooms.open, door.office.rooms.end, door.office.rooms.get):
        with pytest.raises(NotFound):
            await work("nobody")


async def test_a_change_that_collides_is_made_again(door: Door) -> None:
    await door.room()
    rooms = Rooms(door.others.bus, door.office.files, lambda: WallTime(1e9))
    both = await asyncio.gather(door.office.rooms.open("main"), rooms.open("main"))
    assert {r.state for r in both} == {RoomState.OPEN}
