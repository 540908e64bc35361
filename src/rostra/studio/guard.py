"""What a request may cost, before any route sees it: bytes and seconds of body. And what every answer carries."""

from __future__ import annotations

import asyncio
import re
from collections import Counter

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rostra.config import strict_transport
from rostra.errors import Full
from rostra.studio import problems

MAX_BODY_BYTES = 64 * 1024
"""An SDP offer with every candidate a laptop has is 10 KB; everything else is smaller."""

MAX_PICTURE_BYTES = 8 * 1024 * 1024

BODY_WITHIN_S = 10.0
PICTURE_WITHIN_S = 60.0
"""8 MB from a phone."""

MAX_PICTURES = 8
"""Uploads at the same time: 64 MB. Another one is asked to come again."""

_PICTURES = re.compile(r"(?:POST /api/rooms/[^/]+/pictures|PUT /api/rooms/[^/]+/picture)")

RETRY_S = 5.0

_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),  # beside frame-ancestors of each page's own policy, for browsers that know only this
    (b"permissions-policy", b"microphone=(), camera=(), geolocation=()"),
]
"""Of every answer that does not say something else."""


class Guard:
    """ASGI middleware. ``requests`` counts answers by (method, status) for the metrics."""

    def __init__(self, app: ASGIApp, requests: Counter[tuple[str, int]]) -> None:
        self._app = app
        self._requests = requests
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not _PICTURES.fullmatch(f"{scope['method']} {scope['path']}"):
            await self._serve(scope, receive, send, MAX_BODY_BYTES, BODY_WITHIN_S)
            return
        if self._uploads >= MAX_PICTURES:
            await problems.answer(Full("Many pictures are being sent. Try again in a few seconds.", RETRY_S))(
                scope, receive, send
            )
            return
        self._uploads += 1
        try:
            await self._serve(scope, receive, send, MAX_PICTURE_BYTES, PICTURE_WITHIN_S)
        finally:
            self._uploads -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send, most: int, within_s: float) -> None:
        deadline = asyncio.get_running_loop().time() + within_s
        taken = 0
        whole = False

        async def bounded_receive() -> Message:
            nonlocal taken, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"The request did not arrive within {within_s:.0f} s.") from None
            taken += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if taken > most:
                raise HTTPException(413, f"A body has at most {most} bytes here.", {"Connection": "close"})
            return message

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._requests[scope["method"][:16], message["status"]] += 1
                given = {name for name, _ in message["headers"]}
                wanted = [*_HEADERS, *_transport(scope)]
                message["headers"] = [*message["headers"], *(h for h in wanted if h[0] not in given)]
            await send(message)

        await self._app(scope, bounded_receive, counted_send)


def _transport(scope: Scope) -> list[tuple[bytes, bytes]]:
    """A browser that came by https to a name comes by https again. Where a proxy ends TLS, the proxy says so."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    try:
        strict = strict_transport(f"{scope.get('scheme')}://{host}")
    except ValueError:  # a Host that is no host
        strict = ""
    return [(b"strict-transport-security", strict.encode())] if strict else []
