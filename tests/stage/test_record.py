"""Taking a room up, and writing its record, against records that change meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from rostra.errors import BusUnavailable, Conflict, NotFound, RostraError, StageUnavailable
from rostra.stage import record
from rostra.stage.record import Record, take_up
from rostra.units import FRAME_SAMPLES, MediaTime, Part, PartName, Rendition, RoomState, WallTime
from rostra.wire.rooms import Room

OPEN = Room("a", "A", RoomState.OPEN, WallTime(0.0), WallTime(0.0))


class Shelf:
    """Records with compare-and-set. ``interfere``: how often someone else writes just before us."""

    def __init__(self, room: Room | None, window: list[Part] | None = None) -> None:
        self.room, self.revision, self.parts = room, 1, window or []
        self.interfere = 0
        self.gone = False

    async def get_room(self, room_id: str) -> tuple[Room, int]:
        if self.gone:
            raise BusUnavailable("gone")
        if self.room is None:
            raise NotFound("no such room")
        return self.room, self.revision

    async def update_room(self, room: Room, revision: int) -> int:
        if self.interfere:
            self.interfere -= 1
            self.revision += 1
        if revision != self.revision:
            raise Conflict("it has moved on")
        self.room, self.revision = room, self.revision + 1
        return self.revision

    async def window(self, room: str | None = None) -> list[tuple[str, Part]]:
        return [("a", part) for part in self.parts]


def wall(seconds: float = 1000.0) -> WallTime:
    return WallTime(seconds)


def part(rendition: Rendition, generation: int, sequence: int, time: int) -> Part:
    return Part(
        PartName(rendition, generation, sequence), sequence // 8, sequence % 8, MediaTime(time), rendition.part_samples,
        wall(), b"x", init=b"i",
    )  # fmt: skip


async def test_the_first_stage_sets_the_epoch() -> None:
    shelf = Shelf(OPEN)
    taken = await take_up(shelf, "a", wall)
    assert taken is not None and taken.room.generation == 1 and taken.room.epoch == 1000.0
    assert (taken.base, taken.known) == (0, {}) and shelf.room == taken.room


async def test_a_later_stage_goes_on_after_what_is_known() -> None:
    live = OPEN.with_(state=RoomState.LIVE, generation=3, epoch=WallTime(990.0), started=WallTime(991.0))
    parts = [part(Rendition.OPUS, 3, 17, 400_000), part(Rendition.OPUS, 3, 18, 424_000), part(Rendition.AAC, 3, 16, 0)]
    taken = await take_up(Shelf(live, parts), "a", wall)
    assert taken is not None and taken.room.generation == 4 and taken.room.state is RoomState.INTERRUPTED
    assert taken.base == 480_000, "ten seconds since the epoch"
    assert taken.known == {Rendition.OPUS: 18, Rendition.AAC: 16}
    # A clock that was set back must not make media time run backwards.
    taken = await take_up(Shelf(live, parts), "a", lambda: wall(991.0))
    assert taken is not None and taken.base == -(-448_000 // FRAME_SAMPLES) * FRAME_SAMPLES


async def test_who_writes_at_the_same_time_is_asked_again_and_not_for_ever() -> None:
    shelf = Shelf(OPEN)
    shelf.interfere = 3
    assert await take_up(shelf, "a", wall) is not None
    shelf.interfere = 1000
    with pytest.raises(StageUnavailable):
        await take_up(shelf, "a", wall)


async def test_before_the_doors_are_open_the_room_stays_as_it_is_announced() -> None:
    shelf = Shelf(OPEN.with_(state=RoomState.SCHEDULED))
    taken = await take_up(shelf, "a", wall)
    assert taken is not None and shelf.room is not None and shelf.room.state is RoomState.SCHEDULED
    kept, seen = Record(shelf, taken.room, wall), []
    kept.on_room = seen.append
    for room in (taken.room.with_(title="B"), taken.room.with_(state=RoomState.OPEN)):
        kept.seen("a", room)
    assert [r.state for r in seen] == [RoomState.SCHEDULED, RoomState.OPEN] and not kept.closed.is_set()
    kept.seen("a", taken.room)
    assert kept.closed.is_set() and kept.left_as is RoomState.SCHEDULED, "they were open, and it was moved"


async def test_a_green_room_is_over_when_the_room_is_moved_or_called_off() -> None:
    for change in ({"moved": 1, "at": wall(9e9)}, {"state": RoomState.CANCELLED}):
        room = OPEN.with_(state=RoomState.SCHEDULED)
        kept = Record(Shelf(room), room, wall)
        kept.seen("a", room.with_(**change))
        assert kept.closed.is_set()


async def test_a_room_that_is_moved_by_a_little_with_open_doors_goes_on() -> None:
    kept = Record(Shelf(OPEN), OPEN, wall)
    kept.seen("a", OPEN.with_(moved=1, at=wall(9e9)))
    assert not kept.closed.is_set()


@pytest.mark.parametrize("state", [RoomState.ENDED, RoomState.CANCELLED])
async def test_a_room_that_is_over_is_left_alone(state: RoomState) -> None:
    shelf = Shelf(OPEN.with_(state=state))
    assert await take_up(shelf, "a", wall) is None and shelf.revision == 1
    with pytest.raises(NotFound):
        await take_up(Shelf(None), "a", wall)


async def test_live_is_written_with_the_time_it_began_and_once() -> None:
    shelf = Shelf(OPEN.with_(generation=1))
    kept = Record(shelf, shelf.room or OPEN, wall)
    shelf.interfere = 2
    kept.wish(RoomState.LIVE)
    await kept.write()
    assert shelf.room is not None and shelf.room.state is RoomState.LIVE and shelf.room.started == 1000.0
    revision = shelf.revision
    await kept.write()
    assert shelf.revision == revision, "nothing is written that is so already"
    kept.wish(RoomState.ENDED)
    await kept.write()
    assert shelf.room.ended == 1000.0 and shelf.room.state is RoomState.ENDED


async def test_a_record_of_a_later_generation_is_not_touched() -> None:
    shelf = Shelf(OPEN.with_(generation=2))
    kept = Record(shelf, OPEN.with_(generation=1), wall)
    kept.wish(RoomState.LIVE)
    await kept.write()
    assert kept.superseded.is_set() and shelf.revision == 1


async def test_a_room_that_someone_else_ended_stays_ended() -> None:
    shelf = Shelf(OPEN.with_(generation=1, state=RoomState.ENDED))
    kept = Record(shelf, OPEN.with_(generation=1), wall)
    kept.wish(RoomState.LIVE)
    await kept.write()
    assert kept.closed.is_set() and shelf.revision == 1
    other = Record(shelf, OPEN.with_(generation=1), wall)
    other.seen("b", None)
    assert not other.closed.is_set(), "another room's news"
    other.seen("a", None)
    assert other.closed.is_set()


@pytest.mark.parametrize("state", [RoomState.CANCELLED, RoomState.SCHEDULED, RoomState.ENDED])
async def test_a_room_that_was_cancelled_or_moved_is_left_as_it_is(state: RoomState) -> None:
    shelf = Shelf(OPEN.with_(generation=1, state=state))
    kept = Record(shelf, OPEN.with_(generation=1), wall)
    kept.seen("a", shelf.room)
    assert kept.closed.is_set() and kept.left_as is state
    for wish in (RoomState.LIVE, RoomState.ENDED):
        kept.wish(wish)
        await kept.write()
    assert shelf.revision == 1 and shelf.room is not None and shelf.room.state is state


def test_what_host_and_studio_change_is_passed_on() -> None:
    kept, news = Record(Shelf(OPEN), OPEN.with_(generation=1), wall), list[Room]()
    kept.on_room = news.append
    changed = OPEN.with_(generation=1, locked=True, delay_s=5.0)
    for room_id, room in (("b", changed), ("a", changed), ("a", changed.with_(generation=2)), ("a", None)):
        kept.seen(room_id, room)
    assert news == [changed]


async def test_a_wish_waits_for_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RETRY_S", 0.01)
    shelf = Shelf(OPEN.with_(generation=1))
    kept = Record(shelf, OPEN.with_(generation=1), wall)
    shelf.gone = True
    keeping = asyncio.create_task(kept.keep())
    kept.wish(RoomState.LIVE)
    await asyncio.sleep(0.05)
    assert shelf.room is not None and shelf.room.state is RoomState.OPEN
    shelf.gone = False
    async with asyncio.timeout(2):
        while shelf.room.state is not RoomState.LIVE:
            await asyncio.sleep(0.01)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_a_record_that_never_rests_is_given_up_for_now() -> None:
    shelf = Shelf(OPEN.with_(generation=1))
    shelf.interfere = 1000
    kept = Record(shelf, OPEN.with_(generation=1), wall)
    kept.wish(RoomState.LIVE)
    with pytest.raises(RostraError, match="too often"):
        await kept.write()
