"""Memory of a server for each listener: what it grew by while they came, divided by how many they are."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.crowd import Crowd, gathered
from benchmarks.machine import memory_kib
from benchmarks.ours import edges, live, on_air
from benchmarks.peers import Server, icecast, icecast_version, make_certificate
from benchmarks.programs import LeftOut, has_openssl
from benchmarks.results import Must, Result
from benchmarks.scale import Scale

FLUSH_S = 0.5
BYTES_A_FLUSH = 2048
WHAT = "memory a listener"


def run(scale: Scale) -> Result:
    listeners, with_tls = scale.pick(10_000, 300), scale.pick(5_000, 100)
    result = Result(
        "memory",
        "Memory of one edge process for a listener",
        {
            "transport": "plain, TLS", "loopback": True, "flush_s": FLUSH_S, "rendition": "opus",
            "listeners": {"plain": listeners, "TLS": with_tls}, "processes": "1 edge, 1 crowd",
            "rounds": len(scale.rounds), "kernel": "socket buffers are the kernel's and not counted",
        },
    )  # fmt: skip
    columns: dict[str, dict[str, list[float]]] = {}
    with on_air(loop_s=scale.pick(40.0, 8.0)) as air, TemporaryDirectory() as name:
        certificate = None
        try:
            certificate = make_certificate(Path(name)) if has_openssl() else None
        except LeftOut as e:
            result.left_out.append(f"TLS: {e}")
        for _ in scale.rounds:
            plain = edges(air, flush_s=FLUSH_S)
            _grow(columns, "edge, plain", plain, live(), listeners)
            if certificate:
                encrypted = edges(air, flush_s=FLUSH_S, certificate=certificate)
                _grow(columns, "edge, TLS", encrypted, live(), with_tls, tls=True)
            try:
                theirs = icecast(BYTES_A_FLUSH, FLUSH_S, pinned=False, burst_bytes=2 * BYTES_A_FLUSH)
                _grow(columns, icecast_version(), theirs, "/live", listeners, mpeg=round(BYTES_A_FLUSH * 8 / FLUSH_S))
            except LeftOut as e:
                result.left_out = [*result.left_out, str(e)]
    for name, kinds in columns.items():
        for kind, values in kinds.items():
            must = Must("<=", 4.0) if name == "edge, plain" and not scale.quick else None
            result.add(f"{WHAT}, {kind.upper()}", name, "KiB", values, must)
    return result


def _grow(
    columns: dict[str, dict[str, list[float]]],
    name: str,
    started: AbstractContextManager[Server],
    path: str,
    listeners: int,
    *,
    tls: bool = False,
    mpeg: int = 0,
) -> None:
    """The first tenth comes before the measurement: what a server allocates once is not a listener's."""
    with started as server:
        crowd = Crowd(server.port, path, listeners // 10, 500 if tls else 2000, tls=tls, mpeg_bit_rate=mpeg)
        with gathered(crowd) as first:
            time.sleep(2 * FLUSH_S)
            before = memory_kib(*server.pids)
            with gathered(replace(crowd, listeners=listeners)) as rest:
                time.sleep(6 * FLUSH_S)
                after = memory_kib(*server.pids)
                alive = rest.mark()["alive"]
                rest.finish()
            first.finish()
    if alive < listeners and name.startswith("edge"):
        raise RuntimeError(f"{name}: only {alive:.0f} of {listeners} listeners are in, their memory means nothing")
    for kind, kib in after.items():
        columns.setdefault(name, {}).setdefault(kind, []).append((kib - before[kind]) / alive)
