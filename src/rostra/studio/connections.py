"""uvicorn's HTTP/1.1 protocol with the two bounds it lacks: how long a request may take to arrive, and how many
connections there may be."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_WITHIN_S = 10.0
"""From the connection, or from the answer before, to a whole request head. An idle connection ends by it too."""

CHECK_EVERY_S = 2.0

MAX_CONNECTIONS = 512
"""Hosts, speakers and a desk: tens of people. Past it, a new connection is closed at once."""

MAX_HEAD_BYTES = 16 * 1024
"""Twice the front door's: tokens and cookies of a proxy in front."""


class BoundedProtocol(H11Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._idle_since = self.loop.time()
        self._check: asyncio.TimerHandle | None = None
        if len(self.connections) > MAX_CONNECTIONS:
            self.transport.abort()
            return
        self._check = self.loop.call_later(CHECK_EVERY_S, self._is_anything_asked)

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
