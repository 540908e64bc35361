"""What 13 speakers cost the stage, RTP in to parts out with a mix-minus for each; Janus AudioBridge beside it."""

from __future__ import annotations

import json
import sys
import time
from subprocess import Popen

from benchmarks.janus import audio_bridge, version
from benchmarks.machine import cpu_s
from benchmarks.programs import LeftOut, running, start
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.whole import ROOM, serving

WHAT = "CPU of the stage's process"


def run(scale: Scale) -> Result:
    people, seconds = scale.pick(13, 3), scale.pick(20.0, 2.0)
    result = Result(
        "stage",
        f"{people} speakers as WebRTC clients",
        {
            "transport": "DTLS-SRTP", "loopback": True, "speakers": people, "steady_s": seconds,
            "rendition": "opus and aac parts; Opus at 32 kbit/s from each speaker, a mix-minus back",
            "processes": "1 stage, all of rostra serve beside it, 1 process of speakers", "rounds": len(scale.rounds),
        },
    )  # fmt: skip
    columns: dict[tuple[str, str], list[float]] = {}
    for _ in scale.rounds:
        for audible in sorted({min(3, people), people}):
            with serving() as whole:
                command = ["--whip", whole.studio, ROOM, *whole.tokens(people)]
                with running(_talkers(command, audible)) as talkers:
                    stages = whole.processes("stage")
                    _measure(columns, "rostra", audible, talkers, stages, people, seconds)
            try:
                with audio_bridge() as bridge:
                    command = ["--janus", bridge.url, str(people)]
                    with running(_talkers(command, audible, bridge.inside)) as talkers:
                        _measure(columns, version(), audible, talkers, [bridge.pid], people, seconds)
            except LeftOut as e:
                result.left_out = [str(e)]
    for (name, what), values in columns.items():
        must = None
        if name == "rostra":
            must = Must("<=", 0.7) if what.startswith(WHAT) and not scale.quick else None
            must = Must(">=", 45, every=True) if what.startswith("packets") else must
        result.add(what, name, "cores" if what.startswith(WHAT) else "/s", values, must)
    return result


def _talkers(how: list[str], audible: int, inside: tuple[str, ...] = ()) -> Popen[str]:
    command = [*inside, sys.executable, "-m", "benchmarks.talkers", *how, "--audible", audible]
    process = start(command)
    assert process.stdout
    if process.stdout.readline().strip() != "talking":
        raise RuntimeError("the speakers do not all hear something")
    return process


def _measure(
    columns: dict[tuple[str, str], list[float]],
    name: str,
    audible: int,
    talkers: Popen[str],
    pids: list[int],
    people: int,
    seconds: float,
) -> None:
    if not pids:
        raise RuntimeError(f"{name} has no process to measure")
    time.sleep(2.0)
    before, used, begun = _ask(talkers), cpu_s(*pids), time.monotonic()
    time.sleep(seconds)
    after, used = _ask(talkers), cpu_s(*pids) - used
    took = time.monotonic() - begun
    least = min(b - a for a, b in zip(before["received"], after["received"], strict=True)) / took
    speaking = f"{audible} speaking at a time" if audible < people else "all speaking at once"
    columns.setdefault((name, f"{WHAT}, {speaking}"), []).append(used / took)
    columns.setdefault((name, f"packets back to whoever got fewest, {speaking}"), []).append(least)


def _ask(talkers: Popen[str]) -> dict[str, list[int]]:
    assert talkers.stdin and talkers.stdout
    talkers.stdin.write("mark\n")
    talkers.stdin.flush()
    counts: dict[str, list[int]] = json.loads(talkers.stdout.readline())
    return counts
