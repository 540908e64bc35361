"""How people's networks and habits behave. Pure and seeded: the same seed gives the same evening.

A socket on loopback loses nothing. What a phone's network does to a stream over TCP is that bytes come later: by its
delay, by its rate, by a retransmission for a segment that was lost (with all that is behind it waiting), and by seconds
when there is no network at all. :class:`Link` says when what was read now would have come; for stalls the generator
really stops reading, so that the edge meets a listener whose window closes.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from rostra.rehearsal.draws import draw

SEGMENT_BYTES = 1400
"""What a segment carries on the way to a phone."""

RETRANSMIT_S = 0.2
"""The least that a retransmission by time-out takes (RFC 6298, 2.4 allows 1 s; Linux takes 200 ms)."""

FAST_RETRANSMIT_SHARE = 0.7
"""Of losses that are mended within one more round trip, because others arrived behind them."""


@dataclass(frozen=True, slots=True)
class LinkKind:
    """A class of networks. Times in seconds."""

    name: str
    delay_s: float
    """One way, of the median listener; others spread around it."""
    jitter_s: float
    loss: float
    """Share of segments."""
    kbit_s: float
    stall_every_s: float = 0.0
    """Mean time between stalls; 0: none."""
    stall_s: float = 0.0
    """Mean length of one."""


WIRE = LinkKind("wire", 0.0, 0.0, 0.0, 0.0)
"""As it comes on loopback: nothing is added."""
LTE = LinkKind("lte", 0.045, 0.02, 0.003, 5_000, stall_every_s=120, stall_s=1.0)
EDGE = LinkKind("edge", 0.3, 0.15, 0.02, 100, stall_every_s=40, stall_s=2.5)
"""A train between two masts: enough for 24 kbit/s most of the time."""
TUNNEL = LinkKind("tunnel", 0.08, 0.04, 0.01, 1_000, stall_every_s=60, stall_s=9.0)
"""Good while it lasts; then nothing for longer than a listener's unsent sound is kept."""

KINDS = {kind.name: kind for kind in (WIRE, LTE, EDGE, TUNNEL)}


class Link:
    """One listener's network."""

    __slots__ = ("_busy_until", "_delay_s", "_kind", "_next_stall", "_random")

    def __init__(self, kind: LinkKind, seed: int, now: float) -> None:
        self._kind = kind
        self._random = random.Random(seed)
        self._delay_s = kind.delay_s * self._random.lognormvariate(0, 0.4) if kind.delay_s else 0.0
        self._busy_until = now
        self._next_stall = self._draw_stall(now)

    def arrival(self, now: float, size: int) -> float:
        """When ``size`` bytes that left the server now have come: never before those that left earlier."""
        kind, drawn = self._kind, self._random
        at = max(now + self._delay_s + drawn.random() * kind.jitter_s, self._busy_until)
        if kind.kbit_s:
            at += size * 8 / 1000 / kind.kbit_s
        if kind.loss:
            segments = -(-size // SEGMENT_BYTES)
            for _ in range(min(segments, 64)):
                if drawn.random() < kind.loss:
                    again_s = 2 * self._delay_s
                    at += again_s if drawn.random() < FAST_RETRANSMIT_SHARE else RETRANSMIT_S + again_s
        self._busy_until = at
        return at

    def stall(self, now: float) -> float:
        """Seconds for which there is no network from now on; 0.0: there is. Each stall is told once."""
        if now < self._next_stall:
            return 0.0
        length_s = min(60.0, self._random.expovariate(1 / self._kind.stall_s))
        self._next_stall = self._draw_stall(now + length_s)
        return length_s

    def _draw_stall(self, now: float) -> float:
        kind = self._kind
        if not kind.stall_every_s or not kind.stall_s:
            return float("inf")
        return now + self._random.expovariate(1 / kind.stall_every_s)


@dataclass(frozen=True, slots=True)
class Habit:
    """What one listener does beside listening."""

    stays_s: float = float("inf")
    """Goes after so long."""
    away_s: float = 0.0
    """And comes back after so long; 0: never."""
    reloads: int = 0
    """How often the page is loaded again before it is left alone: people who hammer at the start."""
    reload_s: float = 1.0
    """Between two of them."""
    reads_every_s: float = 0.0
    """A background tab: looks at its socket so often only; 0: at once."""
    page: bool = False
    """Fetches the page and its state before the sound, as a browser does."""


PLAIN = Habit()


@dataclass(frozen=True, slots=True)
class Manners:
    """Shares of a crowd, each between 0 and 1."""

    come_and_go: float = 0.0
    background: float = 0.0
    reload: float = 0.0
    page: float = 0.0

    @property
    def none(self) -> bool:
        return not (self.come_and_go or self.background or self.reload or self.page)

    def habit(self, seed: int, number: int) -> Habit:
        """Of listener ``number``."""
        if self.none:
            return PLAIN
        kind, page = draw(seed, number, 10), draw(seed, number, 11) < self.page
        more, other = draw(seed, number, 12), draw(seed, number, 13)
        if kind < self.come_and_go:
            return Habit(stays_s=5 - 30 * math.log(1 - more), away_s=1 - 10 * math.log(1 - other), page=page)
        kind -= self.come_and_go
        if kind < self.background:
            return Habit(reads_every_s=1.0, page=page)
        kind -= self.background
        if kind < self.reload:
            return Habit(reloads=1 + int(-4 * math.log(1 - more)), reload_s=0.3 + 2 * other, page=True)
        return Habit(page=page)
