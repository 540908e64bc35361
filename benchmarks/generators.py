"""The rehearsal's own generators, as a benchmark needs them: started on a core, and what they said put together."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.machine import cpu_s
from benchmarks.ours import ROOM
from rostra.rehearsal.counting import Histogram, Second
from rostra.rehearsal.crew import LocalCrew
from rostra.rehearsal.jobs import Job, crowd_jobs
from rostra.rehearsal.scenario import CrowdPlan
from rostra.rehearsal.target import Target

START_S = 3.0
"""Four interpreters on one core."""


@dataclass(slots=True)
class Told:
    """What generators said, by second."""

    seconds: dict[int, Second] = field(default_factory=dict)
    firsts: Histogram = field(default_factory=Histogram)
    totals: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    cpu_s: dict[int, float] = field(default_factory=dict)
    """All generators together, in each second."""

    def total(self, name: str) -> float:
        return float(sum(t[name] for t in self.totals))

    def counted(self, name: str) -> int:
        return sum(s.counters.get(name, 0) for s in self.seconds.values())

    def most(self, gauge: str) -> float:
        return max((s.gauges.get(gauge, 0.0) for s in self.seconds.values()), default=0.0)

    def in_order(self) -> list[tuple[int, Second]]:
        return sorted(self.seconds.items())

    def steady(self, of: int) -> list[int]:
        """Seconds in which all were in and nobody came."""
        return [
            n
            for n, s in self.in_order()
            if s.gauges.get("in", 0) >= of and not s.counters.get("asked") and n in self.cpu_s
        ]

    def take(self, _: Job, body: dict[str, Any]) -> None:
        if "total" in body:
            self.totals.append(body["total"])
        if "second" not in body:
            return
        self.seconds.setdefault(int(body["second"]), Second()).merge(Second.from_json(body))
        for counts in body.get("firsts", {}).values():
            self.firsts.merge(Histogram.from_json(counts))


def play(
    port: int, plan: CrowdPlan, processes: int, core: int, meanwhile: Callable[[int], None] = lambda second: None
) -> Told:
    """A crowd by so many processes on one core, until it is over; ``meanwhile`` is called once a second."""
    return asyncio.run(_play(port, plan, processes, core, meanwhile))


async def _play(port: int, plan: CrowdPlan, processes: int, core: int, meanwhile: Callable[[int], None]) -> Told:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/r/{ROOM}/state", timeout=5) as answer:
        state = json.load(answer)
    told, crew = Told(), LocalCrew()
    begin = time.time() + START_S
    target = Target("127.0.0.1", port, False, ROOM, ("127.0.0.1",))
    job = Job(target, begin, plan.over_s + plan.hold_s, float(state.get("epoch") or 0.0), plan)
    await crew.start(crowd_jobs(job, processes, (core,)), told.take)
    done = asyncio.create_task(crew.finished())
    await asyncio.sleep(max(0.0, begin - time.time()))
    before, number = cpu_s(*crew.pids), 0
    while number + 1 < job.hold_until_s:
        await asyncio.sleep(max(0.0, begin + number + 1 - time.time()))
        now = cpu_s(*crew.pids)
        told.cpu_s[number], before = now - before, now
        meanwhile(number)
        number += 1
    told.problems = await done
    return told
