"""A stage door on a real bus, with the other ends of the bus played by the test: a supervisor and stages that note what
they are asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from rostra.bus.client import Bus
from rostra.bus.server import NatsServer
from rostra.catalog import Catalog
from rostra.config import Settings
from rostra.errors import NotFound, RostraError, Unsupported
from rostra.keys import make_keys, operator_token, private_key
from rostra.studio.app import Office, make_app, wall_clock
from rostra.studio.limits import Rate, Rates
from rostra.studio.links import Links
from rostra.studio.rights import Rights
from rostra.units import Role, RoomState, WallTime
from rostra.wire.rooms import Room

STUDIO, FRONT = "http://studio.test", "http://front.test"

OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
SDP = {"Content-Type": "application/sdp"}


ANN = {"id": "s1", "name": "Ann", "role": "speaker", "session": "whip-1", "state": "here", "muted": False}
PNG = b"\x89PNG\r\n\x1a\nnot really"


def a_room(name: str = "main", at: float | None = None) -> Room:
    now = wall_clock()
    return Room(name, "A talk", RoomState.SCHEDULED, now if at is None else WallTime(at), now)


class Workshop:
    """Makes pictures without looking at them."""

    async def prepare(self, data: bytes, purpose: str) -> tuple[str, bytes]:
        if not data.startswith(PNG[:8]):
            raise Unsupported("That is no picture.")
        return f"{hashlib.sha256(data).hexdigest()[:32]}.webp", data

    async def card(
        self, title: str, when_text: str, speakers: Sequence[str], picture: bytes | None
    ) -> tuple[str, bytes]:
        made = f"{title}|{when_text}|{speakers}|{picture!r}".encode()
        return f"{hashlib.sha256(made).hexdigest()[:32]}.png", made


@dataclass
class OtherEnds:
    """The supervisor, and the stage of each room that it opened."""

    bus: Bus
    opened: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, dict[str, Any] | RostraError] = field(default_factory=dict)
    seats: list[dict[str, Any]] = field(default_factory=lambda: [dict(ANN)])
    opens: bool = True
    ends_rooms: bool = True

    async def supervisor(self, body: dict[str, Any]) -> dict[str, Any]:
        room = body["room"]
        self.opened.append(room)
        if self.opens:
            await self.stage_for(room)
        return {"ok": {"room": room}}

    async def stage_for(self, room: str) -> None:
        async def stage(body: dict[str, Any]) -> dict[str, Any]:
            if body["op"] != "people":
                self.asked.append({"room": room, **body})
            if isinstance(answer := self.answers.get(body["op"]), RostraError):
                raise answer
            if answer is not None:
                return answer
            match body["op"]:
                case "people":
                    return {"seats": self.seats}
                case "me":
                    return {"seat": self.seats[0], "notes": [{"n": 1, "kind": "muted"}]}
                case "whip" | "whep":
                    return {"sdp": "v=0\r\nanswer", "session": f"{body['op']}-1"}
                case "end" if self.ends_rooms:
                    record, revision = await self.bus.get_room(room)
                    await self.bus.update_room(record.with_(state=RoomState.ENDED, ended=wall_clock()), revision)
                    return {"ok": True}
                case "end" | "mute" | "hangup" | "mute_all" | "remove" | "ask_unmute" | "note" | "start" | "dump":
                    return {"ok": True}
                case "mute_self" | "unmute_self":
                    return {"ok": True}
            raise NotFound("There is no such thing.")

        await self.bus.serve(f"stage.{room}.call", stage)


@dataclass
class Door:
    """The application with a client, and rooms by name."""

    app: FastAPI
    office: Office
    client: httpx.AsyncClient
    others: OtherEnds
    operator: dict[str, str]
    key: Ed25519PrivateKey

    async def room(self, name: str = "main", state: RoomState = RoomState.SCHEDULED) -> Room:
        room = await self.office.rooms.create(a_room(name), exactly=True)
        if state is not RoomState.SCHEDULED:
            _, revision = await self.others.bus.get_room(name)
            room = room.with_(state=state)
            await self.others.bus.update_room(room, revision)
        return room

    async def token(self, role: Role, room: str = "main", name: str = "") -> dict[str, str]:
        record = await self.office.rooms.get(room)
        link = self.office.links.invite(record, role, name, record.shared_identity(role))
        return {"Authorization": f"Bearer {link.partition('t=')[2]}"}


def bearer(link: str) -> dict[str, str]:
    """The field that goes with a link."""
    return {"Authorization": f"Bearer {link.partition('t=')[2]}"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path / "bus")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    (folder / "assets").mkdir(parents=True)
    (folder / "host.html").write_text("<!doctype html><title>Host</title>")
    (folder / "speak.html").write_text("<!doctype html><title>Speak</title>")
    (folder / "assets" / "host-abc.js").write_text("1;")
    manifest = {
        "pages": {"host": "host.html", "speak": "speak.html", "room": "room.html"},
        "assets": {"/assets/host-abc.js": {"type": "text/javascript", "size": 2}, "/../evil": {"type": "x", "size": 1}},
        "csp": {"host": "default-src 'none'; script-src 'self'"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def settings() -> Settings:
    return Settings.model_validate({"studio": {"public_url": STUDIO}, "front": {"public_url": FRONT}})


OFTEN = Rate(100_000.0, 100_000)


@asynccontextmanager
async def opened(
    url: str, folder: Path, pages: Path, settings: Settings, rates: Rates | None = None
) -> AsyncIterator[Door]:
    """A stage door on the bus at ``url``."""
    make_keys(folder)
    key = private_key(folder)
    bus = await Bus.connect(url, "studio", 10)
    others = OtherEnds(await Bus.connect(url, "others", 10))
    await others.bus.serve("supervisor.stage", others.supervisor)
    office = Office(
        settings=settings,
        bus=bus,
        catalog=lambda: Catalog.open(f"sqlite:///{folder / 'catalog.db'}"),
        pictures=Workshop(),
        rights=Rights(operator_token(folder), key.public_key(), wall_clock),
        links=Links(key, settings.studio_url, settings.front_url),
        pages=pages,
        now=wall_clock,
        rates=rates,
    )
    await office.start()
    app = make_app(office)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=STUDIO) as client:
        yield Door(app, office, client, others, {"Authorization": f"Bearer {operator_token(folder)}"}, key)
    await office.close()
    await bus.close()
    await others.bus.close()


@pytest.fixture
async def door(server: NatsServer, tmp_path: Path, pages: Path, settings: Settings) -> AsyncIterator[Door]:
    async with opened(server.url, tmp_path, pages, settings) as found:
        yield found


on_one_loop = pytest.mark.asyncio(loop_scope="module")
"""For tests of ``one_door``."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """One for all cases of a file: each takes rooms of its own. It may be asked as often as one likes.

    Between them its loop stands still. Tests that take long without it come before or after all of these in a file, or
    its time limits have passed when it goes on.
    """
    folder = tmp_path_factory.mktemp("door")
    server = NatsServer(folder / "bus")
    await server.start()
    settings = Settings.model_validate({"studio": {"public_url": STUDIO}, "front": {"public_url": FRONT}})
    async with opened(server.url, folder, folder, settings, Rates(OFTEN, OFTEN, OFTEN)) as found:
        yield found
    await server.kill()
