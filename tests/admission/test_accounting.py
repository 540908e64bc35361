from __future__ import annotations

import ipaddress
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.admission.accounting import (
    LEAST,
    MAX_PENDING,
    MOST_TIGHT,
    PRESSED_S,
    STILL_PRESSED_S,
    Accounting,
    Floors,
    Means,
    Prefix,
    fair_level,
    families,
    fold,
)
from tests.admission.house import public, spread

SEED = 0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF
PLENTY = Means(1e9, 1e9)
CAMPUS = bytes([10, 20, 30, 40])

addresses = st.one_of(
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=4, max_size=4).map(lambda a: bytes(10) + b"\xff\xff" + a),
    st.just(b""),
)


def come(accounting: Accounting, people: list[bytes], means: Means, start: float, over_s: float) -> tuple[int, float]:
    """They want in evenly over ``over_s``. Who is crowded gets in if there is something left, or stays in the line. How
    many are in, and when it is."""
    ticks = round(over_s * 10)
    now, inside = start, 0
    places = means.places
    for i in range(ticks):
        now = start + i / 10
        for address in people[len(people) * i // ticks : len(people) * (i + 1) // ticks]:
            accounting.came(address)
            crowded = accounting.crowded(address, now)
            accounting.take(address, now, crowded=crowded)
            inside += not crowded or accounting.leftover()
        accounting.settle(now, Means(places - inside, means.joins_s, places))
    return inside, now + 0.1


@given(st.lists(addresses, max_size=60))
def test_addresses_as_numbers(batch: list[bytes]) -> None:
    v4, v6 = families(batch)
    folded = [fold(a) for a in batch]
    assert sorted(v4.tolist()) == sorted(int.from_bytes(a) for a in folded if len(a) == 4)
    assert sorted(v6.tolist()) == sorted(int.from_bytes(a[:8]) for a in folded if len(a) == 16)


@given(st.lists(addresses, min_size=1, max_size=60))
def test_counted_by_every_prefix(batch: list[bytes]) -> None:
    family = Accounting(SEED)._v4
    keys, _ = families(batch)
    if not len(keys):
        return
    for prefix, (distinct, counts) in zip(family.prefixes, family.ladder(keys), strict=True):
        exact = Counter(key >> prefix.shift for key in keys.tolist())
        assert dict(zip(distinct.tolist(), counts.astype(int).tolist(), strict=True)) == exact


def test_prefixes_are_written_as_networks_are() -> None:
    address = int(ipaddress.ip_address("192.0.2.77"))
    assert Prefix.V4_24.text(address >> 8) == "192.0.2.0/24"
    assert Prefix.V4_32.text(address) == "192.0.2.77/32"
    half = int(ipaddress.ip_address("2001:db8:1:2::")) >> 64
    for prefix in (Prefix.V6_64, Prefix.V6_48, Prefix.V6_32):
        written = prefix.text(half >> prefix.shift)
        assert ipaddress.ip_network(written).prefixlen == prefix.bits
        assert ipaddress.ip_address("2001:db8:1:2::") in ipaddress.ip_network(written)
        assert prefix.packed(half >> prefix.shift) == ipaddress.ip_address("2001:db8:1:2::").packed[: prefix.bits // 8]


shares = st.lists(st.integers(1, 5000), min_size=1, max_size=200)


@given(shares, st.floats(0.01, 0.99))
def test_the_level_lets_in_what_there_is(sizes: list[int], fraction: float) -> None:
    people = np.repeat(np.array(sizes, np.float64), sizes)[:20_000]
    level = fair_level(people, np.zeros(len(people)), fraction)
    assert 0 <= level <= max(sizes)
    assert np.minimum(1.0, level / people).mean() == pytest.approx(fraction, abs=0.01)


@given(shares, st.floats(1.0, 5.0))
def test_where_there_is_enough_there_is_no_level(sizes: list[int], fraction: float) -> None:
    assert fair_level(np.array(sizes, np.float64), np.zeros(len(sizes)), fraction) == math.inf


def test_with_enough_for_all_everyone_behind_one_address_gets_in() -> None:
    accounting = Accounting(SEED)
    inside, _ = come(accounting, [CAMPUS] * 5000, Means(2e6, 1e5), 0.0, 5.0)
    assert inside == 5000
    assert not accounting.pressed
    assert not accounting.holds


def test_a_campus_that_was_here_before_keeps_its_weight() -> None:
    rng = np.random.default_rng(3)
    accounting = Accounting(SEED)
    _, now = come(accounting, [CAMPUS] * 5000 + public(rng, 5000), Means(2e6, 1e5), 0.0, 60.0)
    now += 600.0
    people = [CAMPUS] * 4500 + public(rng, 45_500)
    rng.shuffle(people)
    crowded = 0
    for i in range(100):
        at = now + i / 10
        for address in people[i * 500 : i * 500 + 500]:
            above = accounting.crowded(address, at)
            crowded += above and address == CAMPUS
            accounting.take(address, at, crowded=above)
        accounting.settle(at, Means(60_000 - 500 * i, 1e5, 60_000))
    assert accounting.pressed
    assert crowded == 0


def test_a_campus_nobody_knows_gets_its_share_and_then_what_is_left() -> None:
    rng = np.random.default_rng(4)
    accounting = Accounting(SEED)
    people = [CAMPUS] * 5000 + public(rng, 45_000)
    rng.shuffle(people)
    means = Means(60_000.0, 1e5)
    first, now = come(accounting, people, means, 0.0, 10.0)
    assert accounting.holds
    assert 45_000 <= first < 50_000
    # The others have come; nobody of the campus is refused while places are left.
    left = means.places - first
    for i in range(200):
        accounting.settle(now + i / 10, Means(left, 1e5, 60_000))
        while left > 0 and first < 50_000 and accounting.leftover():
            left, first = left - 1, first + 1
    assert first == 50_000


def test_few_networks_with_many_do_not_crowd_out_many_with_few() -> None:
    rng = np.random.default_rng(5)
    accounting = Accounting(SEED)
    bots = spread(rng, 50_000, 200, start=9_000_000)
    honest = public(rng, 50_000)
    marked = [(a, True) for a in bots] + [(a, False) for a in honest]
    order = rng.permutation(len(marked))
    places, above = 55_000.0, Counter[bool]()
    for i in range(200):
        now = i / 10
        for j in order[i * 500 : i * 500 + 500].tolist():
            address, bot = marked[j]
            crowded = accounting.crowded(address, now)
            accounting.take(address, now, crowded=crowded)
            above[bot] += crowded
            places -= not crowded
        accounting.settle(now, Means(max(0.0, places), 1e5, 55_000))
    assert above[True] > 0.85 * 50_000
    assert above[False] < 0.05 * 50_000


def test_pressure_is_foreseen_and_ends() -> None:
    accounting = Accounting(SEED)
    rng = np.random.default_rng(6)
    come(accounting, public(rng, 5000), Means(PRESSED_S * 400, 1e5), 0.0, 10.0)
    assert accounting.pressed
    accounting.settle(10.0 + STILL_PRESSED_S + 5.0, PLENTY)
    assert not accounting.pressed
    assert not accounting.holds


def test_floors_are_a_share_of_the_house() -> None:
    floors = Floors()
    assert [floors.of(level, 1e9) for level in range(3)] == [20, 200, 2000]
    assert [floors.of(level, 100_000) for level in range(3)] == [10, 40, 400]
    assert [floors.of(level, 100) for level in range(3)] == [LEAST] * 3


def test_outcomes_know_how_many_came_from_the_network() -> None:
    accounting = Accounting(SEED)
    for i in range(50):
        accounting.came(bytes([192, 0, 2, i]))
    accounting.came(ipaddress.ip_address("2001:db8::1").packed)
    accounting.settle(0.0, PLENTY)
    near = accounting.near([bytes([192, 0, 2, 200]), ipaddress.ip_address("2001:db8::2").packed, b""], 0.0)
    assert near.round().tolist() == [50, 1]
    assert accounting.near([b""], 0.0).tolist() == []
    (first, *_) = accounting.heaviest(Prefix.V4_24, 0.0)
    assert (Prefix.V4_24.text(first.key), first.count) == ("192.0.2.0/24", 50.0)


def test_what_is_pending_has_an_end() -> None:
    accounting = Accounting(SEED)
    for i in range(MAX_PENDING + 1000):
        accounting.came(i.to_bytes(4))
    accounting.settle(0.0, PLENTY)
    assert accounting._v4.came[0].all(0.0) == MAX_PENDING
    accounting.came(CAMPUS)
    accounting.settle(0.1, PLENTY)
    assert accounting._v4.came[0].all(0.1) == pytest.approx(MAX_PENDING + 1, rel=0.01)


def test_those_held_have_an_end() -> None:
    accounting = Accounting(SEED)
    rng = np.random.default_rng(8)
    for i in range(30):
        packed = np.repeat(rng.integers(0, 1 << 32, 1500), 6).astype(">u4").tobytes()
        for at in range(0, len(packed), 4):
            accounting.take(packed[at : at + 4], i / 10, crowded=False)
        accounting.settle(i / 10, Means(10.0, 1e5))
    assert accounting.holds
    assert all(len(held) <= most for held, most in zip(accounting._v4.tight, MOST_TIGHT, strict=True))


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="floors"):
        Floors(2, 200, 2000)
    with pytest.raises(ValueError, match="floors"):
        Floors(20, 10, 2000)
