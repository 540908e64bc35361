"""uvicorn's HTTP/1.1 protocol with the two bounds it lacks: how long a request may take to arrive, and how many
connections there may be."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from rostra.studio.limits import household

REQUEST_WITHIN_S = 10.0
"""From the connection, or from the answer before, to a whole request head. An idle connection ends by it too."""

CHECK_EVERY_S = 2.0

MAX_CONNECTIONS = 512
"""Hosts, speakers and a desk: tens of people. Past it, a new connection is closed at once."""

MAX_OF_ADDRESS = 128
"""Of these from one address (an IPv6 /64), proxies in front and this machine apart: a team behind one address has six
a person, and one stranger leaves places for everyone else."""

MAX_HEAD_BYTES = 16 * 1024
"""Twice the front door's: tokens and cookies of a proxy in front."""


def bounded(proxies: Sequence[str] = ()) -> type[BoundedProtocol]:
    """``proxies``: networks from which many come by one address."""

    class Protocol(BoundedProtocol):
        apart = (*BoundedProtocol.apart, *map(ipaddress.ip_network, proxies))

    return Protocol


class BoundedProtocol(H11Protocol):
    apart: ClassVar[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]] = (
        ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"),
    )  # fmt: skip

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._idle_since = self.loop.time()
        self._check: asyncio.TimerHandle | None = None
        self._place = self._bounded_place()
        mine = sum(getattr(one, "_place", b"") == self._place for one in self.connections) if self._place else 0
        if len(self.connections) > MAX_CONNECTIONS or mine > MAX_OF_ADDRESS:
            self.transport.abort()
            return
        self._check = self.loop.call_later(CHECK_EVERY_S, self._is_anything_asked)

    def _bounded_place(self) -> bytes:
        """Empty: of one from whom as many may come as do."""
        try:
            address = ipaddress.ip_address(self.client[0] if self.client else "")
        except ValueError:
            return b""
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return b"" if any((mapped or address) in network for network in self.apart) else household(self.client)

    def _is_anything_asked(self) -> None:
        now = self.loop.time()
        if self.cycle is not None and not self.cycle.response_complete:
            self._idle_since = now
        elif now - self._idle_since > REQUEST_WITHIN_S:
            self.transport.abort()
            return
        self._check = self.loop.call_later(CHECK_EVERY_S, self._is_anything_asked)

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Any) -> None:
        if self._check is not None:
            self._check.cancel()
        super().connection_lost(exc)
