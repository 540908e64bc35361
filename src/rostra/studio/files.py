"""The catalog as routes ask it: from the event loop, in a few threads, never for long, and opened once it answers."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rostra.errors import CatalogUnavailable, RostraError
from rostra.studio.ports import CatalogPort

log = logging.getLogger("rostra.studio")

T = TypeVar("T")

THREADS = 4
"""As many as the catalog has connections."""

MAX_ASKING = 200
"""Questions that wait for a thread; a database that answers takes milliseconds."""

ANSWER_WITHIN_S = 6.0
"""A page waits ten seconds for an answer; a database that is stuck must not use them up."""

REST_S = 1.0
"""After a database did not answer, so long nobody waits for it: what is asked is refused at once."""

SURELY_WITHIN_S = 1.0
"""What goes on without the catalog waits so long for it."""

MAX_LATER = 2000
"""Changes that wait in memory for the catalog to come back: links, and what was taken back. Older ones are lost."""


class Files:
    """``opener``: opens the catalog; it may be away for now."""

    def __init__(self, opener: Callable[[], CatalogPort], clock: Callable[[], float] = time.monotonic) -> None:
        self._opener, self._clock = opener, clock
        self._opened: CatalogPort | None = None
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, "catalog")
        self._asking = 0
        self._rests_until = 0.0
        self._later: deque[Callable[[CatalogPort], object]] = deque(maxlen=MAX_LATER)

    def open(self) -> CatalogPort:
        """Blocks. :raises RostraError: as the opener."""
        with self._opening:
            if self._opened is None:
                self._opened = self._opener()
            return self._opened

    async def ask(self, question: Callable[[CatalogPort], T], within_s: float = ANSWER_WITHIN_S) -> T:
        """One transaction. :raises RostraError: what the catalog raised; CatalogUnavailable: it does not answer."""
        if self._asking >= MAX_ASKING or self._clock() < self._rests_until:
            raise CatalogUnavailable
        self._asking += 1
        asked = asyncio.get_running_loop().run_in_executor(self._threads, lambda: question(self.open()))
        asked.add_done_callback(self._answered)
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(asked)
        except TimeoutError:
            self._rests_until = self._clock() + REST_S
            raise CatalogUnavailable from None
        except CatalogUnavailable:
            self._rests_until = self._clock() + REST_S
            raise

    def _answered(self, asked: asyncio.Future[T]) -> None:
        self._asking -= 1
        if not asked.cancelled():
            asked.exception()  # one that came too late was heard by nobody

    async def surely(self, question: Callable[[CatalogPort], object]) -> None:
        """Now, or when the catalog is back: what concerns people on air does not wait for it. What it refuses is lost:
        the same may have been said before."""
        try:
            await self.ask(question, SURELY_WITHIN_S)
        except CatalogUnavailable:
            self._later.append(question)
        except RostraError as e:
            log.info("the catalog did not take something that was done: %s", e)

    async def catch_up(self) -> None:
        """What waited for the catalog. :raises CatalogUnavailable: it still does."""
        while self._later:
            question = self._later[0]
            try:
                await self.ask(question)
            except CatalogUnavailable:
                raise
            except RostraError as e:
                log.info("the catalog did not take something that was done: %s", e)
            except Exception:
                log.exception("the catalog could not take something that was done")
            if self._later and self._later[0] is question:
                self._later.popleft()

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._opened is not None:
            self._opened.close()
