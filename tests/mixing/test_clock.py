import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.mixing.clock import MAX_CATCH_UP_TICKS, TickClock
from rostra.units import Monotonic


def test_ten_hours_end_on_the_microsecond() -> None:
    start = 123_456.789
    clock = TickClock(Monotonic(start))
    ticks, at_once = 10 * 3600 * 50, 0
    while clock.count < ticks:
        at_once = at_once % 23 + 1  # up to 23 ticks late
        late = Monotonic(clock.next_deadline() + (at_once - 1) * 0.02)
        assert clock.due(late) == at_once
        assert abs(clock.next_deadline() - (start + (clock.count + 1) * 0.02)) < 1e-6
    assert clock.take_lost() == clock.lost_total == 0


def test_nothing_is_due_before_the_deadline_or_when_time_goes_back() -> None:
    clock = TickClock(Monotonic(10.0))
    assert clock.due(Monotonic(10.0)) == 0
    assert clock.due(Monotonic(10.0199)) == 0
    assert clock.due(Monotonic(10.02)) == 1
    assert clock.due(Monotonic(9.0)) == 0
    assert clock.next_deadline() == pytest.approx(10.04)


def test_a_short_stall_is_caught_up() -> None:
    clock = TickClock(Monotonic(0.0))
    assert clock.due(Monotonic(0.5)) == 25
    assert clock.take_lost() == 0


def test_after_a_long_stall_media_time_goes_on_with_silence() -> None:
    clock = TickClock(Monotonic(0.0))
    assert clock.due(Monotonic(60.0)) == MAX_CATCH_UP_TICKS
    assert clock.take_lost() == 3000 - MAX_CATCH_UP_TICKS
    assert clock.take_lost() == 0
    assert clock.lost_total == 3000 - MAX_CATCH_UP_TICKS
    assert clock.count == 3000
    assert clock.next_deadline() == pytest.approx(60.02)


@settings(max_examples=100)
@given(
    st.floats(0, 1e7),
    st.lists(st.floats(0, 5), min_size=1, max_size=60),
)
def test_ticks_run_and_lost_always_add_up_to_the_time_passed(start: float, steps: list[float]) -> None:
    clock = TickClock(Monotonic(start))
    now, ran, lost = start, 0, 0
    for step in steps:
        now += step
        due = clock.due(Monotonic(now))
        assert 0 <= due <= MAX_CATCH_UP_TICKS
        ran += due
        lost += clock.take_lost()
        assert ran + lost == clock.count
        assert abs((ran + lost) * 0.02 - (now - start)) <= 0.0201
        assert clock.next_deadline() > now - 1e-4
