"""Numbers that many processes count and one adds up: histograms of times, and what happened in each second. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

STEP = 1.02
"""Each bucket is 2% wider than the one before: a quantile is right to 1%."""

LEAST_S = 1e-4
_LOG_STEP = math.log(STEP)
BUCKETS = round(math.log(10_000 / LEAST_S) / _LOG_STEP)
"""Up to 10,000 s; whatever takes longer counts as that."""


class Histogram:
    """Durations in seconds, by buckets; sums of two are exact."""

    __slots__ = ("counts", "total")

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self.counts: dict[int, int] = dict(counts or {})
        self.total = sum(self.counts.values())

    def add(self, seconds: float, times: int = 1) -> None:
        bucket = bucket_of(seconds)
        self.counts[bucket] = self.counts.get(bucket, 0) + times
        self.total += times

    def add_to(self, bucket: int) -> None:
        """One more; for whoever adds many of the same time."""
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.total += 1

    def merge(self, other: Histogram) -> None:
        for bucket, n in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + n
        self.total += other.total

    def quantile(self, share: float, never: int = 0) -> float | None:
        """The time that ``share`` of all stayed within; ``never``: how many more took for ever. None: nobody, or those
        who never got there are among them."""
        if not self.total + never:
            return None
        rank = share * (self.total + never)
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                return time_of(bucket)
        return None

    def to_json(self) -> dict[str, int]:
        return {str(b): n for b, n in sorted(self.counts.items())}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Histogram:
        return cls({int(b): int(n) for b, n in data.items()})

    @classmethod
    def sum(cls, histograms: Iterable[Histogram]) -> Histogram:
        whole = cls()
        for one in histograms:
            whole.merge(one)
        return whole


def bucket_of(seconds: float) -> int:
    if seconds <= LEAST_S:
        return 0
    return min(BUCKETS, round(math.log(seconds / LEAST_S) / _LOG_STEP))


def time_of(bucket: int) -> float:
    return LEAST_S * math.exp(bucket * _LOG_STEP)


class Second:
    """What happened in one second in one process. Counters are added up, gauges are of the end of the second."""

    __slots__ = ("counters", "first", "gauges", "latency", "tally")

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}
        self.gauges: dict[str, float] = {}
        self.first = Histogram()
        """First sounds of those who *asked* in this second."""
        self.latency = Histogram()
        self.tally: dict[int, int] = {}
        """Tallies that were told in this second, and how often."""

    def count(self, name: str, times: int = 1) -> None:
        self.counters[name] = self.counters.get(name, 0) + times

    def merge(self, other: Second) -> None:
        for name, n in other.counters.items():
            self.count(name, n)
        for name, value in other.gauges.items():
            if name.endswith(("_ms", "_share")):
                self.gauges[name] = max(value, self.gauges.get(name, 0.0))
            else:
                self.gauges[name] = self.gauges.get(name, 0.0) + value
        self.first.merge(other.first)
        self.latency.merge(other.latency)
        for told, n in other.tally.items():
            self.tally[told] = self.tally.get(told, 0) + n

    def to_json(self) -> dict[str, Any]:
        return {
            "counters": self.counters,
            "gauges": {k: round(v, 4) for k, v in self.gauges.items()},
            "first": self.first.to_json(),
            "latency": self.latency.to_json(),
            "tally": {str(k): v for k, v in self.tally.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Second:
        second = cls()
        second.counters = {str(k): int(v) for k, v in data["counters"].items()}
        second.gauges = {str(k): float(v) for k, v in data["gauges"].items()}
        second.first = Histogram.from_json(data["first"])
        second.latency = Histogram.from_json(data["latency"])
        second.tally = {int(k): int(v) for k, v in data["tally"].items()}
        return second
