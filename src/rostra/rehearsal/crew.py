"""Generator processes on this machine: started, listened to, ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any, Protocol

from rostra.leash import leashed
from rostra.rehearsal.jobs import Job
from rostra.rehearsal.weights import Placed, place

LINE_BYTES = 64 * 1024 * 1024
"""The longest line is the last, with samples in it."""

ENDS_WITHIN_S = 20.0
"""Closing 15,000 connections and adding up takes a second; past this a process is killed."""

Told = Callable[[Job, dict[str, Any]], None]


class Crew(Protocol):
    """Whoever carries jobs out: processes here, or workers elsewhere."""

    async def start(self, jobs: list[Job], told: Told) -> None: ...

    async def finished(self) -> list[str]:
        """Returns when all are done: what went wrong, a sentence each."""
        ...

    def isolation(self) -> list[str]:
        """How attacks were kept to their share of the CPU, in words; known once it is finished."""
        ...

    def stop(self) -> None:
        """They are to end now; :meth:`finished` still gives what they found."""
        ...


class LocalCrew:
    def __init__(self, weight: int = 100) -> None:
        """:param weight: the CPU weight of attacks."""
        self._weight = weight
        self._running: list[tuple[asyncio.subprocess.Process, asyncio.Task[str]]] = []
        self.placed: list[Placed] = []
        self.pids: dict[int, str] = {}

    async def start(self, jobs: list[Job], told: Told) -> None:
        command = leashed([sys.executable, "-m", "rostra.rehearsal.process"])
        for job in jobs:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            )  # fmt: skip
            assert process.stdin
            process.stdin.write(json.dumps(job.to_json()).encode() + b"\n")
            self.pids[process.pid] = job.name
            if job.attack is not None:
                self.placed.append(place(process.pid, self._weight))
            self._running.append((process, asyncio.create_task(self._listen(process, job, told))))

    async def _listen(self, process: asyncio.subprocess.Process, job: Job, told: Told) -> str:
        assert process.stdout
        finished = False
        while line := await process.stdout.readline():
            with contextlib.suppress(ValueError):
                body = json.loads(line)
                finished = finished or "total" in body
                told(job, body)
        status = await process.wait()
        if status or not finished:
            how = f"by signal {-status}" if status < 0 else f"with status {status}"
            return (
                f"The generator {job.name} ended {how} before it was done. What it said until then is in the report, "
                "its listeners' totals are not. Rehearse once more; if memory ran out, with fewer listeners."
            )
        return ""

    async def finished(self) -> list[str]:
        problems = await asyncio.gather(*(task for _, task in self._running))
        for placed in self.placed:
            placed.remove()
        return [p for p in problems if p]

    def isolation(self) -> list[str]:
        return list(dict.fromkeys(placed.sentence for placed in self.placed))

    def stop(self) -> None:
        for process, _ in self._running:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
        asyncio.get_running_loop().call_later(ENDS_WITHIN_S, self._kill)

    def _kill(self) -> None:
        for process, _ in self._running:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
