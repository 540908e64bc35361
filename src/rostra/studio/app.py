"""The stage door's application: routes, guard and errors put together."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.middleware.cors import CORSMiddleware

from rostra import __version__
from rostra.config import Settings
from rostra.studio import api, handbook, pages, problems, whip
from rostra.studio.guard import Guard
from rostra.studio.links import Links
from rostra.studio.metrics import Audience, exposition
from rostra.studio.rights import Rights
from rostra.studio.rooms import RoomBus, Rooms
from rostra.units import WallTime

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


@dataclass(frozen=True, slots=True)
class Office:
    """What the stage door works with."""

    settings: Settings
    bus: RoomBus
    rooms: Rooms
    rights: Rights
    links: Links
    pages: Path
    """The folder of the built pages."""
    figures: Figures = field(default_factory=Figures)


def make_app(office: Office) -> FastAPI:
    app = FastAPI(title="Rostra stage door", version=__version__, description=ABOUT, docs_url=None, redoc_url=None)
    problems.install(app)
    settings, rooms, rights = office.settings, office.rooms, office.rights
    app.include_router(api.routes(rooms, rights, office.links))
    app.include_router(whip.routes(rooms, rights, settings.webrtc.ice_servers, _base_url(settings)))
    _add_own_routes(app, office.bus, office.figures)
    app.include_router(pages.routes(pages.Pages(office.pages)))
    app.add_middleware(Guard, requests=office.figures.requests)
    if settings.studio.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.studio.allowed_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE", "OPTIONS"],
            allow_headers=["Authorization", "Content-Type", "If-Match"],
            expose_headers=["Location", "Link", "ETag", "Retry-After"],
            max_age=CORS_MAX_AGE_S,
        )
    return app


def _base_url(settings: Settings) -> Callable[[Request], str]:
    """The address by which the client came, unless one is configured: a proxy in front needs ``studio.public_url``."""
    fixed = settings.studio.public_url.rstrip("/")
    return lambda request: fixed or str(request.base_url).rstrip("/")


def _add_own_routes(app: FastAPI, bus: RoomBus, figures: Figures) -> None:
    @app.api_route("/healthz", methods=["GET", "HEAD"], include_in_schema=False)
    async def healthz() -> Response:
        """Alive, with or without a bus: restarting the studio would not bring the bus back."""
        return JSONResponse({"ok": True, "bus": bus.connected}, headers={"Cache-Control": "no-store"})

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
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
