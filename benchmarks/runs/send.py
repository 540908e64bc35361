"""CPU to send a listener a second of sound: the edge, a plain C loop sending as many bytes as often, Icecast."""

from __future__ import annotations

from benchmarks.crowd import Crowd, gathered
from benchmarks.ours import edges, live, on_air
from benchmarks.peers import Server, c_loop, icecast, icecast_version
from benchmarks.programs import LeftOut
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.steady import Steady, steadily

FLUSH_S = 1.0
WHAT = "CPU to send a listener a second of sound"


def run(scale: Scale) -> Result:
    listeners, seconds = scale.pick(10_000, 200), scale.pick(20.0, 2.0)
    result = Result(
        "send",
        WHAT,
        {
            "transport": "plain", "loopback": True, "flush_s": FLUSH_S, "rendition": "opus", "listeners": listeners,
            "processes": "1 edge, 1 crowd; the server on one core, all else on the other", "steady_s": seconds,
            "rounds": len(scale.rounds),
        },
    )  # fmt: skip
    found: dict[str, list[Steady]] = {}
    with on_air(pinned=True, loop_s=scale.pick(40.0, 8.0)) as air:
        for _ in scale.rounds:
            with edges(air, flush_s=FLUSH_S, pinned=True) as server:
                ours = _measure(server, "edge", live(), listeners, seconds, mpeg=False)
            found.setdefault("edge", []).append(ours)
            a_flush = round(ours.bytes_a_second * FLUSH_S)
            with c_loop(a_flush, FLUSH_S, pinned=True) as server:
                found.setdefault("C loop", []).append(_measure(server, "C loop", "/", listeners, seconds, mpeg=False))
            try:
                with icecast(a_flush, FLUSH_S, pinned=True, burst_bytes=2 * a_flush) as server:
                    theirs = _measure(server, "Icecast", "/live", listeners, seconds, mpeg=True, a_flush=a_flush)
                    found.setdefault(icecast_version(), []).append(theirs)
            except LeftOut as e:
                result.left_out = [str(e)]
    report(result, found, quick=scale.quick)
    return result


def report(result: Result, found: dict[str, list[Steady]], *, quick: bool) -> None:
    cpu = {name: [s.cpu_us[name.split()[0] if name.startswith("Icecast") else name] for s in rounds]
           for name, rounds in found.items()}  # fmt: skip
    for name, values in cpu.items():
        result.add(WHAT, name, "us", values)
    for name, values in cpu.items():
        if name != "edge":
            must = Must("<=", 1.15) if name == "C loop" and not quick else None
            result.add_ratio(WHAT, ("edge", name), (cpu["edge"], values), must)
    for name, rounds in found.items():
        result.add("bytes on the wire a listener and second", name, "B", [s.bytes_a_second for s in rounds])
    lost = [result.terms["listeners"] - s.listeners for s in found["edge"]]
    result.add("listeners lost", "edge", "", lost, Must("<=", 0, every=True))


def _measure(
    server: Server, group: str, path: str, listeners: int, seconds: float, *, mpeg: bool, a_flush: int = 0
) -> Steady:
    bit_rate = round(a_flush * 8 / FLUSH_S) if mpeg else 0
    crowd = Crowd(server.port, path, listeners, rate=2000, mpeg_bit_rate=bit_rate, pinned=True)
    with gathered(crowd) as gathering:
        steady = steadily(gathering, {group: server.pids}, seconds, settle_s=2 * FLUSH_S)
        gathering.finish()
    return steady
