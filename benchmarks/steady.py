"""CPU while a crowd listens and nothing else happens."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.crowd import Gathering
from benchmarks.machine import cpu_s, idle_s


@dataclass(frozen=True, slots=True)
class Steady:
    """What a listener cost for each second of sound it got."""

    cpu_us: dict[str, float]
    """By name of the group of processes, a listener and second of sound."""
    bytes_a_second: float
    """On the wire, a listener."""
    listeners: float
    idle_cores: float


def steadily(gathering: Gathering, groups: Mapping[str, Iterable[int]], seconds: float, settle_s: float) -> Steady:
    """Measures after ``settle_s``. Sound is counted as it arrives, so that a flush more or less does not matter."""
    time.sleep(settle_s)
    counted = {name: tuple(pids) for name, pids in groups.items()}
    marked, before, idle = gathering.mark(), {n: cpu_s(*p) for n, p in counted.items()}, idle_s()
    begun = time.monotonic()
    time.sleep(seconds)
    marked_again, after = gathering.mark(), {n: cpu_s(*p) for n, p in counted.items()}
    took = time.monotonic() - begun
    sound_s = marked_again["sound_s"] - marked["sound_s"]
    if sound_s <= 0:
        raise RuntimeError("the crowd heard nothing in the steady state")
    return Steady(
        cpu_us={n: (after[n] - before[n]) / sound_s * 1e6 for n in counted},
        bytes_a_second=(marked_again["wire_bytes"] - marked["wire_bytes"]) / sound_s,
        listeners=marked_again["alive"],
        idle_cores=(idle_s() - idle) / took,
    )
