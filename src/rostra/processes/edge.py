"""``rostra edge``: one front door. Brings the bus, the windows and the edge together."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import re
import socket
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rostra.bus import Bus
from rostra.config import Settings, strict_transport
from rostra.edge.accepting import secure_context
from rostra.edge.front import Front, FrontOptions
from rostra.edge.pages import Pages
from rostra.errors import ConfigError, Conflict, DataFolderFault, RostraError
from rostra.keys import public_key
from rostra.limits import listener_capacity, machine_facts, raise_open_files, tightest
from rostra.packaging import RoomWindows
from rostra.processes.admitting import Admitting, Doorkeeper, edge_run, usher_of
from rostra.units import MediaTime
from rostra.wire.emsg import notice_emsg
from rostra.wire.hands import Hand, HandState
from rostra.wire.inbox import Letter
from rostra.wire.listeners import EdgeNotice

log = logging.getLogger("rostra.edge")

COUNT_EVERY_S = 1.0

WITHDRAWALS_TRIED = 3
"""A hand that is taken down while the host answers it: who comes second reads again."""

COLLECT_EVERY_S = 5.0
"""How often young garbage is looked for. The automatic collector is off: it would walk over all connections in the
middle of a flush. Listeners make no cycles; what does (a task that failed) is young here."""

FULL_COLLECTION_BELOW = 1000
"""Connections up to which everything is looked at now and then: it takes a few milliseconds."""


def notice(kind: str, values: dict[str, float], time: MediaTime) -> bytes:
    return notice_emsg(EdgeNotice(kind, values), time)


class BusCarrier:
    """What the edge's listeners send goes to the bus, and pictures come from there (``edge.contracts.Carrier``)."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def raise_hand(self, hand: Hand) -> None:
        await self._bus.hands.put(hand.key, hand, 0)

    async def hand(self, room: str, ticket: str) -> Hand:
        return (await self._bus.hands.get(f"{room}.{ticket}"))[0]

    async def withdraw_hand(self, room: str, ticket: str) -> Hand:
        key = f"{room}.{ticket}"
        for _ in range(WITHDRAWALS_TRIED):
            hand, revision = await self._bus.hands.get(key)
            if hand.state is not HandState.WAITING:
                return hand  # the host was faster
            hand = hand.with_(state=HandState.WITHDRAWN)
            with contextlib.suppress(Conflict):
                await self._bus.hands.put(key, hand, revision)
                return hand
        raise Conflict("The host is answering this hand right now. Look at the answer.")

    async def leave_letter(self, letter: Letter) -> None:
        await self._bus.leave_letter(letter)

    async def picture(self, name: str) -> bytes:
        picture, _ = await self._bus.pictures.get(name)
        return picture


class LinkKey:
    """The key that links are checked with, read when it is first needed: an edge has a use for it only if a room takes
    a link."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._found: Ed25519PublicKey | None = None
        self._told = False

    def __call__(self) -> Ed25519PublicKey | None:
        if self._found is None:
            try:
                self._found = public_key(self._data)
            except DataFolderFault as e:
                if not self._told:
                    log.warning("%s", e)
                self._told = True
        return self._found


def edge_name(given: str | None) -> str:
    """What the edge is called on the bus: one word of a subject."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", given or f"edge-{socket.gethostname()}-{os.getpid()}")[:64]


def front_options(settings: Settings, name: str | None) -> FrontOptions:
    """:raises RostraError: if the settings cannot be used."""
    front = settings.front
    open_files = raise_open_files()
    if open_files <= front.reserve_descriptors:
        raise ConfigError(
            f"front.reserve_descriptors is {front.reserve_descriptors}, but only {open_files} files may be open here."
        )
    tls = secure_context(settings.tls.cert, settings.tls.key) if settings.tls.cert else None
    try:
        return FrontOptions(
            host=front.host,
            port=front.port,
            backlog=front.backlog,
            flush_s=front.flush_s,
            trusted_proxies=front.trusted_proxies,
            proxy_protocol=front.proxy_protocol,
            max_open=open_files - front.reserve_descriptors,
            reserve=front.reserve_descriptors,
            tls=tls,
            edge_id=edge_name(name),
            public_url=settings.front_url if front.public_url or front.port else "",
        )
    except ValueError as e:
        raise ConfigError(f"front.trusted_proxies: {e}") from e


async def run_edge(settings: Settings, stop: asyncio.Event, name: str | None = None) -> None:
    """Serve listeners until ``stop`` is set, then drain.

    :raises RostraError: if the edge cannot begin.
    """
    if not settings.bus.url:
        raise ConfigError("An edge needs the bus: give --nats URL, or run `rostra serve`, which brings one.")
    options = front_options(settings, name)
    pages = Pages(transport=strict_transport(settings.front_url))
    bus = await _connect(settings.bus.url, options.edge_id, stop)
    if bus is None:
        return
    keeper: Doorkeeper | None = None
    if settings.door.admission == "on":
        keeper = Doorkeeper(usher_of(settings, edge_run(options.edge_id), options.max_open))
    front = Front(
        options, pages, RoomWindows, notice,
        carrier=BusCarrier(bus), key=LinkKey(Path(settings.data)), admission=keeper,
    )  # fmt: skip
    try:
        # Warm before the first listener: rooms, then what the window holds, which comes before what is live.
        await bus.watch_rooms(front.on_record)
        await bus.boards.watch(front.on_board)
        await bus.hands.follow(front.on_hand, front.on_hands_lost)
        await bus.rehearsals.watch(front.on_consent)
        await bus.subscribe_parts(front.on_part)
        admitting = Admitting(bus, front, keeper) if keeper else None
        if admitting is not None:
            await admitting.begin()
        front.door.warm = True
        host, port = front.start()
        shown = f"[{host}]" if ":" in host else host
        log.info("listening on %s:%d", shown, port)
        _tell_limits(settings, options)
        gc.collect()
        gc.freeze()
        gc.disable()
        helpers = [asyncio.create_task(_count(bus, front)), asyncio.create_task(_collect(front))]
        helpers += admitting.run() if admitting else []
        await stop.wait()
        await front.drain(settings.front.drain_s)
        for helper in helpers:
            helper.cancel()
    finally:
        front.stop()
        await bus.close()


async def _connect(url: str, name: str, stop: asyncio.Event) -> Bus | None:
    """The bus, or None if we are asked to end before it is there."""
    connecting = asyncio.create_task(Bus.connect(url, name))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((connecting, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if connecting.done():
        return connecting.result()
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)
    return None


async def _count(bus: Bus, front: Front) -> None:
    while True:
        await asyncio.sleep(COUNT_EVERY_S)
        try:
            await bus.publish_count(front.options.edge_id, front.counts())
        except RostraError as e:
            log.debug("a count was not sent: %s", e)


async def _collect(front: Front) -> None:
    while True:
        await asyncio.sleep(COLLECT_EVERY_S)
        gc.collect(2 if len(front.poller) < FULL_COLLECTION_BELOW else 1)


def _tell_limits(settings: Settings, options: FrontOptions) -> None:
    findings = listener_capacity(machine_facts(), 1, reserve=options.reserve, backlog=settings.front.backlog)
    if (first := tightest(findings)) is not None:
        log.info("%s", first.sentence)
