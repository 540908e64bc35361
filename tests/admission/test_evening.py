"""What the door promises, with a crowd in front of it on a virtual clock.

``PEOPLE`` is how many come in a run; ``EVENING_PEOPLE=1000000`` makes it a million (``make soak``). All else follows
from it.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from numpy.typing import NDArray

from rostra.admission.accounting import MOST_TIGHT
from rostra.admission.steps import Step
from rostra.admission.tally import MAX_PENDING
from rostra.wire.passes import Line
from tests.admission.house import EPOCH, IN_LINE, INSIDE, PAYING, Crowd, House, edges, public, spread

PEOPLE = int(os.environ.get("EVENING_PEOPLE", "40000"))


def arrivals(rng: np.random.Generator, n: int, over_s: float, start: float = 1.0) -> NDArray[np.float64]:
    return start + rng.uniform(0.0, over_s, n)


def house(rng: np.random.Generator, crowd: Crowd, seats: int, n: int = 1, **more: float) -> House:
    """It stands for as many edges as it takes: joins are not what is scarce."""
    return House(edges(n, seats // n, joins_s=float(PEOPLE)), crowd, rng, **more)


def honest(rng: np.random.Generator, at: NDArray[np.float64]) -> Crowd:
    return Crowd(at, public(rng, len(at)), np.ones(len(at), np.bool_))


def in_within(house: House, of: NDArray[np.bool_], seconds: float) -> float:
    """The share of those who were inside so soon after they came."""
    return float((house.came_in[of] - house.crowd.at[of] <= seconds).mean())


def test_with_room_for_all_everyone_is_in_at_once() -> None:
    rng = np.random.default_rng(1)
    evening = house(rng, honest(rng, arrivals(rng, PEOPLE, 5.0)), seats=2 * PEOPLE)
    evening.run(8.0)
    assert evening.inside == PEOPLE
    assert in_within(evening, evening.crowd.honest, 0.2) >= 0.97
    assert evening.edges[0].usher.step is Step.OPEN


@pytest.mark.parametrize("doors", [1, 2])
def test_three_times_what_fits(doors: int) -> None:
    """Seats are filled and stay so; those in stay in; the order is kept; few who are called find their place taken (and
    ask again two seconds later); and when people leave, everybody gets in."""
    rng = np.random.default_rng(2)
    evening = house(rng, honest(rng, arrivals(rng, PEOPLE, 5.0)), seats=PEOPLE // 3, n=doors, stays_s=300.0)
    for i, door in enumerate(evening.edges):
        door.late_s, door.skew_s = 0.2 * i, 240.0 * i
    evening.run(11.0)
    assert evening.filled[-1] >= 0.97, "ten seconds after the first of them came"
    inside, before = (evening.state == INSIDE).copy(), evening.inside
    evening.stays_s = 0.0
    evening.run(20.0)
    assert (evening.state[inside] == INSIDE).all(), "whoever is in stays in"
    assert evening.inside >= before
    evening.stays_s = 300.0
    evening.run(40.0)
    assert min(evening.filled[110:]) >= 0.97
    assert max(evening.filled) <= 1.02
    assert evening.turned_away_called <= 0.05 * PEOPLE
    assert_in_order(evening)
    evening.stays_s = 20.0
    evening.run(200.0)
    assert not np.isin(evening.state, (IN_LINE, PAYING)).any()
    assert np.isfinite(evening.came_in).all()


def assert_in_order(evening: House) -> None:
    """Who came in by being called came before all who still wait on that line."""
    assert evening.record is not None
    for line in (Line.LATE, Line.CROWDED):
        waiting = evening.rank[(evening.state == IN_LINE) & (evening.line == line)]
        entered = [rank for which, rank in evening.entered_order if which == line]
        if entered and len(waiting):
            assert max(entered) < evening.record.line(line).serving
            late = waiting < max(entered)
            assert late.mean() <= 0.1, "more than those who are on their way to the door were overtaken"


def bots(networks: int, seed: int) -> tuple[float, float]:
    """Half of all who come are bots that behave like listeners; a tenth more fits than all others. What share of the
    others was in within 10 s, and what share of the bots is not in."""
    rng = np.random.default_rng(seed)
    half = PEOPLE // 2
    at = arrivals(rng, 2 * half, 20.0)
    good = np.arange(2 * half) < half
    people = public(rng, half) + spread(rng, half, networks, start=9_000_000)
    evening = house(rng, Crowd(at, people, good), seats=round(half * 1.1))
    evening.run(40.0)
    return in_within(evening, good, 10.0), float((evening.state[~good] != INSIDE).mean())


def test_bots_from_few_networks() -> None:
    honest_in, bots_out = bots(200, 3)
    print(f"bots from 200 networks: {honest_in:.1%} of the others in within 10 s, {bots_out:.1%} of bots not in")
    assert honest_in >= 0.95
    assert bots_out >= 0.80


def test_bots_from_many_networks_are_told() -> None:
    """Nobody can tell them from listeners; how it comes out is printed (``-s``)."""
    honest_in, bots_out = bots(20_000, 4)
    print(f"bots from 20,000 networks: {honest_in:.1%} of the others in within 10 s, {bots_out:.1%} of bots not in")
    assert honest_in >= 0.5


@pytest.mark.parametrize("pays", [False, True])
def test_ten_seconds_after_an_attack_all_is_well(pays: bool) -> None:
    """A flood for ten seconds of those who want in, four times as fast as the edge can bear; then listeners."""
    rng = np.random.default_rng(5)
    flood, people = PEOPLE * 2 // 3, PEOPLE // 3
    at = np.concatenate((arrivals(rng, flood, 10.0), arrivals(rng, people, 30.0, start=21.0)))
    good = np.arange(flood + people) >= flood
    where = spread(rng, flood, 300, start=5_000_000) + public(rng, people)
    crowd = Crowd(at, where, good, None if pays else good)
    evening = House(edges(1, 2 * PEOPLE, joins_s=flood / 40), crowd, rng, attack_ends=11.0)
    evening.run(60.0)
    assert in_within(evening, good, 10.0) >= 0.99
    assert (evening.state[good] == INSIDE).all()


def test_an_edge_dies_reports_are_late_clocks_differ() -> None:
    """Nobody who has a place in the line loses it, and those who were in are the first to be in again."""
    rng = np.random.default_rng(6)
    people = PEOPLE // 6
    doors = edges(4, people // 8)
    for door, skew_s, late_s in zip(doors, (0.0, 100.0, -100.0, 45.0), (0.1, 0.9, 0.5, 0.3), strict=True):
        door.skew_s, door.late_s = skew_s, late_s
    evening = House(doors, honest(rng, arrivals(rng, people, 10.0)), rng, opened=EPOCH - 3600.0, stays_s=200.0)
    evening.run(20.0)
    held = evening.passes.copy()
    evening.die(doors[2])
    evening.run(60.0)
    assert min(evening.filled[400:]) >= 0.95
    assert all(evening.passes[who] == text for who, text in held.items())
    evening.stays_s = 20.0
    evening.run(160.0)
    assert not np.isin(evening.state, (IN_LINE, PAYING)).any()


def test_memory_has_an_end_whoever_comes() -> None:
    rng = np.random.default_rng(7)
    n = PEOPLE
    crowd = Crowd(arrivals(rng, n, 20.0), spread(rng, n, 1 << 22), np.zeros(n, np.bool_))
    evening = house(rng, crowd, seats=100)
    evening.run(30.0)
    usher = evening.edges[0].usher
    assert all(len(pending) <= MAX_PENDING for pending in usher.tally._pending)
    held = usher.accounting._v4.tight
    assert all(len(one) <= most for one, most in zip(held, MOST_TIGHT, strict=True))
    assert len(usher._seats) <= 200
    assert len(usher._paid) + len(usher._paid_before) <= 65_536
