import asyncio

import pytest

from rostra.errors import BadRequest
from rostra.studio.hands import Hall
from rostra.units import Role, RoomState, WallTime
from rostra.wire.hands import Hand, HandState
from tests.studio.conftest import Door


def hand(n: int, name: str = "", **more: HandState) -> Hand:
    return Hand("main", f"{n:022}", name or f"Listener {n:05}", f"about {n}", WallTime(1e9 + n), **more)


def test_pages_by_time_and_by_name_and_what_is_sought() -> None:
    hall = Hall()
    for n in range(10):
        hall.note(f"{n:022}", hand(n, f"{'BA'[n % 2]} {n}"))
    first = hall.page("", "at", 4, "")
    assert ([h.at - 1e9 for h in first.hands], first.total) == ([0, 1, 2, 3], 10)
    hall.note(f"{0:022}", hand(0, state=HandState.DECLINED))
    assert [h.at - 1e9 for h in hall.page("", "at", 4, first.next).hands] == [4, 5, 6, 7], "nothing moves"
    assert hall.page("", "name", 1, "").hands[0].name == "A 1"
    assert hall.page("a 7", "name", 9, "").total == 1
    with pytest.raises(BadRequest):
        hall.page("", "at", 4, "nonsense")


async def test_a_hand_is_accepted_once_and_gets_a_link_of_its_own(door: Door) -> None:
    await door.room(state=RoomState.LIVE)
    host = await door.token(Role.COHOST)
    await door.others.bus.hands.put(hand(1).key, hand(1), 0)
    address = f"/api/rooms/main/hands/{1:022}"
    assert (await door.client.post(f"{address}/accept", headers=host)).status_code == 200
    kept, _ = await door.others.bus.hands.get(hand(1).key)
    assert kept.state is HandState.ACCEPTED
    assert "/speak/main#t=" in kept.link
    assert (await door.client.post(f"{address}/decline", headers=host)).status_code == 409


async def test_all_are_lowered(door: Door) -> None:
    await door.room(state=RoomState.LIVE)
    host = await door.token(Role.HOST)
    for n in range(50):
        await door.others.bus.hands.put(hand(n).key, hand(n), 0)
    async with asyncio.timeout(10):
        while (await door.client.get("/api/rooms/main/hands", headers=host)).json()["waiting"] < 50:
            await asyncio.sleep(0.02)
        assert (await door.client.post("/api/rooms/main/hands/lower-all", headers=host)).json()["total"] == 50
        while (await door.client.get("/api/rooms/main/hands", headers=host)).json()["waiting"]:
            await asyncio.sleep(0.02)
