"""The stage door's application: routes, guard and errors put together."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from rostra import __version__
from rostra.config import Settings
from rostra.permissions import Action
from rostra.studio import api, handbook, pages, problems, whip
from rostra.studio.attendance import Attendance
from rostra.studio.board import Boards, Cards
from rostra.studio.chores import Chores
from rostra.studio.files import Files
from rostra.studio.guard import Guard
from rostra.studio.hands import Hands
from rostra.studio.limits import Limits, Rates
from rostra.studio.links import Links
from rostra.studio.metrics import Audience, exposition
from rostra.studio.moderating import Moderating
from rostra.studio.once import Once
from rostra.studio.ports import CatalogPort, Pictures, RoomBus
from rostra.studio.proxies import from_here, networks
from rostra.studio.rights import Entrance, Rights
from rostra.studio.rooms import Rooms
from rostra.studio.sittings import Sittings
from rostra.units import WallTime
from rostra.wire.rooms import Room

CORS_MAX_AGE_S = 600

ABOUT = """For hosts, speakers and operators. Whoever holds a link holds the right in it: its token goes into the
Authorization field as a bearer token. Operators use the token in DATA/keys/operator-token."""


@dataclass(slots=True)
class Figures:
    """What is counted while the studio runs."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Answers by (method, status)."""
    sources: Counter[str] = field(default_factory=Counter)
    """Source clients by outcome: ``handed`` or the slug of the refusal."""
    audience: Audience = field(default_factory=Audience)


class Office:
    """What the stage door works with. ``pages``: the folder of the built pages."""

    def __init__(
        self, *, settings: Settings, bus: RoomBus, catalog: Callable[[], CatalogPort], pictures: Pictures,
        rights: Rights, links: Links, pages: Path, now: Callable[[], WallTime], rates: Rates | None = None,
    ) -> None:  # fmt: skip
        """:param catalog: opens it; it may be away."""
        self.settings, self.bus, self.rights, self.links, self.pages = settings, bus, rights, links, pages
        self.rates = rates or Rates()
        self.figures = Figures()
        self.sittings = Sittings()
        self.files = Files(catalog)
        self.rooms = Rooms(bus, self.files, now)
        self.entrance = Entrance(rights, self.rooms.get)
        self.hands = Hands(bus, now)
        self.attendance = Attendance(self.files, now)
        self.boards = Boards(bus, self.files, pictures, now)
        self.cards = Cards(bus, self.rooms, pictures)
        self.chores = Chores(
            bus, self.files, self.rooms, self.boards, silence_ends_s=settings.rooms.silence_ends_s, now=now
        )
        self.moderating = Moderating(self.rooms, links, self.files, self.sittings, now)
        self.now = now
        self._drawing: asyncio.Task[None] | None = None
        self._noting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """What goes on beside the routes."""
        self.rooms.on_announced = self.cards.want
        self.rooms.on_people = self.attendance.told
        self.chores.on_record, self.chores.on_sweep = self._heard, self.hands.forget_old
        self._noting = asyncio.get_running_loop().create_task(self.attendance.keep())
        self._drawing = asyncio.get_running_loop().create_task(self.cards.keep())
        await self.hands.watch()
        await self.chores.start()

    async def close(self) -> None:
        await self.chores.close()
        await self.hands.close()
        await self.moderating.close()
        self.cards.close()
        ours = [task for task in (self._drawing, self._noting) if task is not None]
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)
        await self.files.close()

    def desk(self) -> api.Desk:
        return api.Desk(
            self.entrance, self.rooms, self.links, self.moderating, self.hands, self.boards, self.files,
            Once(self.files, self.now), self.now, self._listening, self.settings.rooms.doors_s,
        )  # fmt: skip

    def _heard(self, room_id: str, room: Room | None) -> None:
        self.hands.heard_room(room_id, room)
        self.attendance.heard_room(room_id, room)

    def _listening(self, room: str) -> int:
        found = self.figures.audience.listening(time.monotonic())
        return sum(n for (of, _), n in found.items() if of == room)


def make_app(office: Office) -> FastAPI:
    app = FastAPI(title="Rostra stage door", version=__version__, description=ABOUT, docs_url=None, redoc_url=None)
    problems.install(app)
    settings = office.settings
    app.include_router(api.routes(office.desk()))
    app.include_router(
        whip.routes(office.rooms, office.entrance, office.sittings, settings.webrtc.ice_servers, _base_url(settings))
    )
    _add_own_routes(app, office.bus, office.figures, office.rights)
    app.include_router(pages.routes(pages.Pages(office.pages, settings.front_url)))
    app.openapi = _described(app)  # type: ignore[method-assign]
    app.add_middleware(Limits, rates=office.rates, fault=office.rights.fault)
    app.add_middleware(Guard, requests=office.figures.requests)  # before them: it counts what they refuse, too
    if settings.studio.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.studio.allowed_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            allow_headers=["Authorization", "Content-Type", "If-Match", "Idempotency-Key"],
            expose_headers=["Location", "Link", "ETag", "Retry-After"],
            max_age=CORS_MAX_AGE_S,
        )
    if trusted := networks(settings.studio.trusted_proxies):
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=trusted)
    return app


def _described(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The description with our one shape of errors in place of FastAPI's own."""
    made: list[dict[str, Any]] = []

    def openapi() -> dict[str, Any]:
        if not made:
            found = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
            schemas = found.setdefault("components", {}).setdefault("schemas", {})
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            problem = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs"))
            schemas["Problem"] = problem
            made.append(found)
        return made[0]

    return openapi


def _base_url(settings: Settings) -> Callable[[Request], str]:
    """The address by which the client came, unless one is configured: a proxy in front needs ``studio.public_url``."""
    fixed = settings.studio.public_url.rstrip("/")
    return lambda request: fixed or str(request.base_url).rstrip("/")


def _add_own_routes(app: FastAPI, bus: RoomBus, figures: Figures, rights: Rights) -> None:
    @app.api_route("/healthz", methods=["GET", "HEAD"], include_in_schema=False)
    async def healthz() -> Response:
        """Alive, with or without a bus: restarting the studio would not bring the bus back."""
        return JSONResponse({"ok": True, "bus": bus.connected}, headers={"Cache-Control": "no-store"})

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        """It names rooms that are in no list: to this machine, and to who shows the operator's token."""
        if not from_here(request.scope):
            rights.need_operator(request.headers.get("authorization"), Action.SEE_ALL_ROOMS)
        return PlainTextResponse(_metrics(bus, figures), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(handbook.page(app.openapi()), headers={"Content-Security-Policy": handbook.POLICY})


def _metrics(bus: RoomBus, figures: Figures) -> str:
    listening = figures.audience.listening(time.monotonic())
    return exposition(
        [
            (
                "rostra_studio_requests_total",
                "counter",
                "Answers of the stage door.",
                {(("method", m), ("status", str(s))): float(n) for (m, s), n in figures.requests.items()},
            ),
            (
                "rostra_source_clients_total",
                "counter",
                "Source clients by outcome.",
                {(("outcome", outcome),): float(n) for outcome, n in figures.sources.items()},
            ),
            ("rostra_bus_connected", "gauge", "1 while the bus answers.", {(): float(bus.connected)}),
            ("rostra_edges", "gauge", "Edges that counted in the last seconds.", {(): float(figures.audience.edges)}),
            (
                "rostra_listeners",
                "gauge",
                "Connections by room and way of listening.",
                {(("room", room), ("way", way)): float(n) for (room, way), n in listening.items()},
            ),
        ]
    )


def wall_clock() -> WallTime:
    return WallTime(time.time())
