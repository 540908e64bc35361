"""When they come: the curves by which a crowd arrives. Pure; a curve is the time of its n-th arrival."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

SPIKE_STEEPNESS = 6.0
"""Half of a news spike is there after an eighth of the time."""

RETURN_SPREAD_S = 1.0
"""Clients of Rostra draw their first return within this (``web/src/listen``, ``listening.backoff``)."""

LONGEST_RETURN_S = 15.0


class Curve(StrEnum):
    EVEN = "even"
    """All in a minute, one as soon as the other: the same number each second."""
    SPIKE = "spike"
    """A news spike: most at once, the rest trickling in."""
    FILL = "fill"
    """A slow fill: few early, more and more until the start."""
    RETURN = "return"
    """Everyone comes evenly in the first half; at the end of the time the network is cut, and all come back."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """``count`` listeners over ``over_s`` seconds."""

    curve: Curve
    count: int
    over_s: float

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 <= self.over_s <= 86_400:
            raise ValueError("a crowd has at least one listener and comes within a day")

    @property
    def cut_s(self) -> float | None:
        """When all that are in lose their network at once."""
        return self.over_s if self.curve is Curve.RETURN else None

    def at(self, number: int) -> float:
        """Seconds after the beginning at which listener ``number`` (from 0) comes. Never falls."""
        share = (number + 0.5) / self.count
        if self.curve is Curve.SPIKE:
            whole = 1 - math.exp(-SPIKE_STEEPNESS)
            return self.over_s * -math.log(1 - share * whole) / SPIKE_STEEPNESS
        if self.curve is Curve.FILL:
            return self.over_s * math.pow(share, 1 / 3)
        if self.curve is Curve.RETURN:
            return self.over_s * share / 2
        return self.over_s * share

    def of(self, worker: int, workers: int) -> Iterator[tuple[int, float]]:
        """Those that one of several generators brings, ``(number, time)``: every ``workers``-th, so that each has its
        share of each second."""
        for number in range(worker, self.count, workers):
            yield number, self.at(number)


def return_s(draw: float, failures: int) -> float:
    """How long somebody who was cut off waits, as our clients do: full jitter up to a bound that doubles."""
    return draw * min(LONGEST_RETURN_S, RETURN_SPREAD_S * float(1 << min(failures, 10)))
