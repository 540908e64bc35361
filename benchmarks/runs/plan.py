"""What `rostra plan` foretells from a small rehearsal, held against a rehearsal four times as large."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.programs import OURS, THEIRS, running, start
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from rostra.cli._consent import make_consent
from rostra.errors import ConfigError
from rostra.rehearsal import plan as planning
from rostra.rehearsal.conductor import Orders, Rehearsal
from rostra.rehearsal.scenario import CrowdPlan
from rostra.rehearsal.target import read_target

FLUSH_S = 2.0
EDGES = 3
"""Below what the door begins to give way at: it takes 60,000 places from their open files."""
TIMES = 4
ANY_PORTS = ("--front", "127.0.0.1:0", "--studio", "127.0.0.1:0", "--source", "127.0.0.1:0")

AT_ONCE = {"ROSTRA_FRONT_DRAIN_S": "0"}
"""It ends when it is over."""

SETTLES_S = 8.0
"""An edge that has just begun presses its pages together: that is not what it takes at rest."""

JUDGED = {"cores": "CPU while all are in", "memory_bytes": "memory of the edges", "out_bytes_s": "bandwidth"}


def run(scale: Scale) -> Result:
    small, hold_s = scale.pick(7_500, 100), scale.pick(30.0, 5.0)
    over_s = scale.pick(15.0, 0.25)  # a rush would make the door ask for work of networks as large as a loopback is
    result = Result(
        "plan",
        f"a plan for {TIMES * small} listeners made from a rehearsal of {small}",
        {
            "transport": "plain", "loopback": True, "flush_s": FLUSH_S, "rendition": "opus", "hold_s": hold_s,
            "rate_a_second": small / over_s, "processes": f"a demo with {EDGES} edges on one core, crowds on the other",
            "rounds": len(scale.rounds),
        },
    )  # fmt: skip
    columns: dict[str, list[dict[str, float]]] = {}
    lost: list[float] = []
    for _ in scale.rounds:
        with _demo() as data:
            time.sleep(scale.pick(SETTLES_S, 0.0))
            token = make_consent(data, "", 1.0)
            known = _rehearse(data, token, CrowdPlan(listeners=small, over_s=over_s, hold_s=hold_s, samples=0))
            larger_hold_s = scale.pick(hold_s, 4.5)
            larger = CrowdPlan(listeners=TIMES * small, over_s=TIMES * over_s, hold_s=larger_hold_s, samples=0)
            wish = planning.Wish(larger.listeners, larger.over_s, flush_s=FLUSH_S)
            planned = _plan(wish, known, small=scale.quick)
            seen = _rehearse(data, token, larger)
        checked = planning.check(known, seen)
        for name in (*JUDGED, "join_cores"):
            columns.setdefault(name, []).append(checked[name])
        lost.append(seen["figures"]["lost"] + seen["figures"]["never_heard"])
        result.details.setdefault("rounds", []).append(
            {"known": known["measured"], "seen": seen["measured"], "check": checked, "planned": planned}
        )
    result.add("lost or never heard, larger run", "edge", "", lost, Must("<=", 0, every=True))
    for name, words in {**JUDGED, "join_cores": "CPU while they come"}.items():
        seen_here = columns[name]
        judged = name in JUDGED and not scale.quick
        ratios = [c["predicted"] / c["measured"] if c["measured"] else 1.0 for c in seen_here]
        result.add(f"{words}, predicted / measured", "plan", "", ratios, Must(">=", 0.85) if judged else None)
        if judged:
            result.add(f"{words}, off by", "plan", "%", [abs(100 * c["error"]) for c in seen_here], Must("<=", 15))
    return result


def _plan(wish: planning.Wish, known: dict[str, Any], *, small: bool) -> dict[str, Any]:
    try:
        return planning.plan(wish, known, planning.read_prices())
    except ConfigError:
        if small:  # a hundred listeners may cost too little to be measured
            return {}
        raise


@contextlib.contextmanager
def _demo() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        words = [Path(sys.executable).parent / "rostra", "demo", *ANY_PORTS, "--edges", EDGES, "--flush", FLUSH_S]
        demo = start([*words, "--data", data], core=OURS, env=AT_ONCE, log=Path(name) / "demo.log")
        with running(demo, grace_s=10.0):
            assert demo.stdout
            for line in demo.stdout:
                if line.startswith("On air"):
                    break
            else:
                raise RuntimeError(f"the demo does not start: {(Path(name) / 'demo.log').read_text()[-2000:]}")
            yield data


def _rehearse(data: Path, token: str, crowd: CrowdPlan) -> dict[str, Any]:
    front = json.loads((data / "run" / "serve.json").read_text())["front"]
    orders = Orders(
        read_target(f"{front}/r/demo"), token, crowd,
        processes=max(1, -(-crowd.listeners // 7_500)), cores=(THEIRS,),
    )  # fmt: skip
    report = asyncio.run(Rehearsal(orders).run(lambda progress: None))
    if report["problems"] or not report["measured"]:
        raise RuntimeError(f"the rehearsal measured nothing: {report['problems']}")
    return report
