"""What admission costs: an edge that asks, counts and decides, and the same edge with the door off, in turn."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median

from benchmarks.admission import core_us
from benchmarks.crowd import Crowd, gathered
from benchmarks.machine import cpu_s
from benchmarks.ours import OnAir, edges, live, on_air
from benchmarks.results import Must, Result
from benchmarks.scale import Scale

FLUSH_S = 4.0
"""As long as can be: what goes to those inside is not the cost of a join."""
SETTLED_S = 0.3
"""After the last has sound: everyone who came has been counted by then."""
WHAT = "CPU of the edge a join"
SETTINGS: Mapping[str, Mapping[str, object]] = {
    "admission on": {"door_admission": "on"},
    "admission off": {"door_admission": "off"},
}


def run(scale: Scale) -> Result:
    listeners, rate, times = scale.pick(15_000, 300), scale.pick(10_000.0, 2000.0), scale.pick(4, 1)
    result = Result(
        "admission",
        "What admission costs an edge for each who joins",
        {
            "transport": "plain", "loopback": True, "flush_s": FLUSH_S, "rendition": "opus", "listeners": listeners,
            "rate_a_second": rate, "crowds_a_round": times, "addresses": "one each, all over 127.0.0.0/8",
            "processes": "1 edge, new for each crowd, on one core; 1 crowd, bus and feeder on the other",
            "rounds": len(scale.rounds),
        },
    )  # fmt: skip
    cpu: dict[str, list[float]] = {name: [] for name in SETTINGS}
    lost: list[float] = []
    with on_air(pinned=True, loop_s=scale.pick(40.0, 8.0)) as air:
        for _ in scale.rounds:
            spent, missing = _round(air, listeners, rate, times)
            result.details.setdefault("rounds", []).append(spent)
            for name, seconds in spent.items():
                cpu[name].append(median(seconds) / listeners * 1e6)
            lost.append(missing)
    for name, values in cpu.items():
        result.add(WHAT, name, "us", values)
    on, off = SETTINGS
    result.add_ratio(WHAT, (on, off), (cpu[on], cpu[off]), None if scale.quick else Must("<=", 1.15))
    result.add("lost or never heard", "edge", "", lost, Must("<=", 0, every=True))
    for what, us in core_us(scale.pick(20_000, 500)).items():
        result.add(what, "the usher alone", "us", [us])
    return result


def _round(air: OnAir, listeners: int, rate: float, times: int) -> tuple[dict[str, list[float]], int]:
    """CPU of each crowd's coming, by setting. Each comes to an edge that is new: whoever came before from the same
    addresses would be counted."""
    spent: dict[str, list[float]] = {name: [] for name in SETTINGS}
    missing = 0
    for _ in range(times):
        for name, settings in SETTINGS.items():
            with edges(air, flush_s=FLUSH_S, pinned=True, settings=settings) as server:
                crowd = Crowd(server.port, live(), listeners, rate, pinned=True, spread=True)
                used = cpu_s(*server.pids)
                with gathered(crowd) as gathering:
                    time.sleep(SETTLED_S)
                    spent[name].append(cpu_s(*server.pids) - used)
                    heard = gathering.finish()
                missing += heard.lost + heard.never
    return spent, missing
