from rostra.supervision.restarts import HEALTHY_AFTER_S, MOST_DELAY_S, Restarts
from rostra.units import Monotonic


def test_the_first_restart_is_at_once_and_failing_ones_come_later_and_later() -> None:
    restarts = Restarts()
    delays, now = [], 100.0
    for _ in range(9):
        restarts.started(Monotonic(now))
        now += 0.1
        delays.append(restarts.ended(Monotonic(now)))
        now += delays[-1]
    assert delays[:4] == [0.0, 0.25, 0.5, 1.0]
    assert delays == sorted(delays)
    assert delays[-1] == MOST_DELAY_S


def test_a_healthy_life_wipes_the_slate() -> None:
    restarts = Restarts(failures=7)
    restarts.started(Monotonic(5.0))
    assert restarts.ended(Monotonic(5.0 + HEALTHY_AFTER_S)) == 0.0
    assert restarts.failures == 1


def test_a_process_that_fails_for_days_does_not_overflow() -> None:
    restarts = Restarts(failures=10_000_000)
    restarts.started(Monotonic(0.0))
    assert restarts.ended(Monotonic(0.1)) == MOST_DELAY_S
