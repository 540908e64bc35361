"""Visitors who do what the door asks of them: a rehearsal's crowd, and afterwards what became of each.

``python -m benchmarks.visitors FILE``: a job of a rehearsal on standard input (one line), ``leave_from_s`` and
``leave_s`` beside it (so many of those inside go a second, from then on); its rows go into FILE, its seconds to
standard output. Challenges are solved in a process beside each, as a rehearsal's are: a browser's work done by one core
for all of them, so benchmarks ask for less of it than a browser would be.
They share a core: the edges have the other one for themselves, as if browsers were elsewhere.
"""

from __future__ import annotations

import contextlib
import gc
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import numpy as np
from numpy.typing import NDArray

from benchmarks.programs import THEIRS, running, start
from rostra.rehearsal.counting import Second
from rostra.rehearsal.generator import Generator
from rostra.rehearsal.jobs import Job, read_job
from rostra.rehearsal.listener import Listener, State
from rostra.rehearsal.scenario import CrowdPlan
from rostra.rehearsal.target import Target
from rostra.wire.passes import Line

LIGHT_WORK = [100, 100]
"""``door.challenge_trials`` where thousands of browsers share one core: 3 ms a challenge. Whoever waits pays it."""

STARTING_S = 2.5

NEVER = -1.0

_ROW = np.dtype(
    [
        ("asked_s", np.float64),  # all since the first of the whole crowd was due
        ("first_s", np.float64),  # first sound; NEVER
        ("inside", np.bool_),  # at the end
        ("underruns", np.int32),
        ("line", np.int32),  # wire.passes.Line; -1: had no number
        ("rank", np.int64),
    ]
)


@dataclass(frozen=True, slots=True)
class Visitors:
    """How they come. All of them have one clock."""

    target: Target
    plan: CrowdPlan
    stay_s: float
    """Until it is over, since the first came."""
    processes: int = 1
    leave_from_s: float = 0.0
    leave_s: float = 0.0
    """So many a second of those inside, from ``leave_from_s`` on."""


@dataclass(frozen=True, slots=True)
class Became:
    rows: NDArray[np.void]
    seconds: list[dict[str, float]]
    """Counters and gauges of each second, of all processes together."""

    @property
    def in_within(self) -> NDArray[np.float64]:
        """How long each waited for sound; infinite: in vain."""
        first = self.rows["first_s"]
        return np.where(first == NEVER, np.inf, first - self.rows["asked_s"])

    def count(self, name: str) -> float:
        return sum(second.get(name, 0) for second in self.seconds)


@contextlib.contextmanager
def coming(*groups: Visitors) -> Iterator[list[Became]]:
    """All groups, on one clock. The body begins when it is over."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        begin = time.time() + STARTING_S
        started: list[list[tuple[Popen[str], Path]]] = []
        for i, group in enumerate(groups):
            started.append([])
            for worker in range(group.processes):
                file = Path(name) / f"{i}-{worker}.npy"
                command = [sys.executable, "-m", "benchmarks.visitors", file]
                child = stack.enter_context(running(start(command, core=THEIRS)))
                job = Job(
                    group.target, begin, group.stay_s, 0.0, group.plan, worker=worker, workers=group.processes
                ).to_json()
                job |= {"leave_from_s": group.leave_from_s, "leave_s": group.leave_s / group.processes}
                assert child.stdin
                child.stdin.write(json.dumps(job) + "\n")
                child.stdin.flush()
                started[-1].append((child, file))
        yield [_gather(children) for children in started]


def _gather(children: list[tuple[Popen[str], Path]]) -> Became:
    rows, seconds = [], list[dict[str, float]]()
    for child, file in children:
        assert child.stdout
        said = json.loads(child.stdout.readline() or "[]")
        if child.wait(60):
            raise RuntimeError(f"visitors ended with {child.returncode}")
        rows.append(np.load(file))
        for n, second in enumerate(said):
            if n == len(seconds):
                seconds.append({})
            for key, value in second.items():
                seconds[n][key] = seconds[n].get(key, 0) + value
    return Became(np.concatenate(rows), seconds)


# The process.


def main() -> None:
    body = json.loads(sys.stdin.buffer.readline())
    leave_from_s, leave_s = float(body.pop("leave_from_s")), float(body.pop("leave_s"))
    job = read_job(json.dumps(body).encode())
    assert job.crowd
    begin = time.monotonic() + job.begin_wall - time.time()
    seconds: list[dict[str, float]] = []
    chance = random.Random(job.worker)

    def told(second: Second) -> None:
        seconds.append({**second.counters, **second.gauges})
        if leave_s and driver.now - begin >= leave_from_s:
            inside = [who for who in driver.everyone if who.heard and who.state is State.LISTENING]
            for who in chance.sample(inside, min(len(inside), round(leave_s))):
                driver._go(who)

    driver = Generator(job.target, job.crowd, begin, told, worker=job.worker, workers=job.workers)
    gc.disable()  # as a rehearsal's: it would walk over all of them in the middle of a flush
    driver.run(begin + job.hold_until_s)
    inside = [who.state is State.LISTENING and who.heard for who in driver.everyone]
    driver.finish()
    rows = [_row(who, begin, there) for who, there in zip(driver.everyone, inside, strict=True)]
    np.save(sys.argv[1], np.array(rows, _ROW))
    print(json.dumps(seconds), flush=True)


def _row(who: Listener, begin: float, inside: bool) -> tuple[float, float, bool, int, int, int]:
    asked_s, first_s = who.began - begin, who.player.first_sound_s
    lines = {line.label: int(line) for line in Line}
    line, rank = (lines.get(who.pass_.line, -1), who.pass_.rank) if who.pass_ is not None else (-1, -1)
    return asked_s, asked_s + first_s if first_s >= 0 else NEVER, inside, who.player.underruns, line, rank


if __name__ == "__main__":
    main()
