"""``rostra demo``: serve, a room that is open, and a process of its own in which those who speak live.

The voices come in as any speaker does, by WebRTC through links of their own; what a demonstration shows is the path.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from rostra.config import Settings, local_url
from rostra.demo.plan import Part, Plan, forget, from_second, is_there
from rostra.demo.voices import NAMES, conversation
from rostra.errors import Conflict, RostraError, Unavailable
from rostra.keys import operator_token
from rostra.processes.child import run
from rostra.processes.serve import Addresses, serve
from rostra.publishing.feed import Feed
from rostra.publishing.link import Presence, read_seat_link
from rostra.publishing.publisher import Publisher
from rostra.publishing.sound import frames
from rostra.supervision.children import Child, environment

T = TypeVar("T")

ROOM, TITLE = "demo", "Two voices, made of numbers"

READY_WITHIN_S = 20.0
ON_AIR_WITHIN_S = 60.0

PLAN_POLL_S = 0.05

FOR_EVER_S = 1e9
"""A voice of the demonstration never gives up."""


@dataclass(frozen=True, slots=True)
class _Doors:
    """Where we reach the doors ourselves, whatever address the public uses; and with which right."""

    front: str
    studio: str
    operator: dict[str, str]

    @classmethod
    def of(cls, settings: Settings, addresses: Addresses) -> _Doors:
        found = {}
        for name, door in (("front", settings.front), ("studio", settings.studio)):
            local = local_url(settings.scheme, door.host, door.port)
            found[name] = local if door.public_url else getattr(addresses, name)
        return cls(**found, operator={"Authorization": f"Bearer {operator_token(Path(settings.data))}"})


@dataclass(frozen=True, slots=True)
class OnAir:
    """What there is to open."""

    addresses: Addresses
    room: str
    links: dict[str, str]


Tell = Callable[[str], None]


async def demo(
    settings: Settings, stop: asyncio.Event, play: str, tell: Tell, on_air: Callable[[OnAir], Awaitable[None]]
) -> None:
    """Serves until ``stop``; ``tell`` gets what happens while it starts, ``on_air`` is awaited when it is heard.

    :param play: a file or an address to play in a loop instead of the two voices; empty for the voices.
    :raises RostraError: if it cannot be.
    """
    plan_file = Path(settings.data) / "run" / "demo.json"
    command = [sys.executable, "-m", "rostra.processes.demo", str(plan_file), "file" if play else "voices"]
    speaking = Child("voices", lambda: command, environment(settings.model_dump_json(), os.environ))

    async def on_ready(addresses: Addresses) -> None:
        tell("both doors answer; opening the room")
        async with httpx.AsyncClient(timeout=15.0, verify=False, trust_env=False) as client:  # noqa: S501 (our own)
            doors = _Doors.of(settings, addresses)
            room = await _patiently(lambda: _open_room(client, doors))
            plan = await _patiently(lambda: _plan(client, doors, room["id"], play))
            tell("the file takes its seat" if play else "the voices take their seats")
            plan.write(plan_file)
            await _until_heard(client, doors, room["id"], {part.name for part in plan.parts})
        await on_air(OnAir(addresses, room["id"], room["links"]))

    async def leave_when_told() -> None:
        await stop.wait()
        await speaking.stop()

    leaving = asyncio.create_task(leave_when_told())
    tell("starting the bus, the doors and the stage")
    try:
        forget(plan_file)
        speaking.start()  # what it needs is made while the doors open; then it waits for its plan
        await serve(settings, stop, on_ready)
    finally:
        stop.set()
        await leaving
        forget(plan_file)


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """The doors answer before the bus has found everything again: what is unavailable may be there in a moment."""
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            return await ask()
        except (Unavailable, httpx.TransportError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.3)


async def _open_room(client: httpx.AsyncClient, doors: _Doors) -> dict[str, Any]:
    """The room ``demo`` of an earlier run if it is not over, a new one otherwise; its doors open."""
    api = f"{doors.studio}/api/rooms"
    found = await client.get(f"{api}/{ROOM}", headers=doors.operator)
    if found.status_code == 404:
        found = await client.post(api, json={"title": TITLE, "id": ROOM}, headers=doors.operator)
    elif found.is_success and found.json()["state"] in ("ended", "cancelled"):
        found = await client.post(api, json={"title": f"{TITLE}, again"}, headers=doors.operator)
    room: dict[str, Any] = _good(found)
    _good(await client.post(f"{api}/{room['id']}/open", headers=doors.operator))
    return room


async def _plan(client: httpx.AsyncClient, doors: _Doors, room: str, play: str) -> Plan:
    """A personal link for each who speaks, so that the room's own links stay free for people."""
    wanted = [(Path(play).stem[:60] or "A file", "", play)] if play else [(NAMES[v], v, "") for v in NAMES]
    parts = []
    for name, voice, file in wanted:
        body = {"role": "speaker", "name": name}
        made = _good(await client.post(f"{doors.studio}/api/rooms/{room}/links", json=body, headers=doors.operator))
        link = read_seat_link(made["link"])
        parts.append(Part(f"{doors.studio}/speak/{room}#t={link.token}", name, voice, file))
    return Plan(tuple(parts), verify=False)


async def _until_heard(client: httpx.AsyncClient, doors: _Doors, room: str, names: set[str]) -> None:
    """Everyone of ``names`` is on the stage and the room is live: a record of an earlier run may say so all along.

    :raises Unavailable: if it is not so in time.
    """
    deadline = time.monotonic() + ON_AIR_WITHIN_S
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError, ValueError, KeyError, TypeError):
            people = await client.get(f"{doors.studio}/api/rooms/{room}/people", headers=doors.operator)
            if people.is_success:
                here = {seat["name"] for seat in people.json()["seats"] if seat["state"] == "here"}
                state = (await client.get(f"{doors.front}/r/{room}/state")).json().get("state")
                if names <= here and state == "live":
                    return
        await asyncio.sleep(0.2)
    raise Unavailable(f"The room {room} is open, but no voice was heard in it for {ON_AIR_WITHIN_S:.0f} s.")


def _good(answer: httpx.Response) -> Any:
    """:raises RostraError: with the studio's own sentence."""
    if answer.is_success:
        return answer.json()
    detail = ""
    with contextlib.suppress(ValueError, AttributeError):
        detail = str(answer.json().get("detail") or "")
    raise (Conflict if answer.status_code == 409 else RostraError)(
        detail or f"The studio answered {answer.status_code}."
    )


# --- the process of those who speak -----------------------------------------------------------------------------------


async def speak(plan_file: Path, voices: bool, stop: asyncio.Event) -> None:
    """Waits for the plan, speaks until ``stop``, and leaves every seat.

    :raises RostraError: if one of them is refused, or the file cannot be read.
    """
    tracks = await asyncio.to_thread(conversation) if voices else {}
    while not is_there(plan_file):
        if stop.is_set():
            return
        await asyncio.sleep(PLAN_POLL_S)
    plan = Plan.read(plan_file)
    began = time.monotonic()
    speaking = []
    for part in plan.parts:
        if part.voice:
            track = tracks[part.voice]
            feed = Feed(lambda track=track: from_second(track, time.monotonic() - began))  # type: ignore[misc]
        else:
            feed = Feed(lambda file=part.file: frames(file), repeat=True)  # type: ignore[misc]
        publisher = Publisher(
            read_seat_link(part.link),
            feed,
            who=Presence(name=part.name),
            patience_s=FOR_EVER_S,
            live=bool(part.voice),
            verify=plan.verify,
        )
        speaking.append(asyncio.create_task(publisher.run()))
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait((*speaking, stopping), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (*speaking, stopping):
            task.cancel()
        await asyncio.gather(*speaking, stopping, return_exceptions=True)


def main(plan_file: str, kind: str) -> int:
    async def work(settings: Settings, stop: asyncio.Event) -> None:
        await speak(Path(plan_file), kind == "voices", stop)

    return run("voices", work)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
