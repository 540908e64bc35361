"""``rostra studio``: the stage door and the source port in one process."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import socket
import time
from pathlib import Path
from typing import Any

import uvicorn

import rostra
from rostra import pictures
from rostra.bus import Bus
from rostra.catalog import Catalog
from rostra.config import Settings
from rostra.errors import ConfigError, EnvironmentFault, PortInUse
from rostra.keys import make_keys, operator_token, private_key
from rostra.studio.app import Office, make_app, wall_clock
from rostra.studio.connections import MAX_HEAD_BYTES, bounded
from rostra.studio.links import Links
from rostra.studio.proxies import networks
from rostra.studio.rights import Rights
from rostra.studio.source_port import BACKLOG, SourcePort

log = logging.getLogger("rostra.studio")

PAGES = Path(rostra.__file__).parent / "web" / "dist"

STOP_WITHIN_S = 1.0
"""Requests that are being answered when we are asked to end get so long."""


class _Workshop:
    """Pictures, as the studio wants them."""

    prepare = staticmethod(pictures.prepare)
    card = staticmethod(pictures.card)


def catalog_url(settings: Settings) -> str:
    return settings.catalog.url or f"sqlite:///{Path(settings.data).resolve() / 'catalog.db'}"


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the process has one (processes.child)."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


async def studio(settings: Settings, stop: asyncio.Event) -> None:
    """Serves the stage door until ``stop`` is set."""
    if not settings.bus.url:
        raise ConfigError("The studio needs the bus: give --nats URL, or run `rostra serve`, which brings one.")
    make_keys(Path(settings.data))
    with (
        listen(settings.studio.host, settings.studio.port, "--studio") as door,
        listen(settings.source.host, settings.source.port, "--source") as source,
    ):
        bus = await _connect(settings.bus.url, stop)
        if bus is None:
            return
        try:
            await _serve(settings, bus, door, source, stop)
        finally:
            await bus.close()


async def _connect(url: str, stop: asyncio.Event) -> Bus | None:
    """The bus, or None if we are asked to end before it is there."""
    connecting = asyncio.create_task(Bus.connect(url, "studio"))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((connecting, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if connecting.done():
        return connecting.result()
    connecting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await connecting
    return None


async def _serve(settings: Settings, bus: Bus, door: socket.socket, source: socket.socket, stop: asyncio.Event) -> None:
    data = Path(settings.data)
    key = private_key(data)
    office = Office(
        settings=settings,
        bus=bus,
        catalog=lambda: Catalog.open(catalog_url(settings)),
        pictures=_Workshop(),
        rights=Rights(operator_token(data), key.public_key(), wall_clock),
        links=Links(key, settings.studio_url, settings.front_url),
        pages=PAGES,
        now=wall_clock,
    )
    app, figures = make_app(office), office.figures
    await bus.subscribe_counts(lambda edge, count: figures.audience.heard(edge, count, time.monotonic()))
    server = _Server(
        uvicorn.Config(
            app,
            http=bounded(networks(settings.studio.trusted_proxies)),
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # studio.trusted_proxies, and no others (studio.app)
            server_header=False,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=max(1, int(STOP_WITHIN_S)),
            ssl_certfile=settings.tls.cert or None,
            ssl_keyfile=settings.tls.key or None,
        )
    )
    source_port = SourcePort(source, data, office.rooms, office.entrance, figures.sources)
    source_port.start()
    await office.start()
    # What there is now stays: nothing is gained by looking through it again, which takes a tenth of a second in which
    # no host is answered (benchmarks: guess, hands).
    gc.collect()
    gc.freeze()
    serving = asyncio.create_task(server.serve(sockets=[door]))
    stopping = asyncio.create_task(stop.wait())
    log.info("the stage door is open at %s, the source port is %s", settings.studio_url, source.getsockname()[1])
    try:
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.should_exit = True
        await source_port.stop()
        await serving
        await office.close()


def listen(host: str, port: int, option: str) -> socket.socket:
    """A listening socket on a port that `rostra serve` may hold for us (supervision.ports): hence SO_REUSEPORT.

    :raises PortInUse: if someone else has it.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Accepted sockets inherit it. An answer leaves as a head and a body: without it the body waits up to 40 ms for
        # the other side to acknowledge the head. asyncio sets it only on sockets that name their protocol.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as e:
        listening.close()
        if e.errno == errno.EADDRINUSE:
            raise PortInUse(host, port, option) from e
        raise EnvironmentFault(f"{option} {host}:{port} cannot be used: {e.strerror or e}.") from e
    return listening
