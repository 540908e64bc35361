"""What the clock does, told the time."""

from rostra.studio.chores import Watch
from rostra.units import RoomState, WallTime
from rostra.wire.rooms import Room


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
