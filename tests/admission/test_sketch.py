from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.admission.sketch import HALF_LIFE_S, ROWS, SCALE_BACK_AT, WIDTH, CountMin, SpaceSaving, mixed

SEED = 0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF
FOREVER = math.inf

batches = st.lists(st.lists(st.integers(0, 40), max_size=60), max_size=12)


def distinct(batch: list[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keys, counts = np.unique(np.asarray(batch, np.uint64), return_counts=True)
    return keys, counts.astype(np.float64)


def zipf(n: int = 200_000, of: int = 50_000, seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, of + 1)
    return rng.choice(of, n, p=weights / weights.sum()).astype(np.uint64) * np.uint64(0x10001)


@given(batches, st.sampled_from([2, 8, 64]))
def test_count_min_never_says_too_little(listed: list[list[int]], width: int) -> None:
    sketch, exact = CountMin(SEED, FOREVER, width), Counter[int]()
    for batch in listed:
        keys, counts = distinct(batch)
        exact.update(batch)
        after = sketch.add(keys, counts, 0.0)
        assert all(told >= exact[key] for key, told in zip(keys.tolist(), after, strict=True))
    everyone = np.arange(41, dtype=np.uint64)
    assert all(told >= exact[key] for key, told in zip(range(41), sketch.look(everyone, 0.0), strict=True))
    assert sketch.all(0.0) == sum(exact.values())
    assert sketch.look(everyone, 0.0).max() <= sketch.all(0.0)


@pytest.mark.parametrize("width", [1 << 12, WIDTH, 1 << 18])
def test_count_min_of_a_zipf_stream(width: int) -> None:
    stream = zipf()
    sketch, exact = CountMin(SEED, FOREVER, width), Counter(stream.tolist())
    for batch in np.array_split(stream, 100):
        sketch.add(*distinct(batch), 0.0)
    often = np.array([key for key, _ in exact.most_common(1000)], np.uint64)
    over = sketch.look(often, 0.0) - [exact[key] for key in often.tolist()]
    assert over.min() >= 0
    assert over.mean() <= math.e * len(stream) / width / 4  # the bound of the sketch without conservative update
    strangers = np.arange(10**12, 10**12 + 1000, dtype=np.uint64)
    assert sketch.look(strangers, 0.0).mean() <= math.e * len(stream) / width


def test_rows_are_used_alike() -> None:
    for width in (WIDTH, 1 << 18):
        sketch = CountMin(SEED, FOREVER, width)
        sketch.add(np.arange(width, dtype=np.uint64), np.ones(width), 0.0)
        filled = (sketch._cells.reshape(ROWS, width) > 0).mean(axis=1)
        assert all(abs(share - (1 - 1 / math.e)) < 0.01 for share in filled)


def test_another_seed_shares_other_cells() -> None:
    keys = np.arange(1000, dtype=np.uint64)
    assert len(np.unique(mixed(keys, SEED))) == 1000
    assert not np.any(mixed(keys, SEED) == mixed(keys, SEED + 1))
    assert not np.any(mixed(keys, SEED) == mixed(keys, SEED + (2 << 64)))


def test_half_is_forgotten_in_a_half_life() -> None:
    sketch, heavy = CountMin(SEED), SpaceSaving()
    keys, counts = np.array([7], np.uint64), np.array([100.0])
    heavy.add(keys, counts, 0.0, sketch.add(keys, counts, 0.0))
    assert sketch.look(keys, HALF_LIFE_S)[0] == pytest.approx(50.0, rel=1e-5)
    assert heavy.heaviest(2 * HALF_LIFE_S)[0].count == pytest.approx(25.0, rel=1e-5)
    heavy.add(keys, counts, HALF_LIFE_S, sketch.add(keys, counts, HALF_LIFE_S))
    assert sketch.look(keys, HALF_LIFE_S)[0] == pytest.approx(150.0, rel=1e-5)
    assert sketch.all(HALF_LIFE_S) == pytest.approx(150.0, rel=1e-5)


def test_a_week_is_as_good_as_an_hour() -> None:
    sketch, heavy = CountMin(SEED), SpaceSaving(4)
    keys, counts = np.array([7], np.uint64), np.array([8.0])
    now = 0.0
    for _ in range(200):
        heavy.add(keys, counts, now, sketch.add(keys, counts, now))
        assert 8.0 <= sketch.look(keys, now)[0] < 17.0
        assert 8.0 <= heavy.heaviest(now)[0].count < 17.0
        now += HALF_LIFE_S * SCALE_BACK_AT / 5
    assert sketch.look(keys, now + 10 * 24 * 3600)[0] == pytest.approx(0.0, abs=1e-3)
    assert np.isfinite(sketch._cells).all()


@given(batches, st.integers(1, 12), st.booleans())
def test_space_saving_bounds_everyone(listed: list[list[int]], size: int, helped: bool) -> None:
    heavy, exact, sketch = SpaceSaving(size, FOREVER), Counter[int](), CountMin(SEED, FOREVER, 64)
    for batch in listed:
        keys, counts = distinct(batch)
        exact.update(batch)
        most = sketch.add(keys, counts, 0.0) if helped else None
        heavy.add(keys, counts, 0.0, most)
    kept = {one.key: one for one in heavy.heaviest(0.0)}
    assert len(kept) == len(heavy) <= size
    for key, one in kept.items():
        assert one.count - one.error <= exact[key] <= one.count + 1e-6
    least = heavy.least(0.0)
    assert all(n <= least + 1e-6 for key, n in exact.items() if key not in kept)


def test_the_heaviest_of_a_zipf_stream_are_found() -> None:
    stream = zipf()
    heavy, sketch = SpaceSaving(1024, FOREVER), CountMin(SEED, FOREVER)
    for batch in np.array_split(stream, 100):
        keys, counts = distinct(batch)
        heavy.add(keys, counts, 0.0, sketch.add(keys, counts, 0.0))
    exact = Counter(stream.tolist()).most_common(100)
    found = heavy.heaviest(0.0, 120)
    assert {key for key, _ in exact} <= {one.key for one in found}
    assert [one.count for one in found] == sorted((one.count for one in found), reverse=True)
    assert all(abs(one.count - n) <= 0.02 * n + 5 for one, (_, n) in zip(found, exact[:20], strict=False))


def test_a_flood_of_strangers_puts_nobody_out() -> None:
    heavy, sketch = SpaceSaving(64, FOREVER), CountMin(SEED, FOREVER)
    regular = np.arange(50, dtype=np.uint64)
    heavy.add(regular, np.full(50, 20.0), 0.0, sketch.add(regular, np.full(50, 20.0), 0.0))
    for i in range(50):
        keys = np.arange(1000 * (i + 1), 1000 * (i + 2), dtype=np.uint64)
        heavy.add(keys, np.ones(1000), 0.0, sketch.add(keys, np.ones(1000), 0.0))
    assert {one.key for one in heavy.heaviest(0.0, 50)} == set(range(50))


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="power of two"):
        CountMin(SEED, 60.0, 1000)
    with pytest.raises(ValueError, match="half-life"):
        CountMin(SEED, 0.0)
    with pytest.raises(ValueError, match="at least one"):
        SpaceSaving(0)
