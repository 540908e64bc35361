from __future__ import annotations

import random

from rostra.listening.backoff import FIRST_S, LONGEST_S, Backoff


def test_three_thousand_come_back_spread_out() -> None:
    rng = random.Random(3)
    waits = [Backoff().wait_s(rng.random(), spread_s=4.0) for _ in range(3000)]
    assert 0 <= min(waits) < max(waits) <= 4.0
    busiest = max(sum(1 for w in waits if t <= w < t + 0.1) for t in (n * 0.1 for n in range(40)))
    assert busiest < 3000 / 40 * 1.6


def test_the_bound_doubles_to_its_end_and_is_forgotten_after_success() -> None:
    backoff = Backoff()
    assert [backoff.wait_s(1.0) for _ in range(6)] == [FIRST_S, 2.0, 4.0, 8.0, LONGEST_S, LONGEST_S]
    backoff.succeeded()
    assert backoff.wait_s(1.0) == FIRST_S


def test_failing_for_days_does_not_overflow() -> None:
    backoff = Backoff(failures=100_000)
    assert backoff.wait_s(0.5) == LONGEST_S / 2
