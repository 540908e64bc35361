from __future__ import annotations

import random

from rostra.edge.quota import Quota, Rate


def quota(slots: int = 1 << 12) -> Quota:
    return Quota(Rate(6, 3), b"salt", slots)


def test_a_burst_then_the_rate() -> None:
    it = quota()
    assert [it.take(b"a", 100.0) for _ in range(3)] == [0.0] * 3
    assert it.take(b"a", 100.0) == 10.0
    assert it.take(b"a", 109.0) == 1.0
    assert it.take(b"a", 110.0) == 0.0
    assert it.take(b"a", 110.0) == 10.0
    assert it.refused == 3


def test_whoever_waits_has_the_burst_again() -> None:
    it = quota()
    for _ in range(3):
        it.take(b"a", 0.0)
    assert [it.take(b"a", 1000.0) for _ in range(4)] == [0.0, 0.0, 0.0, 10.0]


def test_looking_costs_nothing() -> None:
    it = quota()
    assert all(it.wait(b"a", 5.0) == 0.0 for _ in range(100))
    assert it.take(b"a", 5.0) == 0.0


def test_others_are_not_touched_even_by_very_many() -> None:
    it, rng = quota(slots=1 << 12), random.Random(1)
    for _ in range(200):  # greedy ones, far beyond what they may
        place = rng.randbytes(4)
        for _ in range(20):
            it.take(place, 50.0)
    wronged = sum(it.wait(rng.randbytes(8), 50.0) > 0 for _ in range(2000))
    assert wronged < 20  # (200 / 4096)^2 is one in 420


def test_the_size_never_changes() -> None:
    it, rng = quota(slots=64), random.Random(2)
    before = [len(row) for row in it._rows]
    for i in range(5000):
        it.take(rng.randbytes(16), i / 100)
    assert [len(row) for row in it._rows] == before


def test_strangers_cannot_know_whose_slot_they_share() -> None:
    places = [bytes([i]) for i in range(64)]
    assert [Quota(Rate(1, 1), b"a")._places(p) for p in places] != [Quota(Rate(1, 1), b"b")._places(p) for p in places]
