"""``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header): a wish that is said twice is granted once.

The answer is kept in the catalog for a day. While that does not answer, what can be done without it is done without
this promise too.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from fastapi.responses import Response
from pydantic import BaseModel

from rostra.errors import CatalogUnavailable, Conflict
from rostra.studio.files import Files
from rostra.units import WallTime

MEDIA_TYPE = "application/json"


class GrantedBefore(Exception):
    """While the wish was being granted, it turned out that it had been: by a request of which nobody heard the end."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One that may be said twice: by what it is known again."""

    key: str
    fingerprint: str

    @property
    def mark(self) -> str:
        """What is made for it may have this as its id."""
        return hashlib.sha256(f"{self.key}\n{self.fingerprint}".encode()).hexdigest()[:24]


class Once:
    def __init__(self, files: Files, now: Callable[[], WallTime]) -> None:
        self._files, self._now = files, now
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Of wishes that are being granted."""

    async def do(
        self, key: str | None, caller: str, place: str, body: bytes,
        make: Callable[[Wish | None], Awaitable[BaseModel]],
    ) -> Response:  # fmt: skip
        """Status 201 with what ``make`` makes. ``caller`` and ``place`` are part of the key: who asks, and where.

        Who says the same while it is being granted waits for it. ``make`` is told the wish, so that what it makes can
        be known again where the catalog took it too late for an answer.

        :raises Conflict: the key was used for something else.
        """
        if not key:
            return _answer(201, (await make(None)).model_dump_json().encode())
        whole = hashlib.sha256("\n".join((caller, place, key)).encode()).hexdigest()
        fingerprint = hashlib.sha256(body).hexdigest()
        lock = self._locks.setdefault(whole, asyncio.Lock())
        async with lock:
            try:
                found = await self._files.ask(lambda catalog: catalog.answered(whole, fingerprint, self._now()))
            except CatalogUnavailable:
                found = None
            if found is not None:
                return _answer(*found)
            try:
                made = (await make(Wish(whole, fingerprint))).model_dump_json().encode()
            except GrantedBefore:
                found = await self._files.ask(lambda catalog: catalog.answered(whole, fingerprint, self._now()))
                if found is None:
                    raise Conflict("The same is being done at this moment. Ask again in a few seconds.") from None
                return _answer(*found)
            await self._files.surely(
                lambda catalog: catalog.remember_answer(whole, fingerprint, 201, made, self._now())
            )
            return _answer(201, made)


def _answer(status: int, body: bytes) -> Response:
    return Response(body, status, {"Cache-Control": "no-store"}, MEDIA_TYPE)
