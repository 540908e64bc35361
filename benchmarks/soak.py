"""``python -m benchmarks.soak [--minutes M] [--listeners N] [--seed S] [--calm]``: an evening on air with attacks at
random, and what it did to memory and time.

All of Rostra as ``rostra serve`` runs it, one voice in a loop, a crowd (in C) that comes anew every quarter of an hour.
Beside it attacks of the rehearsal's library, drawn by the seed, each with newcomers who say how long they waited.
Memory is held against what it was a tenth of the time in (at most ten minutes); the time that sound takes, by
``rostra listen``, at the end against the beginning: a clock of ours that drifts shows there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import wave
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks import machine
from benchmarks.crowd import Crowd, gathered
from benchmarks.programs import running, start
from benchmarks.results import RESULTS, Must, Result
from benchmarks.storms import Storm, Weather, storming
from benchmarks.whole import ROOM, ROSTRA, Whole, serving
from rostra.demo.voices import conversation
from rostra.units import SAMPLE_RATE

ROUND_S = 900.0
"""How long one crowd stays; below the 1,200 s after which the crowd program ends by itself."""

PLACES_A_EDGE = 12_000
"""Of its 19,800: the kernel does not share out connections evenly, and attacks take some."""

PROCESSES = ("edge", "stage", "studio", "serve", "nats-server")


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description="Hours on air: memory, drift, losses.")
    parser.add_argument("--minutes", type=float, default=120.0, help="how long (default 120)")
    parser.add_argument("--listeners", type=int, default=30_000, help="how many hear it (default 30000)")
    parser.add_argument("--seed", type=int, default=1, help="of the attacks (default 1)")
    parser.add_argument("--calm", action="store_true", help="no attacks")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    options = parser.parse_args()
    machine.raise_limits()
    weather = None if options.calm else Weather(seed=options.seed)
    result = soak(options.minutes * 60.0, options.listeners, weather)
    about = {"machine": machine.describe(), "made": datetime.now(UTC).isoformat(timespec="seconds")}
    print(f"result: {result.save(options.out, about)}")
    for figure in result.figures:
        print(f"  {figure.what}, {figure.of}: {figure.values[-1]:g} {figure.unit}")
    return 0 if all(figure.met is not False for figure in result.figures) else 1


def soak(seconds: float, listeners: int, weather: Weather | None = None) -> Result:
    looked_s = min(10.0, seconds / 3)
    edges = max(2, -(-listeners // PLACES_A_EDGE))
    with tempfile.TemporaryDirectory() as name, serving("--flush", "1", edges=edges) as rostra:
        voice = _write_voice(Path(name) / "voice.wav")
        speaker = start([ROSTRA, "publish", rostra.links["host"], voice, "--loop"], log=Path(name) / "publish.log")
        with running(speaker):
            _until_heard(rostra)
            first = _listen(rostra, looked_s)
            with storming(rostra, weather) as storms:
                result = _on_air(rostra, seconds, listeners)
                seen = storms.finish() if storms is not None else []
            last = _listen(rostra, looked_s)
    result.terms |= {"edges": edges, "attacks": weather is not None}
    if weather is not None:
        result.terms["seed"] = weather.seed
        _storms(result, seen)
    drift_ms = 1000.0 * (last["latency_s"]["p50"] - first["latency_s"]["p50"])
    result.add("drift between wall clock and sound", "the stage", "ms", [drift_ms])
    result.add("holes heard", "rostra listen", "", [first["holes"] + last["holes"]], Must("<=", 0))
    return result


def _storms(result: Result, seen: list[Storm]) -> None:
    ran = [storm for storm in seen if not storm.problem]
    waits = [float(s.figures["first_sound_p99"]) for s in ran if s.figures.get("first_sound_p99") is not None]
    result.add("attacks that ran to their end", "the library", "", [len(ran)])
    result.add("attacks that did not", "the library", "", [len(seen) - len(ran)], Must("<=", 0))
    result.add("never heard, or lost", "newcomers during attacks", "", [sum(s.missed for s in ran)], Must("<=", 0))
    if waits:
        result.add("first sound, p99, the worst attack", "newcomers during attacks", "s", [max(waits)])
    result.details["attacks"] = [
        {"name": s.name, "problem": s.problem, "did": s.did}
        | {k: s.figures.get(k) for k in ("heard", "first_sound_p50", "first_sound_p99", "underruns", "lost")}
        for s in seen
    ]


def _on_air(rostra: Whole, seconds: float, listeners: int) -> Result:
    began = time.monotonic()
    lost = torn = underran = came = 0
    settled: dict[str, float] = {}
    while (left := seconds - (time.monotonic() - began)) > 0:
        crowd = Crowd(rostra.front_port, f"/r/{ROOM}/live", listeners, rate=1000.0, start_buffer_s=2.0)
        with gathered(crowd) as gathering:
            end = time.monotonic() + min(ROUND_S, left)
            while time.monotonic() < end:
                time.sleep(min(5.0, max(0.0, end - time.monotonic())))
                if not settled and time.monotonic() - began > min(600.0, seconds / 10):
                    settled = _memory(rostra)
                passed = time.monotonic() - began
                print(f"\r{passed:7.0f} of {seconds:.0f} s, {lost} lost", end="", file=sys.stderr, flush=True)
            memory = _memory(rostra)
            heard = gathering.finish()
        came += listeners
        lost, torn, underran = lost + heard.lost + heard.never, torn + heard.torn, underran + heard.underran
    print(file=sys.stderr)
    result = Result(
        "soak",
        f"{seconds / 60:.0f} minutes on air",
        {"transport": "plain", "network": "loopback", "flush_s": 1, "listeners": listeners},
    )
    result.add("lost or never heard", f"{came} listeners", "", [lost], Must("<=", 0))
    result.add("with parts that do not follow one another", f"{came} listeners", "", [torn], Must("<=", 0))
    result.add("with an underrun", f"{came} listeners", "", [underran])
    for process in sorted(memory):
        growth = 100.0 * (memory[process] / settled.get(process, memory[process]) - 1.0)
        result.add("memory growth", process, "%", [growth])
    result.details = {"memory_mb_settled": settled, "memory_mb_end": memory}
    return result


def _write_voice(path: Path) -> Path:
    track = next(iter(conversation().values()))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(track.tobytes())
    return path


def _until_heard(rostra: Whole, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while _listen(rostra, 1.0).get("parts", 0) == 0:
        if time.monotonic() > deadline:
            raise RuntimeError("nothing is heard")


def _listen(rostra: Whole, seconds: float = 10.0) -> dict[str, Any]:
    words = [ROSTRA, "listen", f"{rostra.front}/r/{ROOM}", "--seconds", str(seconds), "--json"]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False, timeout=seconds + 30)
    return dict(json.loads(done.stdout)) if done.stdout.strip() else {}


def _memory(rostra: Whole) -> dict[str, float]:
    """MB of unique memory, of all processes of a kind together."""
    found = {}
    for process in PROCESSES:
        if pids := _pids(rostra, process):
            found[process] = round(sum(psutil.Process(pid).memory_full_info().uss for pid in pids) / 1e6, 2)
    return found


def _pids(rostra: Whole, process: str) -> list[int]:
    if process == "serve":
        return [rostra.pid]
    return [p.pid for p in psutil.Process(rostra.pid).children(recursive=True) if _is(p, process)]


def _is(child: psutil.Process, process: str) -> bool:
    """Ours say what they are on their command line; the bus is a program of its own."""
    words = child.cmdline()
    return process in words or (bool(words) and Path(words[0]).name == process)


if __name__ == "__main__":
    sys.exit(main())
