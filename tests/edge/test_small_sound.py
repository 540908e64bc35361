"""Who comes to a house that is nearly full gets the small Opus, if it is there; whoever is in keeps what they have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from rostra.edge import door as door_module
from rostra.edge import room as room_module
from rostra.units import Part, Rendition, RoomState
from tests.edge.making import Client, Edge, edge, room, stream, until
from tests.edge.test_entrance import SmallUsher

OPUS, SMALL = Rendition.OPUS, Rendition.OPUS_LOW
LIVE = "/r/demo/live"


@pytest.fixture
def usher() -> SmallUsher:
    usher = SmallUsher()
    usher.waves_through = True
    return usher


@pytest.fixture
async def front(usher: SmallUsher) -> AsyncIterator[Edge]:
    async with edge(room(), room(RoomState.SCHEDULED, "later"), admission=usher) as running:
        running.feed(stream(8))
        yield running


async def join(front: Edge, path: str = LIVE) -> Client:
    client = await front.client()
    client.get(path)
    assert (await client.head()).status == 200
    return client


def there(front: Edge, rendition: Rendition) -> int:
    door = front.front.door
    return sum(len(c) for c in door.crowds(door.rooms["demo"], rendition))


def take_step(front: Edge, usher: SmallUsher, *, small: bool) -> None:
    usher.small = small
    front.front.turned(2 if small else 0)


def small_sound(seconds: float = 4.0) -> list[Part]:
    return stream(seconds, SMALL, first=80, base=24_000 * 8)


async def test_newcomers_get_it_once_it_is_there_and_nobody_waits(front: Edge, usher: SmallUsher) -> None:
    first = await join(front)
    assert front.front.counts()["want"] == []
    take_step(front, usher, small=True)
    assert front.front.counts()["want"] == ["demo/opus16"], "from that moment on, of rooms on air alone"
    await join(front)
    parts = small_sound()
    front.feed(parts[:1])
    await join(front)
    assert (there(front, OPUS), there(front, SMALL)) == (3, 0), "a single part is not enough to begin with"
    front.feed(parts[1:4])
    late = await join(front)
    assert await late.chunk() == parts[0].init
    assert [await late.chunk() for _ in range(2)] == [p.body for p in parts[2:4]]
    for _ in range(3):  # looked up first, and found by its bytes then
        await join(front)
    assert (there(front, OPUS), there(front, SMALL)) == (3, 4)
    front.feed(parts[4:5])
    assert await late.chunk() == parts[4].body
    assert front.front.counts()["rooms"]["demo"]["push"] == 7
    metrics = (await front.ask("/metrics")).body.decode()
    assert 'rostra_edge_listeners{room="demo",rendition="opus16",form="chunked",tls="no"} 4' in metrics
    await first.close()
    await until(lambda: there(front, OPUS) == 2)


async def test_who_names_a_codec_gets_that(front: Edge, usher: SmallUsher) -> None:
    take_step(front, usher, small=True)
    front.feed(stream(4, Rendition.AAC))
    front.feed(small_sound())
    for codec in ("opus", "aac", "opus16"):
        await join(front, f"{LIVE}?codec={codec}")
    assert [there(front, r) for r in (OPUS, Rendition.AAC, SMALL)] == [1, 1, 1]


async def test_who_came_keeps_it_when_the_house_empties_and_it_is_wanted_until_they_go(
    front: Edge, usher: SmallUsher
) -> None:
    take_step(front, usher, small=True)
    front.feed(small_sound())
    mine = await join(front)
    take_step(front, usher, small=False)
    await join(front)
    assert (there(front, OPUS), there(front, SMALL)) == (1, 1)
    assert front.front.counts()["want"] == ["demo/opus16"]
    await mine.close()
    await until(lambda: front.front.counts()["want"] == [])


async def test_what_was_made_minutes_ago_is_no_beginning(
    front: Edge, usher: SmallUsher, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_step(front, usher, small=True)
    front.feed(small_sound())
    monkeypatch.setattr(room_module, "SILENT_S", 0.1)
    await asyncio.sleep(0.4)
    front.front.door.forget_welcomes()
    await join(front)
    assert there(front, SMALL) == 0
    # It is made again: what there was of it before is forgotten.
    again = stream(4, SMALL, first=160, base=24_000 * 300)
    monkeypatch.setattr(room_module, "SILENT_S", 5.0)
    front.feed(again[:1])
    await join(front)
    assert there(front, SMALL) == 0
    front.feed(again[1:2])
    late = await join(front)
    assert [await late.chunk() for _ in range(3)] == [again[0].init, again[0].body, again[1].body]


async def test_it_may_be_asked_for_and_is_made_then(front: Edge) -> None:
    client = await front.client()
    client.get(f"{LIVE}?codec=opus16")
    await until(lambda: front.front.door.held == 1)
    assert front.front.counts()["want"] == ["demo/opus16"]
    parts = small_sound(0.5)
    front.feed(parts)
    assert (await client.head()).status == 200
    assert [await client.chunk() for _ in range(2)] == [parts[0].init, parts[0].body]
    assert there(front, SMALL) == 1


async def test_where_no_stage_makes_it_who_asks_for_it_is_told_so(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "FIRST_MADE_S", 0.1)
    assert (await front.ask(f"{LIVE}?codec=opus16")).status == 503
    assert front.front.counts()["want"] == []


async def test_while_nobody_is_heard_at_all_who_asks_for_it_holds_the_stream(usher: SmallUsher) -> None:
    """As anyone does: the sound comes when it comes."""
    async with edge(admission=usher) as front:
        client = await join(front, f"{LIVE}?codec=opus16")
        parts = small_sound(0.5)
        front.feed(parts)
        assert [await client.chunk() for _ in range(2)] == [parts[0].init, parts[0].body]


async def test_notices_reach_those_who_have_it(front: Edge, usher: SmallUsher) -> None:
    take_step(front, usher, small=True)
    front.feed(small_sound())
    mine = await join(front)
    for _ in range(3):
        await mine.chunk()
    take_step(front, usher, small=False)
    assert b'"door"' in await mine.chunk()


async def test_it_is_not_offered_and_has_no_playlist(front: Edge, usher: SmallUsher) -> None:
    take_step(front, usher, small=True)
    front.feed(small_sound())
    assert b'"renditions":["opus","mp3"]' in (await front.ask("/r/demo/state")).body
    assert b"opus16" not in (await front.ask("/r/demo/hls/main.m3u8")).body
    assert (await front.ask("/r/demo/hls/opus16.m3u8")).status == 404
