from __future__ import annotations

import base64
import json
from dataclasses import replace

import altcha
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from rostra.admission.capacity import Capacity, Limits, Readings
from rostra.admission.challenge import challenge
from rostra.admission.steps import Step
from rostra.admission.usher import RSVPS_EASY, RSVPS_HARDEST, RSVPS_MOST, DoorOptions, Usher
from rostra.admission.verdicts import Asked, Challenge, Enter, Given, Kind, ProofOfWork, Refuse, Verdict, Wait
from rostra.admission.waiting import called
from rostra.units import WallTime
from rostra.wire.door import MAX_RANK, SEED_BYTES, DoorRecord, DoorReport, LineRecord, Outcome, Seated
from rostra.wire.passes import DoorKey, DoorKeys, Line, verify
from tests.admission.house import EPOCH, KEYS, ROOM, QuickGate, seeded

HOME = bytes([192, 0, 2, 1])
OPENED = WallTime(EPOCH - 60.0)
SHUT = WallTime(0.0)


class Door:
    """One edge with ``seats``, and a clock."""

    def __init__(self, seats: int = 1000, on: bool = True, keys: bool = True, joins_s: float = 0.0) -> None:
        capacity = Capacity(Limits(open_files=seats + 20), joins_s=joins_s)
        self.usher = Usher(DoorOptions("edge-0", on=on), capacity, gate=QuickGate(), draw=seeded(9))
        self.now, self.inside, self.joins = 0.0, 0, 0
        self.late_s = self.skew_s = 0.0
        if keys:
            self.usher.on_keys(KEYS)
        self.seconds(1)

    @property
    def wall(self) -> WallTime:
        return WallTime(EPOCH + self.now + self.skew_s)

    def seconds(self, n: float) -> None:
        for _ in range(round(n * 10)):
            self.now = round(self.now + 0.1, 1)
            if self.now == int(self.now):
                self.second()
            self.usher.settle(self.now)

    def second(self) -> None:
        self.usher.observe(
            Readings(self.inside + 20, 10**8, 0.1, self.late_s, 0.0, self.inside, self.joins, 0.0), 0.5, self.now
        )
        self.joins = 0
        self.usher.on_report(self.usher.report(self.now, self.wall), self.now)
        for room in self.usher.rooms():
            moved = self.usher.next_record(room, self.now, self.wall, OPENED, b"s" * SEED_BYTES)
            if moved is not None:
                self.usher.on_record(moved, self.now)

    def fill(self, n: int) -> None:
        for i in range(n):
            self.usher.entered((i * 65_537 % 2**32).to_bytes(4))
            self.inside += 1

    def ask(self, pass_: str = "", answer: str = "", kind: Kind = Kind.LIVE, address: bytes = HOME) -> Verdict:
        verdict = self.usher.ask(Asked(ROOM, kind, address, OPENED, pass_, answer), self.now, self.wall)
        self.inside += isinstance(verdict, Enter)
        self.joins += isinstance(verdict, Enter)
        return verdict

    def number(self, answer: str = "", kind: Kind = Kind.NUMBER, opened: WallTime = OPENED) -> Verdict:
        return self.usher.number(Asked(ROOM, kind, HOME, opened, "", answer), self.now, self.wall)

    def total(self, outcome: Outcome) -> int:
        return self.usher.tally.total(outcome)


def full(seats: int = 1000) -> Door:
    door = Door(seats)
    door.fill(seats)
    door.seconds(2)
    assert door.usher.step is Step.WAITING
    return door


def given(verdict: Verdict) -> Given:
    assert isinstance(verdict, Given)
    return verdict


def test_nobody_is_asked_while_there_is_room() -> None:
    door = Door()
    assert door.usher.waves_through
    assert door.ask() == Enter()
    assert door.ask(pass_="nonsense") == Enter()
    door.seconds(1)
    assert door.total(Outcome.ADMITTED) == 2
    assert door.usher.report(door.now, door.wall).places == 998


def test_before_anything_is_known_everyone_comes_in() -> None:
    usher = Usher(DoorOptions("edge-0"), Capacity(Limits(open_files=100)))
    assert usher.waves_through


def test_switched_off_it_lets_everyone_in_for_ever() -> None:
    door = Door(seats=10, on=False)
    door.fill(50)
    door.seconds(5)
    assert door.usher.waves_through
    assert door.ask() == Enter()
    assert door.usher.step is Step.OPEN
    door.usher.came(HOME)
    assert not door.usher.accounting._came
    assert not door.usher.accounting._wanted


def test_a_full_house_has_a_line() -> None:
    door = full()
    assert not door.usher.waves_through
    verdict = door.ask()
    assert isinstance(verdict, Wait)
    assert not verdict.called
    assert isinstance(door.number(), Challenge)
    place = given(door.number("7"))
    assert (place.line, place.called) == (Line.LATE, False)
    assert door.number("7") == given(door.number("7"))
    assert isinstance(door.ask(place.pass_), Wait)


def test_who_is_called_comes_in_and_may_come_back() -> None:
    door = full()
    places = []
    for i in range(20):
        places.append(given(door.number(str(i))).pass_)
        door.seconds(0.3)
    door.seconds(1)
    assert all(isinstance(door.ask(p), Wait) for p in places)
    door.inside -= 10
    door.seconds(3)
    entered = [p for p in places if isinstance(door.ask(p), Enter)]
    assert 8 <= len(entered) <= 10  # who is called is called by the quarter of a second
    assert entered == places[: len(entered)]
    assert isinstance(door.ask(places[12]), Wait)
    seat = verify(places[0], KEYS, ROOM, door.wall).id
    door.usher.left((ROOM, seat))
    door.inside -= 1
    door.seconds(1)
    assert isinstance(door.ask(places[0]), Enter)


def test_who_is_called_and_finds_no_place_keeps_the_right() -> None:
    door = full()
    place = given(door.number("1")).pass_
    door.inside -= 1
    door.seconds(3)
    door.inside += 1
    door.seconds(1)
    verdict = door.ask(place)
    assert isinstance(verdict, Wait)
    assert verdict.called
    door.inside -= 1
    door.seconds(1)
    assert isinstance(door.ask(place), Enter)


def test_one_pass_holds_one_session() -> None:
    door = full()
    place = given(door.number("1")).pass_
    door.inside -= 2
    door.seconds(3)
    verdict = door.ask(place)
    assert isinstance(verdict, Enter)
    assert verdict.seat is not None
    (seated,) = door.usher.seated()
    assert seated.passes == (verdict.seat,)
    assert door.usher.seated() == ()
    assert isinstance(door.ask(place), Wait)  # twice in one second is not somebody whose network changed
    assert door.ask(place, kind=Kind.PLAYLIST) == Enter(verdict.seat)
    assert door.usher.on_seated(Seated("edge-0", (verdict.seat,))) == ()
    assert door.usher.on_seated(Seated("edge-1", (verdict.seat,))) == (verdict.seat,)
    assert door.usher.on_seated(Seated("edge-1", (verdict.seat,))) == ()
    assert door.total(Outcome.REPLACED) == 1


def test_the_challenge_comes_before_the_line() -> None:
    door = Door(1000)
    door.fill(900)
    door.seconds(4)
    assert door.usher.step is Step.CHALLENGE
    assert isinstance(door.ask(), Challenge)
    assert isinstance(door.ask(answer="wrong"), Refuse)
    verdict = door.ask(answer="5")
    assert isinstance(verdict, Enter)
    assert verify(verdict.pass_, KEYS, ROOM, door.wall).line is Line.LATE
    assert door.total(Outcome.CHALLENGED) == 1
    assert door.total(Outcome.BAD_SOLUTION) == 1
    door.seconds(2)
    assert isinstance(door.ask(verdict.pass_), Enter)  # nobody waits


@pytest.mark.parametrize(
    "spoil", [lambda p: "", lambda p: p[:-1], lambda p: p[:-1] + ("A" if p[-1] != "A" else "B"), lambda p: "é" * 54]
)
def test_a_pass_that_is_none(spoil: object) -> None:
    door = full()
    place = given(door.number("1")).pass_
    spoilt = spoil(place)  # type: ignore[operator]
    assert isinstance(door.ask(spoilt), Wait)
    elsewhere = Asked("other", Kind.LIVE, HOME, OPENED, place)
    assert isinstance(door.usher.ask(elsewhere, door.now, door.wall), Wait)
    future = Asked(ROOM, Kind.LIVE, HOME, OPENED, place)
    assert isinstance(door.usher.ask(future, door.now, WallTime(door.wall - 500.0)), Wait)
    assert door.total(Outcome.BAD_PASS) == (3 if spoilt else 2)


def test_an_answer_shown_again_is_the_same_place() -> None:
    door = full()
    first = given(door.number("1"))
    door.seconds(5)
    assert given(door.number("1")).pass_ == first.pass_
    assert door.total(Outcome.NUMBERED) == 1


def test_a_promise_costs_work_and_more_where_many_were_made() -> None:
    door = Door()
    work = []
    for n in range(RSVPS_MOST):
        if n in (0, RSVPS_EASY, 10 * RSVPS_EASY, RSVPS_HARDEST):
            asked = door.number(kind=Kind.RSVP, opened=SHUT)
            assert isinstance(asked, Challenge)
            assert asked.challenge
            work.append(asked.challenge["pressure"])
        assert given(door.number(f"{n}", kind=Kind.RSVP, opened=SHUT)).line is Line.RSVP
    assert work[0] == work[1] <= 0
    assert 0.3 < work[2] < 0.5
    assert work[3] == pytest.approx(1, abs=0.01)


def test_promises_of_one_network_are_bounded_and_an_answer_shown_again_is_none() -> None:
    door = Door()
    for _ in range(2):
        for n in range(RSVPS_MOST):
            given(door.number(f"{n}", kind=Kind.RSVP, opened=SHUT))
    refused = door.number("999999", kind=Kind.RSVP, opened=SHUT)
    assert isinstance(refused, Refuse)
    assert refused.slug == "too-many"
    assert door.total(Outcome.REFUSED_RATE) == 1
    door.seconds(7200)
    given(door.number("999999", kind=Kind.RSVP, opened=SHUT))


def test_who_comes_before_the_start_is_shuffled() -> None:
    door = Door()
    place = given(door.number("1", opened=SHUT))
    assert (place.line, place.rank) == (Line.EARLY, None)


def test_without_keys_there_is_no_line() -> None:
    door = Door(100, keys=False)
    door.fill(90)
    door.seconds(4)
    assert door.usher.step is Step.CHALLENGE
    assert door.ask() == Enter()
    assert door.usher.small
    door.fill(20)
    door.seconds(3)
    verdict = door.ask()
    assert isinstance(verdict, Refuse)
    assert "come back" in verdict.sentence


def test_a_house_that_cannot_even_give_numbers() -> None:
    door = full()
    place = given(door.number("1")).pass_
    door.late_s = 5.0
    door.seconds(8)
    assert door.usher.step is Step.REFUSING
    retries = {round(v.retry_s) for _ in range(30) if isinstance(v := door.ask(), Refuse)}
    assert len(retries) > 20
    assert isinstance(door.number("2"), Refuse)
    assert door.usher.report(door.now, door.wall).places == 0
    assert isinstance(door.ask(place), Wait)


def test_joins_have_a_pace() -> None:
    door = Door(100_000, joins_s=100.0)
    entered = 0
    for _ in range(50):
        for i in range(100):
            entered += isinstance(door.ask(address=(i * 65_537 % 2**32).to_bytes(4)), Enter)
        door.seconds(0.1)
    assert door.usher.step is Step.WAITING
    assert entered <= 100 + 5 * 100 + 100


def test_everything_becomes_open_again() -> None:
    door = full()
    door.inside = 0
    door.seconds(150)
    assert door.usher.step is Step.OPEN
    assert door.usher.waves_through


class AnyEvening(RuleBasedStateMachine):
    """One edge of 30 seats; strangers who lie, listeners who come and go."""

    places = Bundle("places")

    def __init__(self) -> None:
        super().__init__()
        self.door = Door(30)
        self.people = 0
        self.seats: set[bytes] = set()

    @rule(n=st.integers(1, 12))
    def newcomers(self, n: int) -> None:
        for _ in range(n):
            self.people += 1
            waved, room = self.door.usher.waves_through, 30 - self.door.inside
            verdict = self.door.ask(address=(self.people * 65_537 % 2**32).to_bytes(4))
            if isinstance(verdict, Enter) and not waved:
                assert self.door.usher.step < Step.WAITING
                assert room > 0
            if isinstance(verdict, Refuse):
                assert self.door.usher.step is Step.REFUSING

    @rule(target=places)
    def number(self) -> str:
        self.people += 1
        verdict = self.door.number(str(self.people))
        return verdict.pass_ if isinstance(verdict, Given) else ""

    @rule(place=places, spoilt=st.booleans())
    def show(self, place: str, spoilt: bool) -> None:
        if not place:
            return
        record = self.door.usher._record(ROOM)
        pass_ = verify(place, KEYS, ROOM, self.door.wall)
        waved, step = self.door.usher.waves_through, self.door.usher.step
        turn = called(record, pass_)
        verdict = self.door.ask(place[:-1] + "=" if spoilt else place)
        if waved:
            return
        if spoilt:
            assert not isinstance(verdict, Enter) or step < Step.CHALLENGE
        elif isinstance(verdict, Enter):
            assert turn or step < Step.WAITING
            assert verdict.seat == (ROOM, pass_.id)
            self.seats.add(pass_.id)
        else:
            assert isinstance(verdict, Wait)
            assert verdict.called or not turn

    @rule(place=consumes(places))
    def leave(self, place: str) -> None:
        if place and (id_ := verify(place, KEYS, ROOM, self.door.wall).id) in self.seats:
            self.seats.remove(id_)
            self.door.usher.left((ROOM, id_))
            self.door.inside -= 1

    @rule(n=st.integers(0, 30))
    def others_leave(self, n: int) -> None:
        self.door.inside = max(len(self.seats), self.door.inside - n)

    @rule(s=st.floats(0.1, 30))
    def time(self, s: float) -> None:
        self.door.seconds(s)

    @rule(late_s=st.sampled_from([0.0, 0.0, 0.3, 4.0]))
    def slow(self, late_s: float) -> None:
        self.door.late_s = late_s

    @invariant()
    def numbers_are_sane(self) -> None:
        report = self.door.usher.report(self.door.now, self.door.wall)
        assert report.places <= 30
        assert len(self.door.usher._seats) <= self.people

    @invariant()
    def never_fuller_than_full_by_asking(self) -> None:
        if not self.door.usher.waves_through and self.door.usher.step >= Step.WAITING:
            assert self.door.inside <= 30 + 12  # who was waved through in the last second


TestAnyEvening = AnyEvening.TestCase
TestAnyEvening.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)


def test_a_report_says_how_it_stands() -> None:
    door = full()
    door.number("1")
    door.seconds(0.5)
    report = door.usher.report(door.now, door.wall)
    assert (report.edge, report.step, report.scarce) == ("edge-0", int(Step.WAITING), "open files")
    assert report.outcomes[Outcome.NUMBERED] == (1, 0, 0, 0, 0)
    assert replace(report, rooms={}).rooms == {}


# --- two edges ---


def another(door: Door, keys: DoorKeys | None = KEYS, skew_s: float = 0.0) -> Door:
    """A second edge, as full, that hears of the first one's record."""
    other = full()
    other.now, other.skew_s = door.now, skew_s
    if keys is not None:
        other.usher.on_keys(keys)
    return other


def keys_of(*kids: int) -> DoorKeys:
    return DoorKeys(kids[-1], {kid: DoorKey(bytes([kid]) * 32, WallTime(EPOCH - 7200)) for kid in kids})


@pytest.mark.parametrize(
    ("makes", "reads", "good"),
    [
        ((1, 2), (1, 2), True),
        ((1,), (1, 2), True),  # which has not heard of the change yet
        ((1, 2), (2, 3), True),  # changed twice there, and only once here
        ((1,), (2, 3), False),  # away for a day
        ((9,), (1, 2), False),  # of another house
        ((1, 2), (1,), False),  # it will be known within a minute; nobody signs with it before
    ],
)
def test_a_pass_at_an_edge_with_other_keys(makes: tuple[int, ...], reads: tuple[int, ...], good: bool) -> None:
    here = full()
    here.usher.on_keys(keys_of(*makes))
    place = given(here.number("1")).pass_
    there = another(here, keys_of(*reads))
    verdict = there.ask(place)
    assert isinstance(verdict, Wait), "whoever shows it: who holds one that is none is a newcomer, and gets a number"
    assert there.total(Outcome.BAD_PASS) == (0 if good else 1)
    shown = there.usher.number(Asked(ROOM, Kind.NUMBER, HOME, OPENED, place), there.now, there.wall)
    assert isinstance(shown, Given) is good
    assert isinstance(shown, Challenge) is not good


@pytest.mark.parametrize(
    ("skew_s", "good"), [(-240.0, False), (-110.0, True), (0.0, True), (110.0, True), (240.0, True)]
)
def test_edges_whose_clocks_differ_by_minutes(skew_s: float, good: bool) -> None:
    """What one edge gives, one that is up to two minutes behind takes; one that is ahead always does."""
    here = full()
    there = another(here, skew_s=skew_s)
    place = given(here.number("1")).pass_
    assert isinstance(there.ask(place), Wait)
    assert there.total(Outcome.BAD_PASS) == (0 if good else 1)
    if good:
        record = here.usher._record(ROOM) or DoorRecord(ROOM, OPENED, bytes(SEED_BYTES))
        line = LineRecord(MAX_RANK)
        there.usher.on_record(replace(record, start=OPENED, seed=bytes(SEED_BYTES), lines={Line.LATE: line}), there.now)
        there.inside -= 1
        there.seconds(1)
        assert isinstance(there.ask(place), Enter), "called here is called there"


def test_a_word_for_those_inside_is_known_at_the_other_edge_and_after_a_change_of_keys() -> None:
    here = full()
    there = another(here, KEYS, skew_s=90.0)
    said = here.usher.word(ROOM, 1000, here.wall)
    assert said is not None
    there.usher.word(ROOM, 1000, there.wall)
    asked = Asked(ROOM, Kind.NUMBER, HOME, OPENED, inside=said)
    assert isinstance(there.usher.number(asked, there.now, there.wall), Given)
    there.usher.on_keys(keys_of(7, 8))
    assert isinstance(there.usher.number(asked, there.now, there.wall), Challenge)


# --- answers of those who lie ---


def test_answers_that_were_made_before_or_elsewhere() -> None:
    """By the real challenge: replayed, of another room, of another household, of another house, kept for too long."""
    capacity = Capacity(Limits(open_files=120))
    usher = Usher(DoorOptions("edge-0"), capacity, gate=ProofOfWork((100, 100)), draw=seeded(3))
    usher.on_keys(KEYS)
    usher.steps.step, usher.waves_through = Step.WAITING, False
    wall = WallTime(EPOCH)

    def number(answer: str = "", room: str = ROOM, home: bytes = HOME, at: WallTime = wall) -> Verdict:
        return usher.number(Asked(room, Kind.NUMBER, home, OPENED, "", answer), 1.0, at)

    def solved(keys: DoorKeys | None = None, room: str = ROOM, home: bytes = HOME) -> str:
        made = number(room=room, home=home)
        assert isinstance(made, Challenge)
        asked = made.challenge if keys is None else challenge(keys, room, home, 0.0, wall, bounds=(100, 100))
        assert asked is not None
        solution = altcha.solve_challenge(altcha.Challenge.from_dict(asked))
        assert solution is not None
        body = {"challenge": {k: asked[k] for k in ("parameters", "signature")}, "solution": solution.to_dict()}
        return base64.b64encode(json.dumps(body).encode()).decode()

    answer = solved()
    first = given(number(answer))
    assert given(number(answer)) == first, "shown again it is the same place"
    assert given(number(answer, at=WallTime(wall + 100))).pass_ == first.pass_
    for lie in (
        number(answer, room="other"),
        number(answer, home=bytes((192, 0, 2, 2))),
        number(solved(room="other")),
        number(solved(keys_of(1))),  # with a key of one's own, made days before
        number(answer, at=WallTime(wall + 3600)),
        number(solved(), at=WallTime(wall + 600)),  # solved ahead, and kept for the evening
    ):
        assert isinstance(lie, Refuse)
        assert lie.sentence.endswith(".")
    assert usher.tally.total(Outcome.BAD_SOLUTION) == 6
    assert usher.tally.total(Outcome.NUMBERED) == 1


def report_of(name: str, ahead_s: float, door: Door) -> DoorReport:
    return DoorReport(name, WallTime(door.wall + ahead_s), 0, 100.0)


@pytest.mark.parametrize(
    ("others", "ahead_s"),
    [
        ((), 0.0),
        ((0.4, -0.8), 0.0),  # reports come late
        ((240.0,), 120.0),  # of two nobody can say which is right: both go by the middle
        ((-240.0,), -120.0),
        ((0.0, 240.0), 0.0),
        ((300.0, 300.1), 300.0),  # it is we who are wrong
        ((1e6, 2e6, 3e6), 0.0),
    ],
)
def test_edges_go_by_the_middle_one_of_their_clocks(others: tuple[float, ...], ahead_s: float) -> None:
    door = full()
    for i, ahead in enumerate(others):
        door.usher.on_report(report_of(f"edge-{i + 1}", ahead, door), door.now)
    door.usher.report(door.now, door.wall)
    place = verify(given(door.number("1")).pass_, KEYS, ROOM, WallTime(door.wall + ahead_s))
    assert place.at - door.wall == pytest.approx(ahead_s, abs=0.3)


def test_whose_clock_goes_back_does_not_call_those_who_come_then() -> None:
    """The other edge, by whose clock ours went ahead, has died."""
    door = full()
    door.usher.on_report(report_of("edge-1", 100.0, door), door.now)
    door.usher.report(door.now, door.wall)
    early = given(door.number("1"))
    door.seconds(5)
    assert door.usher.behind_s == 0.0
    door.inside -= 1
    door.seconds(3)
    assert isinstance(door.ask(early.pass_), Enter)
    late = [given(door.number(str(n))) for n in range(2, 9)]
    assert not any(place.called for place in late)
    assert all(place.rank > early.rank for place in late if place.rank and early.rank)


def test_who_comes_while_shares_are_kept_is_in_without_more_ado() -> None:
    door = Door(seats=20_000)
    for i in range(6_000):  # far more than places would last, and a third of them from one address
        address = HOME if i % 3 == 0 else (i * 65_537 % 2**32).to_bytes(4)
        door.usher.came(address)
        if not door.usher.lets_in(address, door.now):
            door.ask(address=address)
        if i % 300 == 299:
            door.seconds(0.1)
    assert door.usher.accounting.holds
    assert not door.usher.waves_through
    before, places = door.total(Outcome.ADMITTED), door.usher._places
    assert door.usher.lets_in(bytes([198, 51, 100, 7]), door.now)
    assert (door.total(Outcome.ADMITTED), door.usher._places) == (before + 1, places - 1)
    assert not all(door.usher.lets_in(HOME, door.now) for _ in range(50)), "they are crowded: they have to be asked"


def test_at_a_full_house_nobody_is_in_without_more_ado() -> None:
    door = full()
    before = door.total(Outcome.ADMITTED)
    assert not door.usher.lets_in(HOME, door.now)
    assert door.total(Outcome.ADMITTED) == before
