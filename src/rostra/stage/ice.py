"""Where media comes in and goes out: aioice's agent, with what it lacks (aioice 0.13; pinned through aiortc).

* the addresses to offer are a setting, and loopback counts when there is nothing else: aioice always leaves it out;
* sockets are bound within a port range: aioice takes what the kernel gives;
* behind a one-to-one NAT the public address is announced in place of the local one;
* STUN and TURN get half a second when candidates are gathered, for a person waits for the answer: aioice gives 5 s;
* media does not go through aioice's parser and queue, but straight to whoever takes it: at 50 packets a second and
  speaker those were a fifth of the stage's work.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import ifaddr
from aioice import Candidate, Connection, ice
from aioice.candidate import candidate_foundation, candidate_priority
from aiortc.rtcicetransport import RTCIceGatherer

from rostra.config import WebRtcSettings
from rostra.errors import ConfigError, Full

GATHER_S: Final = 0.5
"""For STUN and TURN servers to answer. Without their candidates most clients reach us all the same."""

RECEIVE_BUFFER: Final = 256 * 1024
"""Of a media socket: over a second of one voice, for when the loop is busy."""

MAX_UNREAD: Final = 64
"""Datagrams kept until DTLS reads them; a handshake has about ten."""

_SERVER: Final = re.compile(r"(stun|turn|turns):(?:([^:@]*):([^@]*)@)?(\[[0-9a-fA-F:]+\]|[^:?@]+)(?::(\d{1,5}))?")

Media = Callable[[bytes, float], None]
"""Takes a datagram that is RTP or RTCP (RFC 7983, 7) and when it came."""


@dataclass(frozen=True, slots=True)
class Network:
    """Where the stage may be reached, from the settings."""

    addresses: tuple[str, ...] = ()
    public_address: str = ""
    ports: tuple[int, int] = (0, 0)
    stun: tuple[str, int] | None = None
    turn: tuple[str, int] | None = None
    turn_tls: bool = False
    turn_user: str = ""
    turn_secret: str = ""

    def __post_init__(self) -> None:
        low, high = self.ports
        if not 0 <= low <= high <= 65_535 or (low == 0) != (high == 0):
            raise ConfigError(f"webrtc.udp_ports: {low} to {high} is not a range of ports")
        for address in (*self.addresses, *([self.public_address] if self.public_address else [])):
            try:
                ipaddress.ip_address(address)
            except ValueError:
                raise ConfigError(f"webrtc: {address!r} is not an IP address") from None

    def local_addresses(self) -> tuple[str, ...]:
        """What is set, or every interface of this machine; loopback when there is no other."""
        if self.addresses:
            return self.addresses
        found = []
        for adapter in ifaddr.get_adapters():
            for ip in adapter.ips:
                text = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
                address = ipaddress.ip_address(text)
                if not (address.is_loopback or address.is_link_local or address.is_multicast):
                    found.append(text)
        return tuple(found) or ("127.0.0.1",)


def network_of(settings: WebRtcSettings) -> Network:
    """:raises ConfigError: names the setting that makes no sense."""
    chosen: dict[str, Any] = {}
    for url in settings.ice_servers:
        found = _SERVER.match(url)
        if found is None:
            raise ConfigError(f"webrtc.ice_servers: {url!r} is not stun:HOST:PORT or turn:USER:SECRET@HOST:PORT")
        scheme, user, secret, host, port = found.groups()
        server = (host.strip("[]"), int(port or (5349 if scheme == "turns" else 3478)))
        if scheme == "stun":
            chosen.setdefault("stun", server)
        elif "turn" not in chosen:
            chosen.update(turn=server, turn_tls=scheme == "turns", turn_user=user or "", turn_secret=secret or "")
    return Network(settings.hosts, settings.public_address, settings.udp_ports, **chosen)


class _Protocol(ice.StunProtocol):
    """One socket. Tells media from STUN by the first byte before anything is parsed."""

    receiver: Agent

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        agent = self.receiver
        now = agent.last_heard = time.monotonic()
        if data and isinstance(data, bytes) and 127 < data[0] < 192:  # RFC 7983, 7
            agent.media(data, now)
        else:
            super().datagram_received(data, addr)


class Agent(Connection):
    """An ICE agent for one connection."""

    def __init__(self, network: Network, media: Media) -> None:
        super().__init__(
            ice_controlling=False,
            stun_server=network.stun,
            turn_server=network.turn,
            turn_ssl=network.turn_tls,
            turn_transport="tcp" if network.turn_tls else "udp",
            turn_username=network.turn_user or None,
            turn_password=network.turn_secret or None,
        )
        self._network = network
        self.media = media
        self.last_heard = time.monotonic()
        """When any datagram came last."""

    async def gather_candidates(self) -> None:
        """:raises Full: if no socket can be had: the port range is used up."""
        if self._local_candidates_start:
            return
        self._local_candidates_start = True
        self._local_candidates = await self.get_component_candidates(1, list(self._network.local_addresses()))
        self._local_candidates_end = True

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109 (the signature is aioice's)
    ) -> list[Candidate]:
        loop = asyncio.get_running_loop()
        candidates: list[Candidate] = []
        for address in addresses:
            bound = _bind(address, self._network.ports)
            if bound is None:
                continue
            _, protocol = await loop.create_datagram_endpoint(lambda: _Protocol(self), sock=bound)
            host, port = bound.getsockname()[:2]
            protocol.local_candidate = _host_candidate(component, host, port)
            candidates.append(protocol.local_candidate)
            self._protocols.append(protocol)
        if not candidates:
            raise Full("No UDP port is free for another speaker.", 5.0)
        await self._ask_servers(component, candidates)
        return candidates

    async def _ask_servers(self, component: int, candidates: list[Candidate]) -> None:
        tasks: list[asyncio.Task[tuple[Candidate, ice.StunProtocol | None]]] = []
        if self.stun_server:
            for protocol in self._protocols:
                if ipaddress.ip_address(protocol.local_candidate.host).version == 4:
                    tasks.append(asyncio.create_task(ice.server_reflexive_candidate(protocol, self.stun_server)))
        if self.turn_server:
            relayed = ice.relayed_candidate(
                component=component,
                hide_related_address=False,
                protocol_factory=lambda: _Protocol(self),
                turn_server=self.turn_server,
                turn_username=self.turn_username,
                turn_password=self.turn_password,
                turn_ssl=self.turn_ssl,
                turn_transport=self.turn_transport,
            )
            tasks.append(asyncio.create_task(relayed))
        if not tasks:
            return
        done, pending = await asyncio.wait(tasks, timeout=GATHER_S)
        for task in done:
            if task.exception() is None:
                candidate, relay = task.result()
                candidates.append(candidate)
                if relay is not None:
                    self._protocols.append(relay)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    def data_received(self, data: bytes, component: int) -> None:
        """DTLS, before and after the handshake. Anyone may send to the port: what nobody reads is not piled up."""
        if self._queue.qsize() < MAX_UNREAD:
            super().data_received(data, component)

    def send_now(self, data: bytes) -> bool:
        """Send on the chosen pair; False while there is none. What cannot be sent is lost, as in any network."""
        pair = self._nominated.get(1)
        if pair is None:
            return False
        pair.protocol.transport.sendto(data, pair.remote_addr)
        return True

    def announced(self) -> tuple[str, ...]:
        """Candidates as they stand in the answer (RFC 8839, 5.1)."""
        lines: dict[tuple[str, int], str] = {}
        for c in self._local_candidates:
            host = c.host
            if self._network.public_address and c.type == "host":
                host = self._network.public_address
            related = f" raddr {c.related_address} rport {c.related_port}" if c.related_address else ""
            line = f"{c.foundation} {c.component} {c.transport} {c.priority} {host} {c.port} typ {c.type}{related}"
            lines.setdefault((host, c.port), line)
        return tuple(lines.values())


class Gatherer(RTCIceGatherer):
    """Makes aiortc use our agent."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(iceServers=[])
        self._connection = agent


def _host_candidate(component: int, host: str, port: int) -> Candidate:
    return Candidate(
        foundation=candidate_foundation("host", "udp", host),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "host"),
        host=host,
        port=port,
        type="host",
    )


_next_port = 0
"""Ports are tried in turn, so that one just given back is left alone for a while."""


def _bind(address: str, ports: tuple[int, int]) -> socket.socket | None:
    """A socket on ``address`` within ``ports``; None if none is free or the address is not ours."""
    global _next_port  # noqa: PLW0603 (one counter a process is what is meant)
    low, high = ports
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(high - low + 1):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            sock.bind((address, low + _next_port % (high - low + 1)))
        except OSError as e:
            sock.close()
            if e.errno != errno.EADDRINUSE:
                return None
        else:
            return sock
        finally:
            _next_port += 1
    return None
