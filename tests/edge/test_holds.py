from __future__ import annotations

from rostra.edge.holds import Holds


def test_released_by_what_has_come() -> None:
    holds: Holds[int, str, bool] = Holds()
    holds.hold(5, "a", True, 10.0)
    holds.hold(5, "b", False, 10.0)
    holds.hold(6, "c", True, 10.0)
    assert (len(holds), holds.keys()) == (3, [5, 6])
    assert holds.release(lambda key: key <= 5) == [(5, "a", True), (5, "b", False)]
    assert holds.release(lambda key: key <= 5) == []
    assert len(holds) == 1


def test_expired_and_abandoned() -> None:
    holds: Holds[int, str, None] = Holds()
    holds.hold(5, "a", None, 10.0)
    holds.hold(5, "b", None, 12.0)
    holds.hold(6, "c", None, 12.0)
    assert holds.expire(9.9) == []
    assert holds.expire(10.0) == [(5, "a")]
    holds.abandon("b")
    holds.abandon("nobody")
    assert holds.keys() == [6]
    assert holds.expire(99.0) == [(6, "c")]
    assert len(holds) == 0
