"""Answers that the bus must give first: asked for in tasks, so many at a time, given up after a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from rostra.edge.answers import NO_STORE, Answer, problem
from rostra.edge.conversation import HELD, Conversation, Held
from rostra.errors import Full, RostraError, Unavailable

log = logging.getLogger("rostra.edge")

MAX_UNDER_WAY = 2000
"""At once, an edge: the bus stores some thousands a second, so what is beyond would wait for longer than a second."""

TIMEOUT_S = 5.0
"""As long as a head has."""

COME_BACK_S = 2.0

BUSY = "Too many people send something at this moment. Please try again in a moment."
NOT_STORED = "This could not be stored in time. Please try again in a moment."


class Errands:
    def __init__(self, ready: Callable[[Conversation, Answer], None]) -> None:
        """:param ready: called with the answer that a conversation waits for."""
        self.ready = ready
        self._tasks: set[asyncio.Task[None]] = set()
        self.given_up = 0

    def __len__(self) -> int:
        return len(self._tasks)

    def send(self, conversation: Conversation, errand: Callable[[], Awaitable[Answer]]) -> Held:
        """The answer is what ``errand`` returns, or the problem it raises. :raises Full: too many are under way."""
        self.start(self._for(conversation, errand))
        return HELD

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """:raises Full: too many are under way."""
        if len(self._tasks) >= MAX_UNDER_WAY:
            work.close()
            raise Full(BUSY, COME_BACK_S)
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _for(self, conversation: Conversation, errand: Callable[[], Awaitable[Answer]]) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await errand()
        except TimeoutError:
            self.given_up += 1
            answer = problem(Full(NOT_STORED, COME_BACK_S), cache=NO_STORE)
        except RostraError as e:
            answer = problem(e, cache=NO_STORE)
        except Exception:
            log.exception("an errand failed")
            answer = problem(Unavailable(NOT_STORED), cache=NO_STORE)
        self.ready(conversation, answer)

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
