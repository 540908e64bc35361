"""Faults as a seeded, pure component: what is sent arrives later, or never."""

from __future__ import annotations

import heapq
import random
from typing import Generic, TypeVar

T = TypeVar("T")


class Link(Generic[T]):
    """Loses ``loss`` of what is sent; the rest takes ``delay_s`` and an exponential ``jitter_s`` on top.

    ``ordered``: nothing overtakes anything (TCP, a NATS subscription).
    """

    def __init__(
        self, seed: str, *, delay_s: float, jitter_s: float = 0.0, loss: float = 0.0, ordered: bool = False
    ) -> None:
        self._random = random.Random(seed)
        self._delay_s, self._jitter_s, self.loss, self._ordered = delay_s, jitter_s, loss, ordered
        self._under_way: list[tuple[float, int, T]] = []
        self._count = 0
        self._latest = 0.0
        self.lost = 0

    def send(self, item: T, now: float) -> None:
        # Always two draws, so that one loss more does not change all that comes after it.
        lost, extra = self._random.random() < self.loss, self._random.expovariate(1.0)
        if lost:
            self.lost += 1
            return
        arrival = now + self._delay_s + self._jitter_s * extra
        if self._ordered:
            arrival = self._latest = max(arrival, self._latest)
        self._count += 1
        heapq.heappush(self._under_way, (arrival, self._count, item))

    def arrived(self, now: float) -> list[tuple[T, float]]:
        """What has arrived by ``now`` and when, in order of arrival."""
        found: list[tuple[T, float]] = []
        while self._under_way and self._under_way[0][0] <= now:
            arrival, _, item = heapq.heappop(self._under_way)
            found.append((item, arrival))
        return found
