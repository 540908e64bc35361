"""Thousands of model players of one edge, as arrays: each holds some seconds of sound and plays them by its own clock.

A model player does what the page does (web/src/listen/controller.ts): it starts with the backlog it is given, wishes to
hold one flush and as much again (1 s at most) right after a flush, plays a little slower or faster to get there, and,
once it ran dry, waits until it holds a flush and half a second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

SLOWEST, SLOWER, FASTEST = 0.95, 0.97, 1.06
HOLD_S = 0.5
JUMP_S = 6.0


class Crowd:
    """Players who join at ``joins`` (seconds, sorted)."""

    def __init__(self, seed: int, joins: F64) -> None:
        n = len(joins)
        self._rng = np.random.default_rng(seed)
        self.joins = joins
        self._delay: F64 = self._rng.uniform(0.02, 0.15, n)
        """On the way to each, in seconds; and up to 40 ms more each time."""
        self._clock: F64 = 1 + self._rng.uniform(-2e-4, 2e-4, n)
        self.held: F64 = np.zeros(n)
        self._rate: F64 = np.ones(n)
        self._at: F64 = np.zeros(n)
        """When each was last looked at."""
        self._since: F64 = np.zeros(n)
        self._waiting = np.zeros(n, np.bool_)
        self._slow = np.zeros(n, np.bool_)
        self._fast = np.zeros(n, np.bool_)
        self.underruns = np.zeros(n, np.int64)
        """Silence for which there was no excuse."""
        self.excused = np.zeros(n, np.int64)
        self.played: F64 = np.zeros(n)
        self.least_held: float = np.inf
        """Least that anyone who plays had left when the next sound came, without an excuse."""
        self.rates: tuple[float, float] = (1.0, 1.0)
        self.joined = 0

    def join(self, backlog_s: float, now: float) -> None:
        """Those whose time has come; each starts to play at once."""
        until = int(np.searchsorted(self.joins, now, side="right"))
        new = slice(self.joined, until)
        self.held[new] = backlog_s
        self._at[new] = self._since[new] = self.joins[new] + self._delay[new]
        self.joined = until

    def receive(self, seconds: float, flush_s: float, now: float, *, excused: bool) -> None:
        """A flush has left the edge with so many seconds of sound. ``flush_s``: as last announced."""
        n = self.joined
        if n == 0:
            return
        at = np.maximum(now + self._delay[:n] + self._rng.uniform(0, 0.04, n), self._at[:n])
        playing = ~self._waiting[:n]
        used = np.where(playing, self._rate[:n] * self._clock[:n] * (at - self._at[:n]), 0.0)
        left = self.held[:n] - used
        dry = playing & (left < 0)
        (self.excused if excused else self.underruns)[:n] += dry
        if not excused and playing.any():
            self.least_held = min(self.least_held, float(left[playing].min()))
        self.played[:n] += np.minimum(used, self.held[:n])
        floor = np.maximum(left, 0.0)
        held = self.held[:n] = floor + seconds
        self._at[:n] = at
        self._waiting[:n] |= dry
        self._waiting[:n] &= held < flush_s + HOLD_S - 0.05
        self._steer(held, floor, flush_s, at, n)

    def _steer(self, held: F64, floor: F64, flush_s: float, at: F64, n: int) -> None:
        margin = min(1.0, flush_s)
        wish = flush_s + margin
        short = wish - held
        over = np.minimum(floor - margin, held - wish)
        known = at - self._since[:n] >= flush_s + 0.25
        slow = known & (short > np.where(self._slow[:n], 0.02, 0.2))
        fast = known & ~slow & (over > np.where(self._fast[:n], 0.0, 0.3))
        self._slow[:n], self._fast[:n] = slow, fast
        rate = np.where(slow, np.where(short > 0.4, SLOWEST, np.where(short > 0.1, SLOWER, 0.99)), 1.0)
        self._rate[:n] = np.where(fast, np.clip(1 + np.round(10 * over) / 100, 1.01, FASTEST), rate)
        self.rates = (min(self.rates[0], float(self._rate[:n].min())), max(self.rates[1], float(self._rate[:n].max())))
        jump = held > wish + flush_s + JUMP_S
        self.held[:n] = np.where(jump, wish, held)
