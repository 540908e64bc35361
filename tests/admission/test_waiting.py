import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.admission.waiting import (
    CROWDED_ONE_OF,
    LEAST_SHARE,
    LOST_EVERY_S,
    LOST_S,
    MAX_CHUNKS,
    PATIENCE_S,
    Counts,
    Heard,
    called,
    line_for,
    rank,
    serve,
    standing,
    told,
)
from rostra.units import WallTime
from rostra.wire.door import (
    MAX_RANK,
    MAX_SPANS,
    SHUFFLED,
    DoorRecord,
    DoorReport,
    LineRecord,
    RoomCount,
    Spans,
    check_spans,
)
from rostra.wire.passes import Line, Pass
from tests.admission.line import START, House

OPENED = WallTime(START)
SEED = bytes(range(16))
OPEN = DoorRecord("main", OPENED, SEED)


def counted(line: Line, spans: Spans, seated: int = 0, *, since: int = 0, upto: int = 1) -> RoomCount:
    return RoomCount(since, upto, {line: spans}, {line: seated} if seated else {})


def heard(
    places: int, count: RoomCount | None = None, *, edge: str = "e", joins_s: float = 1e6, age_s: float = 0.0
) -> Heard:
    return Heard(DoorReport(edge, WallTime(0), places, joins_s, {"main": count} if count else {}), age_s)


def cell(n: int) -> tuple[int, int]:
    return SHUFFLED + 250 * n, SHUFFLED + 250 * (n + 1)


def late(*counts: int) -> Spans:
    return tuple((*cell(n), count) for n, count in enumerate(counts) if count)


def drawn(count: int) -> Spans:
    return ((0, SHUFFLED, count),)


def waits(record: DoorRecord) -> int:
    return sum(n for one in record.lines.values() for *_, n in one.waiting)


# Counting.


def test_a_count_is_entered_once_however_often_it_comes() -> None:
    first = heard(0, counted(Line.LATE, late(3)))
    one = serve(OPEN, [first], 0.5)
    assert waits(one) == 3 and one.folded == {"e": 1}
    assert serve(one, [first], 0.5) is one, "the record is as it was: nothing to write"
    both = heard(0, counted(Line.LATE, late(3, 2), upto=2))
    assert serve(one, [both], 0.5) is one, "made before the edge knew that the first stands in the record"
    assert waits(serve(one, [heard(0, counted(Line.LATE, late(0, 2), since=1, upto=2))], 0.5)) == 5
    assert waits(serve(OPEN, [both], 0.5)) == 5


def test_what_an_edge_counted_is_carried_until_it_stands_in_the_record() -> None:
    counts = Counts()
    assert counts.report() is None
    counts.numbered(Line.LATE, SHUFFLED + 7)
    counts.numbered(Line.LATE, SHUFFLED + 9)
    counts.numbered(Line.EARLY, None)
    first = counts.report()
    assert first == RoomCount(0, 1, {Line.LATE: late(2), Line.EARLY: ((0, SHUFFLED, 1),)}, {})
    counts.seated(Line.LATE)
    counts.numbered(Line.LATE, SHUFFLED + 251)
    assert counts.report() == RoomCount(0, 2, {Line.LATE: late(2, 1), Line.EARLY: ((0, SHUFFLED, 1),)}, {Line.LATE: 1})
    assert first is not None
    record = serve(OPEN, [heard(0, first)], 0.5)
    counts.on_record(record, "e")
    assert counts.report() == RoomCount(1, 2, {Line.LATE: late(0, 1)}, {Line.LATE: 1})
    record = serve(record, [heard(0, counts.report())], 0.5)
    counts.on_record(record, "e")
    assert counts.report() is None


def test_a_bus_that_is_away_for_long_costs_neither_numbers_nor_memory() -> None:
    counts, rng = Counts(), random.Random(1)
    for second in range(3 * MAX_CHUNKS):
        for _ in range(50):
            counts.numbered(Line.LATE, SHUFFLED + second * 1000 + rng.randrange(1000))
            counts.numbered(Line.EARLY, rng.randrange(SHUFFLED))
        report = counts.report()
    assert report is not None
    assert sum(n for *_, n in report.numbered[Line.LATE]) == 50 * MAX_CHUNKS
    record = serve(OPEN, [heard(0, report)], 0.5)
    counts.on_record(record, "e")
    record = serve(record, [heard(0, counts.report())], 0.5)
    assert waits(record) == 2 * 50 * 3 * MAX_CHUNKS


ranks = st.integers(0, 2**40)


@given(st.lists(st.tuples(st.sampled_from(Line), st.none() | ranks), max_size=300), st.integers(0, 20))
def test_no_number_is_lost_or_counted_twice(given: list[tuple[Line, int | None]], reports: int) -> None:
    counts, record = Counts(), OPEN
    for i, (line, at) in enumerate(given):
        counts.numbered(line, at)
        if reports and i % reports == 0:
            record = serve(record, [heard(0, counts.report())], 0.5)
            if i % 3:
                counts.on_record(record, "e")
    for _ in range(3):
        record = serve(record, [heard(0, counts.report())], 0.5)
        counts.on_record(record, "e")
    assert waits(record) == len(given)
    for one in record.lines.values():
        check_spans(one.waiting)


# Calling.


def test_as_many_are_called_as_there_are_places() -> None:
    record = serve(OPEN, [heard(3, counted(Line.LATE, late(10)))], 0.5)
    assert waits(record) == 7
    assert record.serving[Line.LATE] == SHUFFLED + 75, "three of ten, spread over a quarter of a second"
    assert serve(record, [heard(3)], 0.5) is record, "they are expected"


def test_edges_that_were_not_heard_of_have_no_places() -> None:
    record = serve(OPEN, [heard(3, counted(Line.LATE, late(10)), age_s=4.0), heard(2, edge="f")], 0.5)
    assert waits(record) == 8, "but what they counted counts"


def test_no_more_are_called_than_can_join() -> None:
    record = serve(OPEN, [heard(1000, counted(Line.EARLY, drawn(900)), joins_s=7.0)], 0.5)
    assert waits(record) == 897
    for _ in range(8):
        record = serve(record, [heard(1000, joins_s=7.0)], 0.5)
    assert 900 - waits(record) == pytest.approx(4.5 * 7, abs=1)


def test_of_several_rooms_each_has_its_portion() -> None:
    assert waits(serve(OPEN, [heard(100, counted(Line.EARLY, drawn(90)))], 0.5, portion=0.25)) == 65


def test_those_who_have_come_are_not_expected_any_more() -> None:
    record = serve(OPEN, [heard(10, counted(Line.LATE, late(100)))], 0.5)
    record = serve(record, [heard(0, counted(Line.LATE, (), 10, since=1, upto=2))], 0.5)
    assert waits(serve(record, [heard(4)], 0.5)) == 86


def test_those_who_do_not_come_are_waited_for_less_and_less_and_more_are_called_for_them() -> None:
    record = serve(OPEN, [heard(100, counted(Line.EARLY, drawn(100_000)))], 0.5)
    after, elapsed_s = [], 0.0
    for _ in range(400):
        elapsed_s += 0.5
        then = serve(record, [heard(100)], elapsed_s)
        elapsed_s = 0.0 if then is not record else elapsed_s
        record = then
        after.append(100_000 - waits(record))
    assert after[4] == 100, "nobody has had time yet"
    assert after[int(2 * PATIENCE_S)] > 150
    last = record.lines[Line.EARLY]
    assert sum(n for _, n in last.called) <= 100 / LEAST_SHARE * 3, "however few come there is an end of it"


def test_the_share_who_come_is_measured() -> None:
    """Of four who are called three have gone home; after a while four are called for a place."""
    house, gone = House(5, edges=1, size=50), random.Random(5)
    house.open()
    for _ in range(3000):
        house.come(comes=gone.random() < 0.25)
    filled = []
    for n in range(400):
        house.leave(1 if n % 2 else 0)
        house.step()
        filled.append(len(house.edges[0].inside))
    assert sum(filled[200:]) / 200 > 0.95 * 50
    assert max(filled) <= 50


def test_before_the_doors_open_nobody_is_called() -> None:
    closed = DoorRecord("main")
    record = serve(closed, [heard(100, counted(Line.EARLY, ((0, SHUFFLED, 5),)))], 0.5)
    assert waits(record) == 5 and not any(record.serving.values())
    record = serve(record, [heard(0)], 0.5, opened=OPENED, draw=SEED)
    assert record.seed == SEED and record.start == OPENED
    assert serve(record, [heard(0)], 0.5, opened=OPENED, draw=SEED[::-1]).seed == SEED, "it is drawn once"


def test_those_who_came_early_are_shuffled_and_not_by_anything_they_could_choose() -> None:
    early = [Pass("main", Line.EARLY, WallTime(START - 1000 + n), n.to_bytes(8), 0) for n in range(1000)]
    record = serve(DoorRecord("main"), [heard(0, counted(Line.EARLY, ((0, SHUFFLED, 1000),)))], 0.5)
    assert not any(called(record, p) for p in early)
    record = serve(record, [heard(500)], 0.5, opened=OPENED, draw=SEED)
    in_ = [n for n, p in enumerate(early) if called(record, p)]
    assert 440 < len(in_) < 560
    assert 440 < sum(in_) / len(in_) < 560, "the first are no better off than the last"


def test_promises_first_then_the_early_then_the_late() -> None:
    edge = heard(0, RoomCount(0, 1, {line: late(10) for line in (Line.LATE, Line.RSVP, Line.EARLY)}))
    record = serve(OPEN, [edge], 0.5)
    order = []
    for _ in range(30):
        before = {line: sum(n for *_, n in record.line(line).waiting) for line in Line}
        record = serve(record, [heard(1)], 20.0)
        order += [line for line in Line if sum(n for *_, n in record.line(line).waiting) < before[line]]
    assert order == sorted(order) and set(order) == {Line.RSVP, Line.EARLY, Line.LATE}


def test_a_late_promise_is_none() -> None:
    assert line_for(rsvp=True, crowded=False, opened=False) is Line.RSVP
    assert line_for(rsvp=True, crowded=True, opened=False) is Line.RSVP, "it was paid for"
    assert line_for(rsvp=True, crowded=False, opened=True) is Line.LATE
    assert line_for(rsvp=False, crowded=False, opened=False) is Line.EARLY
    assert line_for(rsvp=False, crowded=True, opened=False) is Line.CROWDED
    assert line_for(rsvp=False, crowded=True, opened=True) is Line.CROWDED


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
@settings(deadline=None)
def test_one_of_twenty_is_from_a_crowded_network_whoever_else_comes(places: list[int]) -> None:
    record = serve(OPEN, [heard(0, RoomCount(0, 1, {Line.EARLY: drawn(5000), Line.CROWDED: drawn(5000)}))], 0.5)
    from_ = {Line.EARLY: 0, Line.CROWDED: 0}
    for i, n in enumerate(places):
        came = RoomCount(i + 1, i + 2, {}, from_)
        record = serve(record, [heard(n, came if i else None)], 20.0)
        from_ = {line: 5000 - sum(n for *_, n in record.line(line).waiting) for line in from_}
        record = replace(record, folded={"e": i + 2})
        assert abs(from_[Line.CROWDED] - sum(from_.values()) / CROWDED_ONE_OF) <= 1
    assert sum(from_.values()) == sum(places)


def test_a_number_behind_those_who_were_called_waits_for_nothing() -> None:
    record = serve(OPEN, [heard(10, counted(Line.LATE, late(0, 10)))], 0.5)
    assert waits(record) == 0 and record.serving[Line.LATE] == cell(2)[0]
    record = serve(record, [heard(0, counted(Line.LATE, late(4)), edge="f")], 0.5)
    assert waits(record) == 0 and sum(n for _, n in record.line(Line.LATE).called) == 14


def test_a_number_that_died_with_its_edge_is_called_when_nobody_else_waits() -> None:
    lost = Pass("main", Line.LATE, WallTime(START + 10), b"12345678", 0)
    record = serve(OPEN, [heard(5, counted(Line.LATE, late(1)))], 0.5)
    wall = START + 10 + LOST_S + LOST_EVERY_S
    assert not called(serve(record, [heard(0)], 60.0, wall=WallTime(wall)), lost), "not while the house is full"
    record = serve(record, [heard(5)], 60.0, wall=WallTime(wall))
    assert called(record, lost)
    assert serve(record, [heard(5)], 60.0, wall=WallTime(wall + 1)) is record, "nor is it written all the time"
    just_now = Pass("main", Line.LATE, WallTime(wall - 100), b"12345678", 0)
    assert not called(record, just_now), "who comes now takes a number, whatever the clocks of edges say"


def test_a_record_that_nobody_needs_is_not_written() -> None:
    record = serve(OPEN, [heard(5, counted(Line.LATE, late(3)))], 0.5)
    record = serve(record, [heard(5, counted(Line.LATE, (), 3, since=1, upto=2))], 1.0)
    assert serve(record, [heard(2)], 2.0) is record
    over = serve(record, [heard(2)], 20.0)
    assert not over.line(Line.LATE).called
    assert serve(over, [heard(5)], 3600.0) is over


def test_many_edges_make_a_record_that_fits() -> None:
    record, rng = OPEN, random.Random(3)
    for n in range(300):
        spans = tuple((*cell(10 * i + n), rng.randrange(1, 50)) for i in sorted(rng.sample(range(5000), 16)))
        record = serve(record, [heard(0, counted(Line.LATE, spans), edge=f"edge-{n}")], 0.5)
    assert len(record.folded) == 256
    assert len(record.line(Line.LATE).waiting) == MAX_SPANS


# A whole evening, over and over.


def invariants(house: House) -> None:
    """What is promised, for every move of the record there was."""
    for before, after in house.moves:
        for line in Line:
            assert after.serving[line] >= before.serving[line], "the record never moves back"
            check_spans(after.line(line).waiting)
        if before.seed:
            assert after.seed == before.seed and after.start == before.start
        else:
            assert not any(before.serving.values()), "nobody is called before the doors open"
        moved = [line for line in Line if before.seed and after.serving[line] > before.serving[line]]
        for line in (Line.EARLY, Line.LATE):
            if line in moved:
                ahead = [one for one in Line if one < line and after.line(one).waiting]
                assert not ahead, "nobody is called while somebody further in front waits"
    for edge in house.edges:
        assert len(edge.inside) <= edge.size


@pytest.mark.parametrize("skew_s", [0.0, 60.0])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=6, deadline=None)
def test_an_evening_with_edges_that_die_and_reports_that_come_late(skew_s: float, seed: int) -> None:
    house = House(seed, edges=3, size=15, skew_s=skew_s, lag=0.3)
    rng = random.Random(seed)
    was_called: set[int] = set()
    for n in range(160):
        if n == 20:
            house.open()
        for _ in range(rng.choice((0, 0, 1, 3, 8))):
            house.come(rsvp=rng.random() < 0.2, crowded=rng.random() < 0.2, comes=rng.random() < 0.8)
        house.leave(rng.choice((0, 0, 1, 2)))
        if rng.random() < 0.02:
            house.die()
        house.step(heard=0.7)
        for i, person in enumerate(house.people):
            if called(house.record, person.pass_):
                was_called.add(i)
            else:
                assert i not in was_called, "whoever was called stays called"
    invariants(house)
    # The attack is over: nobody comes any more, people go home, and everyone who waits gets in.
    for _ in range(int(2 * (LOST_S + LOST_EVERY_S + 2 * skew_s)) + 400):
        house.leave(3)
        house.step()
        if not house.waiting:
            break
    assert not house.waiting, "nobody is forgotten, not even those whose numbers died with an edge"
    invariants(house)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=6, deadline=None)
def test_first_come_first_served_for_those_who_are_late(seed: int) -> None:
    house = House(seed, edges=3, size=10)
    house.open()
    rng = random.Random(seed)
    for _ in range(100):
        for _ in range(rng.choice((0, 1, 2, 4))):
            house.come()
        house.leave(rng.choice((0, 1)))
        house.step()
    people = sorted(house.people, key=lambda p: p.pass_.at)
    called_at = [p.called_at if p.called_at is not None else float("inf") for p in people]
    assert called_at == sorted(called_at)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=5, deadline=None)
def test_places_are_filled_and_kept_filled(seed: int) -> None:
    house = House(seed, edges=4, size=50)
    house.open()
    for _ in range(600):
        house.come()
    filled = []
    for n in range(120):
        house.leave(n % 3)
        house.step()
        filled.append(sum(len(edge.inside) for edge in house.edges))
    assert filled[20] >= 0.97 * 200, "within ten seconds"
    assert sum(filled[20:]) / len(filled[20:]) >= 0.96 * 200
    assert house.record.line(Line.LATE).called_faded < 600


# What people are told.


def test_those_who_wait_are_told_where_they_stand() -> None:
    line = LineRecord(SHUFFLED, late(100, 100, 200))
    record = DoorRecord("main", OPENED, SEED, {Line.LATE: line}, pace=(2.0, 2.0))
    here = standing(record, Line.LATE, SHUFFLED + 375)
    assert (here.called, here.position, here.give_or_take) == (False, 151, 50)
    assert here.soonest_s is not None and here.latest_s is not None
    assert here.soonest_s < 151 / 2 < here.latest_s
    assert standing(record, Line.LATE, SHUFFLED + 10_000).position == 401
    assert standing(record, Line.LATE, SHUFFLED - 1).called
    assert standing(record, Line.RSVP, SHUFFLED).position == 1
    nobody = standing(DoorRecord("main", OPENED, SEED, {Line.LATE: line}), Line.LATE, SHUFFLED)
    assert nobody.soonest_s is None, "nobody was called lately: no time is promised"


def test_lines_in_front_count_and_the_crowded_have_their_share() -> None:
    lines = {line: LineRecord(0, ((0, SHUFFLED, 100),)) for line in Line}
    record = DoorRecord("main", OPENED, SEED, lines, pace=(1.0, 1.0))
    half = SHUFFLED // 2
    assert standing(record, Line.RSVP, half).position == 53, "50 and, of every twenty, one of the crowded"
    assert standing(record, Line.EARLY, half).position == 158
    assert standing(record, Line.CROWDED, half).position == 351
    assert standing(record, Line.CROWDED, SHUFFLED // 128).position == 16
    alone = DoorRecord("main", OPENED, SEED, {Line.CROWDED: lines[Line.CROWDED]}, pace=(1.0, 1.0))
    assert standing(alone, Line.CROWDED, half).position == 51


def test_before_the_draw_a_position_is_a_half_and_says_so() -> None:
    record = serve(DoorRecord("main"), [heard(0, counted(Line.EARLY, ((0, SHUFFLED, 300),)))], 0.5)
    here = standing(record, Line.EARLY, None)
    assert (here.position, here.give_or_take) == (151, 150)


@given(
    st.lists(st.integers(1, 1000), min_size=1, max_size=200),
    st.integers(0, 200 * 250),
)
def test_what_is_told_is_short_and_as_near_as_it_says(counts: list[int], at: int) -> None:
    spans = tuple((*cell(n), count) for n, count in enumerate(counts))[:MAX_SPANS]
    record = DoorRecord("main", OPENED, SEED, {Line.LATE: LineRecord(SHUFFLED, spans)})
    points = told(record)["ahead"]["late"]
    assert len(points) <= 32 and points == sorted(points)
    assert points[-1][1] == sum(n for *_, n in spans)
    truth = sum(n * min(max(at - 250 * i, 0), 250) / 250 for i, (*_, n) in enumerate(spans))
    here = standing(record, Line.LATE, SHUFFLED + at)
    assert abs(here.position - 1 - truth) <= 2 * here.give_or_take + 1


@given(seed=st.integers(0, 2**32))
@settings(max_examples=5, deadline=None)
def test_the_time_that_is_told_is_the_time_it_takes(seed: int) -> None:
    house = House(seed, edges=2, size=100)
    house.open()
    rng = random.Random(seed)
    for _ in range(300):
        house.come()
    for n in range(120):
        house.leave(2)
        house.step()
        house.come()
        if n == 60:
            someone = rng.choice([p for p in house.waiting if p.called_at is None])
            at = house.now
            here = standing(house.record, someone.pass_.line, rank(house.record, someone.pass_))
    for _ in range(600):
        if someone.called_at is not None:
            break
        house.leave(2)
        house.step()
    assert someone.called_at is not None
    took = someone.called_at - at
    assert here.soonest_s is not None and here.latest_s is not None
    assert 0.6 * here.soonest_s - 5 <= took <= 1.4 * here.latest_s + 5


def test_ranks_past_all_bounds_are_counted_too() -> None:
    counts = Counts()
    counts.numbered(Line.LATE, MAX_RANK)
    counts.numbered(Line.LATE, MAX_RANK - 1)
    assert waits(serve(OPEN, [heard(0, counts.report())], 0.5)) == 2
