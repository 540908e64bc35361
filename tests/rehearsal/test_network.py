from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rostra.rehearsal.network import EDGE, KINDS, LTE, PLAIN, TUNNEL, WIRE, Link, Manners


@given(st.sampled_from(sorted(KINDS)), st.integers(0, 2**32), st.lists(st.integers(1, 60_000), max_size=30))
def test_nothing_overtakes_and_nothing_comes_before_it_was_sent(name: str, seed: int, sizes: list[int]) -> None:
    link, last = Link(KINDS[name], seed, 0.0), 0.0
    for n, size in enumerate(sizes):
        at = link.arrival(n * 0.5, size)
        assert at >= n * 0.5
        assert at >= last
        last = at


def test_the_same_seed_gives_the_same_evening() -> None:
    first, second = (Link(EDGE, 7, 0.0) for _ in range(2))
    assert [first.arrival(n, 8000) for n in range(50)] == [second.arrival(n, 8000) for n in range(50)]


def test_a_wire_adds_nothing() -> None:
    link = Link(WIRE, 1, 0.0)
    assert link.arrival(3.0, 10_000) == 3.0
    assert link.stall(1e9) == 0.0


def test_stalls_come_about_as_often_as_said() -> None:
    stalls = 0
    for seed in range(50):
        link, now = Link(TUNNEL, seed, 0.0), 0.0
        while now < 600:
            if stall_s := link.stall(now):
                stalls += 1
                now += stall_s
            now += 1.0
    assert 300 < stalls < 600, "one in 60 s, 50 listeners, 600 s; less the time they take"


def test_a_slow_network_takes_its_time() -> None:
    slow, fast = Link(EDGE, 3, 0.0), Link(LTE, 3, 0.0)
    assert slow.arrival(0.0, 50_000) - fast.arrival(0.0, 50_000) > 3.0


def test_habits_are_in_their_shares() -> None:
    manners = Manners(come_and_go=0.2, background=0.3, reload=0.1, page=0.5)
    habits = [manners.habit(1, n) for n in range(4000)]
    assert 0.17 < sum(h.stays_s < 1e9 for h in habits) / 4000 < 0.23
    assert 0.27 < sum(h.reads_every_s > 0 for h in habits) / 4000 < 0.33
    assert 0.08 < sum(h.reloads > 0 for h in habits) / 4000 < 0.12
    assert all(h.page for h in habits if h.reloads)
    assert manners.habit(1, 5) == manners.habit(1, 5)
    assert Manners().habit(1, 5) is PLAIN
