import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rostra.errors import WireError
from rostra.units import WallTime
from rostra.wire.door import (
    MAX_FOLDED,
    MAX_MARKS,
    MAX_RANK,
    MAX_RECORD_BYTES,
    MAX_REPORT_BYTES,
    MAX_ROOMS,
    MAX_SEATED,
    MAX_SPANS,
    SHUFFLED,
    SIZES,
    DoorRecord,
    DoorReport,
    LineRecord,
    Outcome,
    RoomCount,
    Seated,
    Spans,
    decode_record,
    decode_report,
    decode_seated,
    encode_record,
    encode_report,
    encode_seated,
    rank_of,
    size_class,
)
from rostra.wire.passes import Line

SEED = bytes(range(16))
FULL = DoorRecord(
    "main",
    WallTime(1.9e9),
    SEED,
    {
        Line.RSVP: LineRecord(SHUFFLED),
        Line.EARLY: LineRecord(7, ((7, SHUFFLED, 900),), ((2.5, 10), (0.0, 3)), ((0.5, 4),), 12.5, 9.25),
    },
    {"edge-1-aa": 5, "edge-2-bb": 1},
    (3.5, 2.25),
    0.5,
    0.05,
    WallTime(1.9e9 + 7),
    "edge-1-aa",
)
REPORT = DoorReport(
    "edge-1-aa",
    WallTime(1.9e9),
    1200,
    900.5,
    {"main": RoomCount(4, 6, {Line.LATE: ((SHUFFLED, SHUFFLED + 250, 3),)}, {Line.RSVP: 2}), "b": RoomCount(0, 0)},
    5,
    0.97,
    "open_files",
    {Outcome.ADMITTED: (1, 2, 3, 4, 5), Outcome.TLS_FAILED: (0, 0, 0, 0, 1)},
)

counts = st.integers(0, 10**9)


@st.composite
def spans(draw: st.DrawFn) -> Spans:
    bounds = sorted(draw(st.sets(st.integers(0, MAX_RANK), max_size=20)))
    return tuple((low, high, draw(counts)) for low, high in zip(bounds[::2], bounds[1::2], strict=False))


marks = st.lists(st.tuples(st.floats(0, 1e6), counts), max_size=MAX_MARKS).map(tuple)
lines = st.builds(LineRecord, st.integers(0, MAX_RANK), spans(), marks, marks, st.floats(0, 1e9), st.floats(0, 1e9))
edges = st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True)
rooms = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)


@given(
    rooms,
    st.dictionaries(st.sampled_from(Line), lines),
    st.dictionaries(edges, st.integers(0, MAX_RANK), max_size=5),
    st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)),
)
def test_a_record_comes_back(room: str, by_line: Any, folded: Any, pace: Any) -> None:
    record = DoorRecord(room, WallTime(5.0), SEED, by_line, folded, pace, 0.5, 0.25, WallTime(6.0), "me")
    assert decode_record(encode_record(record)) == record


def test_a_record_of_a_room_where_nobody_waits_yet_comes_back() -> None:
    for record in (DoorRecord("main"), FULL):
        assert decode_record(encode_record(record)) == record
    assert FULL.serving == {Line.RSVP: SHUFFLED, Line.EARLY: 7, Line.LATE: 0, Line.CROWDED: 0}


@given(
    edges,
    st.dictionaries(
        rooms,
        st.builds(
            RoomCount, st.integers(0, 5), st.integers(5, 9), st.dictionaries(st.sampled_from(Line), spans()),
            st.dictionaries(st.sampled_from(Line), counts),
        ),
        max_size=3,
    ),
    st.dictionaries(st.sampled_from(Outcome), st.tuples(*[counts] * len(SIZES))),
)  # fmt: skip
def test_a_report_comes_back(edge: str, by_room: Any, outcomes: Any) -> None:
    report = DoorReport(edge, WallTime(1.0), 5, 2.5, by_room, 3, 0.5, "cpu_share", outcomes)
    assert decode_report(encode_report(report)) == report


def test_an_outcome_of_a_later_version_is_left_out() -> None:
    body = json.loads(encode_report(REPORT))
    body["outcomes"]["abducted"] = [1, 1, 1, 1, 1]
    assert decode_report(json.dumps(body).encode()) == REPORT


@given(st.lists(st.tuples(rooms, st.binary(min_size=8, max_size=8)), max_size=20))
def test_who_was_seated_comes_back(passes: list[tuple[str, bytes]]) -> None:
    seated = Seated("edge", tuple(passes))
    assert sorted(decode_seated(encode_seated(seated)).passes) == sorted(passes)


def test_the_largest_of_each_fits() -> None:
    bounds = range(MAX_RANK - 2 * MAX_SPANS, MAX_RANK, 2)
    most = tuple((low, low + 2, 10**9) for low in bounds)
    often = ((14.123456789, 10**9),) * MAX_MARKS
    busy = LineRecord(MAX_RANK, most, often, often, 1e9 / 3, 1e9 / 3)
    record = DoorRecord(
        "a" * 40, WallTime(1.9e9 + 1 / 3), SEED, dict.fromkeys(Line, busy),
        {f"{n:03}".ljust(80, "x"): MAX_RANK for n in range(MAX_FOLDED)}, (1e6 / 3, 1e6 / 3),
    )  # fmt: skip
    assert len(encode_record(record)) <= MAX_RECORD_BYTES
    count = RoomCount(0, MAX_RANK, dict.fromkeys(Line, most[:16]), dict.fromkeys(Line, 10**9))
    report = DoorReport(
        "x" * 80, WallTime(0), 10**9, 1e9 / 3, {f"{n:02}".ljust(40, "a"): count for n in range(MAX_ROOMS)},
        outcomes=dict.fromkeys(Outcome, (MAX_RANK,) * len(SIZES)),
    )  # fmt: skip
    assert len(encode_report(report)) <= MAX_REPORT_BYTES
    assert len(encode_seated(Seated("x" * 80, tuple(("a" * 40, b"12345678") for _ in range(MAX_SEATED))))) <= 128 * 1024


LIES = [None, True, -1, 1.5, "x", [], {}, 10**400, float("inf"), float("nan"), [[1]], {"x": 1}, {"main": 7}]


@pytest.mark.parametrize("lie", LIES, ids=repr)
def test_each_field_may_lie(lie: object) -> None:
    """It is refused, or is a value like any other."""
    for good, decode, encode in (
        (encode_record(FULL), decode_record, encode_record),
        (encode_report(REPORT), decode_report, encode_report),
        (encode_seated(Seated("e", (("main", b"12345678"),))), decode_seated, encode_seated),
    ):
        for key in (body := json.loads(good)):
            try:
                found: Any = decode(json.dumps({**body, key: lie}).encode())
            except WireError:
                continue
            assert decode(encode(found)) == found


@pytest.mark.parametrize(
    "waiting",
    [
        [[0, 0, 1]], [[5, 4, 1]], [[0, 5, 1], [4, 9, 1]], [[9, 10, 1], [0, 5, 1]], [[-1, 5, 1]], [[0, 5, -1]],
        [[0, 2**60, 1]], [[0, 5]], [[0, 5, 1, 1]], [[0.0, 5, 1]], [[0, 5, True]], [["0", 5, 1]], "abc",
        [[n, n + 1, 1] for n in range(MAX_SPANS + 1)],
    ],
)  # fmt: skip
def test_spans_are_in_order_and_few(waiting: object) -> None:
    body = json.loads(encode_record(FULL))
    body["lines"]["early"][1] = waiting
    with pytest.raises(WireError):
        decode_record(json.dumps(body).encode())


@pytest.mark.parametrize("size", [MAX_REPORT_BYTES + 1, MAX_RECORD_BYTES + 1])
def test_what_is_too_long_is_not_even_read(size: int) -> None:
    with pytest.raises(WireError, match="more than"):
        decode_record(b"[" * size)
    if size > MAX_REPORT_BYTES:
        for decode in (decode_report, decode_seated):
            with pytest.raises(WireError, match="more than"):
                decode(b"[" * size)


@given(st.binary(max_size=100))
@example(b"null")
@example(b"[" * 60_000)
@example(b'{"v":1}')
@example(b'{"v":1,"edge":"e","rooms":{"main":"00"}}')
@example(b'{"v":1,"edge":"e","rooms":{"MAIN":"0000000000000000"}}')
@example(b'{"v":1,"edge":"a.b","rooms":{}}')
def test_garbage_is_refused(data: bytes) -> None:
    for decode in (decode_record, decode_report, decode_seated):
        with pytest.raises(WireError):
            decode(data)


def test_ranks_of_the_early_are_drawn_and_of_the_late_counted() -> None:
    start = 1.9e9
    assert rank_of(start - 1, b"12345678", 0.0, b"") is None, "nobody can know before"
    early = rank_of(start - 1, b"12345678", start, SEED)
    assert early is not None and early < SHUFFLED
    assert early == rank_of(start - 1000, b"12345678", start, SEED), "when they came says nothing"
    assert early != rank_of(start - 1, b"12345678", start, SEED[::-1])
    assert rank_of(start, b"12345678", start, SEED) == SHUFFLED
    assert rank_of(start + 2.5, b"12345678", start, SEED) == SHUFFLED + 2500
    assert rank_of(1e15, b"12345678", start, SEED) == MAX_RANK


def test_a_known_rank() -> None:
    """The page computes the same: tests/web/standing.test.ts has it too."""
    assert rank_of(1.0, bytes(range(8)), 2.0, SEED) == 1315920899


def test_networks_have_five_sizes() -> None:
    assert [size_class(n) for n in (0, 1, 2, 9, 10, 99, 100, 999, 1000, 10**9)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert len(SIZES) == 5


@pytest.mark.parametrize(
    "make",
    [
        lambda: DoorRecord("NO"), lambda: DoorRecord("a", WallTime(1.0)), lambda: DoorRecord("a", seed=SEED),
        lambda: DoorRecord("a", owed=-1.0), lambda: DoorRecord("a", by="a.b"), lambda: RoomCount(5, 4),
        lambda: RoomCount(0, 1, {}, {Line.LATE: -1}), lambda: Seated("e", (("a", b"1"),)),
        lambda: DoorReport("e", WallTime(0), -1, 0.0), lambda: DoorReport("e", WallTime(0), 0, 0.0, step=100),
        lambda: DoorReport("e", WallTime(0), 0, 0.0, outcomes={Outcome.SEATED: (1,)}),
    ],
)  # fmt: skip
def test_values_cannot_be_built_wrong(make: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()
