"""As many as one machine holds with TLS at the edge, its crowd included; and what ends it."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.crowd import Crowd, Gathering, gathered
from benchmarks.machine import cpu_s, idle_s, memory_kib
from benchmarks.ours import edges, live, on_air
from benchmarks.peers import make_certificate
from benchmarks.programs import LeftOut, has_openssl
from benchmarks.results import Must, Result
from benchmarks.scale import Scale

FLUSH_S = 4.0
SLACK_S = 0.25
MOST_UNDERRUN = 0.001
"""Of all listeners, in the time that a size is held: with more it is not held."""
FULL_IDLE = 0.1
"""Of a core: with less the machine has nothing left."""
FULL_GIB = 1.0


@dataclass(frozen=True, slots=True)
class Size:
    """How it was with so many."""

    listeners: int
    lost: float
    underran: float
    """Listeners, all underruns of one counted once at most in a size."""
    cpu: float
    idle: float
    handshake_us: float
    """CPU of the edges for each of those who came last."""
    memory_gib: float
    available_gib: float

    @property
    def held(self) -> bool:
        return not self.lost and self.underran <= MOST_UNDERRUN * self.listeners

    @property
    def bound(self) -> str:
        if self.available_gib < FULL_GIB:
            return "memory"
        return "CPU" if self.idle < FULL_IDLE else "neither CPU nor memory: the joining of the last ones"


def run(scale: Scale) -> Result:
    if not has_openssl():
        raise LeftOut("the crowd has no TLS without OpenSSL's headers (libssl-dev)")
    each, sizes, hold_s = scale.pick(15_000, 100), scale.pick(10, 2), scale.pick(30.0, 1.0)
    flush_s = scale.pick(FLUSH_S, 1.0)
    rate, processes = scale.pick(600.0, 200.0), scale.pick(10, 2)
    result = Result(
        "house_tls",
        "Held by one machine with TLS at the edge, its crowd included",
        {
            "transport": "TLS 1.3, ECDSA P-256", "loopback": True, "flush_s": flush_s, "rendition": "opus",
            "rate_a_second": rate, "steps_of": each, "held_for_s": hold_s, "at_most": each * sizes,
            "processes": f"{processes} edges, a crowd for each {each}, bus, feeder", "rounds": len(scale.rounds),
        },
    )  # fmt: skip
    found: list[list[Size]] = []
    with on_air(loop_s=scale.pick(40.0, 8.0)) as air, TemporaryDirectory() as name:
        both = make_certificate(Path(name))
        for _ in scale.rounds:
            with edges(air, flush_s=flush_s, processes=processes, certificate=both) as server:
                start_s = 2 * flush_s - SLACK_S
                crowd = Crowd(server.port, live(), each, rate, tls=True, start_buffer_s=start_s, spread=True)
                found.append(_grow(server.pids, crowd, sizes, hold_s))
            result.details.setdefault("sizes", []).append([_told(size) for size in found[-1]])
    best = [max((s for s in round_ if s.held), key=lambda s: s.listeners, default=round_[0]) for round_ in found]
    last = [round_[-1] for round_ in found]
    ended = [f"{s.bound} at {s.listeners}" if not s.held else f"nothing, up to {s.listeners}" for s in last]
    result.terms["ended_by"] = "; ".join(ended)
    must = Must(">=", each * sizes) if scale.quick else None
    result.add("held", "edges with TLS", "listeners", [s.listeners if s.held else 0 for s in best], must)
    result.add("CPU of the edges then", "edges with TLS", "cores", [s.cpu for s in best])
    result.add("cores idle then", "edges with TLS", "cores", [s.idle for s in best])
    result.add("memory of the edges then", "edges with TLS", "GiB", [s.memory_gib for s in best])
    result.add("memory left then", "machine", "GiB", [s.available_gib for s in best])
    result.add("CPU of the edges a join", "edges with TLS", "us", [round_[0].handshake_us for round_ in found])
    result.add("cores idle at the size that ended it", "machine", "cores", [s.idle for s in last])
    result.add("memory left at the size that ended it", "machine", "GiB", [s.available_gib for s in last])
    return result


def _grow(pids: tuple[int, ...], crowd: Crowd, sizes: int, hold_s: float) -> list[Size]:
    """One crowd after the other, until they are not held."""
    found: list[Size] = []
    with contextlib.ExitStack() as stack:
        inside: list[Gathering] = []
        while len(found) < sizes and (not found or found[-1].held):
            used = cpu_s(*pids)
            inside.append(stack.enter_context(gathered(replace(crowd, block=1 + len(found)))))
            came_us = (cpu_s(*pids) - used) / crowd.listeners * 1e6
            time.sleep(crowd.start_buffer_s)
            found.append(_look(inside, pids, hold_s, came_us))
    return found


def _look(inside: list[Gathering], pids: tuple[int, ...], hold_s: float, came_us: float) -> Size:
    before = [one.mark() for one in inside]
    used, idle, begun = cpu_s(*pids), idle_s(), time.monotonic()
    time.sleep(hold_s)
    took, cpu, idle = time.monotonic() - begun, cpu_s(*pids) - used, idle_s() - idle
    after = [one.mark() for one in inside]
    return Size(
        listeners=int(sum(one["listeners"] for one in after)),
        lost=sum(one["listeners"] - one["alive"] for one in after),
        underran=sum(b["underruns"] - a["underruns"] for a, b in zip(before, after, strict=True)),
        cpu=cpu / took,
        idle=idle / took,
        handshake_us=came_us,
        memory_gib=memory_kib(*pids)["pss"] / 2**20,
        available_gib=psutil.virtual_memory().available / 2**30,
    )


def _told(size: Size) -> dict[str, float]:
    return {name: round(float(getattr(size, name)), 3) for name in Size.__slots__}
