"""Everyone comes at once: how long until each has sound."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.crowd import Crowd, Heard, gathered
from benchmarks.machine import cpu_s, kernel_drops
from benchmarks.ours import edges, live, on_air
from benchmarks.peers import Server, icecast, icecast_version
from benchmarks.programs import LeftOut
from benchmarks.results import Must, Result
from benchmarks.scale import Scale

FLUSH_S = 1.0
BYTES_A_FLUSH = 4096
"""What Icecast is fed: about what the edge sends."""


def run(scale: Scale) -> Result:
    listeners, rate = scale.pick(15_000, 300), scale.pick(20_000.0, 2000.0)
    icecast_rate = scale.pick(2000.0, 500.0)
    result = Result(
        "joins",
        f"{listeners} joining one edge process at {rate:.0f} a second",
        {
            "transport": "plain", "loopback": True, "flush_s": FLUSH_S, "rendition": "opus", "listeners": listeners,
            "rate_a_second": {"edge": rate, "Icecast": icecast_rate}, "rounds": len(scale.rounds),
            "processes": "1 edge, 1 crowd",
        },
    )  # fmt: skip
    rounds: dict[str, list[Heard]] = {}
    with on_air(loop_s=scale.pick(40.0, 8.0)) as air:
        for _ in scale.rounds:
            with edges(air, flush_s=FLUSH_S) as server:
                crowd = Crowd(server.port, live(), listeners, rate, start_buffer_s=2 * FLUSH_S - 0.05)
                rounds.setdefault("edge", []).append(_join(crowd, server, result))
            try:
                with icecast(BYTES_A_FLUSH, FLUSH_S, pinned=False, burst_bytes=2 * BYTES_A_FLUSH) as server:
                    bit_rate = round(BYTES_A_FLUSH * 8 / FLUSH_S)
                    crowd = Crowd(server.port, "/live", listeners, icecast_rate, mpeg_bit_rate=bit_rate)
                    rounds.setdefault(icecast_version(), []).append(_join(crowd, server, result))
            except LeftOut as e:
                result.left_out = [str(e)]
    for name, heard in rounds.items():
        ours = name == "edge"
        result.add(
            "never heard anything", name, "", [h.never for h in heard], Must("<=", 0, every=True) if ours else None
        )
        for label, q in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            # Not judged where the size is not the one that counts.
            must = Must("<=", 100) if ours and label == "p99" and not scale.quick else None
            values = [min(h.latency_ms("first_sound", q), 99_999) for h in heard]
            result.add(f"first sound {label}", name, "ms", values, must)
        result.add(
            "lost in the first seconds", name, "", [h.lost for h in heard], Must("<=", 0, every=True) if ours else None
        )
    return result


def _join(crowd: Crowd, server: Server, result: Result) -> Heard:
    before, used = kernel_drops(), cpu_s(*server.pids)
    with gathered(crowd) as gathering:
        a_join_us = (cpu_s(*server.pids) - used) / crowd.listeners * 1e6
        time.sleep(3 * FLUSH_S)
        heard = gathering.finish()
    drops: dict[str, Any] = {k: v - before[k] for k, v in kernel_drops().items()}
    result.details.setdefault(server.name, []).append(
        {**heard.summary(), "cpu_a_join_us": round(a_join_us, 1), "kernel": drops}
    )
    return heard
