"""The bus against a real nats-server."""

import asyncio
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

from rostra.bus import streams
from rostra.bus.buckets import ROOMS
from rostra.bus.client import KEPT_PARTS, Bus
from rostra.bus.server import NatsServer
from rostra.errors import BusUnavailable, Conflict, Full, NotFound, StageUnavailable, Unavailable
from rostra.units import MediaTime, Part, PartName, Rendition, RoomState, WallTime
from rostra.wire.boards import Board
from rostra.wire.inbox import Letter, LetterKind
from rostra.wire.rooms import Room


def part(sequence: int, rendition: Rendition = Rendition.OPUS, generation: int = 1) -> Part:
    index = sequence % 8
    return Part(
        name=PartName(rendition, generation, sequence),
        segment=sequence // 8,
        index=index,
        time=MediaTime(sequence * rendition.part_samples),
        duration=rendition.part_samples,
        wall=WallTime(1e9 + sequence / 2),
        payload=b"moof%d" % sequence,
        metadata=b"emsg",
        init=b"init" if index == 0 else b"",
        discontinuity=sequence == 0,
    )


def room(name: str = "main", **changes: Any) -> Room:
    return Room(name, "A talk", RoomState.SCHEDULED, WallTime(2e9), WallTime(1e9)).with_(**changes)


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_part_reaches_subscribers_as_it_was(server: NatsServer, bus: Bus) -> None:
    heard: list[tuple[str, Part]] = []
    other = await Bus.connect(server.url, "edge")
    await other.subscribe_parts(lambda r, p: heard.append((r, p)))
    only: list[str] = []
    await other.subscribe_parts(lambda r, p: only.append(r), room="b")
    await bus.publish_part("a", part(0))
    await bus.publish_part("b", part(8, Rendition.AAC, 3))
    await until(lambda: len(heard) == 2 and len(only) == 1)
    assert heard == [("a", part(0)), ("b", part(8, Rendition.AAC, 3))]
    assert only == ["b"]
    await other.close()


async def test_a_late_subscriber_gets_the_window_and_then_live_without_a_hole(server: NatsServer, bus: Bus) -> None:
    for n in range(120):
        await bus.publish_part("main", part(n))
    await bus.flush()
    late = await Bus.connect(server.url, "late")
    heard: list[int] = []
    publishing = asyncio.create_task(_publish(bus, range(120, 160)))
    await late.subscribe_parts(lambda r, p: heard.append(p.name.sequence))
    await publishing
    await until(lambda: heard[-1:] == [159])
    assert sorted(set(heard)) == list(range(160))
    assert heard == sorted(heard)
    await late.close()


async def _publish(bus: Bus, numbers: range) -> None:
    for n in numbers:
        await bus.publish_part("main", part(n))
        await asyncio.sleep(0.001)


async def test_the_window_is_in_order_one_room_or_all_and_holds_no_part_twice(bus: Bus) -> None:
    assert await bus.window() == []
    for n in range(1500):  # more than one batch
        await bus.publish_part("a", part(n))
    await bus.publish_part("b", part(0))
    await bus.publish_part("a", part(3))  # said again: the stream knows it by its id
    async with asyncio.timeout(10):
        while len(await bus.window()) < 1501:
            await asyncio.sleep(0.02)
    mine = await bus.window("a")
    assert [p.name.sequence for _, p in mine] == list(range(1500))
    assert {r for r, _ in await bus.window()} == {"a", "b"}
    assert len(await bus.window()) == 1501
    assert await bus.window("nobody") == []


async def test_a_window_that_is_not_ours_does_not_hurt(server: NatsServer, bus: Bus) -> None:
    await bus._connection.publish("part.main.opus", b"garbage")
    await bus.publish_part("main", part(0))
    await bus.flush()
    heard: list[int] = []
    await bus.subscribe_parts(lambda r, p: heard.append(p.name.sequence))
    await bus._connection.publish("part.main.opus", b"more")
    await bus._connection.publish("part.NOT-AN-ID.opus", b"more")
    await bus.publish_part("main", part(1))
    await until(lambda: heard == [0, 1])


async def test_a_callback_that_raises_ends_nothing(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[int] = []

    def callback(_room: str, p: Part) -> None:
        heard.append(p.name.sequence)
        if p.name.sequence == 0:
            raise RuntimeError("a bug of the listener")

    await bus.subscribe_parts(callback)
    await bus.publish_part("main", part(0))
    await bus.publish_part("main", part(1))
    await until(lambda: heard == [0, 1])
    assert "a callback of the bus failed" in caplog.text


async def test_nats_killed_and_started_again_costs_no_part(server: NatsServer, bus: Bus) -> None:
    edge = await Bus.connect(server.url, "edge")
    heard: list[int] = []
    told: list[str] = []
    bus.on_disconnect(lambda: told.append("lost"))
    bus.on_reconnect(lambda: told.append("back"))
    await edge.subscribe_parts(lambda r, p: heard.append(p.name.sequence))
    for n in range(20):
        await bus.publish_part("main", part(n))
    await until(lambda: heard == list(range(20)))
    await server.kill()
    await until(lambda: not bus.connected and not edge.connected)
    for n in range(20, 30):
        await bus.publish_part("main", part(n))  # returns at once, keeps it
    await server.start()
    await until(lambda: "back" in told)
    await bus.publish_part("main", part(30))
    await until(lambda: 30 in heard)
    fresh = list(dict.fromkeys(heard))
    assert fresh == list(range(31))
    assert [p.name.sequence for _, p in await edge.window("main")] == list(range(31))
    assert told == ["lost", "back"]
    await edge.close()


async def test_what_is_kept_is_bounded(server: NatsServer, bus: Bus) -> None:
    await server.kill()
    await until(lambda: not bus.connected)
    for n in range(KEPT_PARTS + 100):
        await bus.publish_part("main", part(n))
    await server.start()
    await until(lambda: bus.connected and bus._sent == KEPT_PARTS + 100)
    async with asyncio.timeout(10):
        while len(await bus.window()) < KEPT_PARTS:
            await asyncio.sleep(0.02)
    assert [p.name.sequence for _, p in await bus.window()] == list(range(100, KEPT_PARTS + 100))


async def test_a_client_that_the_server_threw_out_for_good_comes_back(server: NatsServer, bus: Bus) -> None:
    heard: list[int] = []
    await bus.subscribe_parts(lambda r, p: heard.append(p.name.sequence))
    await bus._connection._client._process_err("'Some error nats-py cannot place'")  # type: ignore[union-attr]
    await until(lambda: not bus.connected)
    await bus.publish_part("main", part(0))
    await until(lambda: bus.connected)
    await bus.publish_part("main", part(1))
    await until(lambda: list(dict.fromkeys(heard)) == [0, 1])


async def test_rooms_are_created_once_and_changed_by_compare_and_set(bus: Bus) -> None:
    first = await bus.create_room(room())
    with pytest.raises(Conflict, match="There is a room 'main' already"):
        await bus.create_room(room(title="Another"))
    assert await bus.get_room("main") == (room(), first)
    second = await bus.update_room(room(state=RoomState.OPEN), first)
    with pytest.raises(Conflict):
        await bus.update_room(room(state=RoomState.ENDED), first)
    assert await bus.get_room("main") == (room(state=RoomState.OPEN), second)
    for unknown in ("nobody", "../etc", "a.b", "*", ""):
        with pytest.raises(NotFound):
            await bus.get_room(unknown)
    await bus.create_room(room("other"))
    assert {r.id for r in await bus.list_rooms()} == {"main", "other"}


async def test_watching_tells_what_is_and_what_changes_but_no_write_that_lost(server: NatsServer, bus: Bus) -> None:
    revision = await bus.create_room(room("first"))
    news: list[tuple[str, RoomState | None]] = []
    other = await Bus.connect(server.url, "edge")
    await other.watch_rooms(lambda i, r: news.append((i, r and r.state)))
    assert news == [("first", RoomState.SCHEDULED)]
    await bus.update_room(room("first", state=RoomState.OPEN), revision)
    with pytest.raises(Conflict):
        await bus.update_room(room("first", state=RoomState.CANCELLED), revision)
    await bus.create_room(room("second"))
    await until(lambda: len(news) == 3)
    assert news[1:] == [("first", RoomState.OPEN), ("second", RoomState.SCHEDULED)]
    await other.close()


async def test_one_value_alone_can_be_watched(bus: Bus) -> None:
    news: list[tuple[str, int | None]] = []
    await bus.boards.put("a", Board(1))
    await bus.boards.put("b", Board(9))
    await bus.boards.watch(lambda key, board: news.append((key, board and board.version)), "a")
    await bus.boards.watch(lambda key, board: news.append((key, board and board.version)), "c")
    assert news == [("a", 1)]
    for key, version in (("b", 10), ("a", 2), ("c", 1)):
        await bus.boards.put(key, Board(version))
    await bus.boards.delete("a")
    await until(lambda: len(news) == 4)
    assert [told for told in news if told[0] == "a"] == [("a", 1), ("a", 2), ("a", None)] and ("c", 1) in news


async def test_rooms_survive_a_killed_server_and_watchers_hear_what_they_missed(server: NatsServer, bus: Bus) -> None:
    revision = await bus.create_room(room())
    news: list[tuple[str, RoomState | None]] = []
    watcher = await Bus.connect(server.url, "edge")
    await watcher.watch_rooms(lambda i, r: news.append((i, r and r.state)))
    await server.kill()
    await until(lambda: not watcher.connected and not bus.connected)
    with pytest.raises(BusUnavailable):
        await bus.get_room("main")
    await server.start()
    await until(lambda: bus.connected)
    await bus.update_room(room(state=RoomState.OPEN), revision)
    await until(lambda: news == [("main", RoomState.SCHEDULED), ("main", RoomState.OPEN)])
    await watcher.close()


async def test_a_room_that_was_deleted_is_told_as_none(bus: Bus) -> None:
    revision = await bus.create_room(room())
    news: list[tuple[str, Room | None]] = []
    await bus.watch_rooms(lambda i, r: news.append((i, r)))
    await bus._connection.call_raw(
        ROOMS.subject("main"),
        b"",
        2.0,
        {"KV-Operation": "DEL", "Nats-Expected-Last-Subject-Sequence": str(revision)},
    )
    await until(lambda: news[-1:] == [("main", None)])
    with pytest.raises(NotFound):
        await bus.get_room("main")
    assert await bus.list_rooms() == []


async def test_a_room_that_was_deleted_can_be_made_again(bus: Bus) -> None:
    await bus.create_room(room())
    await bus.rooms.delete("main")
    await bus.create_room(room(title="Another"))
    assert (await bus.get_room("main"))[0].title == "Another"
    with pytest.raises(Conflict):
        await bus.create_room(room())


async def test_pictures_are_listed_without_being_read_and_forgotten_for_good(bus: Bus) -> None:
    names = [f"{n:032x}.webp" for n in range(3)]
    for name in names:
        await bus.pictures.put(name, b"picture")
    await bus.pictures.forget(names[1])
    assert sorted(await bus.pictures.keys()) == [names[0], names[2]]


def letter(ticket: str) -> Letter:
    return Letter("main", LetterKind.RSVP, WallTime(1.0), ticket=ticket)


async def take(bus: Bus, after: int) -> tuple[int, list[str]]:
    """As the studio does it: the number of the last letter, and what was in them."""
    letters = await bus.read_letters(after)
    return letters[-1][0] if letters else after, [found.ticket for _, found in letters if found]


async def test_letters_are_read_once_and_forgotten_when_they_are_taken(bus: Bus) -> None:
    for ticket in ("a", "b", "c"):
        await bus.leave_letter(letter(ticket))
    await streams.put(bus._connection, "in.main.rsvp", b"no letter", None)
    found = await bus.read_letters(0)
    numbers = [number for number, _ in found]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert [said and said.ticket for _, said in found] == ["a", "b", "c", None]
    assert [number for number, _ in await bus.read_letters(numbers[1])] == numbers[2:]
    await bus.forget_letters(numbers[1])
    assert [number for number, _ in await bus.read_letters(0)] == numbers[2:]
    await bus.forget_letters(numbers[3])
    assert await bus.read_letters(0) == await bus.read_letters(numbers[3]) == []
    await bus.leave_letter(letter("d"))
    assert await take(bus, numbers[3]) == (numbers[3] + 1, ["d"])


@pytest.mark.parametrize("put_back_s", [0.0, 3600.0])
async def test_a_bus_that_lost_its_memory_loses_no_letter_that_came_after(
    server: NatsServer, bus: Bus, put_back_s: float
) -> None:
    """``put_back_s``: and the clock of the machine it came back on is behind."""
    for n in range(5):
        await bus.leave_letter(letter(f"old {n}"))
    last, taken = await take(bus, 0)
    assert len(taken) == 5
    last += round(put_back_s * 1e6)
    await server.kill()
    await until(lambda: not bus.connected)
    shutil.rmtree(server.data / "nats")
    back = asyncio.Event()
    bus.on_reconnect(back.set)
    await server.start()
    await asyncio.wait_for(back.wait(), 10)
    for n in range(3):
        await bus.leave_letter(letter(f"new {n}"))
    await bus.forget_letters(last)  # of those that were read before: these are others
    again, taken = await take(bus, last)
    assert taken == ["new 0", "new 1", "new 2"]
    assert again > last
    await bus.forget_letters(again)
    assert await take(bus, again) == (again, [])
    await bus.leave_letter(letter("new 3"))
    assert (await take(bus, again))[1] == ["new 3"]
    fresh = await Bus.connect(server.url, "a studio that was started again")
    assert (await take(fresh, again))[1] == ["new 3"]
    await fresh.close()


async def test_counts(bus: Bus) -> None:
    counts: list[tuple[str, dict[str, Any]]] = []
    await bus.subscribe_counts(lambda e, c: counts.append((e, c)))
    await bus._connection.publish("count.bad", b"[1]")
    await bus.publish_count("edge-1", {"rooms": {"main": {"push": 3}}})
    await until(lambda: counts == [("edge-1", {"rooms": {"main": {"push": 3}}})])


async def test_requests_and_the_errors_they_end_in(bus: Bus) -> None:
    async def handler(body: dict[str, Any]) -> dict[str, Any]:
        match body["op"]:
            case "echo":
                return {"ok": body}
            case "missing":
                raise NotFound("There is no such seat.")
            case "full":
                raise Full("All seats are taken.", 7.5)
            case "slow":
                await asyncio.sleep(5)
        raise RuntimeError("a secret of ours")

    await bus.serve("stage.main.call", handler)
    assert await bus.request("stage.main.call", {"op": "echo"}, 2.0) == {"ok": {"op": "echo"}}
    with pytest.raises(NotFound, match=r"^There is no such seat\.$"):
        await bus.request("stage.main.call", {"op": "missing"}, 2.0)
    with pytest.raises(Full) as full:
        await bus.request("stage.main.call", {"op": "full"}, 2.0)
    assert full.value.retry_after_s == 7.5
    with pytest.raises(Exception, match="in the log") as internal:
        await bus.request("stage.main.call", {"op": "bug"}, 2.0)
    assert "secret" not in str(internal.value)
    with pytest.raises(StageUnavailable, match="main did not answer within"):
        await bus.request("stage.main.call", {"op": "slow"}, 0.2)
    with pytest.raises(StageUnavailable, match="nobody is not there"):
        await bus.request("stage.nobody.call", {"op": "people"}, 2.0)
    with pytest.raises(Unavailable, match=r"supervisor\.stage is not there"):
        await bus.request("supervisor.stage", {"op": "open"}, 2.0)


async def test_a_slow_request_holds_up_no_other(bus: Bus) -> None:
    async def handler(body: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(body["s"])
        return {"ok": 1}

    await bus.serve("stage.main.call", handler)
    slow = asyncio.create_task(bus.request("stage.main.call", {"s": 1.0}, 3.0))
    await asyncio.sleep(0.05)
    started = time.monotonic()
    await bus.request("stage.main.call", {"s": 0}, 2.0)
    assert time.monotonic() - started < 0.9
    assert await slow == {"ok": 1}


async def test_connect_says_what_is_wrong(server: NatsServer) -> None:
    await server.kill()
    with pytest.raises(BusUnavailable, match="Is `rostra serve` running"):
        await Bus.connect(server.url, "cli", timeout_s=0.5)


async def test_a_stream_that_is_made_twice_at_once_is_made_once(server: NatsServer) -> None:
    buses = await asyncio.gather(*(Bus.connect(server.url, f"n{n}") for n in range(5)))
    assert await buses[0].ensure_window() is False
    assert await streams.ensure(buses[1]._connection, ROOMS.config) is False
    await asyncio.gather(*(b.close() for b in buses))
