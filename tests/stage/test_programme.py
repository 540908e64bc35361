"""What goes out, and when listeners are told of it."""

from __future__ import annotations

import numpy as np

from rostra.stage.news import News
from rostra.stage.programme import Aired, Programme
from rostra.units import FRAME_SAMPLES, MediaTime, Monotonic, PcmFrame, RoomState, WallTime
from rostra.wire.listeners import SeatView, Snapshot
from rostra.wire.rooms import Room

LOUD = 9000
ANN = (SeatView("s1", "Ann", "host"),)


class Evening:
    """A room announced for the 100th tick, on a clock of ticks. What is said in one is :data:`LOUD` plus its number."""

    def __init__(self, *, delay_s: float = 0.0, state: RoomState = RoomState.OPEN) -> None:
        self.room = Room("a", "A", state, WallTime(2.0), WallTime(0.0), delay_s=delay_s)
        self.news = News()
        self.programme = Programme(self.room, self.news)
        self.now = 0
        self.turns: list[tuple[int, RoomState]] = []

    def know(self, **changes: object) -> None:
        self.room = self.room.with_(**changes)
        self.programme.know(self.room)

    def tick(self, *, voice: bool = True, connected: bool = True) -> Aired:
        samples = np.full(FRAME_SAMPLES, LOUD + self.now if voice else 0, np.int16)
        aired = self.programme.tick(
            PcmFrame(MediaTime(self.now * FRAME_SAMPLES), samples),
            {"s1": -20} if voice else {},
            connected=connected,
            now=Monotonic(self.now * 0.02),
            wall=WallTime(self.now * 0.02),
        )
        assert aired.frame.time == self.now * FRAME_SAMPLES, "media time goes on"
        if aired.turned:
            self.turns.append((self.now, self.news.state))
        self.now += 1
        return aired

    def heard(self, ticks: int, **how: bool) -> list[int | None]:
        """Which tick is heard in each; None: quiet. The first after quiet fades in."""
        out: list[int | None] = []
        for _ in range(ticks):
            last = int(self.tick(**how).frame.samples[-1])
            out.append(last - LOUD if last >= LOUD - 10 else None)
        return out

    def told(self) -> Snapshot:
        return self.news.snapshot("opus", first=True)


def test_nothing_of_the_green_room_goes_out_and_the_next_frame_after_the_start_is_the_mix() -> None:
    evening = Evening()
    evening.programme.stage = ANN
    assert evening.heard(50) == [None] * 50
    assert evening.told() == Snapshot("open", 0, {}, ANN), "nor its levels; who is there is no secret"
    assert evening.programme.start(Monotonic(1.0)) and evening.programme.state is RoomState.LIVE
    assert evening.heard(3) == [50, 51, 52]
    assert evening.turns == [(50, RoomState.LIVE)] and evening.told() == Snapshot("live", 0, {"s1": -20}, ANN)


def test_it_starts_at_the_announced_time_if_a_voice_is_there_and_with_one_that_comes_later() -> None:
    punctual, late = Evening(), Evening()
    assert punctual.heard(102)[98:] == [None, None, 100, 101]
    assert late.heard(150, voice=False) == [None] * 150
    assert late.heard(2) == [150, 151]


def test_with_a_delay_the_first_word_and_the_news_of_it_come_so_much_later() -> None:
    evening = Evening(delay_s=0.1)
    evening.heard(50)
    evening.know(go=True)
    assert evening.heard(7) == [None] * 5 + [50, 51]
    assert evening.turns == [(55, RoomState.LIVE)]
    assert evening.programme.state is RoomState.LIVE


def test_only_the_mix_of_this_very_tick_is_for_speakers_too() -> None:
    evening = Evening()
    assert not evening.tick().direct, "the green room is not what goes out"
    evening.know(go=True)
    assert evening.tick().direct
    evening.know(delay_s=0.04)
    assert not any(evening.tick().direct for _ in range(5))
    evening.know(delay_s=0.0)
    assert [evening.tick().direct for _ in range(2)] == [True, True]


def test_what_is_dumped_is_not_heard_and_not_seen_and_the_rest_comes_when_it_would_have() -> None:
    evening = Evening(delay_s=0.1)
    evening.know(go=True)
    evening.heard(10)
    assert evening.programme.dump() == 0.1 and evening.programme.dumps == 1
    assert evening.programme.dump() == 0.0 and evening.programme.dumps == 1
    assert evening.heard(5) == [None] * 5
    assert "s1" in evening.told().levels, "of the half second before"
    assert evening.heard(3) == [10, 11, 12]


def test_who_is_on_stage_is_told_with_their_sound() -> None:
    evening = Evening(delay_s=0.1)
    evening.know(go=True)
    evening.heard(10)
    evening.programme.stage = ANN
    evening.heard(5)
    assert evening.told().stage == ()
    evening.heard(1)
    assert evening.told().stage == ANN


def test_the_end_plays_out_what_was_said() -> None:
    evening = Evening(delay_s=0.1)
    evening.know(go=True)
    evening.heard(10)
    assert evening.programme.end() and not evening.programme.end()
    assert evening.programme.ended and not evening.programme.over and evening.programme.left_s == 0.1
    assert evening.heard(5) == [5, 6, 7, 8, 9]
    assert evening.programme.over and evening.programme.left_s == 0 and evening.news.state is RoomState.LIVE
    assert evening.heard(2) == [None, None]


def test_an_end_that_is_dumped_or_has_nothing_to_play_out_is_over_at_once() -> None:
    evening, still_open = Evening(delay_s=0.1), Evening(delay_s=0.1)
    evening.know(go=True)
    evening.heard(10), still_open.heard(10)
    evening.programme.end(), still_open.programme.end()
    assert still_open.programme.over, "what is in its line is quiet"
    evening.programme.dump()
    assert evening.programme.over


def test_before_the_doors_are_open_there_is_a_green_room_and_listeners_are_told_of_nothing() -> None:
    evening = Evening(state=RoomState.SCHEDULED, delay_s=0.2)
    assert evening.heard(150) == [None] * 150 and evening.turns == []
    assert evening.programme.state is RoomState.SCHEDULED and evening.told().state == "open"
    evening.know(state=RoomState.OPEN)
    evening.heard(1)
    assert evening.programme.state is RoomState.LIVE, "its time is over, and a voice is there"
    evening.heard(11)
    assert evening.turns == [(160, RoomState.LIVE)]


def test_while_no_voice_reaches_us_there_is_quiet_and_it_is_no_silence() -> None:
    evening = Evening(state=RoomState.LIVE)
    assert evening.news.state is RoomState.INTERRUPTED
    frames = [evening.tick(voice=False, connected=False).frame.samples for _ in range(5)]
    assert all(frame.any() and np.abs(frame).max() < 400 for frame in frames)
    assert evening.heard(3) == [5, 6, 7] and evening.turns == [(5, RoomState.LIVE)]
