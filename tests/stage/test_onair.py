"""Open, live, interrupted, ended."""

from __future__ import annotations

import pytest

from rostra.stage.onair import NOBODY_S, OnAir
from rostra.units import Monotonic, RoomState


def tick(room: OnAir, now: float, *, connected: bool = False, heard: bool = False) -> RoomState:
    room.tick(connected=connected, heard=heard, now=Monotonic(now))
    return room.state


def test_doors_are_open_until_someone_is_heard() -> None:
    room = OnAir(RoomState.OPEN)
    assert tick(room, 0) is RoomState.OPEN
    assert tick(room, 100) is RoomState.OPEN, "waiting is no interruption"
    assert tick(room, 101, connected=True) is RoomState.OPEN, "to be there is not to be heard"
    assert tick(room, 102, connected=True, heard=True) is RoomState.LIVE


def test_interrupted_when_nobody_has_been_there_for_a_while_and_live_again() -> None:
    room = OnAir(RoomState.OPEN)
    tick(room, 0, connected=True, heard=True)
    assert tick(room, NOBODY_S - 0.1) is RoomState.LIVE
    assert tick(room, NOBODY_S) is RoomState.INTERRUPTED
    assert tick(room, 60, connected=True) is RoomState.LIVE
    assert tick(room, 60.02, connected=True) is RoomState.LIVE


def test_silence_of_people_who_are_there_is_no_interruption() -> None:
    room = OnAir(RoomState.OPEN)
    tick(room, 0, connected=True, heard=True)
    assert tick(room, 600, connected=True) is RoomState.LIVE


@pytest.mark.parametrize("state", [RoomState.LIVE, RoomState.INTERRUPTED])
def test_a_room_that_is_taken_up_begins_without_anyone(state: RoomState) -> None:
    room = OnAir(state)
    assert room.state is RoomState.INTERRUPTED
    assert tick(room, 0) is RoomState.INTERRUPTED
    assert tick(room, 1, connected=True) is RoomState.LIVE


def test_the_end_is_for_good() -> None:
    room = OnAir(RoomState.OPEN)
    assert room.end() and not room.end()
    assert tick(room, 0, connected=True, heard=True) is RoomState.ENDED
