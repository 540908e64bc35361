from __future__ import annotations

import numpy as np

from rostra.admission.tally import MAX_PENDING, Tally
from rostra.wire.door import Outcome

NETWORKS = {b"a": 1, b"b": 9, b"c": 10, b"d": 99.6, b"e": 100_000}


def near(addresses: list[bytes]) -> np.ndarray:
    return np.array([NETWORKS[a] for a in addresses if a], np.float64)


def test_counted_by_what_came_from_the_network() -> None:
    tally = Tally()
    for address in (b"a", b"b", b"b", b"c", b"d", b"e", b""):
        tally.to[Outcome.ADMITTED](address)
    tally.to[Outcome.BAD_PASS](b"e")
    assert tally.total(Outcome.ADMITTED) == 7
    tally.settle(near)
    assert tally.counts == {Outcome.ADMITTED: (2, 2, 1, 1, 1), Outcome.BAD_PASS: (0, 0, 0, 0, 1)}
    tally.settle(near)
    assert tally.total(Outcome.ADMITTED) == 7


def test_a_flood_is_counted_in_memory_that_ends() -> None:
    tally = Tally()
    for _ in range(3 * MAX_PENDING):
        tally.to[Outcome.REFUSED_FULL](b"e")
    tally.settle(near)
    assert tally.counts == {Outcome.REFUSED_FULL: (0, 0, 0, 0, 3 * MAX_PENDING)}
