"""Pictures: from the shelf, or fetched once for all who wait for the same."""

from __future__ import annotations

import asyncio
import logging

from rostra.edge.answers import NO_STORE, Answer, problem
from rostra.edge.contracts import Carrier
from rostra.edge.conversation import HELD, Conversation, Held
from rostra.edge.errands import COME_BACK_S, TIMEOUT_S, Errands
from rostra.edge.holds import Holds
from rostra.edge.shelf import Shelf
from rostra.errors import Full, NotFound, RostraError

log = logging.getLogger("rostra.edge")

MAX_FETCHED_AT_ONCE = 64
"""Different pictures asked for at the bus at once: 4 MB on their way."""

NO_PICTURE = "There is no such picture."


class Gallery:
    def __init__(self, carrier: Carrier, errands: Errands, shelf: Shelf) -> None:
        self.shelf = shelf
        self._carrier = carrier
        self._errands = errands
        self._fetching: set[str] = set()
        self._waiting: Holds[str, Conversation, None] = Holds()
        self.fetched = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def answer(self, name: str, conversation: Conversation, now: float) -> Answer | Held:
        """:raises NotFound: there is none. :raises Full: too many are being fetched."""
        if (known := self.shelf.get(name)) is not None:
            return known
        if self.shelf.is_missing(name, now):
            raise NotFound(NO_PICTURE)
        if name not in self._fetching:
            if len(self._fetching) >= MAX_FETCHED_AT_ONCE:
                raise Full("Too many pictures are being fetched. Please try again in a moment.", COME_BACK_S)
            self._errands.start(self._fetch(name, now))
            self._fetching.add(name)
        self._waiting.hold(name, conversation, None, now + 2 * TIMEOUT_S)
        return HELD

    async def _fetch(self, name: str, now: float) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = self.shelf.put(name, await self._carrier.picture(name))
            self.fetched += 1
        except NotFound:
            self.shelf.miss(name, now)
            answer = problem(NotFound(NO_PICTURE))
        except TimeoutError:
            answer = problem(Full("The picture did not come in time. Please try again.", COME_BACK_S), cache=NO_STORE)
        except RostraError as e:
            answer = problem(e, cache=NO_STORE)
        except Exception:
            log.exception("picture %s", name)
            answer = problem(Full("The picture could not be read. Please try again.", COME_BACK_S), cache=NO_STORE)
        finally:
            self._fetching.discard(name)
        for _, who, _ in self._waiting.release(lambda key: key == name):
            self._errands.ready(who, answer)

    def abandon(self, conversation: Conversation) -> None:
        self._waiting.abandon(conversation)
