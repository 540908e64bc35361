from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.rehearsal.arrivals import LONGEST_RETURN_S, Arrivals, Curve, return_s


@given(st.sampled_from(Curve), st.integers(1, 500), st.floats(0, 3600))
def test_nobody_comes_before_the_one_before_or_after_the_end(curve: Curve, count: int, over_s: float) -> None:
    times = [Arrivals(curve, count, over_s).at(n) for n in range(count)]
    assert times == sorted(times)
    assert all(0 <= t <= over_s * 1.000001 for t in times)


def test_the_curves_are_what_they_are_called() -> None:
    def within(curve: Curve, share: float) -> float:
        arrivals = Arrivals(curve, 1000, 100)
        return sum(arrivals.at(n) < 100 * share for n in range(1000)) / 1000

    assert within(Curve.EVEN, 0.5) == 0.5
    assert within(Curve.SPIKE, 0.125) > 0.5
    assert within(Curve.FILL, 0.5) < 0.2
    assert within(Curve.RETURN, 0.5) == 1.0
    assert Arrivals(Curve.RETURN, 10, 100).cut_s == 100
    assert Arrivals(Curve.EVEN, 10, 100).cut_s is None


def test_several_generators_bring_everyone_once() -> None:
    arrivals = Arrivals(Curve.EVEN, 103, 10)
    brought = [number for worker in range(4) for number, _ in arrivals.of(worker, 4)]
    assert sorted(brought) == list(range(103))


def test_who_was_cut_off_comes_back_later_with_each_failure() -> None:
    assert return_s(0.5, 0) == 0.5
    assert return_s(0.5, 2) == 2.0
    assert return_s(1.0, 50) == LONGEST_RETURN_S


def test_a_crowd_of_nobody_is_none() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Arrivals(Curve.EVEN, 0, 1)
