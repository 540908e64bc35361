"""Everyone comes within a minute, and both cores have to do everything: edges, crowd, bus."""

from __future__ import annotations

import time
from dataclasses import replace

from benchmarks.crowd import Crowd, Heard, gathered
from benchmarks.machine import cpu_s, idle_s, kernel_drops
from benchmarks.ours import OnAir, edges, live, on_air
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.scrapes import door_steps, scraping

FLUSH_S = 2.0
SLACK_S = 0.25
"""The model player begins with the backlog, two flushes, of which a part may be shorter than its name says."""
CALM_S = 4.0
"""After everyone is in: who was let in too hastily loses sound now."""
AHEAD = 1.03
"""They come by a clock that is a little faster than what must be reached: what counts is when the last one had come."""


def run(scale: Scale) -> Result:
    listeners, rate = scale.pick(100_000, 1000), scale.pick(20_200.0, 2000.0)
    processes, crowds = scale.pick(9, 2), scale.pick(7, 2)
    result = Result(
        "minute",
        f"{listeners} joining at {rate:.0f} a second, everything on two cores",
        {
            "transport": "plain", "loopback": True, "flush_s": FLUSH_S, "rendition": "opus", "listeners": listeners,
            "rate_a_second": rate, "processes": f"{processes} edges, {crowds} crowds, bus, feeder",
            "switched_on": "admission, accounting, passes, counters, metrics asked for each second",
            "addresses": "one each, all over 127.0.0.0/8", "rounds": len(scale.rounds),
        },
    )  # fmt: skip
    columns: dict[str, list[float]] = {}
    with on_air(loop_s=scale.pick(40.0, 8.0)) as air:
        for _ in scale.rounds:
            for what, value in _round(
                air, processes, Crowd(0, live(), listeners, AHEAD * rate, processes=crowds), result
            ).items():
                columns.setdefault(what, []).append(value)
    none = Must("<=", 0, every=True)
    musts = {"lost": none, "never heard": none}
    if not scale.quick:
        musts |= {"joins a second": Must(">=", rate), "first sound p99": Must("<=", 1000), "underran": none}
    units = {"first": "ms", "joins": "/s", "CPU": "us", "cores": "cores", "the": "ms"}
    for what, values in columns.items():
        result.add(what, "edges", units.get(what.split()[0], ""), values, musts.get(what))
    return result


def _round(air: OnAir, processes: int, crowd: Crowd, result: Result) -> dict[str, float]:
    with edges(air, flush_s=FLUSH_S, processes=processes) as server, scraping(server.port) as scrapes:
        crowd = replace(crowd, port=server.port, start_buffer_s=2 * FLUSH_S - SLACK_S, spread=True, due=True)
        drops, idle, used, begun = kernel_drops(), idle_s(), cpu_s(*server.pids), time.monotonic()
        with gathered(crowd) as gathering:
            took, cpu, idle = time.monotonic() - begun, cpu_s(*server.pids) - used, idle_s() - idle
            joined = gathering.joined
            time.sleep(CALM_S)
            heard = gathering.finish()
        steps = door_steps(air.folder, server.port)
    kernel = {k: v - drops[k] for k, v in kernel_drops().items()}
    result.details.setdefault("rounds", []).append(
        {**heard.summary(), "kernel": kernel, "steps": steps, "metrics_asked": scrapes.answered}
    )
    return {
        "joins a second": crowd.listeners / joined["joining_s"],
        **_heard(heard),
        "the crowd itself was late at worst": joined["join_lag_ms"],
        "CPU of the edges a join": cpu / crowd.listeners * 1e6,
        "CPU of the crowd a join": joined["cpu_s"] / crowd.listeners * 1e6,
        "cores idle": idle / took,
        "steps of the door taken": len(steps),
    }


def _heard(heard: Heard) -> dict[str, float]:
    times = {
        f"first sound {n}": heard.latency_ms("first_sound", q) for n, q in (("p50", 0.5), ("p99", 0.99), ("max", 1))
    }
    return {
        **{what: min(value, 99_999) for what, value in times.items()},
        "never heard": heard.never,
        "lost": heard.lost,
        "underran": heard.underran,
    }
