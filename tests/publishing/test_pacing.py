from __future__ import annotations

import random

import pytest

from rostra.publishing.pacing import LATEST_S, Pacer
from rostra.units import FRAME_S, FRAME_SAMPLES, Monotonic


def test_an_hour_does_not_drift_however_late_each_wake_up_is() -> None:
    pacer, rng, now = Pacer(Monotonic(1000.0)), random.Random(7), 1000.0
    for n in range(180_000):
        now = max(now, pacer.due()) + rng.random() * 0.015
        assert pacer.stamp(Monotonic(now)) == n * FRAME_SAMPLES
    assert pacer.due() == pytest.approx(1000.0 + 3600.0)
    assert pacer.stalls == 0


def test_a_small_delay_is_made_up_for() -> None:
    pacer = Pacer(Monotonic(0.0))
    assert pacer.stamp(Monotonic(0.15)) == 0
    assert pacer.due() == FRAME_S


def test_a_stall_moves_the_schedule_and_the_time_stamps_jump_as_far() -> None:
    pacer = Pacer(Monotonic(0.0))
    pacer.stamp(Monotonic(0.0))
    assert pacer.stamp(Monotonic(3.02)) == 151 * FRAME_SAMPLES
    assert (pacer.stalls, pacer.stalled_s) == (1, pytest.approx(3.0))
    assert pacer.due() == pytest.approx(3.04)


def test_time_stamps_rise_whatever_the_clock_does() -> None:
    pacer, rng, now, last = Pacer(Monotonic(0.0)), random.Random(1), 0.0, -1
    for _ in range(5000):
        now += rng.choice((0.0, 0.001, 0.02, 0.02, 0.05, LATEST_S, 1.0))
        stamp = pacer.stamp(Monotonic(now))
        assert stamp > last
        assert stamp % FRAME_SAMPLES == 0
        last = stamp
