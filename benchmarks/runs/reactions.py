"""A storm of reactions at two edges, beside the same minutes without one: what the sound notices, and the stage."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from subprocess import Popen
from typing import Any

from benchmarks.crowd import Crowd, Gathering, gathered
from benchmarks.heard import whole_events
from benchmarks.knocks import Answered, Knocks, knocking, request
from benchmarks.machine import cpu_s, idle_s
from benchmarks.programs import running, start
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.whole import ROOM, serving
from rostra.wire.listeners import Snapshot
from rostra.wire.reactions import REACTIONS

FLUSH_S = 1.0
BROWSERS = 30
"""Whose requests differ by a field."""
STORMS = {"five at a time": (5, 20), "one at a time": (1, 1)}
"""How a visitor sends on its connection: so many at once, so many unanswered. A proxy in front may do either."""

WATCHED = ("stage", "studio")
MORE = "more CPU than without"
NOTICED = "underruns of listeners"


def run(scale: Scale) -> Result:
    offered, listeners, seconds = scale.pick(100_000, 2000), scale.pick(2000, 100), scale.pick(20.0, 2.5)
    visitors = scale.pick(2000, 100)
    result = Result(
        "reactions",
        f"{offered} reactions a second offered to two edges",
        {
            "transport": "plain; the speaker by WebRTC", "loopback": True, "flush_s": FLUSH_S, "rendition": "opus",
            "listeners": listeners, "reactions_a_second": offered, "visitors": visitors, "addresses": visitors,
            "seconds": seconds, "rounds": len(scale.rounds),
            "processes": "rostra serve (2 edges, 1 stage), 1 speaker, 1 crowd, 2 processes of visitors, 1 bystander; "
            "all on the same cores",
        },
    )  # fmt: skip
    columns: dict[tuple[str, str], list[float]] = {}
    for _ in scale.rounds:
        with (
            serving("--flush", str(FLUSH_S), edges=2) as whole,
            running(whole.talking(whole.token("host"))),
            running(_bystander()) as bystander,
        ):
            pids = {word: whole.processes(word) for word in ("edge", *WATCHED)} | {"bystander": [bystander.pid]}
            crowd = Crowd(
                whole.front_port, f"/r/{ROOM}/live", listeners, 1000.0, start_buffer_s=2 * FLUSH_S - 0.05, samples=4
            )
            with gathered(crowd) as gathering:
                time.sleep(scale.pick(5.0, 1.0))
                without = _phase(gathering, pids, None, seconds)
                storms = {}
                for how, (bundle, deep) in STORMS.items():
                    knocks = Knocks(
                        whole.front_port, _requests(), offered, seconds, visitors=visitors, addresses=visitors,
                        bundle=bundle, deep=deep, processes=2,
                    )  # fmt: skip
                    storms[how] = _phase(gathering, pids, knocks, seconds)
                    time.sleep(2 * FLUSH_S)
                heard = gathering.finish()
        for key, value in _calm(without).items():
            columns.setdefault(key, []).append(value)
        for how, during in storms.items():
            answered: Answered = during.pop("answered")
            for (what, whose), value in (_compared(without, during) | _rates(answered, seconds)).items():
                columns.setdefault((f"{what}, {how}", whose), []).append(value)
            during["answers"] = answered.summary()
        shown = [n for n in (sum(s.reactions.values()) for s in _snapshots(heard.samples)) if n]
        columns.setdefault(("most reactions that listeners are told of", "edge"), []).append(max(shown, default=0))
        columns.setdefault(("listeners lost", "edge"), []).append(heard.lost + heard.never)
        result.details.setdefault("rounds", []).append({"without": without, "during": storms, **heard.summary()})
    _report(result, columns, scale)
    return result


def _bystander() -> Popen[str]:
    process = start([sys.executable, "-m", "benchmarks.bystander"])
    assert process.stdout
    process.stdout.readline()
    return process


def _requests() -> list[bytes]:
    return [
        request("POST", f"/r/{ROOM}/react", f'{{"r":"{kind}"}}'.encode(), user_agent=f"Browser/{number}", accept="*/*")
        for number in range(BROWSERS)
        for kind in REACTIONS
    ]


def _phase(gathering: Gathering, pids: dict[str, list[int]], knocks: Knocks | None, seconds: float) -> dict[str, Any]:
    """CPU in cores, underruns and idle cores while it lasts."""
    before, used, idle = gathering.mark(), {n: cpu_s(*p) for n, p in pids.items()}, idle_s()
    begun = time.monotonic()
    found: dict[str, Any] = {}
    if knocks is None:
        time.sleep(seconds)
    else:
        with knocking(knocks) as storm:
            found["answered"] = storm.finish()
    took = time.monotonic() - begun
    after = gathering.mark()
    found |= {"took_s": took, "idle": (idle_s() - idle) / took, "underruns": after["underruns"] - before["underruns"]}
    found["sound_s"] = after["sound_s"] - before["sound_s"]
    return found | {n: (cpu_s(*p) - used[n]) / took for n, p in pids.items()}


def _calm(without: dict[str, Any]) -> dict[tuple[str, str], float]:
    found = {("CPU without reactions", name): without[name] for name in (*WATCHED, "bystander", "edge")}
    found["cores idle without reactions", "machine"] = without["idle"]
    found[f"{NOTICED} without reactions", "edge"] = without["underruns"]
    return found


def _compared(without: dict[str, Any], during: dict[str, Any]) -> dict[tuple[str, str], float]:
    found = {("CPU with them", name): during[name] for name in (*WATCHED, "bystander", "edge")}
    for name in WATCHED:
        ratio = during[name] / without[name]
        found[f"{MORE}, of a core", name] = 100 * (during[name] - without[name])
        found[f"{MORE}, of what it was", name] = 100 * (ratio - 1)
        found[f"{MORE}, beyond the bystander's", name] = 100 * (
            ratio / (during["bystander"] / without["bystander"]) - 1
        )
    found["cores idle with them", "machine"] = during["idle"]
    found[f"{NOTICED} with them", "edge"] = during["underruns"]
    found[f"{NOTICED}, more than without", "edge"] = max(0, during["underruns"] - without["underruns"])
    return found


def _rates(answered: Answered, seconds: float) -> dict[tuple[str, str], float]:
    took_s = max(seconds, answered.took_s)
    return {
        ("reactions offered", "edge"): answered.due / seconds,
        ("reactions sent", "edge"): answered.sent / took_s,
        ("reactions answered", "edge"): answered.of(204) / took_s,
        ("answer to a reaction p99", "edge"): answered.latency_ms(0.99),
    }


def _snapshots(streams: Iterable[bytes]) -> list[Snapshot]:
    return [event for stream in streams for event in whole_events(stream) if isinstance(event, Snapshot)]


def _report(result: Result, columns: dict[tuple[str, str], list[float]], scale: Scale) -> None:
    units = {"CPU": "cores", "cores": "cores", "reactions": "/s", "most": "/s", "more": "%", "answer": "ms"}
    for (what, whose), values in columns.items():
        must = None
        if what == "listeners lost" or (not scale.quick and what.startswith(f"{NOTICED}, more than without")):
            must = Must("<=", 0, every=True)
        elif not scale.quick and what.startswith(f"{MORE}, of a core"):
            must = Must("<=", 5.0)
        result.add(what, "edges" if whose == "edge" else whose, units.get(what.split()[0], ""), values, must)
