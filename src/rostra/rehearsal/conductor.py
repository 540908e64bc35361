"""One rehearsal from its consent to its report: starts generators, listens to them, asks the target how it fares."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rostra import __version__
from rostra.errors import BadRequest, RostraError, Unavailable
from rostra.rehearsal import samples, summary
from rostra.rehearsal.counting import Histogram, Second
from rostra.rehearsal.crew import Crew, LocalCrew
from rostra.rehearsal.jobs import Job, crowd_jobs
from rostra.rehearsal.machine import Processes, facts
from rostra.rehearsal.objectives import judge
from rostra.rehearsal.scenario import AttackFile, AttackPlan, CrowdPlan, Kind
from rostra.rehearsal.summary import Log
from rostra.rehearsal.target import Refusal, Target, ask_consent, check_token, exchange, get
from rostra.units import WallTime

START_S = 2.0
"""Until the first arrival, and so much more for each process: an interpreter with its libraries takes half a second."""

START_EACH_S = 0.6

STARTERS = 6
"""More processes than this start no slower: they share the cores as it is."""

ASK_AGAIN_S = 10.0
"""How often consent is asked for while it runs: an operator who takes it back is heard."""

GONE_AFTER_S = 15
"""A target that has not answered for so long, and at which nobody is in, is gone: the rest would be noise."""

QUIET_S = 0.5
"""What edges take before anyone comes is looked at so often; the median counts, whatever else they had to do once."""

PROBE_WITHIN_S = 2.0

PROBE_IN_A_SECOND_S = 0.8
"""An answer that takes longer counts for the second in which it comes."""

LATE_AT_MOST_S = 600.0
"""A second that is told of longer after the end is none of this rehearsal's."""

AFTER_RETURN_S = 20.0
"""After a cut, so that everyone can be back: the longest that a client waits, and the way in."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What is to be rehearsed."""

    target: Target
    token: str
    crowd: CrowdPlan
    attacks: tuple[AttackFile, ...] = ()
    objectives: tuple[str, ...] = ()
    processes: int = 0
    """Generators of the crowd; 0: as many as open files ask for."""
    cores: tuple[int, ...] = ()
    """The CPUs that generators may use; empty: any."""
    source: NDArray[np.int16] | None = None
    """What is being played, to compare with."""

    @property
    def plans(self) -> list[AttackPlan]:
        return [plan for file in self.attacks for plan in file.attack]

    @property
    def seconds(self) -> float:
        crowd = self.crowd
        after_cut = AFTER_RETURN_S if crowd.arrivals.cut_s is not None else 0.0
        ends = max((file.ends_s for file in self.attacks), default=0.0)
        return max(crowd.over_s + after_cut + crowd.hold_s, ends + (5.0 if ends else 0.0))


@dataclass(slots=True)
class Progress:
    """What a person sees while it runs."""

    second: int
    seconds: float
    latest: Second = field(default_factory=Second)
    asked: int = 0
    heard: int = 0
    underruns: int = 0
    lost: int = 0
    waiting: int = 0
    attack: str = ""
    first_p99: float | None = None
    step: str = ""
    problem: str = ""


Show = Callable[[Progress], None]


class Rehearsal:
    """:meth:`run` it once."""

    def __init__(self, orders: Orders, crew: Crew | None = None, gone_after_s: int = GONE_AFTER_S) -> None:
        self.orders = orders
        self._gone_after_s = gone_after_s
        self.log = Log()
        self._local = LocalCrew(min((f.weight for f in orders.attacks), default=100))
        self._crew = crew or self._local
        self._consent = check_token(orders.token, orders.target, WallTime(time.time()))
        self._latest: dict[tuple[str, int], tuple[int, dict[str, float]]] = {}
        """What each job told last."""
        self._stopped = False
        self._unanswered = 0
        """Seconds without an answer."""
        self._step, self._flush_s = "open", 0.0
        self.problems: list[str] = []

    async def run(self, show: Show) -> dict[str, Any]:
        """The report. :raises RostraError: the target does not agree, or has no such room: nothing was sent."""
        orders = self.orders
        await asyncio.to_thread(ask_consent, orders.target, self._consent)
        state = await self._state()
        if state is None:
            raise BadRequest(
                f"There is no room {orders.target.room!r} at {orders.target.origin}, or it does not answer."
            )
        if state.get("state") in ("ended", "cancelled"):
            raise BadRequest(f"The room {orders.target.room!r} is over. Rehearse one that is on air.")
        processes = Processes(orders.target)
        jobs = self._jobs(state)
        begin = jobs[0].begin_wall
        await self._crew.start(jobs, self._told)
        for pid, name in self._local.pids.items():
            processes.add(pid, name)
        watching = asyncio.create_task(self._watch(begin, processes, show))
        try:
            self.problems += await self._crew.finished()
        except asyncio.CancelledError:
            self._crew.stop()
            self._event(time.time() - begin, "stopped by whoever started it")
            self.problems += await self._crew.finished()
            self.problems.append("It was stopped before its end.")
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        return self._report(begin, processes)

    def stop(self, why: str) -> None:
        if not self._stopped:
            self._stopped = True
            self.problems.append(why)
            self._crew.stop()

    # --- what is to be done ---

    def _jobs(self, state: dict[str, Any]) -> list[Job]:
        orders = self.orders
        count = min(STARTERS, (orders.processes or -(-orders.crowd.listeners // 15_000)) + len(orders.plans))
        begin = time.time() + START_S + START_EACH_S * count
        epoch = float(state.get("epoch") or 0.0)
        delay_s = float(state.get("delay_s") or 0.0)
        base = Job(orders.target, begin, orders.seconds, epoch + delay_s if epoch else 0.0, orders.crowd)
        jobs = crowd_jobs(base, orders.processes, orders.cores)
        for number, plan in enumerate(orders.plans):
            target = self._stage_door(orders.target) if plan.kind is Kind.STAGE_DOOR else orders.target
            jobs.append(replace(base, target=target, crowd=None, attack=plan, worker=number, seed=number + 1))
        return jobs

    def _stage_door(self, target: Target) -> Target:
        """The stage door, where the operator signed for it. Only on the addresses that answered."""
        host, _, port = self._consent.studio.rpartition("//")[2].rpartition(":")
        if not port.isdigit():
            return target
        return replace(
            target, host=host.strip("[]"), port=int(port), tls=self._consent.studio.startswith("https:"), proxied=False
        )

    # --- what is told ---

    def _told(self, job: Job, body: dict[str, Any]) -> None:
        log = self.log
        attack = job.attack is not None
        bots = job.attack is not None and job.attack.kind is Kind.BOTS
        if "total" in body:
            if bots:
                log.bot_totals.append(body["total"])
            if attack:
                log.attack_totals[job.worker] = {
                    k: v for k, v in body["total"].items() if isinstance(v, int | float | str)
                }
            else:
                log.totals.append(body["total"])
                log.samples += [base64.b64decode(s) for s in body.get("samples", [])]
            return
        if "second" not in body:
            return
        number, second = int(body["second"]), Second.from_json(body)
        if not 0 <= number <= self.orders.seconds + LATE_AT_MOST_S:
            return
        into = log.bots if bots else log.attacks.setdefault(job.worker, {}) if attack else log.crowd
        before, gauges = self._latest.get((job.name, job.seed), (number, {}))
        for missed in range(before + 1, number):  # it was kept from running: whoever was in still was
            still = Second()
            still.gauges = {name: value for name, value in gauges.items() if name in ("in", "waiting", "open")}
            into.setdefault(missed, Second()).merge(still)
        self._latest[job.name, job.seed] = number, second.gauges
        into.setdefault(number, Second()).merge(second)
        if not attack:
            for at, counts in body.get("firsts", {}).items():
                log.firsts.setdefault(int(at), Histogram()).merge(Histogram.from_json(counts))

    def _event(self, at: float, words: str) -> None:
        self.log.events.append([round(at, 1), words])

    # --- meanwhile ---

    async def _watch(self, begin: float, processes: Processes, show: Show) -> None:
        consent_at = begin + ASK_AGAIN_S
        processes.sample()
        quiet: list[dict[str, dict[str, float]]] = []
        while (left_s := begin - time.time()) > 0.0:
            await asyncio.sleep(min(QUIET_S, left_s))
            quiet.append(processes.sample())
        if len(quiet) > 2:
            self.log.idle = {name: median(s[name]["cpu_s"] for s in quiet if name in s) for name in quiet[-1]}
            self.log.rest = {name: seen["memory_bytes"] for name, seen in quiet[-1].items()}
        number = 0
        asking: asyncio.Task[dict[str, Any] | None] | None = None
        consenting: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(max(0.05, begin + number + 1 - time.time()))
                self.log.processes[number] = processes.sample()
                # A target that is slow to answer does not hold up the sampling: the question stays open meanwhile.
                asking = asking or asyncio.create_task(self._state())
                await asyncio.wait({asking}, timeout=PROBE_IN_A_SECOND_S)
                if asking.done():
                    self._answered(number, asking.result())
                    asking = None
                else:
                    self._answered(number, None)
                self._is_it_gone(number)
                if time.time() >= consent_at and not self._stopped and (consenting is None or consenting.done()):
                    consent_at = time.time() + ASK_AGAIN_S
                    consenting = asyncio.create_task(self._still_agrees())
                show(self._progress(number, self._step))
                number = max(number + 1, int(time.time() - begin))
        finally:
            for task in (asking, consenting):
                if task is not None:
                    task.cancel()

    def _answered(self, number: int, state: dict[str, Any] | None) -> None:
        """What ``/state`` said in this second; None: nothing."""
        if state is None:
            self._unanswered += 1
            if self._unanswered == 3:
                self._event(number, "the target does not answer")
            return
        if self._unanswered >= 3:
            self._event(number, "the target answers again")
        self._unanswered = 0
        door = state.get("door")
        step = str(door.get("step", "open")) if isinstance(door, dict) else "open"
        self.log.probes[number] = {
            "flush_s": state.get("flush_s"), "listening": state.get("listening"),
            "room": state.get("state"), "step": step,
        }  # fmt: skip
        if step != self._step:
            self._event(number, f"the door: {step}")
        if state.get("flush_s") not in (None, self._flush_s):
            self._event(number, f"flush {state['flush_s']:g} s")
        self._step, self._flush_s = step, float(state.get("flush_s") or 0.0)

    def _is_it_gone(self, number: int) -> None:
        latest = self.log.crowd.get(max(self.log.crowd, default=-1), Second())
        if self._unanswered >= self._gone_after_s and not latest.gauges.get("in"):
            self._event(number, "the target went away")
            self.stop(f"The target went away: it has not answered for {self._unanswered} s, and nobody is in.")

    async def _still_agrees(self) -> None:
        try:
            await asyncio.to_thread(ask_consent, self.orders.target, self._consent)
        except Refusal:
            self.stop("The target took its consent back while it was being rehearsed.")
        except Unavailable:
            pass  # it has enough to do

    async def _state(self) -> dict[str, Any] | None:
        target = self.orders.target
        try:
            status, body = await asyncio.to_thread(
                exchange, target, target.addresses[0], get(target, f"{target.path}/state"), PROBE_WITHIN_S
            )
            found = json.loads(body) if status == 200 else None
        except (RostraError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _progress(self, number: int, step: str) -> Progress:
        log = self.log
        progress = Progress(number, self.orders.seconds, step=step)
        for n, second in log.crowd.items():
            progress.asked += second.counters.get("asked", 0)
            progress.heard += second.counters.get("heard", 0)
            progress.underruns += second.counters.get("underruns", 0)
            progress.lost += second.counters.get("lost", 0)
            if n == max(log.crowd):
                progress.latest = second
                progress.waiting = round(second.gauges.get("waiting", 0))
        lately = Histogram.sum(h for n, h in log.firsts.items() if n >= number - 10)
        progress.first_p99 = lately.quantile(0.99)
        now = [p.kind.value for p in self.orders.plans if p.from_s <= number < p.from_s + p.for_s]
        progress.attack = ", ".join(dict.fromkeys(now))
        progress.problem = "the target does not answer" if self._unanswered >= 3 else ""
        return progress

    def _at_rest(self) -> tuple[float, float]:
        """Cores and bytes that the target's edges used before anyone came."""
        idle = sum(cores for name, cores in self.log.idle.items() if name.startswith("edge"))
        return idle, sum(size for name, size in self.log.rest.items() if name.startswith("edge"))

    # --- what it came to ---

    def _report(self, begin: float, processes: Processes) -> dict[str, Any]:
        orders, log = self.orders, self.log
        seconds = summary.series(log)
        figures = summary.figures(log, seconds)
        objectives = judge(orders.objectives, figures)
        firsts = Histogram.sum(log.firsts.values())
        return {
            "version": 1,
            "rostra": __version__,
            "made": datetime.fromtimestamp(begin, UTC).isoformat(timespec="seconds"),
            "target": {"origin": orders.target.origin, "room": orders.target.room, "tls": orders.target.tls},
            "machine": facts(),
            "same_machine": processes.local,
            "crowd": orders.crowd.model_dump(mode="json"),
            "attacks": [file.model_dump(mode="json") for file in orders.attacks],
            "isolation": self._crew.isolation(),
            "figures": figures,
            "first_sound": firsts.to_json(),
            "latency": Histogram.sum(s.latency for s in log.crowd.values()).to_json(),
            "costs": summary.costs(log, orders.attacks),
            "samples": samples.judge(log.samples, orders.source),
            "measured": summary.measured(seconds, processes.edges(), orders.plans, *self._at_rest()),
            "events": log.events,
            "objectives": objectives,
            "problems": self.problems,
            "passed": not self.problems and all(o["passed"] for o in objectives),
            "seconds": seconds,
        }
