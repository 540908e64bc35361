"""The rehearsal's generator on one core: how many it holds, how many it brings a second, what each costs it."""

from __future__ import annotations

from benchmarks.generators import Told, play
from benchmarks.machine import cpu_s
from benchmarks.ours import edges, on_air
from benchmarks.programs import THEIRS
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from rostra.rehearsal.scenario import CrowdPlan

FLUSH_S = 2.0

WITHOUT_DOOR = {"door_admission": "off"}
"""What the generator can do is asked, not what the door lets it."""


def run(scale: Scale) -> Result:
    listeners, hold_s, processes = scale.pick(60_000, 400), scale.pick(20.0, 5.0), scale.pick(4, 1)
    rate = scale.pick(11_000.0, 800.0)
    result = Result(
        "generator",
        f"{listeners} listeners of a rehearsal from one core, {rate:.0f} joins a second",
        {
            "transport": "plain", "loopback": True, "flush_s": FLUSH_S, "rendition": "opus", "listeners": listeners,
            "hold_s": hold_s, "rate_a_second": rate, "rounds": len(scale.rounds),
            "processes": f"{processes} generators on one core, {processes} edges on the other",
        },
    )  # fmt: skip
    columns: dict[str, list[float]] = {}
    with on_air(loop_s=scale.pick(40.0, 8.0)) as air:
        for _ in scale.rounds:
            with edges(air, flush_s=FLUSH_S, processes=processes, pinned=True, settings=WITHOUT_DOOR) as server:
                begun = cpu_s(*server.pids)
                plan = CrowdPlan(listeners=listeners, over_s=listeners / rate, hold_s=hold_s, samples=0)
                told = play(server.port, plan, processes, THEIRS)
                found = _found(told, plan, listeners)
                result.details.setdefault("rounds", []).append(_details(told, cpu_s(*server.pids) - begun))
            for what, value in found.items():
                columns.setdefault(what, []).append(value)
    none = Must("<=", 0, every=True)
    musts = {"lost": none, "never heard": none, "late at most": Must("<=", 1000)}
    if not scale.quick:
        musts |= {
            "held": Must(">=", 60_000, every=True),
            "brought a second": Must(">=", 10_000),
            "first sound p99": Must("<=", 1000),
            "CPU while they listen": Must("<=", 0.9),
        }
    units = {"brought": "/s", "late": "ms", "first": "ms", "CPU": "cores", "a": "us"}
    for what, values in columns.items():
        result.add(what, "generator", units.get(what.split()[0], "listeners"), values, musts.get(what))
    return result


def _found(told: Told, plan: CrowdPlan, listeners: int) -> dict[str, float]:
    coming = [n for n, s in told.seconds.items() if s.counters.get("asked")]
    steady = told.steady(listeners)
    late_s = told.most("late_ms") / 1000
    steady_cpu = sum(told.cpu_s[n] for n in steady) / len(steady) if steady else float("inf")
    joining_cpu = sum(told.cpu_s.get(n, 0.0) for n in coming)
    inside_s = sum(told.seconds[n].gauges.get("in", 0) for n in coming)
    each = steady_cpu / listeners
    p99 = told.firsts.quantile(0.99)
    return {
        "held": told.total("in_at_the_end"),
        "brought a second": listeners / (plan.over_s + late_s),
        "late at most": late_s * 1000,
        "lost": told.counted("lost"),
        "never heard": told.total("never_heard"),
        "first sound p99": 99_999.0 if p99 is None else p99 * 1000,
        "CPU while they come": joining_cpu / max(1, len(coming)),
        "CPU while they listen": min(99.0, steady_cpu),
        "a listener's second": min(99_999.0, each * 1e6),
        "a join": max(0.0, joining_cpu - inside_s * each) / listeners * 1e6 if steady else 99_999.0,
    }


def _details(told: Told, edges_cpu_s: float) -> dict[str, object]:
    return {
        "edges_cpu_s": round(edges_cpu_s, 2),
        "problems": told.problems,
        "seconds": [{"t": n, **s.counters, **s.gauges, "cpu": told.cpu_s.get(n)} for n, s in told.in_order()],
    }
