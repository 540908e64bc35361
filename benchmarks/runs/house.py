"""A house of 150,000 for ten minutes, everything on two cores; then one edge is killed, and all it had come again."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import psutil

from benchmarks.crowd import Crowd, Gathering, gathered
from benchmarks.heard import share_that_matches
from benchmarks.machine import cpu_s, idle_s, kernel_drops, memory_kib
from benchmarks.ours import OnAir, edges, live, on_air
from benchmarks.peers import Server
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.scrapes import door_steps, scraping

FLUSH_S = 4.0
"""The longest: what the ladder has when the house is full."""
SLACK_S = 0.25
"""The model player begins with the backlog, two flushes, of which a part may be shorter than its name says."""
LOOK_S = 5.0
GONE_S = 1.0
"""By then everyone whose edge was killed knows it."""
SPARE = "again at the others, when one edge was killed"


def run(scale: Scale) -> Result:
    listeners, hold_s, rate = scale.pick(150_000, 600), scale.pick(600.0, 1.5), scale.pick(6000.0, 1000.0)
    flush_s = scale.pick(FLUSH_S, 1.0)
    processes, crowds = scale.pick(10, 3), scale.pick(10, 2)
    result = Result(
        "house",
        f"{listeners} held by one machine for {hold_s / 60:.3g} minutes, its crowd included, with one edge to spare",
        {
            "transport": "plain", "loopback": True, "flush_s": flush_s, "rendition": "opus", "listeners": listeners,
            "hold_s": hold_s, "rate_a_second": rate, "rounds": len(scale.rounds),
            "processes": f"{processes} edges of 19,800 places, {crowds} crowds, bus, feeder",
            "switched_on": "admission, accounting, passes, counters, metrics asked for each second",
        },
    )  # fmt: skip
    columns: dict[str, list[float]] = {}
    with on_air(loop_s=scale.pick(40.0, 8.0)) as air:
        for _ in scale.rounds:
            with edges(air, flush_s=flush_s, processes=processes) as server, scraping(server.port):
                crowd = Crowd(
                    server.port, live(), listeners, rate, start_buffer_s=2 * flush_s - SLACK_S,
                    samples=scale.pick(100, 10), processes=crowds, spread=True,
                )  # fmt: skip
                for what, value in _round(air, server, crowd, hold_s, result).items():
                    columns.setdefault(what, []).append(value)
    _report(result, columns, scale)
    return result


def _round(air: OnAir, server: Server, crowd: Crowd, hold_s: float, result: Result) -> dict[str, float]:
    before_gib, drops = _used_gib(), kernel_drops()
    with gathered(crowd) as gathering:
        idle, used, begun = idle_s(), cpu_s(*server.pids), time.monotonic()
        buffers = _hold(hold_s)
        took = time.monotonic() - begun
        cpu, idle = (cpu_s(*server.pids) - used) / took, (idle_s() - idle) / took
        memory, in_all_gib, held = memory_kib(*server.pids), _used_gib() - before_gib, gathering.mark()
        steps = door_steps(air.folder, server.port)
        spare = _kill_one(server, gathering, crowd, held)
        heard = gathering.finish()
    kernel = {k: v - drops[k] for k, v in kernel_drops().items()}
    result.details.setdefault("rounds", []).append({"held": held, **heard.summary(), "kernel": kernel, "steps": steps})
    return {
        "lost": held["lost"],
        "never heard": heard.never,
        "with a hole in what they got": held["gaps"] + held["again"] + held["broken"],
        "first sound p99": min(heard.latency_ms("first_sound", 0.99), 99_999),
        "without an underrun": 100 * (1 - held["underran"] / crowd.listeners),
        "sampled streams that decode to the source": 100 * share_that_matches(heard.samples, air.folder),
        "CPU of the edges": cpu,
        "cores idle": idle,
        "memory of the edges": memory["pss"] / 2**20,
        "memory in all, crowd and kernel included": in_all_gib,
        "kernel's TCP buffers at most": buffers,
        **spare,
    }


def _hold(seconds: float) -> float:
    """Waits. The most that TCP's buffers took meanwhile, in MiB."""
    most, until = 0.0, time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(LOOK_S, left))
        most = max(most, tcp_mib())
    return most


def tcp_mib() -> float:
    """proc_net_sockstat(5): pages of all TCP sockets."""
    with open("/proc/net/sockstat") as f:
        words = next(line for line in f if line.startswith("TCP:")).split()
    return int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _used_gib() -> float:
    memory = psutil.virtual_memory()
    return float(memory.total - memory.available) / 2**30


def _kill_one(server: Server, gathering: Gathering, crowd: Crowd, held: dict[str, float]) -> dict[str, float]:
    """Whether all that one edge had find a place at the others, and those others had lose nothing by it."""
    os.kill(server.pids[0], signal.SIGKILL)
    time.sleep(GONE_S)
    lost = int(gathering.mark()["lost"] - held["lost"])
    back = replace(crowd, listeners=max(1, lost), rate=crowd.rate / 3, samples=0, processes=0, block=101)
    with gathered(back) as again:
        time.sleep(crowd.start_buffer_s)
        others, heard = gathering.mark(), again.finish()
    return {
        f"came {SPARE}": lost,
        f"lost or never heard, {SPARE}": heard.never + heard.lost + others["lost"] - held["lost"] - lost,
        f"first sound p99, {SPARE}": min(heard.latency_ms("first_sound", 0.99), 99_999),
        "underruns of the others meanwhile": others["underruns"] - held["underruns"],
    }


def _report(result: Result, columns: dict[str, list[float]], scale: Scale) -> None:
    none = Must("<=", 0, every=True)
    musts = {
        "lost": none,
        "never heard": none,
        "with a hole in what they got": none,
        "sampled streams that decode to the source": Must(">=", 100, every=True),
        f"lost or never heard, {SPARE}": none,
    }
    if not scale.quick:
        musts |= {"without an underrun": Must(">=", 99.9), "memory in all, crowd and kernel included": Must("<=", 24)}
    for what, values in columns.items():
        unit = next((u for w, u in _UNITS if what.startswith(w)), "listeners")
        result.add(what, "edges", unit, values, musts.get(what))


_UNITS = (
    ("first", "ms"), ("without", "%"), ("sampled", "%"), ("CPU", "cores"), ("cores", "cores"), ("memory", "GiB"),
    ("kernel", "MiB"), ("underruns", ""),
)  # fmt: skip
