"""Generators on many machines: they wait on NATS for a job, and say each second what happened.

A worker trusts nobody on the bus: it checks the token of each rehearsal and asks the target itself before it sends
anything else, so that whoever can write to the bus cannot turn it on a stranger. Subjects:

* ``rehearsal.workers``: who conducts asks, each worker that is free answers with its name and cores;
* ``rehearsal.worker.NAME``: jobs, as ``{"rehearsal", "token", "front", "jobs": [...], "weight"}``; answered when they
  are accepted;
* ``rehearsal.told.ID``: what each job says; ``rehearsal.stop.ID``: end now.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from rostra.errors import BadToken, BusUnavailable, EnvironmentFault, RostraError
from rostra.rehearsal.crew import LocalCrew, Told
from rostra.rehearsal.jobs import Job, read_job
from rostra.rehearsal.target import Target, ask_consent, check_token
from rostra.units import WallTime
from rostra.wire.rehearsals import Consent

log = logging.getLogger("rostra.rehearsal")

ASK = "rehearsal.workers"
FOUND_WITHIN_S = 1.0
ACCEPTED_WITHIN_S = 15.0
"""The target is asked for its consent in this time, by every worker."""

SAID_BYTES = 900_000
"""Below NATS's largest message, 1 MiB; samples that are larger stay where they are."""

DONE_WITHIN_S = 30.0
"""After the last second of a rehearsal."""

SILENT_S = 15.0
"""A worker says something each second: one that has not for so long is dead, or has lost the bus."""


async def _connect(url: str, name: str) -> Client:
    try:
        return await nats.connect(url, name=name, connect_timeout=5, max_reconnect_attempts=-1)
    except (OSError, nats.errors.Error) as e:
        raise BusUnavailable(f"No NATS server answers at {url}.") from e


class Worker:
    """``rostra rehearse --worker``: one rehearsal at a time, until it is told to end."""

    def __init__(self, url: str, say: Callable[[str], None]) -> None:
        self._url, self._say = url, say
        self.name = f"{socket.gethostname()}-{os.getpid()}".replace(".", "-")
        self._busy = False

    async def run(self, stop: asyncio.Event) -> None:
        """:raises BusUnavailable: there is no bus."""
        client = await _connect(self._url, f"rehearsal {self.name}")
        self._client = client
        await client.subscribe(ASK, cb=self._asked)
        await client.subscribe(f"rehearsal.worker.{self.name}", cb=self._taken)
        self._say(f"worker {self.name} waits for a rehearsal at {self._url}")
        await stop.wait()
        await client.close()

    async def _asked(self, message: Msg) -> None:
        if not self._busy:
            body = {"name": self.name, "cores": len(os.sched_getaffinity(0))}
            await message.respond(json.dumps(body).encode())

    async def _taken(self, message: Msg) -> None:
        if self._busy:
            await message.respond(b'{"error": "This worker is busy with another rehearsal."}')
            return
        self._busy = True
        try:
            body = json.loads(message.data)
            jobs = [read_job(json.dumps(j).encode()) for j in body["jobs"]]
            identity = str(body["rehearsal"])
            target = read_job(json.dumps(body["front"]).encode()).target
            consent = check_token(str(body["token"]), target, WallTime(time.time()))
            await asyncio.to_thread(ask_consent, target, consent)
            check_others(jobs, target, consent)
        except (RostraError, ValueError, KeyError, TypeError) as e:
            self._busy = False
            await message.respond(json.dumps({"error": f"{self.name}: {e}"}).encode())
            return
        await message.respond(b"{}")
        self._say(f"rehearses {jobs[0].target.origin} with {len(jobs)} processes")
        self._task = asyncio.create_task(self._work(identity, jobs, int(body.get("weight", 100))))

    async def _work(self, identity: str, jobs: list[Job], weight: int) -> None:
        client, crew = self._client, LocalCrew(weight)

        def told(job: Job, body: dict[str, Any]) -> None:
            data = json.dumps({"job": jobs.index(job), "worker": self.name, "body": body}).encode()
            if len(data) > SAID_BYTES:
                data = json.dumps(
                    {"job": jobs.index(job), "worker": self.name, "body": {**body, "samples": []}}
                ).encode()
            sending.append(asyncio.create_task(client.publish(f"rehearsal.told.{identity}", data)))
            del sending[:-100]

        sending: list[asyncio.Task[None]] = []
        stopping = await client.subscribe(f"rehearsal.stop.{identity}", cb=_calling(crew.stop))
        try:
            await crew.start(jobs, told)
            problems = await crew.finished()
            await asyncio.gather(*sending, return_exceptions=True)
            done = {"done": True, "worker": self.name, "problems": problems, "isolation": crew.isolation()}
            await client.publish(f"rehearsal.told.{identity}", json.dumps(done).encode())
            await client.flush()
        finally:
            await stopping.unsubscribe()
            self._busy = False
            self._say("waits for the next")


def _speaks_from(job: Job) -> float:
    """The second from which on it says something each second."""
    return job.attack.from_s if job.attack is not None else 0.0


def check_others(jobs: list[Job], front: Target, consent: Consent) -> None:
    """Jobs go to the front door that has agreed, or to the stage door its operator signed for, on the same addresses.

    :raises BadToken: one goes elsewhere.
    """
    for job in jobs:
        target = job.target
        stage_door = target.origin == consent.studio and set(front.addresses) >= set(target.addresses)
        if target != front and not stage_door:
            raise BadToken(f"This token does not allow anything to be sent to {target.origin}.")


def _calling(what: Callable[[], None]) -> Callable[[Msg], Any]:
    async def call(_: Msg) -> None:
        what()

    return call


class WorkerCrew:
    """Jobs spread over workers elsewhere (``crew.Crew``)."""

    def __init__(self, url: str, least: int, token: str, weight: int) -> None:
        """:param least: workers that must be found."""
        self._url, self._least, self._token, self._weight = url, least, token, weight
        self._identity = secrets.token_hex(8)
        self._waiting: dict[str, asyncio.Event] = {}
        self._problems: list[str] = []
        self._ends_at = 0.0
        self._heard_at: dict[str, float] = {}
        self._isolation: list[str] = []
        self._client: Client | None = None

    async def start(self, jobs: list[Job], told: Told) -> None:
        """:raises EnvironmentFault: too few workers, or one that does not agree."""
        client = self._client = await _connect(self._url, "rehearsal conductor")
        names = await self._find(client)
        if len(names) < self._least:
            raise EnvironmentFault(
                f"{len(names)} workers answer at {self._url}, {self._least} are needed. "
                "Start more: rostra rehearse --worker --nats URL"
            )
        front = next(job for job in jobs if job.crowd is not None)
        shares: dict[str, list[Job]] = {name: [] for name in names}
        for number, job in enumerate(jobs):
            shares[names[number % len(names)]].append(job)
        shares = {name: share for name, share in shares.items() if share}
        begin = jobs[0].begin_wall
        self._ends_at = begin + jobs[0].hold_until_s + DONE_WITHIN_S
        # An attack that begins later says nothing until then.
        self._heard_at = {name: begin + min(_speaks_from(job) for job in share) for name, share in shares.items()}

        async def said(message: Msg) -> None:
            with contextlib.suppress(ValueError, KeyError, TypeError, IndexError, AttributeError):  # of somebody else
                body = json.loads(message.data)
                name = str(body["worker"])
                self._heard_at[name] = max(self._heard_at[name], time.time())
                if body.get("done"):
                    self._problems += [f"{name}: {p}" for p in body["problems"]]
                    self._isolation += [f"{name}: {words}" for words in body.get("isolation", ())]
                    self._waiting[name].set()
                else:
                    told(shares[name][int(body["job"])], body["body"])

        await client.subscribe(f"rehearsal.told.{self._identity}", cb=said)
        for name, share in shares.items():
            self._waiting[name] = asyncio.Event()
            body = {
                "rehearsal": self._identity, "token": self._token, "weight": self._weight,
                "jobs": [job.to_json() for job in share], "front": front.to_json(),
            }  # fmt: skip
            if problem := await self._give(client, name, body):
                await client.publish(f"rehearsal.stop.{self._identity}", b"")
                await client.close()
                raise EnvironmentFault(problem)

    async def _give(self, client: Client, name: str, body: dict[str, Any]) -> str:
        """Why it was not taken; empty: it was."""
        data = json.dumps(body).encode()
        try:
            answer = json.loads((await client.request(f"rehearsal.worker.{name}", data, ACCEPTED_WITHIN_S)).data)
        except (nats.errors.Error, ValueError):
            return f"The worker {name} does not answer any more."
        return str(answer.get("error", ""))

    async def _find(self, client: Client) -> list[str]:
        found: dict[str, int] = {}

        async def answered(message: Msg) -> None:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                body = json.loads(message.data)
                found[str(body["name"])] = int(body["cores"])

        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox, cb=answered)
        await client.publish(ASK, b"", reply=inbox)
        await asyncio.sleep(FOUND_WITHIN_S)  # all who answer are used, not only the first
        await subscription.unsubscribe()
        return sorted(found)

    async def finished(self) -> list[str]:
        await asyncio.gather(*(self._done(name) for name in self._waiting))
        if self._client is not None:
            await self._client.close()
        return self._problems

    async def _done(self, name: str) -> None:
        """Returns when it is, or when there is nothing left to wait for."""
        while not self._waiting[name].is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._waiting[name].wait()
                return
            now = time.time()
            if now - self._heard_at[name] > SILENT_S:
                self._problems.append(
                    f"The worker {name} fell silent: nothing came from it for {now - self._heard_at[name]:.0f} s. Its "
                    "listeners count until then. Look at that machine, start it again, and rehearse once more."
                )
                return
            if now > self._ends_at:
                self._problems.append(f"The worker {name} never said that it was done.")
                return

    def isolation(self) -> list[str]:
        return self._isolation

    def stop(self) -> None:
        if self._client is not None:
            self._stopping = asyncio.get_running_loop().create_task(
                self._client.publish(f"rehearsal.stop.{self._identity}", b"")
            )
