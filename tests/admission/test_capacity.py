from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.admission.capacity import (
    FEWEST_JOINS_S,
    FIRST_JOINS_S,
    LEARNT_IN_S,
    NO_BOUND,
    Capacity,
    Cost,
    Limits,
    Measured,
    Pressure,
    Readings,
    find_limits,
)

QUIET = Readings(open_files=20, memory_bytes=100_000_000, cpu_share=0.01, late_s=0.0, out_bytes_s=0.0, listeners=0)
LIMITS = Limits(open_files=20_000, memory_bytes=2**30, cpu_share=0.9, late_s=1.0, out_bytes_s=125e6)


def inside(n: int, **more: float) -> Readings:
    found = replace(
        QUIET, open_files=20 + n, memory_bytes=100_000_000 + 11_000 * n, out_bytes_s=3000.0 * n, sending_share=3e-6 * n,
        listeners=n,
    )  # fmt: skip
    return replace(found, **more)  # type: ignore[arg-type]


def after(capacity: Capacity, readings: Readings, seconds: int, start: int = 0) -> Pressure:
    for i in range(seconds):
        pressure = capacity.observe(readings, float(start + i))
    return pressure


def test_an_empty_house_has_room_for_what_its_files_allow() -> None:
    pressure = Capacity(LIMITS).observe(QUIET, 0.0)
    assert pressure.places == 20_000 - 20
    assert pressure.joins_s == FIRST_JOINS_S
    assert pressure.share < 0.1


def test_what_is_not_limited_does_not_count() -> None:
    pressure = Capacity(Limits(cpu_share=0.0, late_s=0.0)).observe(QUIET, 0.0)
    assert (pressure.share, pressure.places) == (0.0, NO_BOUND)


@pytest.mark.parametrize(
    ("limits", "scarce"),
    [
        (replace(LIMITS, open_files=10_100), "open files"),
        (replace(LIMITS, memory_bytes=215_000_000), "memory"),
        (replace(LIMITS, cpu_share=0.032), "cpu"),
        (replace(LIMITS, out_bytes_s=31e6), "uplink"),
    ],
)
def test_the_scarcest_is_named(limits: Limits, scarce: str) -> None:
    pressure = after(Capacity(limits), inside(10_000), 10)
    assert pressure.scarce == scarce
    assert 0.9 < pressure.share <= 1.0
    assert pressure.places < 1000


def test_a_listener_costs_what_those_inside_cost() -> None:
    capacity = Capacity(replace(LIMITS, open_files=0, out_bytes_s=0.0))
    capacity.observe(QUIET, 0.0)
    dear = inside(5_000, memory_bytes=100_000_000 + 50_000 * 5_000)
    pressure = after(capacity, dear, int(6 * LEARNT_IN_S), 1)
    left = 2**30 - dear.memory_bytes
    assert pressure.places == pytest.approx(left / 50_000, rel=0.02)


def test_nobody_costs_less_than_was_measured() -> None:
    capacity = Capacity(LIMITS, Measured(memory_bytes=40_000.0))
    pressure = after(capacity, inside(5_000), 100)
    assert pressure.places <= (2**30 - 155_000_000) / 40_000


def test_memory_that_listeners_gave_back_is_there_for_the_next() -> None:
    capacity = Capacity(replace(LIMITS, open_files=0, memory_bytes=250_000_000))
    full = after(capacity, inside(12_000), 60)
    assert full.share > 0.9
    cut = capacity.observe(inside(0, memory_bytes=240_000_000), 61.0)
    assert cut.share < 0.6
    assert cut.places > 10_000
    again = after(capacity, inside(12_000), 10, 62)
    assert again.share > 0.9


def test_a_leak_is_no_room() -> None:
    capacity = Capacity(replace(LIMITS, open_files=0, memory_bytes=250_000_000))
    after(capacity, inside(5_000), 10)
    leaking = capacity.observe(inside(100, memory_bytes=245_000_000), 11.0)
    assert leaking.share > 0.7


def test_cpu_is_counted_at_the_longest_flush() -> None:
    busy = inside(5_000, sending_share=0.8)
    soon, late = Capacity(LIMITS), Capacity(LIMITS)
    for i in range(60):
        now_short = soon.observe(busy, float(i), 0.5)
        now_long = late.observe(busy, float(i), 4.0)
    assert now_short.share < 0.3 < 0.8 < now_long.share
    assert now_long.scarce == "cpu"


def test_joining_is_not_holding() -> None:
    """A core that is busy with those who come is not full."""
    pressure = after(Capacity(LIMITS), inside(2_000, cpu_share=1.0, joins=18_000), 10)
    assert pressure.share < 0.2


def test_one_hiccup_closes_no_door() -> None:
    capacity = Capacity(LIMITS)
    after(capacity, inside(1000), 5)
    assert capacity.observe(inside(1000, late_s=3.0), 5.0).share < 0.5
    assert capacity.observe(inside(1000, late_s=3.0), 6.0).share < 0.5
    third = capacity.observe(inside(1000, late_s=3.0), 7.0)
    assert (third.share, third.scarce) == (3.0, "loop")


def test_joins_fall_sharply_and_rise_slowly() -> None:
    capacity = Capacity(LIMITS)
    late = capacity.observe(inside(20_000, joins=20_000, late_s=0.8), 0.0)
    assert late.joins_s <= 0.8 * 20_000
    better = capacity.observe(inside(20_000, joins=15_000), 1.0)
    assert late.joins_s < better.joins_s < 1.1 * late.joins_s
    assert after(capacity, inside(20_000), 100, 2).joins_s == FIRST_JOINS_S


def test_lateness_without_joins_is_not_their_doing() -> None:
    capacity = Capacity(LIMITS)
    assert after(capacity, inside(1000, joins=20, late_s=0.8), 20).joins_s == FIRST_JOINS_S


def test_joins_may_be_fixed() -> None:
    capacity = Capacity(LIMITS, joins_s=500.0)
    assert after(capacity, inside(1000, joins=5_000, late_s=0.9), 20).joins_s == 500.0


@given(st.lists(st.tuples(st.floats(0, 60), st.integers(0, 50_000), st.integers(0, 50_000)), min_size=1, max_size=60))
def test_never_nonsense(seconds: list[tuple[float, int, int]]) -> None:
    capacity = Capacity(LIMITS)
    for i, (late_s, listeners, joins) in enumerate(seconds):
        pressure = capacity.observe(inside(listeners, late_s=late_s, joins=joins), float(i))
        assert pressure.share >= 0
        assert pressure.places >= 0
        assert FEWEST_JOINS_S <= pressure.joins_s <= FIRST_JOINS_S
        if listeners + 20 >= LIMITS.open_files:
            assert pressure.places == 0
            assert pressure.share >= 1.0


def test_limits_are_divided_by_the_edges() -> None:
    limits = find_limits(19_800, 8 * 2**30, edges=4, cores=2.0, uplink_mbit_s=1000.0)
    assert limits.open_files == 19_800
    assert limits.memory_bytes == 2 * 2**30
    assert limits.cpu_share == pytest.approx(0.45)
    assert limits.out_bytes_s == pytest.approx(31.25e6)
    with pytest.raises(ValueError, match="at least one edge"):
        find_limits(1, 1, 0, 1.0, 0.0)


@pytest.mark.parametrize("body", [None, 3, [], "x", {}, {"joins_s": "many"}, {"joins_s": -1}, {"joins_s": True}])
def test_a_rehearsal_that_says_nothing(body: object) -> None:
    assert Measured.read(body) == Measured()


def test_a_rehearsal_that_was() -> None:
    measured = Measured.read({"listeners": 19_000, "memory_bytes": 9000.5, "cpu_share": 1e-5, "joins_s": 12_000})
    assert (measured.listeners, measured.joins_s) == (19_000, 12_000.0)
    assert measured.cost.memory_bytes == Cost().memory_bytes
    assert measured.cost.cpu_share == 1e-5
    assert Capacity(LIMITS, measured).observe(QUIET, 0.0).joins_s == 12_000
