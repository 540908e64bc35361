"""Those who ask to speak, as the host sees them: all of them in memory, in order, found by a word; a page at a time.

The bus has them (bucket ``hands``); this is a view of it that keeps up by watching, so that a page of ten thousand
costs no more than one of ten.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import secrets
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from rostra.errors import BadRequest, Conflict, NotFound, RostraError
from rostra.studio import texts
from rostra.studio.ports import RoomBus
from rostra.units import WallTime
from rostra.wire.hands import MAX_HAND_NAME, MAX_WHY, Hand, HandState
from rostra.wire.rooms import Room

log = logging.getLogger("rostra.studio")

MAX_HANDS: Final = 100_000
"""Of a room, in memory: some 50 MB. Later ones wait on the bus, and are read again when the others are lowered."""

MAX_IN_ALL: Final = 200_000
"""Of all rooms: some 100 MB, and about as many as the bus keeps."""

MAX_OVER: Final = 10_000
"""Rooms that are remembered to be over, so that a hand that comes late is not shown for ever."""

KEPT_S: Final = 24 * 3600.0
"""As long as the bus keeps a hand: what is older is gone there, which it does not tell."""

MAX_CURSOR: Final = 600
TRIES: Final = 6
LOWERED_AT_ONCE: Final = 32
"""Answers on their way to the bus at the same time while all hands are lowered."""

Sort = Literal["at", "-at", "name", "-name"]
Key = tuple[float | str, str]


@dataclass(slots=True)
class Progress:
    total: int
    done: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A page."""

    hands: list[Hand]
    next: str
    total: int
    complete: bool = True
    """False: more are up than are kept in memory."""


class Hall:
    """The hands that are up in one room. Pure."""

    def __init__(self) -> None:
        self._up: dict[str, Hand] = {}
        self._sought: dict[str, str] = {}
        self._by_at: list[Any] = []
        self._by_name: list[Any] = []
        self.complete = True

    def __len__(self) -> int:
        return len(self._up)

    def note(self, ticket: str, hand: Hand | None) -> None:
        """What the bus says of it now; one that is not up is not shown."""
        if (before := self._up.pop(ticket, None)) is not None:
            _drop(self._by_at, (before.at, ticket))
            _drop(self._by_name, (before.name.casefold(), ticket))
            del self._sought[ticket]
        if hand is None or hand.state is not HandState.WAITING:
            return
        if len(self._up) >= MAX_HANDS:
            self.complete = False
            return
        hand = _shown(hand)
        self._up[ticket] = hand
        self._sought[ticket] = f"{hand.name}\n{hand.why}".casefold()
        insort(self._by_at, (hand.at, ticket))
        insort(self._by_name, (hand.name.casefold(), ticket))

    def tickets(self) -> list[str]:
        return list(self._up)

    def forget(self, before: float) -> None:
        """Those that were raised before that."""
        for _, ticket in self._by_at[: bisect_left(self._by_at, (before, ""))]:
            self.note(ticket, None)

    def page(self, q: str, sort: Sort, limit: int, cursor: str) -> Found:
        """:raises BadRequest: that cursor is none of ours."""
        by, falling = sort.removeprefix("-"), sort.startswith("-")
        after = _read(cursor, by) if cursor else None
        order: list[Any] = self._by_name if by == "name" else self._by_at
        if sought := q.casefold().strip():
            order = [key for key in order if sought in self._sought[key[1]]]
        if falling:
            end = bisect_left(order, after) if after is not None else len(order)
            keys, more = order[max(0, end - limit) : end][::-1], end > limit
        else:
            start = bisect_right(order, after) if after is not None else 0
            keys, more = order[start : start + limit], start + limit < len(order)
        hands = [self._up[key[1]] for key in keys]
        return Found(hands, _write(keys[-1]) if more and keys else "", len(order), self.complete)


def _shown(hand: Hand) -> Hand:
    """What strangers wrote, safe to show beside others."""
    try:
        name, why = texts.line(hand.name, MAX_HAND_NAME) or "Somebody", texts.line(hand.why, MAX_WHY)
    except ValueError:
        name, why = "Somebody", ""
    return hand.with_(name=name, why=why)


def _drop(order: list[Any], key: Key) -> None:
    at = bisect_left(order, key)
    if at < len(order) and order[at] == key:
        del order[at]


def _write(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, ensure_ascii=False).encode()).decode().rstrip("=")


def _read(cursor: str, by: str) -> Key:
    try:
        if len(cursor) > MAX_CURSOR:
            raise ValueError("too long")
        first, ticket = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(ticket, str) or not isinstance(first, str if by == "name" else float | int):
            raise ValueError("not what we write")
        return (first, ticket)
    except (ValueError, TypeError, RecursionError) as e:
        raise BadRequest("That cursor is none of ours. Begin without one, and go on with what `next` says.") from e


@dataclass(slots=True)
class Hands:
    """Of all rooms, and how they are answered."""

    bus: RoomBus
    now: Callable[[], WallTime]
    _halls: dict[str, Hall] = field(default_factory=dict)
    _over: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _full: bool = False
    _count: int = 0
    _lowering: dict[str, Progress] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def watch(self) -> None:
        await self.bus.hands.watch(self.heard)

    def heard(self, key: str, hand: Hand | None) -> None:
        room, _, ticket = key.partition(".")
        hall = self._halls.get(room)
        up = hand is not None and hand.state is HandState.WAITING and hand.at > self.now() - KEPT_S
        if hall is None:
            if not up or room in self._over:
                return
            hall = self._halls[room] = Hall()
        if up and self._count >= MAX_IN_ALL:
            self._is_full(hall)
            return
        before = len(hall)
        hall.note(ticket, hand if up else None)
        self._changed(room, hall, before)

    def _is_full(self, hall: Hall) -> None:
        hall.complete = False
        if not self._full:
            log.warning("%d hands are up, and no more are shown. Lower those that are not wanted.", MAX_IN_ALL)
        self._full = True

    def _changed(self, room: str, hall: Hall, before: int) -> None:
        self._count += len(hall) - before
        if not len(hall) and hall.complete:
            self._halls.pop(room, None)

    def heard_room(self, room_id: str, room: Room | None) -> None:
        """What the bus says of a room: who asks to speak in one that is over asks nobody."""
        if room is not None and not room.over:
            self._over.pop(room_id, None)
            return
        # Of one that is deleted they are lowered (api_rooms): they must not be up in another of its name.
        if room is not None and (hall := self._halls.pop(room_id, None)) is not None:
            self._count -= len(hall)
        self._over[room_id] = None
        if len(self._over) > MAX_OVER:
            self._over.popitem(last=False)

    def _hall(self, room: str) -> Hall:
        """Without those that the bus has forgotten."""
        hall = self._halls.get(room)
        if hall is None:
            return Hall()
        before = len(hall)
        hall.forget(self.now() - KEPT_S)
        self._changed(room, hall, before)
        return hall

    def forget_old(self) -> None:
        for room in list(self._halls):
            self._hall(room)

    def up(self, room: str) -> int:
        return len(self._hall(room))

    def page(self, room: str, q: str, sort: Sort, limit: int, cursor: str) -> Found:
        return self._hall(room).page(q, sort, limit, cursor)

    def lowering(self, room: str) -> Progress | None:
        return self._lowering.get(room)

    async def waiting(self, room: str, ticket: str) -> Hand:
        """As it may be shown. :raises NotFound: there is no such hand. :raises Conflict: it is not up any more."""
        return _shown((await self._waiting(room, ticket))[0])

    async def _waiting(self, room: str, ticket: str) -> tuple[Hand, int]:
        try:
            hand, revision = await self.bus.hands.get(f"{room}.{ticket}")
        except NotFound:
            raise NotFound("There is no such hand. It was up too long ago, or never.") from None
        if hand.state is not HandState.WAITING:
            raise Conflict(f"That hand is not up any more: it was {hand.state.value}.")
        return hand, revision

    async def has(self, room: str, ticket: str, link: str) -> bool | None:
        """Whether that hand was answered with that link; None: the bus does not say."""
        try:
            return (await self.bus.hands.get(f"{room}.{ticket}"))[0].link == link
        except NotFound:
            return False
        except RostraError:
            return None

    async def answer(self, room: str, ticket: str, answer: Callable[[Hand], Hand]) -> Hand:
        """Compare-and-set: two hosts do not answer one hand differently.

        :raises NotFound: there is no such hand. :raises Conflict: it is not up any more.
        """
        for _ in range(TRIES):
            hand, revision = await self._waiting(room, ticket)
            answered = answer(hand)
            try:
                await self.bus.hands.put(hand.key, answered, revision)
            except Conflict:
                continue
            self.heard(hand.key, answered)
            return answered
        raise Conflict("That hand is being changed by somebody else all the time. Try again.")

    def lower_all(self, room: str) -> Progress:
        """Begins, or tells how far it is."""
        if (there := self._lowering.get(room)) is not None:
            return there
        hall = self._hall(room)
        tickets = hall.tickets()
        progress = Progress(len(tickets))
        if tickets or not hall.complete:
            self._lowering[room] = progress
            task = asyncio.get_running_loop().create_task(self._lower(room, tickets, progress))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return progress

    async def _lower(self, room: str, tickets: list[str], progress: Progress) -> None:
        waiting = iter(tickets)

        async def some() -> None:
            for ticket in waiting:
                try:
                    await self.answer(room, ticket, lambda hand: hand.with_(state=HandState.LOWERED))
                except (NotFound, Conflict):
                    pass  # answered meanwhile, or gone
                except RostraError as e:
                    log.warning("room %s: a hand could not be lowered: %s", room, e)
                progress.done += 1

        try:
            await asyncio.gather(*(some() for _ in range(LOWERED_AT_ONCE)))
            await self._read_again(room)
        except RostraError as e:
            log.warning("room %s: hands that found no place could not be read again: %s", room, e)
        finally:
            self._lowering.pop(room, None)

    async def _read_again(self, room: str) -> None:
        """Those that found no place when they were raised."""
        hall = self._halls.get(room)
        if hall is None or hall.complete:
            return
        hall.complete, self._full = True, False
        for key in await self.bus.hands.keys():
            if key.startswith(f"{room}.") and hall.complete:
                try:
                    self.heard(key, (await self.bus.hands.get(key))[0])
                except NotFound:
                    continue
        if room in self._halls:
            self._changed(room, hall, len(hall))

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def new_identity() -> str:
    """Of a personal link."""
    return secrets.token_urlsafe(12)


def accepted(link: str) -> Callable[[Hand], Hand]:
    return lambda hand: hand.with_(state=HandState.ACCEPTED, link=link)


def declined(hand: Hand) -> Hand:
    return hand.with_(state=HandState.DECLINED)
