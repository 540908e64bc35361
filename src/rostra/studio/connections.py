"""uvicorn's HTTP/1.1 protocol with the two bounds it lacks: how long a request may take to arrive, and how many
connections there may be."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from rostra.studio.limits import GOOD, household

REQUEST_WITHIN_S = 10.0
"""From the connection, or from the answer before, to a whole request head. An idle connection ends by it too."""

CHECK_EVERY_S = 2.0

MAX_CONNECTIONS = 512
"""Hosts, speakers and a desk: tens of people. Past it, a new connection takes the place of the one that has said
nothing for longest, of those on which no good link was shown; where there is none it is closed at once."""

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
        self._good = self._going = False
        self._by_age: dict[BoundedProtocol, None] = vars(self.server_state).setdefault("by_age", {})
        """All of this door's, the one that has said nothing for longest first."""
        self._by_age[self] = None
        self._place = self._bounded_place()
        mine = sum(getattr(one, "_place", b"") == self._place for one in self.connections) if self._place else 0
        if mine > MAX_OF_ADDRESS or (len(self.connections) > MAX_CONNECTIONS and not self._takes_a_place()):
            self.transport.abort()
            return
        self._check = self.loop.call_later(CHECK_EVERY_S, self._is_anything_asked)

    def _takes_a_place(self) -> bool:
        """Those who may go stand near the front: few have a good link, and who waits for an answer has it soon."""
        longest = next((one for one in self._by_age if one is not self and one.may_go), None)
        if longest is None:
            return False
        # It leaves when the loop tells it: it must not be found again until then.
        longest._going = True
        longest.transport.abort()
        return True

    @property
    def may_go(self) -> bool:
        """Nobody waits for an answer on it, and nobody showed a good link by it."""
        answering = self.cycle is not None and not self.cycle.response_complete
        return not (answering or self._good or self._going)

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
        self._good = self._good or GOOD in self.scope
        if self._by_age.pop(self, self) is None:
            self._by_age[self] = None
        super().on_response_complete()

    def connection_lost(self, exc: Any) -> None:
        self._by_age.pop(self, None)
        if self._check is not None:
            self._check.cancel()
        super().connection_lost(exc)
        # uvicorn keeps this timer where the other side broke off, and with it all that belongs to the connection:
        # ten thousand at a time, through which the collector goes while no host is answered (benchmarks: guess).
        self._unset_keepalive_if_required()
