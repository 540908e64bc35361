"""Open, live, interrupted, ended: what makes a room on air change, and that nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rostra.life import CAUSES, TRANSITIONS, Cause, LifeEvent
from rostra.stage.onair import NOBODY_S, OnAir
from rostra.units import Monotonic, RoomState, WallTime

AT = 1_000_000.0
"""The announced time; ``now`` 0 is a hundred seconds before it."""


def room(state: RoomState = RoomState.OPEN, *, at: float = 0.0, go: bool = False) -> OnAir:
    """``at`` 0.0: made without a time, which is past."""
    return OnAir(state, WallTime(at), go)


def tick(room: OnAir, now: float, *, connected: bool = False, heard: bool = False) -> RoomState:
    room.tick(connected=connected, heard=heard, now=Monotonic(now), wall=WallTime(AT - 100 + now))
    return room.state


def test_doors_are_open_until_someone_is_heard() -> None:
    evening = room()
    assert tick(evening, 0) is RoomState.OPEN
    assert tick(evening, 100) is RoomState.OPEN, "waiting is no interruption"
    assert tick(evening, 101, connected=True) is RoomState.OPEN, "to be there is not to be heard"
    assert tick(evening, 102, connected=True, heard=True) is RoomState.LIVE


def test_what_is_said_before_the_announced_time_starts_nothing_and_at_it_does() -> None:
    evening = room(at=AT)
    assert tick(evening, 50, connected=True, heard=True) is RoomState.OPEN
    assert tick(evening, 99.98, connected=True, heard=True) is RoomState.OPEN
    assert tick(evening, 100, connected=True, heard=True) is RoomState.LIVE


def test_a_voice_that_comes_late_starts_it_then() -> None:
    evening = room(at=AT)
    assert tick(evening, 130, connected=True) is RoomState.OPEN
    assert tick(evening, 160, connected=True, heard=True) is RoomState.LIVE


@pytest.mark.parametrize("how", ["record", "call"])
def test_the_host_starts_it_before_its_time_and_without_a_voice(how: str) -> None:
    evening = room(at=AT)
    tick(evening, 0)
    if how == "record":
        evening.go = True
    else:
        assert evening.start(Monotonic(0.0)) and not evening.start(Monotonic(0.0))
    assert tick(evening, 0.02) is RoomState.LIVE
    assert tick(evening, NOBODY_S - 0.1) is RoomState.LIVE, "who starts it is given time to say something"
    assert tick(evening, NOBODY_S + 0.1) is RoomState.INTERRUPTED


def test_a_stage_that_takes_up_a_room_that_was_started_goes_on_with_it() -> None:
    assert tick(room(at=AT, go=True), 0) is RoomState.LIVE


def test_interrupted_when_nobody_has_been_there_for_a_while_and_live_again() -> None:
    evening = room()
    tick(evening, 0, connected=True, heard=True)
    assert tick(evening, NOBODY_S - 0.1) is RoomState.LIVE
    assert tick(evening, NOBODY_S) is RoomState.INTERRUPTED
    assert tick(evening, 60, connected=True) is RoomState.LIVE
    assert tick(evening, 60.02, connected=True) is RoomState.LIVE


def test_silence_of_people_who_are_there_is_no_interruption() -> None:
    evening = room()
    tick(evening, 0, connected=True, heard=True)
    assert tick(evening, 600, connected=True) is RoomState.LIVE


@pytest.mark.parametrize("state", [RoomState.LIVE, RoomState.INTERRUPTED])
def test_a_room_that_is_taken_up_begins_without_anyone(state: RoomState) -> None:
    evening = room(state)
    assert evening.state is RoomState.INTERRUPTED
    assert tick(evening, 0) is RoomState.INTERRUPTED
    assert tick(evening, 1, connected=True) is RoomState.LIVE


def test_in_the_green_room_before_the_doors_nothing_starts_but_the_doors_by_the_record() -> None:
    evening = room(RoomState.SCHEDULED, at=AT)
    assert not evening.start(Monotonic(0.0))
    assert tick(evening, 200, connected=True, heard=True) is RoomState.SCHEDULED
    evening.know(WallTime(AT), False, doors=False)
    assert tick(evening, 201) is RoomState.SCHEDULED
    evening.know(WallTime(AT), False, doors=True)
    assert tick(evening, 202) is RoomState.OPEN
    assert tick(evening, 203, connected=True, heard=True) is RoomState.LIVE
    evening.know(WallTime(AT), True, doors=True)
    assert evening.state is RoomState.LIVE


def test_the_end_is_for_good() -> None:
    evening = room()
    assert evening.end() and not evening.end() and not evening.start(Monotonic(0.0))
    assert tick(evening, 0, connected=True, heard=True) is RoomState.ENDED


class OnAirUnderAnything(RuleBasedStateMachine):
    """Whatever happens in whatever order: each change is in the table, and whoever caused it may."""

    @initialize(state=st.sampled_from([RoomState.OPEN, RoomState.LIVE, RoomState.INTERRUPTED]), go=st.booleans())
    def begin(self, state: RoomState, go: bool) -> None:
        self.now = 0.0
        self.room = room(state, at=AT, go=go)
        self.before = self.room.state

    def check(self, *events: LifeEvent, cause: Cause) -> None:
        """From before to now there is a way by ``events``, each of which may befall it and be caused by ``cause``."""
        state = self.before
        for event in events:
            if (found := TRANSITIONS.get((state, event))) is not None and state is not self.room.state:
                assert cause in CAUSES[event]
                state = found
        assert state is self.room.state
        self.before = state

    @rule(seconds=st.floats(0.02, 60), connected=st.booleans(), heard=st.booleans())
    def time_passes(self, seconds: float, connected: bool, heard: bool) -> None:
        self.now += seconds
        before, go = self.before, self.room.go
        tick(self.room, self.now, connected=connected, heard=heard)
        if self.room.state is not before and before is RoomState.OPEN:
            assert go or (heard and self.now >= 100), "nothing else starts it"
            self.check(LifeEvent.START, cause=Cause.HOST if go else Cause.STAGE)
        elif self.room.state is not before:
            self.check(LifeEvent.BACK if connected or heard else LifeEvent.LOST, cause=Cause.STAGE)

    @rule()
    def the_host_says_go(self) -> None:
        self.room.go = True

    @rule()
    def the_host_starts_it(self) -> None:
        self.room.start(Monotonic(self.now))
        self.check(LifeEvent.START, cause=Cause.HOST)

    @rule()
    def the_host_ends_it(self) -> None:
        self.room.end()
        self.check(LifeEvent.END, cause=Cause.HOST)

    @invariant()
    def nothing_changes_by_itself(self) -> None:
        assert self.room.state is self.before


OnAirUnderAnything.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestOnAirUnderAnything = OnAirUnderAnything.TestCase
