"""A siege: some are in, an attack begins, the others come. What did those who are in notice, and those who came?

The server has one core for itself. The attacker has the other one, with the crowd, the bus and the feeder, which need
little of it; the crowd has precedence there, or it would measure how late it is itself. The attack is one of the
rehearsal's (``rostra.rehearsal``), carried out by its own processes: here they are aimed at what was just started.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

from benchmarks.crowd import Crowd, gathered
from benchmarks.machine import cpu_s, kernel_drops
from benchmarks.peers import Server
from benchmarks.programs import THEIRS, running, start
from rostra.rehearsal.jobs import Job
from rostra.rehearsal.scenario import AttackFile, AttackPlan
from rostra.rehearsal.target import Target
from rostra.rehearsal.weights import place

TRUSTED = tuple(f"127.{1 << bit}.0.0/{16 - bit}" for bit in range(7, -1, -1))
"""Where crowds and attackers connect from, 127.1 to 127.255: neighbours whose PROXY preambles are believed. We ask from
127.0.0.1, without one."""

WORLD = {"front_proxy_protocol": True, "front_trusted_proxies": TRUSTED}
"""Settings of an edge whose crowd comes from all over the world."""

NETWORKS = 5000
"""From so many."""

ASKED_FOR_WORK = 10
"""Of 10,000: in a rush a network above its share is asked for a proof of work, which this crowd does not do."""

STARTING_S = 2.5
"""Until an attacker's interpreter is there, with as many others at once as a mixture has."""

PRECEDENCE = -10
"""Niceness of the crowd."""

INSIDE, COMERS = 130, 150
"""First source addresses of those who are in, and of those who come."""

LONGEST_S = 600.0


@dataclass(frozen=True, slots=True)
class Siege:
    inside: int
    comers: int
    rate: float
    """Of those who come, a second. Those who are in came so fast, too."""
    path: str
    flush_s: float
    settled_s: float
    """Between the last of those who are in and the attack."""
    before_s: float
    """The attack is so old when the others come."""
    after_s: float
    """And goes on for so long when they all have sound."""
    mpeg_bit_rate: int = 0
    tls: bool = False
    world: int = 0
    """Networks of the crowd; 0: it is not proxied."""

    def crowd(self, port: int, listeners: int, block: int) -> Crowd:
        return Crowd(
            port, self.path, listeners, self.rate, start_buffer_s=2 * self.flush_s - 0.05, pinned=True, tls=self.tls,
            mpeg_bit_rate=self.mpeg_bit_rate, world=self.world, block=block, niceness=PRECEDENCE,
        )  # fmt: skip

    @property
    def attack_s(self) -> float:
        return self.before_s + self.comers / self.rate + self.after_s


@dataclass(slots=True)
class Attackers:
    children: list[Popen[str]]
    totals: list[dict[str, Any]]
    """What each of them did, when it is over."""

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(child.pid for child in self.children)


def besiege(
    siege: Siege, server: Server, attack: AttackFile | None, target: Target
) -> tuple[dict[str, float], dict[str, Any]]:
    """What came of it, and details."""
    drops = kernel_drops()
    with gathered(siege.crowd(server.port, siege.inside, INSIDE)) as inside:
        time.sleep(siege.settled_s)
        with attacking(attack, target, siege.attack_s) as attackers:
            before, begun = inside.mark(), time.monotonic()
            used = cpu_s(*server.pids), cpu_s(*attackers.pids)
            time.sleep(siege.before_s)
            with gathered(siege.crowd(server.port, siege.comers, COMERS)) as coming:
                time.sleep(siege.after_s)
                took = time.monotonic() - begun
                cores = (cpu_s(*server.pids) - used[0]) / took, (cpu_s(*attackers.pids) - used[1]) / took
                after = inside.mark()
                came = coming.finish()
        held = inside.finish()
    found = {
        "first sound p50": min(came.latency_ms("first_sound", 0.5), 99_999),
        "first sound p99": min(came.latency_ms("first_sound", 0.99), 99_999),
        "never heard": came.never,
        "lost": held.lost + came.lost,
        "underruns of those who were in": after["underruns"] - before["underruns"],
        "CPU of the server": cores[0],
        "CPU of the attacker": cores[1],
    }
    details = {
        "came": came.summary(), "were_in": held.summary(), "attack": attackers.totals,
        "kernel": {k: v - drops[k] for k, v in kernel_drops().items()},
    }  # fmt: skip
    return found, details


@contextlib.contextmanager
def attacking(attack: AttackFile | None, target: Target, seconds: float) -> Iterator[Attackers]:
    """The body begins with the attack, which ends with the body."""
    if attack is None:
        yield Attackers([], [])
        return
    plans, begin = squeezed(attack, seconds), time.time() + STARTING_S
    found = Attackers([], [])
    with contextlib.ExitStack() as stack:
        readers = []
        for number, plan in enumerate(plans):
            job = Job(target, begin, LONGEST_S, 0.0, attack=plan, worker=number, seed=number + 1)
            child = stack.enter_context(running(start([sys.executable, "-m", "rostra.rehearsal.process"], core=THEIRS)))
            placed = place(child.pid, max(1, attack.weight // len(plans)))  # all of them together are one attacker
            stack.callback(placed.remove)
            assert child.stdin
            child.stdin.write(json.dumps(job.to_json()) + "\n")
            child.stdin.flush()
            found.children.append(child)
            readers.append(threading.Thread(target=_read, args=(child, found), daemon=True))
            readers[-1].start()
        time.sleep(max(0.0, begin - time.time()))
        yield found
        for child in found.children:
            child.terminate()
        for reader in readers:
            reader.join(20)
        for child in found.children:
            child.wait(20)


def squeezed(attack: AttackFile, seconds: float) -> list[AttackPlan]:
    """Its plans, from now on. One that has times of its own takes as long as it is looked at; any other one stays."""
    plans = attack.attack
    first = min(plan.from_s for plan in plans)
    if len({(plan.from_s, plan.for_s) for plan in plans}) == 1:
        return [replace_times(plan, 0.0, LONGEST_S) for plan in plans]
    share = seconds / (attack.ends_s - first)
    return [replace_times(plan, (plan.from_s - first) * share, plan.for_s * share) for plan in plans]


def replace_times(plan: AttackPlan, from_s: float, for_s: float) -> AttackPlan:
    return plan.model_copy(update={"from_s": from_s, "for_s": for_s})


def _read(child: Popen[str], found: Attackers) -> None:
    assert child.stdout
    for line in child.stdout:
        body = json.loads(line)
        if "total" in body:
            found.totals.append({k: v for k, v in body["total"].items() if isinstance(v, int | float | str)})


def here(port: int, room: str, *, tls: bool = False, proxied: bool = False) -> Target:
    """What was started here."""
    return Target("127.0.0.1", port, tls, room, ("127.0.0.1",), proxied=proxied, verify=False)
