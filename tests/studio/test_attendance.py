"""Who sat where, from what stages tell to the page of a host."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rostra.errors import CatalogUnavailable
from rostra.studio.attendance import Attendance, read_seats
from rostra.units import Role, RoomState
from tests.studio.conftest import Door, on_one_loop


def seat(number: int, name: str, role: str = "speaker", state: str = "here") -> dict[str, Any]:
    return {"id": f"s{number}", "name": name, "role": role, "state": state}


ANN, BO = seat(1, "Ann"), seat(2, "Bo", "host")


def test_what_a_stage_tells() -> None:
    told = [ANN, BO, seat(3, "Cy", state="joining"), {}, "nonsense", seat(4, "Di", "listener"), {**ANN, "id": "x"}]
    assert read_seats(told) == {1: ("Ann", Role.SPEAKER), 2: ("Bo", Role.HOST)}
    assert read_seats(None) == {}


async def sat(door: Door, room: str, expected: list[tuple[str, str, bool]]) -> None:
    headers = await door.token(Role.HOST, room)
    async with asyncio.timeout(5):
        while True:
            items = (await door.client.get(f"/api/rooms/{room}/seats", headers=headers)).json()["items"]
            if [(one["seat"], one["name"], one["left"] is not None) for one in items] == expected:
                return
            await asyncio.sleep(0.02)


@on_one_loop
async def test_who_sat_where_is_noted_whoever_asks_the_stage(one_door: Door) -> None:
    await one_door.room("seated", RoomState.LIVE)
    await one_door.others.stage_for("seated")
    one_door.others.seats = [ANN, BO]
    host = await one_door.token(Role.HOST, "seated")
    for _ in range(3):
        assert (await one_door.client.get("/api/rooms/seated/people", headers=host)).status_code == 200
    await sat(one_door, "seated", [("s2", "Bo", False), ("s1", "Ann", False)])
    one_door.others.seats = [seat(1, "Cy"), BO]
    await one_door.office.chores.ask_for_people()
    await sat(one_door, "seated", [("s1", "Cy", False), ("s2", "Bo", False), ("s1", "Ann", True)])
    await one_door.office.rooms.end("seated")
    await sat(one_door, "seated", [("s1", "Cy", True), ("s2", "Bo", True), ("s1", "Ann", True)])


@on_one_loop
async def test_a_studio_that_was_restarted_notes_who_left_meanwhile(one_door: Door) -> None:
    await one_door.room("restarted", RoomState.LIVE)
    one_door.office.attendance.told("restarted", {"seats": [ANN, BO]})
    await sat(one_door, "restarted", [("s2", "Bo", False), ("s1", "Ann", False)])
    after = Attendance(one_door.office.files, one_door.office.now)
    keeping = asyncio.create_task(after.keep())
    after.told("restarted", {"seats": [BO]})
    await sat(one_door, "restarted", [("s2", "Bo", False), ("s1", "Ann", True)])
    keeping.cancel()


@on_one_loop
async def test_a_database_that_is_away_holds_nobody_and_is_told_later(
    one_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rostra.studio.attendance.AGAIN_S", 0.05)
    await one_door.room("slow", RoomState.LIVE)
    ask, attendance, tried = one_door.office.files.ask, one_door.office.attendance, asyncio.Event()

    async def away(*_: object) -> Any:
        tried.set()
        raise CatalogUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(one_door.office.files, "ask", away)
        attendance.told("slow", {"seats": [ANN]})
        await asyncio.wait_for(tried.wait(), 5)
        attendance.told("slow", {"seats": [BO]})
    assert one_door.office.files.ask == ask
    await sat(one_door, "slow", [("s2", "Bo", False)])
