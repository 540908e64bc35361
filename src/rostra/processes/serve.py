"""``rostra serve``: everything on this machine. This process starts the others, listens to their hearts, and says when
both doors answer; no sound and no listener passes through it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import resource
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rostra.bus import Bus, subjects
from rostra.bus import server as nats
from rostra.config import Settings, local_url
from rostra.errors import ConfigError, EnvironmentFault
from rostra.keys import make_keys
from rostra.limits import KERNEL_BYTES, MEMORY_SHARE, PROCESS_BYTES, machine_facts, raise_open_files
from rostra.supervision import doors, ports
from rostra.supervision.children import Child, environment
from rostra.supervision.datafolder import DataFolder
from rostra.supervision.edges import edge_count, first_edges
from rostra.supervision.stages import Stages
from rostra.supervision.watchdog import EDGE_LIMIT_S, STAGE_LIMIT_S, STUDIO_LIMIT_S, Watchdog

log = logging.getLogger("rostra.serve")

READY_WITHIN_S = 60.0
"""A machine on which the doors do not answer by then has a fault that waiting does not mend."""

FAILURES_BEFORE_READY = 3
"""A process that ended so often before it ever worked will not: better to say so than to try for ever."""

MORE_EDGES_EVERY_S = 0.5
"""Between the edges that start once the door is open: each takes a core for about a second."""

BUS_CHECK_EVERY_S = 1.0
BUS_SILENT_CHECKS = 5
"""A bus that greets nobody for so many seconds is hung and is started again."""

BUS_ENDS_WITHIN_S = 0.7
"""The bus ends last; with children.KILL_AFTER_S before it all is over within 3 s."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the doors of a Rostra that is ready are, as URLs."""

    front: str
    studio: str
    source: str
    nats: str


OnReady = Callable[[Addresses], Awaitable[None]]


async def serve(settings: Settings, stop: asyncio.Event, on_ready: OnReady) -> None:
    """Serves until ``stop`` is set; ``on_ready`` is awaited once both doors answer.

    :raises EnvironmentFault: (PortInUse, DataFolderFault, ...) before anything was started, if it cannot be.
    """
    _check_tls(settings)
    folder = DataFolder.open(Path(settings.data))
    _raise_open_files()
    machine = _Machine(settings, folder)
    try:
        machine.reserve_ports()
        make_keys(folder.path)
        starting = asyncio.create_task(machine.start(on_ready))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await stopping
        for task in (starting, stopping):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        log.info("ending")
    finally:
        await machine.stop()
        folder.close()


class _Machine:
    """The processes of this machine, in the order in which they start; they end the other way round."""

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self._settings = settings
        self._folder = folder
        self._held: list[socket.socket] = []
        self._children: list[Child] = []
        self._nats: Child | None = None
        self._bus: Bus | None = None
        self._stages: Stages | None = None
        self._watching: asyncio.Task[None] | None = None

    def reserve_ports(self) -> None:
        """Takes the doors' ports before anything is started; 0 becomes a real one, the same for all edges."""
        fixed: dict[str, dict[str, object]] = {}
        for name, option in (("front", "--front"), ("studio", "--studio"), ("source", "--source")):
            door = getattr(self._settings, name)
            held = ports.reserve(door.host, door.port, option)
            self._held.append(held)
            fixed[name] = {"port": ports.port_of(held)}
        front = self._settings.front
        fixed["front"]["edges"] = front.edges or _default_edges(front.reserve_descriptors)
        sections = {name: getattr(self._settings, name).model_copy(update=found) for name, found in fixed.items()}
        self._settings = self._settings.model_copy(update={"data": str(self._folder.path), **sections})

    async def start(self, on_ready: OnReady) -> None:
        url = self._settings.bus.url or await self._start_nats()
        bus_settings = self._settings.bus.model_copy(update={"url": url})
        self._settings = self._settings.model_copy(update={"bus": bus_settings})
        edges = self._settings.front.edges
        at_once = first_edges(edges, _cores())
        for number in range(at_once):
            self._start_edge(number)
        self._start_child("studio", ["studio"], Watchdog(STUDIO_LIMIT_S))
        self._bus = await Bus.connect(url, "supervisor")
        await self._supervise_stages(self._bus)
        await self._until_ready()
        addresses = self._addresses(url)
        self._folder.write_addresses(
            {
                "pid": os.getpid(),
                "front": addresses.front,
                "studio": addresses.studio,
                "source": addresses.source,
                "nats": addresses.nats,
            }
        )
        await on_ready(addresses)
        for number in range(at_once, edges):
            await asyncio.sleep(MORE_EDGES_EVERY_S)
            self._start_edge(number)

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        ending = [child.stop() for child in self._children]
        if self._stages is not None:
            ending.append(self._stages.stop())
        await asyncio.gather(*ending)
        if self._bus is not None:
            await self._bus.close()
        if self._nats is not None:
            await self._nats.stop()
        for held in self._held:
            held.close()

    async def _start_nats(self) -> str:
        port, data = nats.free_port(), self._folder.path
        self._nats = Child(
            "nats-server",
            lambda: nats.command(data, port),
            {k: v for k, v in os.environ.items() if not k.startswith("ROSTRA_")},
            kill_after_s=BUS_ENDS_WITHIN_S,
        )
        self._nats.start()
        while not await nats.answers(port):
            self._give_up_on(self._nats)
            await asyncio.sleep(0.02)
        self._watching = asyncio.get_running_loop().create_task(self._watch_nats(self._nats, port))
        return f"nats://127.0.0.1:{port}"

    @staticmethod
    async def _watch_nats(child: Child, port: int) -> None:
        silent = 0
        while True:
            await asyncio.sleep(BUS_CHECK_EVERY_S)
            silent = 0 if await nats.answers(port) else silent + 1
            if silent >= BUS_SILENT_CHECKS:
                log.error("the bus greets nobody; ending it")
                child.kill()
                silent = 0

    def _start_edge(self, number: int) -> None:
        self._start_child(f"edge-{number}", ["edge", "--name", f"edge-{number}"], Watchdog(EDGE_LIMIT_S))

    def _start_child(self, name: str, words: list[str], watchdog: Watchdog) -> None:
        child = self._child(name, words, watchdog)
        self._children.append(child)
        child.start()

    def _child(
        self,
        name: str,
        words: list[str],
        watchdog: Watchdog,
        final: Callable[[int], bool] = lambda status: False,
        on_final: Callable[[], None] = lambda: None,
    ) -> Child:
        command = [sys.executable, "-m", "rostra", *words]
        env = environment(self._settings.model_dump_json(), os.environ)
        return Child(name, lambda: command, env, watchdog=watchdog, final=final, on_final=on_final)

    async def _supervise_stages(self, bus: Bus) -> None:
        def make(room: str, final: Callable[[int], bool], on_final: Callable[[], None]) -> Child:
            return self._child(f"stage-{room}", ["stage", room], Watchdog(STAGE_LIMIT_S), final, on_final)

        memory = self._folder.path / "run" / "stages.json"
        self._stages = Stages(bus, make, memory, all_ours=self._nats is not None)
        await bus.watch_rooms(self._stages.room_changed)
        await bus.serve(subjects.SUPERVISOR, self._stages.handle, queue="supervisors")

    def _addresses(self, bus_url: str) -> Addresses:
        source = self._settings.source
        return Addresses(
            front=self._settings.front_url,
            studio=self._settings.studio_url,
            source=local_url("http", source.host, source.port),
            nats=bus_url,
        )

    async def _until_ready(self) -> None:
        """Asks both doors here, whatever the address by which the public reaches them."""
        front, studio = self._settings.front, self._settings.studio
        local_front = local_url(self._settings.scheme, front.host, front.port)
        local_studio = local_url(self._settings.scheme, studio.host, studio.port)
        preamble = b""
        if front.proxy_protocol:
            preamble = doors.preamble_for(local_front, front.trusted_proxies)
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while not await doors.answers(f"{local_front}/healthz", preamble):
                    await self._a_moment()
                while not await doors.answers(f"{local_studio}/healthz"):
                    await self._a_moment()
        except TimeoutError as e:
            raise EnvironmentFault(
                f"The doors did not answer within {READY_WITHIN_S:.0f} s; what the processes said stands above."
            ) from e

    async def _a_moment(self) -> None:
        for child in self._children:
            self._give_up_on(child)
        await asyncio.sleep(0.05)

    @staticmethod
    def _give_up_on(child: Child) -> None:
        if child.restarts.failures >= FAILURES_BEFORE_READY:
            raise EnvironmentFault(
                f"{child.name} ended {child.restarts.failures} times before it worked (last with status "
                f"{child.last_status}); what it said stands above."
            )


def _default_edges(reserve: int) -> int:
    facts = machine_facts()
    listeners = int(facts.memory_bytes * MEMORY_SHARE) // (PROCESS_BYTES + KERNEL_BYTES)
    return edge_count(_cores(), facts.nofile_hard, reserve, listeners)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _raise_open_files() -> None:
    """As far as we may, for all we start: a process with CAP_SYS_RESOURCE may raise the hard limit, others the soft."""
    most = int(Path("/proc/sys/fs/nr_open").read_text())
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    raise_open_files()


def _check_tls(settings: Settings) -> None:
    """:raises ConfigError: now, in a sentence, rather than from every edge."""
    tls = settings.tls
    if bool(tls.cert) != bool(tls.key):
        raise ConfigError("TLS needs both --tls-cert FILE and --tls-key FILE.")
    if tls.cert:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.cert, tls.key, password="")
        except (OSError, ValueError) as e:
            raise ConfigError(f"The certificate {tls.cert} with the key {tls.key} cannot be used: {e}.") from e
    for network in settings.front.trusted_proxies:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError as e:
            raise ConfigError(f"front.trusted_proxies: {network!r} is not a network such as 10.0.0.0/8.") from e
