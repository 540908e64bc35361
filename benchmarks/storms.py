"""Attacks of the rehearsal's library at random beside something else, one after the other, and what newcomers heard of
the room meanwhile. ``rostra rehearse`` makes them, in processes of its own."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import tempfile
import threading
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.programs import ROOT
from benchmarks.whole import ROOM, ROSTRA, Whole
from rostra.rehearsal.scenario import LIBRARY, library

PATIENCE_S = 120.0
"""For a rehearsal to end, after it should have."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How it storms. A seed is always the same evening."""

    names: Sequence[str] = ()
    """Of the library; empty: all."""
    seed: int = 1
    pause_s: tuple[float, float] = (60.0, 240.0)
    """Between two, drawn evenly."""
    newcomers: int = 200
    """Who come all along an attack, and say how it was."""
    at_most_s: float = 0.0
    """How long one lasts, from the first second on; 0: as its file says."""
    at_most: int = 0
    """Connections; 0: as its file says."""


@dataclass(frozen=True, slots=True)
class Storm:
    """One that was."""

    name: str
    problem: str
    """Why it did not run to its end; empty: it did."""
    figures: dict[str, Any]
    """Of the newcomers."""
    did: dict[str, int]

    @property
    def missed(self) -> int:
        """Newcomers who heard nothing, or no longer."""
        return int(self.figures.get("never_heard", 0) + self.figures.get("lost", 0) + self.figures.get("broken", 0))


class Storms:
    """A thread that waits for `rostra rehearse`, again and again."""

    def __init__(self, whole: Whole, weather: Weather) -> None:
        self._whole, self._weather = whole, weather
        self._names = weather.names or [name for name in library() if _attacks(name)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seen: list[Storm] = []

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> list[Storm]:
        """No further ones; the last one goes to its end."""
        self._over.set()
        self._thread.join(PATIENCE_S + 120)
        return self.seen

    def _run(self) -> None:
        drawn = random.Random(self._weather.seed)
        while not self._over.is_set():
            self.seen.append(self._rehearse(drawn.choice(list(self._names))))
            self._over.wait(drawn.uniform(*self._weather.pause_s))

    def _rehearse(self, name: str) -> Storm:
        plans = [self._smaller(plan) for plan in _attacks(name)]
        lasts_s = max(plan["from_s"] + plan["for_s"] for plan in plans)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "attack.toml"
            file.write_text(_toml(name, plans))
            words = [
                ROSTRA, "rehearse", f"{self._whole.front}/r/{ROOM}", "--data", self._whole.data, "--quiet",
                "--listeners", self._weather.newcomers, "--over", lasts_s, "--hold", 3, "--attack", file,
                "--report", Path(folder) / "report", "--processes", 1,
            ]  # fmt: skip
            try:
                done = subprocess.run(
                    [str(w) for w in words], capture_output=True, text=True, check=False, timeout=lasts_s + PATIENCE_S,
                    cwd=ROOT,
                )  # fmt: skip
                found = json.loads((Path(folder) / "report" / "report.json").read_text())
            except (OSError, ValueError, subprocess.TimeoutExpired) as e:
                said = getattr(e, "stderr", None) or (done.stderr if "done" in locals() else "")
                return Storm(name, f"{type(e).__name__}: {said!s:.500}", {}, {})
        did: dict[str, int] = {}
        for cost in found["costs"]:
            for what, n in cost["did"].items():
                if isinstance(n, int):
                    did[what] = did.get(what, 0) + n
        return Storm(name, "; ".join(found["problems"]), found["figures"], did)

    def _smaller(self, plan: dict[str, Any]) -> dict[str, Any]:
        plan = {"from_s": 0, "for_s": 20, "connections": 500, **plan}
        if self._weather.at_most_s:
            plan |= {"from_s": min(plan["from_s"], 0.5), "for_s": min(plan["for_s"], self._weather.at_most_s)}
        if self._weather.at_most:
            plan["connections"] = min(plan["connections"], self._weather.at_most)
        return plan


@contextlib.contextmanager
def storming(whole: Whole, weather: Weather | None) -> Iterator[Storms | None]:
    """None: the sky stays clear."""
    if weather is None:
        yield None
        return
    storms = Storms(whole, weather)
    storms.start()
    try:
        yield storms
    finally:
        storms.finish()


def _attacks(name: str) -> list[dict[str, Any]]:
    return list(tomllib.loads((LIBRARY / f"{name}.toml").read_text()).get("attack", []))


def _toml(name: str, plans: Sequence[dict[str, Any]]) -> str:
    """JSON's strings and numbers are TOML's, too."""
    tables = ("[[attack]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in plan.items()) for plan in plans)
    return f"name = {json.dumps(name)}\n" + "".join(tables)
