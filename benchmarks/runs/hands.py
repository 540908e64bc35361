"""Thousands raise their hands in a minute, while the host's console asks for its pages."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

from benchmarks.console import Console, quantiles
from benchmarks.knocks import Knocks, knocking, request
from benchmarks.machine import cpu_s
from benchmarks.programs import running
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.whole import ROOM, serving

HANDS = f"/api/rooms/{ROOM}/hands?limit=50"
A_SECOND = 5.0
"""Pages that the console asks for."""

TAKEN = "hands taken, of those raised"
SHOWN = "hands that the console has in the end"


def run(scale: Scale) -> Result:
    hands, seconds, after_s = scale.pick(10_000, 150), scale.pick(60.0, 3.0), scale.pick(10.0, 1.5)
    result = Result(
        "hands",
        f"{hands} hands in {seconds:g} s",
        {
            "transport": "plain", "loopback": True, "hands": hands, "a_second": round(hands / seconds),
            "addresses": hands // 2, "pages_a_second": A_SECOND, "a_page": 50, "rounds": len(scale.rounds),
            "processes": "rostra serve (2 edges, 1 stage), 1 speaker, 1 process of listeners, 1 console",
            "pages": "by time, by name, sought by a word, the page after one",
        },
    )  # fmt: skip
    columns: dict[str, list[float]] = {}
    for _ in scale.rounds:
        with serving(edges=2) as whole, running(whole.talking(whole.token("host"))):
            knocks = Knocks(
                whole.front_port, _requests(hands), hands / seconds, seconds, visitors=200, addresses=hands // 2,
                once=True,
            )  # fmt: skip
            pids = {word: whole.processes(word) for word in ("edge", "studio", "stage")}
            with Console(whole, "host", [_by_time, _next, _by_name, _sought], A_SECOND) as console:
                used, begun = {word: cpu_s(*p) for word, p in pids.items()}, time.monotonic()
                with knocking(knocks) as raising:
                    answered = raising.finish()
                took = time.monotonic() - begun
                meanwhile = console.take_ms()
                cpu = {word: (cpu_s(*p) - used[word]) / took for word, p in pids.items()}
                time.sleep(after_s)
                afterwards = console.take_ms()
            with whole.client(whole.token("host")) as host:
                shown = sum(1 for _ in host.hands(ROOM))
        found = {TAKEN: float(answered.of(202)), SHOWN: float(shown)}
        found["answer to a hand p50"], found["answer to a hand p99"] = (answered.latency_ms(q) for q in (0.5, 0.99))
        for when, values in (("meanwhile", meanwhile), ("afterwards", afterwards)):
            for label, value in zip(("p50", "p99", "worst"), quantiles(values), strict=True):
                found[f"a page of hands {when} {label}"] = value
        found |= {f"CPU of the {word} meanwhile": value for word, value in cpu.items()}
        for what, value in found.items():
            columns.setdefault(what, []).append(value)
        result.details.setdefault("rounds", []).append(answered.summary())
    for what, values in columns.items():
        must = Must(">=", hands, every=True) if what in (TAKEN, SHOWN) else None
        if what.startswith("a page") and what.endswith("p99") and not scale.quick:
            must = Must("<=", 100, every=True)
        whose = "the host" if what.startswith(("a page", SHOWN)) else "listeners" if "hand" in what else "rostra serve"
        unit = "hands" if what in (TAKEN, SHOWN) else "cores" if what.startswith("CPU") else "ms"
        result.add(what, whose, unit, values, must)
    return result


def _requests(hands: int) -> list[bytes]:
    """Everyone has a name and a word on why."""
    firsts = ("Ada", "Bea", "Cem", "Dan", "Eva", "Finn", "Gül", "Hal", "Ida", "Jan")
    found = []
    for n in range(hands):
        said = {
            "name": f"{firsts[n % len(firsts)]} {n * 7919 % hands:05}",
            "why": f"I have a question about point {n % 97}.",
        }
        found.append(request("POST", f"/r/{ROOM}/hand", json.dumps(said, ensure_ascii=False).encode()))
    return found


def _by_time(before: bytes) -> str:
    return HANDS


def _next(before: bytes) -> str:
    cursor = json.loads(before).get("next")
    return f"{HANDS}&cursor={cursor}" if cursor else HANDS


def _by_name(before: bytes) -> str:
    return f"{HANDS}&sort=name"


def _sought(before: bytes) -> str:
    return f"{HANDS}&q={quote('gül')}"
