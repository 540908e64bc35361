"""The life of a room and the rights in it, as tables."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rostra.errors import Conflict, Forbidden
from rostra.life import CAUSES, ON_AIR, OVER, TRANSITIONS, Cause, LifeEvent, advance, after, doors_at, late
from rostra.permissions import MAY, OPERATOR_MAY, Action, may, need, who_may
from rostra.units import Role, RoomState, WallTime


def test_what_is_over_stays_over() -> None:
    assert not any(state in OVER for state, _ in TRANSITIONS)
    assert OVER.isdisjoint(ON_AIR)
    assert {RoomState.SCHEDULED} | ON_AIR | OVER == set(RoomState)


def test_every_state_is_reached_and_every_event_has_a_cause() -> None:
    reached, more = {RoomState.SCHEDULED}, True
    while more:
        new = {then for (state, _), then in TRANSITIONS.items() if state in reached} - reached
        reached |= new
        more = bool(new)
    assert reached == set(RoomState)
    assert {event for _, event in TRANSITIONS} == set(LifeEvent) == set(CAUSES)
    assert all(CAUSES.values())


def test_a_dropped_connection_never_ends_a_room() -> None:
    assert CAUSES[LifeEvent.END].isdisjoint({Cause.STAGE, Cause.COHOST})
    assert after(RoomState.LIVE, LifeEvent.LOST) is RoomState.INTERRUPTED


@pytest.mark.parametrize("state", RoomState)
@pytest.mark.parametrize("event", LifeEvent)
def test_what_cannot_befall_is_refused_with_a_sentence(state: RoomState, event: LifeEvent) -> None:
    if (state, event) in TRANSITIONS:
        assert advance(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(Conflict, match=r"This room .*\."):
            advance(state, event)


def test_the_host_is_late_from_the_announced_minute_until_it_starts() -> None:
    at = WallTime(1000.0)
    assert not late(RoomState.OPEN, at, WallTime(999.9))
    assert late(RoomState.OPEN, at, at) and late(RoomState.SCHEDULED, at, WallTime(2000.0))
    assert not any(late(state, at, WallTime(2000.0)) for state in (RoomState.LIVE, *OVER))
    assert doors_at(at, 900) == 100.0


class Life(RuleBasedStateMachine):
    """Whoever causes whatever in whatever order: a room goes live only through open doors, is never on air again once
    it is over, and nobody but host, operator and clock ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.state = RoomState.SCHEDULED
        self.past: list[RoomState] = [self.state]
        self.ended_by: Cause | None = None
        self.cancelled_by: Cause | None = None
        self.starts = 0

    @rule(event=st.sampled_from(LifeEvent), cause=st.sampled_from(Cause))
    def befall(self, event: LifeEvent, cause: Cause) -> None:
        then = after(self.state, event)
        if then is None:
            with pytest.raises(Conflict):
                advance(self.state, event)
            return
        if cause not in CAUSES[event]:
            return
        assert advance(self.state, event) is then
        self.starts += event is LifeEvent.START
        self.ended_by = cause if event is LifeEvent.END else self.ended_by
        self.cancelled_by = cause if event is LifeEvent.CANCEL else self.cancelled_by
        self.state = then
        self.past.append(then)

    @precondition(lambda self: any(state in OVER for state in self.past))
    @invariant()
    def over_for_good(self) -> None:
        assert self.state in OVER
        assert sum(state in OVER for state in self.past) == 1

    @invariant()
    def each_state_comes_after_the_right_one(self) -> None:
        begun = False
        for before, then in pairwise(self.past):
            begun |= before is RoomState.LIVE
            if then is RoomState.LIVE:
                assert before in (RoomState.OPEN, RoomState.INTERRUPTED)
            elif then is RoomState.INTERRUPTED:
                assert before is RoomState.LIVE
            elif then is RoomState.CANCELLED:
                assert not begun, "what has begun is ended, not cancelled"
            elif then is RoomState.SCHEDULED:
                assert not begun, "what has begun is not moved"

    @invariant()
    def it_starts_once_and_is_ended_by_who_may(self) -> None:
        assert self.starts <= 1
        assert (RoomState.LIVE in self.past) == (self.starts == 1)
        assert self.ended_by in (None, Cause.OPERATOR, Cause.HOST, Cause.CLOCK)
        assert (self.ended_by is not None) == (self.state is RoomState.ENDED)
        assert self.cancelled_by in (None, Cause.OPERATOR, Cause.HOST)
        assert (self.cancelled_by is not None) == (self.state is RoomState.CANCELLED)

    @invariant()
    def the_host_is_late_only_before_it_begins(self) -> None:
        waits = late(self.state, WallTime(1000.0), WallTime(1000.0))
        assert waits == (self.state not in OVER and RoomState.LIVE not in self.past)


def test_the_roles_that_may_at_the_door_are_the_causes_of_the_table() -> None:
    causes = {Role.HOST: Cause.HOST, Role.COHOST: Cause.COHOST, Role.SPEAKER: None, Role.LISTENER: None}
    actions = {
        LifeEvent.OPEN: Action.OPEN_DOORS, LifeEvent.START: Action.START, LifeEvent.END: Action.END,
        LifeEvent.CANCEL: Action.CANCEL, LifeEvent.POSTPONE: Action.POSTPONE,
    }  # fmt: skip
    for event, action in actions.items():
        for role, cause in causes.items():
            assert may(role, action) == (cause in CAUSES[event]), (role, action)
        assert (action in OPERATOR_MAY) == (Cause.OPERATOR in CAUSES[event])


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", Action)
def test_every_pair_of_role_and_action(role: Role, action: Action) -> None:
    if may(role, action):
        need(role, action)
    else:
        with pytest.raises(Forbidden, match="does not let you"):
            need(role, action)


def test_rights_grow_with_the_role() -> None:
    assert MAY[Role.LISTENER] < MAY[Role.SPEAKER] < MAY[Role.COHOST] < MAY[Role.HOST]


def test_a_cohost_may_do_all_but_end_the_room_and_appoint() -> None:
    assert MAY[Role.HOST] - MAY[Role.COHOST] == {
        Action.END, Action.CANCEL, Action.APPOINT, Action.HAND_OVER, Action.SEE_ALL_LINKS,
        Action.REISSUE_ALL_LINKS, Action.SEE_SEATS,
    }  # fmt: skip


def test_an_operator_is_no_speaker() -> None:
    assert Action.SPEAK not in OPERATOR_MAY
    assert MAY[Role.HOST] - OPERATOR_MAY == {Action.SPEAK, Action.MUTE_SELF, Action.RAISE_HAND, Action.REACT}
    assert who_may(Action.CREATE) == ()
