"""A bad network as a relay on the UDP path: seeded loss and jitter both ways, for kernels without netem.

The client is given the relay's address in place of the stage's: :meth:`Relay.answer` rewrites the candidates of an
answer, :meth:`Relay.offer` takes them out of an offer, so that neither side knows another way.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import numpy as np


class _Side(asyncio.DatagramProtocol):
    def __init__(self, relay: Relay, towards_stage: bool) -> None:
        self.relay, self.towards_stage = relay, towards_stage
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.towards_stage:
            self.relay.client = addr
        self.relay.carry(data, self.towards_stage)

    def error_received(self, exc: Exception) -> None:
        pass


class Relay:
    """Between one client and one link of the stage, on loopback."""

    def __init__(self, seed: int = 1) -> None:
        self.loss = 0.0
        self.jitter_s = 0.0
        self.down = False
        self.client: tuple[str, int] | None = None
        self.carried = self.lost = 0
        self._rng = np.random.default_rng(seed)
        self._stage: tuple[str, int] | None = None
        self._outer, self._inner = _Side(self, True), _Side(self, False)
        self._open = True

    async def open(self) -> Relay:
        loop = asyncio.get_running_loop()
        for side in (self._outer, self._inner):
            await loop.create_datagram_endpoint(lambda side=side: side, local_addr=("127.0.0.1", 0))  # type: ignore[misc]
        return self

    def close(self) -> None:
        self._open = False
        for side in (self._outer, self._inner):
            assert side.transport is not None
            side.transport.close()

    def offer(self, sdp: str) -> str:
        return re.sub(r"a=candidate:.*\r?\n", "", sdp)

    def answer(self, sdp: str) -> str:
        assert self._outer.transport is not None
        port = self._outer.transport.get_extra_info("sockname")[1]
        found = re.search(r"a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 (\d+) typ host", sdp)
        assert found is not None
        self._stage = ("127.0.0.1", int(found[1]))
        return sdp.replace(f"127.0.0.1 {found[1]} typ host", f"127.0.0.1 {port} typ host")

    def carry(self, data: bytes, towards_stage: bool) -> None:
        self.carried += 1
        if self.down or self._rng.random() < self.loss:
            self.lost += 1
            return
        delay = self._rng.random() * self.jitter_s
        if delay > 0.0005:
            asyncio.get_running_loop().call_later(delay, self._deliver, data, towards_stage)
        else:
            self._deliver(data, towards_stage)

    def _deliver(self, data: bytes, towards_stage: bool) -> None:
        side, address = (self._inner, self._stage) if towards_stage else (self._outer, self.client)
        if self._open and address is not None and side.transport is not None:
            side.transport.sendto(data, address)
