"""A full house: everyone holds for a minute; what each heard is complete, on time, and the sound that was sent."""

from __future__ import annotations

import time

from benchmarks.crowd import Crowd, gathered
from benchmarks.heard import share_that_matches
from benchmarks.machine import cpu_s, idle_s, kernel_drops, memory_kib
from benchmarks.ours import edges, live, on_air
from benchmarks.results import Must, Result
from benchmarks.scale import Scale

FLUSH_S = 2.0


def run(scale: Scale) -> Result:
    listeners, hold_s, processes = scale.pick(60_000, 400), scale.pick(60.0, 6.0), scale.pick(4, 2)
    rate = scale.pick(4000.0, 1000.0)
    result = Result(
        "hold",
        f"{listeners} held by one machine, its crowd included",
        {
            "transport": "plain", "loopback": True, "flush_s": FLUSH_S, "rendition": "opus", "listeners": listeners,
            "hold_s": hold_s, "rate_a_second": rate, "processes": f"{processes} edges, {processes} crowds",
            "rounds": len(scale.rounds),
        },
    )  # fmt: skip
    columns: dict[str, list[float]] = {}
    with on_air(loop_s=scale.pick(40.0, 8.0)) as air:
        for _ in scale.rounds:
            with edges(air, flush_s=FLUSH_S, processes=processes) as server:
                # The page starts with the backlog it is given, two flushes; a part may be shorter than its name says.
                crowd = Crowd(
                    server.port, live(), listeners, rate, start_buffer_s=2 * FLUSH_S - 0.05,
                    samples=scale.pick(100, 10), processes=processes,
                )  # fmt: skip
                drops, idle, used, begun = kernel_drops(), idle_s(), cpu_s(*server.pids), time.monotonic()
                with gathered(crowd) as gathering:
                    time.sleep(hold_s)
                    memory = memory_kib(*server.pids)
                    took = time.monotonic() - begun
                    cpu, idle = cpu_s(*server.pids) - used, idle_s() - idle
                    heard = gathering.finish()
            found = {
                "lost": heard.lost,
                "never heard": heard.never,
                "with a hole in what they got": heard.torn,
                "first sound p50": heard.latency_ms("first_sound", 0.5),
                "first sound p99": min(heard.latency_ms("first_sound", 0.99), 99_999),
                "without an underrun": 100 * (1 - heard.underran / listeners),
                "sampled streams that decode to the source": 100 * share_that_matches(heard.samples, air.folder),
                "CPU of the edges": cpu / took,
                "cores idle": idle / took,
                "memory of the edges": memory["pss"] / 1024,
            }
            for what, value in found.items():
                columns.setdefault(what, []).append(value)
            kernel = {k: v - drops[k] for k, v in kernel_drops().items()}
            result.details.setdefault("rounds", []).append({**heard.summary(), "kernel": kernel})
    _report(result, columns, scale)
    return result


def _report(result: Result, columns: dict[str, list[float]], scale: Scale) -> None:
    none = Must("<=", 0, every=True)
    musts = {
        "lost": none,
        "never heard": none,
        "with a hole in what they got": none,
        "sampled streams that decode to the source": Must(">=", 100, every=True),
    }
    if not scale.quick:
        musts |= {"first sound p99": Must("<=", 1000), "without an underrun": Must(">=", 99.9)}
    units = {"first": "ms", "without": "%", "sampled": "%", "CPU": "cores", "cores": "cores", "memory": "MiB"}
    for what, values in columns.items():
        result.add(what, "edges", units.get(what.split()[0], "listeners"), values, musts.get(what))
