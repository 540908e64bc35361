"""How many more listeners fit, from what those inside cost. Pure: is told the readings once a second, and ``now``.

Each limit of the machine is in use to a share; the highest of them is the pressure. What one more listener takes of
each is an average over those who are in, that forgets, and never less than what a rehearsal (or the first measurement
of anyone) says. Two things are not as simple:

* **CPU.** What is left of it is counted at the longest flush, because that is given up first (``edge/ladder.py``). And
  only what goes to those inside counts: what joining takes is bounded by ``joins_s`` instead, which rises steadily and
  falls sharply when the loop is late (additive increase, multiplicative decrease: Chiu and Jain, 1989).
* **Memory.** A process keeps what its listeners gave back, for the next ones. So those who left are taken off what is
  in use, and after a cut everybody fits in again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEARNT_IN_S = 30.0
"""How long what a listener costs is remembered."""

SMOOTHED_S = 4.0
"""Sending comes in bursts of a flush, 4 s at most: what it takes is an average over as long."""

WORTH_LEARNING_FROM = 64
"""Listeners below which what the process itself takes would be counted as theirs."""

LATE_READINGS = 3
"""The loop is late when it was in each of so many readings: one hiccup (a neighbour on the core) closes no door."""

TARGET_LATE_S = 0.5
"""Lateness at which fewer may join: first sound is promised within a second (half of it for the handshake and the
network)."""

SLOWER = 0.8
"""What is left of ``joins_s`` after a second that was late."""

FASTER = 0.02
"""What is added in one that was not, as a share of the most there was."""

FIRST_JOINS_S = 25_000.0
"""Where nobody measured: what an edge on a core of its own may try (benchmarks: joins)."""

FEWEST_JOINS_S = 100.0
"""The door never closes altogether because the loop is late."""

JOINING_SHARE = 0.25
"""Lateness is the joining's doing if so much of ``joins_s`` was used in that second."""

NO_BOUND = 1 << 40
"""Places where nothing is limited."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What the machine says of one edge, of the latest second."""

    open_files: int
    memory_bytes: int
    cpu_share: float
    """Of its core, everything."""
    late_s: float
    """How late the loop was at worst."""
    out_bytes_s: float
    listeners: int
    joins: int = 0
    """How many came in."""
    sending_share: float | None = None
    """Of its core, what went to those inside: CPU, not time, which passes too while others have the core. None: all of
    ``cpu_share``."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one edge. 0: not limited."""

    open_files: int = 0
    memory_bytes: int = 0
    cpu_share: float = 0.9
    """Of its core: the rest is for joins, the bus and the others on the machine."""
    late_s: float = 1.0
    out_bytes_s: float = 0.0
    listeners: int = 0
    """As many as the operator wants at most."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one listener, at least."""

    open_files: float = 1.0
    memory_bytes: float = 10 * 1024
    """Edge and kernel together (``rostra.limits``)."""
    cpu_share: float = 2.5e-6
    """10 us a flush of 4 s (benchmarks: held)."""
    out_bytes_s: float = 2_250.0
    """The smallest rendition, 16 kbit/s, boxed."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the last rehearsal found one edge of this machine to hold (``last.json``, ``measured``). 0: not measured."""

    listeners: int = 0
    memory_bytes: float = 0.0
    """A listener."""
    cpu_share: float = 0.0
    """A listener, at the longest flush."""
    out_bytes_s: float = 0.0
    """A listener."""
    joins_s: float = 0.0

    @classmethod
    def read(cls, body: Any) -> Measured:
        """From JSON. What is missing or is no number above zero was not measured."""
        found = body if isinstance(body, Mapping) else {}

        def number(name: str) -> float:
            value = found.get(name, 0)
            usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15
            return float(value) if usable else 0.0

        return cls(
            int(number("listeners")), number("memory_bytes"), number("cpu_share"), number("out_bytes_s"),
            number("joins_s"),
        )  # fmt: skip

    @property
    def cost(self) -> Cost:
        known = Cost()
        return Cost(
            known.open_files, max(self.memory_bytes, known.memory_bytes), max(self.cpu_share, known.cpu_share),
            max(self.out_bytes_s, known.out_bytes_s),
        )  # fmt: skip


def find_limits(open_files: int, memory_bytes: int, edges: int, cores: float, uplink_mbit_s: float) -> Limits:
    """The limits of each of ``edges`` edges on a machine.

    :param open_files: of one process, what is kept back taken off. :param memory_bytes: of all, what others need taken
        off; 0: unknown. :param cores: of all. :param uplink_mbit_s: of all; 0: not limited.
    """
    if edges < 1:
        raise ValueError("there is at least one edge")
    return Limits(
        open_files=open_files,
        memory_bytes=memory_bytes // edges,
        cpu_share=0.9 * min(1.0, cores / edges),
        out_bytes_s=uplink_mbit_s * 1e6 / 8 / edges,
    )


@dataclass(frozen=True, slots=True)
class Pressure:
    share: float
    """The highest share of a limit that is in use."""
    scarce: str
    """That limit's name."""
    places: int
    """How many more listeners fit."""
    joins_s: float
    """How many a second may come in."""


class _Gauge:
    """One limit: what is used of it, and what a listener takes."""

    def __init__(self, name: str, limit: float, floor: float, own: float | None = None) -> None:
        """:param own: what the process takes without listeners; None: to be found out."""
        self.name = name
        self.limit = limit
        self.cost = self._floor = floor
        self._own = own
        self._found_out = own is not None
        self._used = 0.0

    def observe(self, used: float, listeners: int, keep: float) -> None:
        self._used = used
        if not self._found_out and (self._own is None or listeners < WORTH_LEARNING_FROM):
            self._own = max(0.0, used - listeners * self._floor)
        if listeners >= WORTH_LEARNING_FROM:
            each = (used - (self._own or 0.0)) / listeners
            self.cost = max(self._floor, keep * self.cost + (1 - keep) * each)

    @property
    def share(self) -> float:
        return self._used / self.limit if self.limit else 0.0

    @property
    def places(self) -> float:
        return max(0.0, self.limit - self._used) / self.cost if self.limit else float(NO_BOUND)


class Capacity:
    def __init__(
        self, limits: Limits, measured: Measured | None = None, *, joins_s: float = 0.0, longest_flush_s: float = 4.0
    ) -> None:
        """:param joins_s: how many a second may join, for ever; 0: as the loop bears."""
        measured = measured or Measured()
        cost = measured.cost
        self._files = _Gauge("open files", limits.open_files, cost.open_files)
        self._memory = _Gauge("memory", limits.memory_bytes, cost.memory_bytes)
        self._cpu = _Gauge("cpu", limits.cpu_share, cost.cpu_share, own=0.0)
        self._uplink = _Gauge("uplink", limits.out_bytes_s, cost.out_bytes_s, own=0.0)
        self._wanted = _Gauge("listeners", limits.listeners, 1.0, own=0.0)
        self._gauges = (self._files, self._memory, self._cpu, self._uplink, self._wanted)
        self._late_limit_s = limits.late_s
        self._late: deque[float] = deque(maxlen=LATE_READINGS)
        self._longest_flush_s = longest_flush_s
        self._sending = self._out = 0.0
        self._fixed_joins_s = joins_s
        self._most_joins_s = measured.joins_s or FIRST_JOINS_S
        self.joins_s = joins_s or self._most_joins_s
        self._highest_memory = 0.0
        self._listeners_then = 0
        self._at: float | None = None

    def observe(self, readings: Readings, now: float, flush_s: float | None = None) -> Pressure:
        """Told once a second. :param flush_s: the flush at which ``readings`` were taken; None: the longest."""
        passed = 1.0 if self._at is None else max(0.0, now - self._at)
        self._smooth(readings, min(1.0, (flush_s or self._longest_flush_s) / self._longest_flush_s), passed)
        self._at = now
        keep = math.exp(-passed / LEARNT_IN_S)
        listeners = readings.listeners
        self._files.observe(readings.open_files, listeners, keep)
        self._memory.observe(self._memory_in_use(readings.memory_bytes, listeners), listeners, keep)
        self._cpu.observe(self._sending, listeners, keep)
        self._uplink.observe(self._out, listeners, keep)
        self._wanted.observe(listeners, listeners, keep)
        self._late.append(readings.late_s)
        if not self._fixed_joins_s:
            self._pace(readings.late_s, readings.joins / max(passed, 0.1), passed)
        scarcest = max(self._gauges, key=lambda g: g.share)
        share, scarce = scarcest.share, scarcest.name
        if (late := self._late_share()) > share:
            share, scarce = late, "loop"
        places = int(min(NO_BOUND, *(g.places for g in self._gauges)))
        return Pressure(share, scarce, places, self.joins_s)

    def _smooth(self, readings: Readings, relief: float, passed: float) -> None:
        keep = 0.0 if self._at is None else math.exp(-passed / SMOOTHED_S)
        sending = readings.cpu_share if readings.sending_share is None else readings.sending_share
        # Each step of the ladder halves what sending costs: what is left of it at the longest flush.
        self._sending = keep * self._sending + (1 - keep) * sending * relief
        self._out = keep * self._out + (1 - keep) * readings.out_bytes_s

    def _memory_in_use(self, used: float, listeners: int) -> float:
        if used >= self._highest_memory:
            self._highest_memory = used
            self._listeners_then = max(self._listeners_then, listeners)
        gone = self._listeners_then - listeners
        return min(used, self._highest_memory - gone * self._memory.cost) if gone > 0 else used

    def _late_share(self) -> float:
        if not self._late_limit_s or len(self._late) < LATE_READINGS:
            return 0.0
        return min(self._late) / self._late_limit_s

    def _pace(self, late_s: float, joined_s: float, passed: float) -> None:
        if late_s > TARGET_LATE_S:
            if joined_s >= JOINING_SHARE * self.joins_s:
                self.joins_s = max(FEWEST_JOINS_S, SLOWER * min(self.joins_s, max(joined_s, self.joins_s / 2)))
        else:
            self.joins_s = min(self._most_joins_s, self.joins_s + FASTER * self._most_joins_s * min(passed, 2.0))
