"""Counting what there is no end of, in memory of a fixed size. Pure: is told the time.

Two sketches, both fed in batches of distinct keys (``numpy.unique``), both forgetting by half each ``half_life_s``:

* :class:`CountMin` (Cormode and Muthukrishnan, 2005) with conservative update (Estan and Varghese, 2002): how often, of
  any key. Never too little (but for what
  a float32 rounds); too much by what shares its cells.
* :class:`SpaceSaving` (Metwally, Agrawal and El Abbadi, 2005), a batch taken as a summary that is merged (Agarwal et
  al., "Mergeable summaries", 2012): which keys came most often. Whoever is not in it came at most as often as the least
  that is.

Forgetting costs nothing: instead of shrinking what is there, what is new weighs more ("forward decay", Cormode et al.,
2009), and now and then everything is scaled back.

Keys are whole numbers of 64 bits. They are mixed with a seed that strangers do not know, so nobody can choose whose
cells they share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Counts = NDArray[np.float64]

ROWS = 4
"""Four cells a key: all four are shared with somebody frequent once in ten thousand where one is once in ten."""

WIDTH = 1 << 16
"""A row takes 256 KiB; 16 bits a row are what one mixed number of 64 gives four rows."""

MAX_WIDTH = 1 << 20

HEAVIEST = 1024

HALF_LIFE_S = 60.0

SCALE_BACK_AT = 24.0
"""Half-lives after which everything is scaled back: 2^24 more is what a float32 still adds one to."""

_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_MIX_3 = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_SHIFT = np.uint64(29)


class _Fading(ABC):
    """What something new weighs, if what is old shall count less."""

    __slots__ = ("_half_life_s", "_origin")

    def __init__(self, half_life_s: float) -> None:
        if half_life_s <= 0:
            raise ValueError("a half-life is longer than nothing")
        self._half_life_s = half_life_s
        self._origin: float | None = None

    def _gain(self, now: float) -> float:
        if self._origin is None:
            self._origin = now
        halvings = (now - self._origin) / self._half_life_s
        if halvings > SCALE_BACK_AT:
            self._scale(2.0**-halvings)
            self._origin = now
            return 1.0
        return float(2.0**halvings)

    @abstractmethod
    def _scale(self, factor: float) -> None:
        """Make all that is kept count for ``factor`` of what it did."""


def mixed(keys: Keys, seed: int) -> Keys:
    """64 bits that look drawn, another 64 for another key (the finaliser of MurmurHash3, begun with the seed)."""
    odd = np.uint64((seed >> 64 | 1) & 0xFFFFFFFFFFFFFFFF)
    x = (keys ^ np.uint64(seed & 0xFFFFFFFFFFFFFFFF)) * odd
    x = (x ^ (x >> _HALF)) * _MIX_1
    x = (x ^ (x >> _SHIFT)) * _MIX_2
    return x ^ (x >> _HALF)


class CountMin(_Fading):
    __slots__ = ("_cells", "_mask", "_offsets", "_seed", "_shifts", "_total", "_wide")

    def __init__(self, seed: int, half_life_s: float = HALF_LIFE_S, width: int = WIDTH) -> None:
        """:param seed: 128 bits, secret. :param width: a power of two."""
        super().__init__(half_life_s)
        if width & (width - 1) or not 2 <= width <= MAX_WIDTH:
            raise ValueError(f"a row has a power of two of cells, {MAX_WIDTH} at most")
        self._seed = seed
        self._cells = np.zeros(ROWS * width, np.float32)
        self._mask = np.uint64(width - 1)
        self._wide = width > WIDTH
        self._shifts = (np.arange(ROWS, dtype=np.uint64) * np.uint64(64 // ROWS))[:, None]
        self._offsets = (np.arange(ROWS, dtype=np.uint64) * np.uint64(width))[:, None]
        self._total = 0.0

    @property
    def nbytes(self) -> int:
        return self._cells.nbytes

    @property
    def empty(self) -> bool:
        """Nothing was ever counted."""
        return not self._total

    def add(self, keys: Keys, counts: Counts, now: float) -> Counts:
        """Count ``keys``, each of them once in the array. Returns how often each came by now."""
        gain = self._gain(now)
        cells = self._where(keys)
        weights = counts * gain
        after = (self._cells[cells].min(axis=0) + weights).astype(np.float32)
        # Two keys of one batch in one cell: the larger one, which is enough for both.
        np.maximum.at(self._cells, cells.ravel(), np.tile(after, ROWS))
        self._total += float(weights.sum())
        found: Counts = after.astype(np.float64)
        return found / gain

    def look(self, keys: Keys, now: float) -> Counts:
        """How often each came, lately. Never less than it was."""
        gain = self._gain(now)
        found: Counts = self._cells[self._where(keys)].min(axis=0).astype(np.float64)
        return found / gain

    def all(self, now: float) -> float:
        """How many came in all, lately."""
        gain = self._gain(now)
        return self._total / gain

    def _where(self, keys: Keys) -> NDArray[np.intp]:
        drawn = mixed(keys, self._seed)
        if self._wide:  # 16 bits a row are too few, so two numbers give 32
            again = (drawn ^ _MIX_3) * _MIX_2
            again ^= again >> _HALF
            rows = np.stack((drawn, drawn >> _HALF, again, again * _MIX_1 >> _HALF))
        else:
            rows = drawn >> self._shifts
        return ((rows & self._mask) + self._offsets).astype(np.intp)

    def _scale(self, factor: float) -> None:
        self._cells *= np.float32(factor)
        self._cells[self._cells < np.float32(1e-6)] = 0.0  # no numbers so small that they are slow
        self._total *= factor


@dataclass(frozen=True, slots=True)
class Heavy:
    """One that came often: ``count`` at most, ``count - error`` at least."""

    key: int
    count: float
    error: float


class SpaceSaving(_Fading):
    __slots__ = ("_counts", "_errors", "_keys", "_size")

    def __init__(self, size: int = HEAVIEST, half_life_s: float = HALF_LIFE_S) -> None:
        super().__init__(half_life_s)
        if size < 1:
            raise ValueError("at least one is kept")
        self._size = size
        self._keys = np.empty(0, np.uint64)
        """In order, so that they are found by bisection."""
        self._counts = np.empty(0, np.float64)
        self._errors = np.empty(0, np.float64)

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, keys: Keys, counts: Counts, now: float, most: Counts | None = None) -> None:
        """Count ``keys``, each of them once in the array, in order.

        :param most: what each came to at most as somebody else knows (:meth:`CountMin.add`): a flood of keys that come
            once then puts nobody out.
        """
        gain = self._gain(now)
        weights = counts * gain
        known, at = self._find(keys)
        self._counts[at[known]] += weights[known]
        new = ~known
        if not new.any():
            return
        least = float(self._counts.min()) if len(self._keys) >= self._size else 0.0
        fresh = weights[new] + least
        if most is not None:
            fresh = np.maximum(np.minimum(fresh, most[new] * gain), weights[new])
        self._keep(keys[new], fresh, fresh - weights[new])

    def heaviest(self, now: float, n: int = HEAVIEST) -> list[Heavy]:
        """Those who came most often lately, the most first."""
        gain = self._gain(now)
        order = np.argsort(-self._counts, kind="stable")[:n]
        return [Heavy(int(self._keys[i]), self._counts[i] / gain, self._errors[i] / gain) for i in order.tolist()]

    def least(self, now: float) -> float:
        """How often anyone who is not kept came at most."""
        gain = self._gain(now)
        return float(self._counts.min()) / gain if len(self._keys) >= self._size else 0.0

    def _find(self, keys: Keys) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        if not len(self._keys):
            return np.zeros(len(keys), np.bool_), np.zeros(len(keys), np.intp)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return self._keys[at] == keys, at

    def _keep(self, keys: Keys, counts: Counts, errors: Counts) -> None:
        all_keys = np.concatenate((self._keys, keys))
        all_counts = np.concatenate((self._counts, counts))
        all_errors = np.concatenate((self._errors, errors))
        if len(all_keys) > self._size:
            kept = np.argpartition(-all_counts, self._size - 1)[: self._size]
            all_keys, all_counts, all_errors = all_keys[kept], all_counts[kept], all_errors[kept]
        order = np.argsort(all_keys)
        self._keys, self._counts, self._errors = all_keys[order], all_counts[order], all_errors[order]

    def _scale(self, factor: float) -> None:
        self._counts *= factor
        self._errors *= factor
