"""How much delay a network asks for."""

from __future__ import annotations

import numpy as np
import pytest

from rostra.stage.arrivals import FIRST_TARGET, MAX_TARGET, MEMORY_S, MS, SLACK, Arrivals
from rostra.units import FRAME_SAMPLES

TICK_S = 0.02


def come(arrivals: Arrivals, needs_ms: list[float], begin_s: float = 0.0, clock: float = 1.0) -> float:
    """Packets 20 ms apart, each late by so much. Returns when the last one came."""
    now = begin_s
    for n, late in enumerate(needs_ms):
        sent = begin_s + n * TICK_S
        now = sent + late / 1000
        arrivals.note(now, now * 48_000 - sent * 48_000 / clock, FRAME_SAMPLES)
    return now


def test_a_calm_network_needs_a_tick() -> None:
    arrivals = Arrivals()
    assert arrivals.target == FIRST_TARGET
    come(arrivals, [5.0] * 100)
    assert arrivals.jitter == pytest.approx(0, abs=1) and arrivals.target == pytest.approx(FRAME_SAMPLES + SLACK, abs=1)


def test_what_97_of_100_need() -> None:
    arrivals = Arrivals()
    rng = np.random.default_rng(1)
    come(arrivals, list(rng.uniform(0, 60, 190)))
    assert 54 * MS < arrivals.jitter < 60 * MS


def test_three_late_packets_raise_it_at_once_two_do_not_and_it_is_forgotten() -> None:
    arrivals = Arrivals()
    at = come(arrivals, [0.0] * 100 + [60.0] * 2 + [0.0] * 3)
    assert arrivals.target < 30 * MS
    at = come(arrivals, [60.0] + [0.0] * 4, begin_s=at + TICK_S)
    assert arrivals.target > 80 * MS
    come(arrivals, [0.0] * int(MEMORY_S / TICK_S + 6), begin_s=at + TICK_S)
    assert arrivals.target < 30 * MS


def test_it_is_not_lowered_for_a_trifle() -> None:
    arrivals = Arrivals()
    at = come(arrivals, [0.0] * 50 + [10.0, 10.0, 10.0, 0.0, 0.0] * 4)
    before = arrivals.target
    come(arrivals, [0.0] * 50 + [8.0, 8.0, 8.0, 0.0, 0.0] * 40, begin_s=at + TICK_S)
    assert arrivals.target == before


def test_losses_ask_for_a_packet_more_while_they_last() -> None:
    arrivals = Arrivals()
    come(arrivals, [0.0] * 50)
    calm = arrivals.target
    arrivals.note_loss(1.0)
    at = come(arrivals, [0.0] * 5, begin_s=1.0)
    assert arrivals.target == calm, "one may happen"
    arrivals.note_loss(at)
    at = come(arrivals, [0.0] * 5, begin_s=at + TICK_S)
    assert arrivals.target == pytest.approx(calm + FRAME_SAMPLES, abs=1)
    come(arrivals, [0.0] * 250, begin_s=at + TICK_S)
    assert arrivals.target == pytest.approx(calm, abs=1)


def test_a_clock_that_is_off_asks_for_little() -> None:
    for clock in (1.005, 0.995):
        arrivals = Arrivals()
        come(arrivals, [0.0] * 2000, clock=clock)
        assert arrivals.target < (20 + 4 + 11) * MS


def test_there_is_a_limit() -> None:
    arrivals = Arrivals()
    come(arrivals, [0.0] * 50 + [600.0] * 50)
    assert arrivals.target == MAX_TARGET


def test_another_stream_has_other_timestamps() -> None:
    arrivals = Arrivals()
    come(arrivals, [0.0, 30.0, 30.0, 30.0] * 20)
    arrivals.begin(10.0, 123_456_789.0)
    assert arrivals.fastest(10.0) == 123_456_789.0
    assert arrivals.target > 50 * MS, "the network is the same"
