"""What the clock does, told the time; and what the studio does by itself between catalog and bus."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from rostra.catalog import letters
from rostra.errors import BusUnavailable, CatalogUnavailable, NotFound
from rostra.studio import chores as chores_module
from rostra.studio.app import wall_clock
from rostra.studio.chores import FORGOTTEN_S, OPEN_AGAIN_S, Watch
from rostra.units import Role, RoomState, WallTime
from rostra.wire.inbox import Letter, LetterKind
from rostra.wire.rooms import Room
from tests.studio.conftest import Door, a_room


def room(state: RoomState, at: float = 10_000.0, created: float = 0.0) -> Room:
    return Room("main", "A talk", state, WallTime(at), WallTime(created))


def test_doors_open_before_their_time() -> None:
    watch = Watch(3600.0)
    watch.heard("main", room(RoomState.SCHEDULED), WallTime(0.0))
    assert watch.to_open(WallTime(9_099.0)) == []
    assert len(watch.to_open(WallTime(9_100.0))) == 1
    assert watch.to_open(WallTime(9_101.0)) == [], "not again at once"
    watch.heard("main", room(RoomState.SCHEDULED, at=5.0, created=5.0), WallTime(5.0))
    assert watch.to_open(WallTime(20.0)) == [], "made for now: whoever comes opens it"


def test_rooms_end_after_long_silence() -> None:
    watch = Watch(3600.0)
    watch.heard("main", room(RoomState.INTERRUPTED), WallTime(20_000.0))
    assert watch.to_end(WallTime(23_599.0)) == []
    assert len(watch.to_end(WallTime(23_600.0))) == 1
    watch.heard("main", room(RoomState.LIVE), WallTime(23_600.0))
    assert watch.to_end(WallTime(90_000.0)) == []
    watch.heard("main", room(RoomState.OPEN), WallTime(9_000.0))
    assert watch.to_end(WallTime(13_000.0)) == [], "it counts from the announced time"


def test_doors_that_found_no_stage_are_tried_again_and_not_for_ever() -> None:
    watch = Watch(3600.0)
    watch.heard("main", room(RoomState.SCHEDULED), WallTime(0.0))
    assert len(watch.to_open(WallTime(9_100.0))) == 1
    assert watch.to_open(WallTime(9_100.0 + OPEN_AGAIN_S - 0.1)) == []
    assert len(watch.to_open(WallTime(9_100.0 + OPEN_AGAIN_S))) == 1
    assert len(watch.to_open(WallTime(13_600.0))) == 1
    assert watch.to_open(WallTime(13_601.0)) == [], "nobody came for an hour"


def test_a_room_that_is_moved_opens_at_its_new_time() -> None:
    watch = Watch(3600.0)
    watch.heard("main", room(RoomState.SCHEDULED), WallTime(0.0))
    watch.heard("main", room(RoomState.SCHEDULED, at=20_000.0), WallTime(9_000.0))
    assert watch.to_open(WallTime(9_100.0)) == []
    assert len(watch.to_open(WallTime(19_100.0))) == 1


@pytest.mark.parametrize("state", [RoomState.ENDED, RoomState.CANCELLED, None])
def test_what_is_over_or_deleted_is_not_watched(state: RoomState | None) -> None:
    watch = Watch(3600.0)
    watch.heard("main", room(RoomState.INTERRUPTED), WallTime(20_000.0))
    watch.heard("main", room(state) if state else None, WallTime(20_001.0))
    assert (watch.rooms, watch.to_end(WallTime(90_000.0)), watch.to_open(WallTime(9_100.0))) == ({}, [], [])


def test_a_room_that_its_host_forgot_is_called_off_after_a_week() -> None:
    watch = Watch(3600.0)
    watch.heard("main", room(RoomState.SCHEDULED), WallTime(0.0))
    assert watch.to_call_off(WallTime(10_000.0 + FORGOTTEN_S - 1.0)) == []
    assert len(watch.to_call_off(WallTime(10_000.0 + FORGOTTEN_S))) == 1
    watch.heard("main", room(RoomState.LIVE), WallTime(0.0))
    assert watch.to_call_off(WallTime(10_000.0 + FORGOTTEN_S)) == []


# --- on a real bus ---


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chores_module, "RETRY_S", 0.05)
    monkeypatch.setattr(chores_module, "TICK_S", 0.05)


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(10):
        while not (found := await condition()):
            await asyncio.sleep(0.01)
    return found


async def filed(door: Door, name: str = "main") -> Room:
    return await door.office.files.ask(lambda catalog: catalog.get_room(name))


async def record(door: Door, name: str = "main") -> Room:
    return (await door.others.bus.get_room(name))[0]


async def is_in(state: RoomState, what: Callable[[], Awaitable[Room]]) -> None:
    async def so() -> bool:
        return (await what()).state is state

    await until(so)


async def test_the_clock_opens_doors_before_their_time(door: Door) -> None:
    await door.office.rooms.create(a_room(at=wall_clock() + 600.0), exactly=True)
    await is_in(RoomState.OPEN, lambda: record(door))

    async def asked() -> bool:
        """For a stage, once it is written down."""
        return door.others.opened == ["main"]

    await until(asked)


async def test_the_clock_ends_what_nobody_spoke_in(door: Door) -> None:
    door.office.chores.watch.silence_ends_s = 0.2
    await door.room(state=RoomState.INTERRUPTED)
    await is_in(RoomState.ENDED, lambda: record(door))
    await is_in(RoomState.ENDED, lambda: filed(door))


async def test_what_happens_on_air_is_noted_in_the_catalog(door: Door) -> None:
    before = await door.room()
    assert (await filed(door)).state is RoomState.SCHEDULED
    _, revision = await door.others.bus.get_room("main")
    live = before.with_(state=RoomState.LIVE, started=WallTime(2e9), epoch=WallTime(1.9e9), generation=3)
    await door.others.bus.update_room(live, revision)
    await is_in(RoomState.LIVE, lambda: filed(door))
    assert ((await filed(door)).started, (await filed(door)).generation) == (2e9, 3)


async def test_rooms_that_only_the_bus_knows_are_taken_over(door: Door) -> None:
    await door.others.bus.create_room(a_room("older").with_(state=RoomState.LIVE, words="About the sea."))
    with pytest.raises(NotFound):
        await filed(door, "older")
    await door.office.chores._imports()
    assert (await filed(door, "older")).words == "About the sea."
    await door.office.chores._imports()  # twice is as good as once
    listed = (await door.client.get("/api/rooms", headers=door.operator)).json()["items"]
    assert [room["id"] for room in listed] == ["older"]


async def test_what_is_announced_while_the_bus_is_away_reaches_it_later(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.room()

    async def away(*_: object) -> Any:
        raise BusUnavailable("It is away.")

    with monkeypatch.context() as patch:
        patch.setattr(door.office.bus, "update_room", away)
        operator = door.operator
        assert (await door.client.patch("/api/rooms/main", json={"title": "B"}, headers=operator)).status_code == 200
        cancelled = await door.client.post("/api/rooms/main/cancel", json={"note": "Ill."}, headers=operator)
        assert cancelled.json()["state"] == "cancelled"
        assert (await record(door)).state is RoomState.SCHEDULED
        door.office.chores._heard("main", (await record(door)).with_(generation=7))  # old news, told again
        await asyncio.sleep(0.1)
        assert (await filed(door)).state is RoomState.CANCELLED, "which is not undone by them"
    await is_in(RoomState.CANCELLED, lambda: record(door))
    found = await record(door)
    assert (found.title, found.note, found.ended > 0) == ("B", "Ill.", True)


async def test_one_room_that_the_bus_refuses_holds_up_no_other(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    publish = door.office.rooms.publish

    async def refuses_one(filed: Room) -> Room:
        if filed.id == "first":
            raise BusUnavailable("It is too large.")
        return await publish(filed)

    monkeypatch.setattr(door.office.rooms, "publish", refuses_one)
    for name in ("first", "second"):
        await door.office.files.ask(lambda catalog, name=name: catalog.create_room(a_room(name)))  # type: ignore[misc]
    with pytest.raises(BusUnavailable):
        await door.office.chores.publish()
    assert (await record(door, "second")).id == "second"


async def test_pictures_that_nothing_shows_are_deleted_at_the_second_sight(door: Door) -> None:
    pictures, (shown, unused) = door.others.bus.pictures, (f"{n:032x}.webp" for n in range(2))
    await door.office.rooms.create(a_room().with_(picture=shown), exactly=True)
    for name in (shown, unused):
        await pictures.put(name, b"picture")
    await door.office.chores.sweep()
    assert {shown, unused} <= set(await pictures.keys()), "it may be of a post that is just being written"
    await door.office.chores.sweep()
    assert unused not in await pictures.keys()
    assert shown in await pictures.keys()


# --- letters ---


@pytest.fixture
async def with_a_room(door: Door) -> AsyncIterator[Door]:
    await door.room()
    yield door


def rsvp(ticket: str, prefix: str = "192.0.2.0/24") -> Letter:
    return Letter("main", LetterKind.RSVP, WallTime(2e9), ticket=ticket, prefix=prefix)


async def count(door: Door) -> int:
    answer = await door.client.get("/api/rooms/main/rsvps", headers=await door.token(Role.COHOST))
    return int(answer.json()["count"])


async def test_letters_go_into_the_catalog_and_off_the_bus(with_a_room: Door) -> None:
    bus = with_a_room.others.bus
    for n in range(5):
        await bus.leave_letter(rsvp(f"t{n % 3}"))
    await bus.leave_letter(Letter("main", LetterKind.ABUSE, WallTime(2e9), said="Rude.", about="s2"))
    await bus.leave_letter(Letter("nowhere", LetterKind.ABUSE, WallTime(2e9), said="Rude."))

    async def taken() -> bool:
        return await count(with_a_room) == 3 and not await bus.read_letters(0)

    await until(taken)
    cohost = await with_a_room.token(Role.COHOST)
    (report,) = (await with_a_room.client.get("/api/rooms/main/reports", headers=cohost)).json()["items"]
    assert (report["room"], report["said"], report["about"]) == ("main", "Rude.", "s2")
    (same,) = (await with_a_room.client.get("/api/reports", headers=with_a_room.operator)).json()["items"]
    assert same == report


async def test_letters_wait_for_a_catalog_that_is_away(with_a_room: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> Any:
        raise CatalogUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(with_a_room.office.files, "ask", away)
        for n in range(3):
            await with_a_room.others.bus.leave_letter(rsvp(f"t{n}"))
        await asyncio.sleep(0.2)
        assert len(await with_a_room.others.bus.read_letters(0)) == 3
        answer = await with_a_room.client.get("/api/rooms/main/rsvps", headers=with_a_room.operator)
        assert answer.status_code == 503

    async def taken() -> bool:
        return await count(with_a_room) == 3

    await until(taken)


async def test_one_network_does_not_hoard_the_places(with_a_room: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "MAX_PREFIX_RSVPS", 10)
    monkeypatch.setattr(letters, "PREFIX_SHARE", 0.0, raising=False)
    bus = with_a_room.others.bus
    for n in range(30):
        await bus.leave_letter(rsvp(f"h{n}"))
    for n in range(5):
        await bus.leave_letter(rsvp(f"o{n}", f"198.51.{n}.0/24"))

    async def taken() -> bool:
        return not await bus.read_letters(0)

    await until(taken)
    assert await count(with_a_room) == 15
