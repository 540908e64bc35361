"""Seats: the table, the limits, coming back, the later link wins."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rostra.errors import Forbidden, Full, NotFound
from rostra.stage.seats import MAX_SEATS, TRANSITIONS, Seat, SeatEvent, Seats, SeatState, advance
from rostra.units import Monotonic, Role

LIMITS = {Role.HOST: 1, Role.COHOST: 2, Role.SPEAKER: 10}
GRACE_S = 30.0


def seats() -> Seats:
    return Seats(dict(LIMITS), GRACE_S)


def at(seconds: float) -> Monotonic:
    return Monotonic(seconds)


def test_what_is_not_in_the_table_cannot_happen() -> None:
    for state in SeatState:
        for event in SeatEvent:
            if (state, event) in TRANSITIONS:
                assert advance(state, event) is TRANSITIONS[state, event]
            else:
                with pytest.raises(ValueError, match="cannot befall"):
                    advance(state, event)


def test_every_state_but_free_leads_back_to_free() -> None:
    for state in set(SeatState) - {SeatState.FREE}:
        assert TRANSITIONS[state, SeatEvent.LEAVE] is SeatState.FREE


def test_a_seat_cannot_be_built_wrong() -> None:
    with pytest.raises(ValueError, match="deadline"):
        Seat("s1", "k", "Ann", Role.HOST, SeatState.HERE, "a", deadline=at(1))
    with pytest.raises(ValueError, match="deadline"):
        Seat("s1", "k", "Ann", Role.HOST, SeatState.AWAY, "a")


def test_one_life() -> None:
    room = seats()
    assert room.claim("ann", Role.HOST, "Ann", "a").seat.state is SeatState.JOINING
    assert room.connected("a") == room.get("s1") and room.get("s1").state is SeatState.HERE
    assert room.connected("a") is None, "being here is told once"
    assert room.left("a") is not None and room.all() == []
    assert room.left("a") is None


def test_whose_network_drops_comes_back_to_the_same_seat_as_it_was() -> None:
    room = seats()
    room.claim("ann", Role.SPEAKER, "Ann", "a")
    room.connected("a")
    room.mute("s1", True)
    room.dropped("a", at(100))
    assert room.next_deadline() == at(130) and room.expire(at(129.9)) == []
    back = room.claim("ann", Role.SPEAKER, "Ann", "b")
    assert back.returned and back.ousted == "a" and back.seat.id == "s1" and back.seat.muted
    assert room.next_deadline() is None
    assert room.dropped("a", at(131)) is None, "the old link has no say any more"
    assert room.connected("b") is not None


def test_a_network_that_comes_back_on_the_same_link() -> None:
    room = seats()
    room.claim("ann", Role.SPEAKER, "Ann", "a")
    room.connected("a")
    assert room.dropped("a", at(1)) is not None and room.dropped("a", at(2)) is None
    back = room.connected("a")
    assert back is not None and back.state is SeatState.HERE and back.deadline is None
    assert room.expire(at(100)) == []


def test_the_grace_passes() -> None:
    room = seats()
    room.claim("ann", Role.HOST, "Ann", "a")
    room.dropped("a", at(0))
    with pytest.raises(Full):
        room.claim("bob", Role.HOST, "Bob", "b")
    assert [seat.id for seat in room.expire(at(30))] == ["s1"]
    assert room.claim("bob", Role.HOST, "Bob", "b").seat.id == "s2", "a number is not used again"


def test_the_later_link_wins_and_the_earlier_is_named() -> None:
    room = seats()
    room.claim("ann", Role.HOST, "Ann", "a")
    room.connected("a")
    later = room.claim("ann", Role.HOST, "Ann", "b")
    assert later.ousted == "a" and later.seat.id == "s1"
    assert room.of_link("a") is None and room.left("a") is None and room.dropped("a", at(1)) is None
    assert room.get("s1").link == "b"


def test_limits_of_roles() -> None:
    room = seats()
    for role, limit in LIMITS.items():
        for n in range(limit):
            room.claim(f"{role}{n}", role, "x", f"{role}{n}")
        with pytest.raises(Full) as refused:
            room.claim(f"{role}-more", role, "x", "more")
        assert refused.value.retry_after_s > 0
    with pytest.raises(Forbidden):
        room.claim("ear", Role.LISTENER, "x", "ear")


def test_no_more_than_32_in_all() -> None:
    room = Seats({Role.HOST: 4, Role.COHOST: 8, Role.SPEAKER: 32}, GRACE_S)
    for n in range(MAX_SEATS):
        room.claim(str(n), Role.SPEAKER, "x", str(n))
    with pytest.raises(Full):
        room.claim("h", Role.HOST, "x", "h")


def test_unknown_seats() -> None:
    room = seats()
    for call in (room.get, room.free, lambda s: room.mute(s, True)):
        with pytest.raises(NotFound):
            call("s9")


class SeatsUnderAnything(RuleBasedStateMachine):
    """Whatever happens in whatever order: one seat a person, one link a seat, never more than the limits."""

    def __init__(self) -> None:
        super().__init__()
        self.room = seats()
        self.now = 0.0
        self.links = 0

    @rule(person=st.integers(0, 15), role=st.sampled_from([Role.HOST, Role.COHOST, Role.SPEAKER]))
    def claim(self, person: int, role: Role) -> None:
        self.links += 1
        try:
            claim = self.room.claim(f"{person}", role, "x", f"l{self.links}")
        except Full:
            return
        assert self.room.of_link(f"l{self.links}") == claim.seat
        if claim.ousted:
            assert self.room.of_link(claim.ousted) is None

    @precondition(lambda self: self.links)
    @rule(data=st.data(), what=st.sampled_from(["connected", "dropped", "left"]))
    def link(self, data: st.DataObject, what: str) -> None:
        link = f"l{data.draw(st.integers(1, self.links))}"
        if what == "dropped":
            self.room.dropped(link, at(self.now))
        else:
            getattr(self.room, what)(link)

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.room.expire(at(self.now))
        assert (self.room.next_deadline() or self.now + 1) > self.now

    @invariant()
    def sound(self) -> None:
        taken = self.room.all()
        assert len({s.id for s in taken}) == len({s.key for s in taken}) == len(taken)
        held = taken
        assert len({s.link for s in held}) == len(held)
        for seat in held:
            assert self.room.of_link(seat.link) == seat


SeatsUnderAnything.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSeatsUnderAnything = SeatsUnderAnything.TestCase
