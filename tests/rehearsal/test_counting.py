from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rostra.rehearsal.counting import Histogram, Second


@given(st.lists(st.floats(0.0002, 5000), min_size=1, max_size=300), st.floats(0.01, 1.0))
def test_a_quantile_is_right_to_two_percent(times: list[float], share: float) -> None:
    histogram = Histogram()
    for time in times:
        histogram.add(time)
    found = histogram.quantile(share)
    exact = sorted(times)[min(len(times), max(1, -(-int(share * len(times) * 1e9) // 10**9))) - 1]
    assert found is not None
    assert any(abs(found / t - 1) < 0.02 for t in times)
    assert found <= max(times) * 1.02
    assert found >= exact * 0.97


def test_those_who_never_got_there_count() -> None:
    histogram = Histogram()
    histogram.add(0.1, times=98)
    assert histogram.quantile(0.99, never=0) is not None
    assert histogram.quantile(0.99, never=2) is None
    assert Histogram().quantile(0.5) is None


def test_sums_survive_json() -> None:
    first, second = Second(), Second()
    for one in (first, second):
        one.count("asked", 3)
        one.gauges = {"in": 5.0, "late_ms": 7.0}
        one.first.add(0.5)
        one.tally[10] = 2
    first.merge(Second.from_json(second.to_json()))
    assert first.counters == {"asked": 6}
    assert first.gauges == {"in": 10.0, "late_ms": 7.0}, "how late the latest was, not all of them together"
    assert first.first.total == 2
    assert first.tally == {10: 4}
