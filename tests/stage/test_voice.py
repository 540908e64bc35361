"""A room ends when no voice was heard for long, whoever is connected."""

from rostra.stage.voice import NOTED_EVERY_S, RESUMED_S, Voice
from rostra.units import RoomState, WallTime
from rostra.wire.rooms import Room

HOUR = 3600.0
T = 1e9
LIVE = Room("a", "A", RoomState.LIVE, WallTime(T), WallTime(T), started=WallTime(T))


def voice(heard: float = 0.0, began: float = T) -> Voice:
    return Voice(HOUR, WallTime(heard), WallTime(began))


def long(voice: Voice, now: float, room: Room = LIVE) -> bool:
    return voice.silent_for_long(WallTime(now), room)


def test_an_hour_after_the_last_voice() -> None:
    ours = voice()
    ours.heard(WallTime(T + 100))
    assert not long(ours, T + 99 + HOUR) and long(ours, T + 100 + HOUR)
    ours.heard(WallTime(T + 99 + HOUR))
    assert not long(ours, T + 100 + HOUR)


def test_nothing_is_expected_before_its_time_or_its_start() -> None:
    later = LIVE.with_(state=RoomState.OPEN, started=WallTime(0.0), at=WallTime(T + 2 * HOUR))
    assert not long(voice(), T + 2.9 * HOUR, later) and long(voice(), T + 3 * HOUR, later)
    assert not long(voice(), T + 2.9 * HOUR, LIVE.with_(started=WallTime(T + 2 * HOUR)))


def test_the_next_stage_knows_and_gives_people_time_to_come_back() -> None:
    before = voice()
    for second in range(200):
        before.heard(WallTime(T + second))
    assert T + 199 - NOTED_EVERY_S <= before.noted <= T + 199
    after = voice(before.noted, T + 0.9 * HOUR)
    assert long(after, T + 199 + HOUR)
    late = voice(before.noted, T + 5 * HOUR)
    assert not long(late, T + 5 * HOUR + RESUMED_S - 1) and long(late, T + 5 * HOUR + RESUMED_S)
