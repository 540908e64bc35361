"""What is asked of a stage about its people, from the request to its answer; on a floor without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from rostra.errors import BadRequest, BadToken, Conflict, Forbidden, Gone, NotFound, RostraError
from rostra.stage.orders import MAX_NAME_CHARS
from rostra.units import FRAME_SAMPLES, RoomState, WallTime
from rostra.wire.rooms import Room
from tests.stage.house import House, Line

ROOM = Room("a", "A", RoomState.LIVE, WallTime(0.0), WallTime(0.0))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.floor.close()


async def ask(house: House, op: str, **more: Any) -> dict[str, Any]:
    return await house.floor.call({"op": op, **more})


async def kinds(house: House, token: str, after: int = 0, **more: Any) -> list[str]:
    return [note["kind"] for note in (await ask(house, "me", token=token, after=after, **more))["notes"]]


async def test_a_host_silences_and_only_they_speak_again(house: House) -> None:
    house.sit()
    assert await ask(house, "mute", seat="s1", muted=True, by="Hanna" * 50) == {"seat": "s1", "muted": True}
    (note,) = (await ask(house, "me", token="speaker:Ann:a"))["notes"]
    assert note["kind"] == "muted" and len(note["by"]) == MAX_NAME_CHARS
    with pytest.raises(Forbidden, match="Only they themselves"):
        await ask(house, "mute", seat="s1", muted=False)
    assert await ask(house, "ask_unmute", seat="s1", by="Hanna") == {"seat": "s1"}
    assert await ask(house, "unmute_self", token="speaker:Ann:a") == {"seat": "s1", "muted": False}
    assert await ask(house, "mute_self", token="speaker:Ann:a") == {"seat": "s1", "muted": True}
    with pytest.raises(NotFound, match="no seat"):
        await ask(house, "unmute_self", token="speaker:Bob:b")
    assert await kinds(house, "speaker:Ann:a", note["n"]) == ["ask_unmute"]


async def test_mute_all(house: House) -> None:
    for name in "abc":
        house.sit(f"speaker:{name}:{name}")
    changes = house.changes
    assert await ask(house, "mute_all", by="Hanna", but=["s2"]) == {"muted": ["s1", "s3"]}
    assert house.floor.seats.muted == {"s1", "s3"} and house.changes > changes


async def test_who_is_removed_is_told_why_and_stays_away(house: House) -> None:
    line = house.sit()
    assert await ask(house, "remove", seat="s1", by="Hanna") == {"removed": ["s1"], "blocked": False}
    await asyncio.sleep(0)
    assert line.closed and house.states() == {}
    me = await ask(house, "me", token="speaker:Ann:a")
    assert me["seat"] is None and me["notes"] == [{"n": 1, "kind": "removed", "by": "Hanna", "blocked": False}]
    with pytest.raises(Forbidden):
        house.sit()
    house.sit("speaker:Ann:new")


async def test_one_on_stage_sees_their_own_seat(house: House) -> None:
    line = house.sit()
    line.frames = [np.full(FRAME_SAMPLES, 32767, np.int16)] * 60
    for _ in range(60):
        house.floor.frames(house.now)
    seat = (await ask(house, "me", token="speaker:Ann:a"))["seat"]
    assert (seat["id"], seat["source"], seat["muted"]) == ("s1", "clipping", False)
    assert (await ask(house, "me", token="speaker:Ann:a", seat="tablet"))["seat"] is None


async def test_a_note_is_passed_on(house: House) -> None:
    house.sit()
    note = {"kind": "link", "link": "https://stage.example/host/a#token", "role": "cohost"}
    answer = await ask(house, "note", seat="s1", note=note)
    assert (await ask(house, "me", token="speaker:Ann:a"))["notes"] == [{**note, **answer}]


async def test_a_link_that_is_taken_back_is_off_the_stage_at_once(house: House) -> None:
    line = house.sit()
    house.floor.know(ROOM)
    assert not line.closed
    house.floor.know(ROOM.with_(revoked=("a",)))
    await asyncio.sleep(0)
    assert line.closed and house.states() == {}
    assert await kinds(house, "speaker:Ann:a") == ["removed"]
    for op in ("whip", "whep", "unmute_self"):
        with pytest.raises(BadToken, match="taken back"):
            await ask(house, op, token="speaker:Ann:a", sdp="x")
    with pytest.raises(BadToken, match="taken back"):
        await ask(house, "me", token="speaker:Ann:a", after=1)
    house.floor.know(ROOM.with_(issues={"host": 1}))
    house.sit("speaker:Bob:b")
    with pytest.raises(BadToken):
        await ask(house, "hangup", session=house.floor.seats.get("s2").link, token="host:Hanna:host")


async def test_a_locked_stage(house: House) -> None:
    first = house.sit()
    house.floor.know(ROOM.with_(locked=True))
    house.sit()
    await asyncio.sleep(0)
    assert first.closed and list(house.states()) == ["s1"]
    with pytest.raises(Conflict, match="locked"):
        house.sit("speaker:Bob:b")


async def test_when_the_room_is_over_nobody_comes_any_more(house: House) -> None:
    line = house.sit()
    house.floor.leave()
    await asyncio.sleep(0)
    assert line.closed and not house.floor.anyone_here and not house.floor.anyone_listens
    with pytest.raises(Gone):
        house.sit()
    assert house.floor.frames(house.now) == {"s1": None}
    assert (await ask(house, "me", token="speaker:Ann:a"))["notes"] == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"op": "mute", "seat": "s1"}, BadRequest),
        ({"op": "mute", "seat": "s9", "muted": True}, NotFound),
        ({"op": "mute_all", "but": "s1"}, BadRequest),
        ({"op": "mute_all", "but": ["s1"] * 33}, BadRequest),
        ({"op": "mute_self"}, BadRequest),
        ({"op": "mute_self", "token": "forged"}, BadToken),
        ({"op": "unmute_self", "token": "listener:Eve:e"}, Forbidden),
        ({"op": "ask_unmute"}, BadRequest),
        ({"op": "ask_unmute", "seat": "s1"}, Conflict),
        ({"op": "remove", "seat": "s9"}, NotFound),
        ({"op": "remove", "seat": "s1", "block": "yes"}, BadRequest),
        ({"op": "note", "seat": "s1"}, BadRequest),
        ({"op": "note", "seat": "s9", "note": {"kind": "x"}}, NotFound),
        ({"op": "me"}, BadRequest),
        ({"op": "me", "token": "speaker:Ann:a", "after": "x"}, BadRequest),
        ({"op": "me", "token": "listener:Eve:e"}, Forbidden),
    ],
)
async def test_what_is_refused_changes_nothing(house: House, body: dict[str, Any], error: type[RostraError]) -> None:
    house.sit()
    with pytest.raises(error):
        await house.floor.call(body)
    assert list(house.states()) == ["s1"] and not house.floor.seats.muted


async def test_a_source_client_is_a_line_too(house: House) -> None:
    line = Line("radio")
    house.floor.take(house.floor.who("speaker:Radio:r"), line, line, "source")
    await ask(house, "remove", seat="s1", block=True)
    await asyncio.sleep(0)
    assert line.closed
