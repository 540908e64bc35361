"""What the studio does by itself: doors that open at their time, rooms that end in silence, letters, and catalog and
bus that tell each other what they have to. Each chore goes on whatever fails; what failed is done the next time."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from rostra.errors import CatalogUnavailable, Conflict, NotFound, RostraError
from rostra.life import doors_at
from rostra.studio import merging
from rostra.studio.board import Boards
from rostra.studio.files import Files
from rostra.studio.ports import CatalogPort, RoomBus
from rostra.studio.rooms import Rooms
from rostra.units import RoomState, WallTime
from rostra.wire.rooms import Room

log = logging.getLogger("rostra.studio")

TICK_S: Final = 1.0
LETTERS_EVERY_S: Final = 5.0
OUTBOX_EVERY_S: Final = 1.0
RETRY_S: Final = 2.0

OPEN_AGAIN_S: Final = 10.0
"""Between attempts to open doors for which there was no stage."""

MAX_FAILED: Final = 20
"""Rooms that could not be published before the outbox rests: it is the bus then, and not the rooms."""

FORGOTTEN_S: Final = 7 * 24 * 3600.0
"""After its time, a room that nobody opened is called off: its host has forgotten it."""

SWEEP_EVERY_S: Final = 1800.0

PEOPLE_EVERY_S: Final = 15.0
"""Hosts' pages ask stages for their people each second or two; where there is no such page, this does."""

ASKED_AT_ONCE: Final = 8
"""Stages, for their people."""

MAX_TO_MIRROR: Final = 10_000
"""Records whose state waits to be noted in the catalog; all of them are told again after a reconnect."""


@dataclass(slots=True)
class Watch:
    """Rooms that are not over, as the clock sees them. Pure: is told the time."""

    silence_ends_s: float
    rooms: dict[str, Room] = field(default_factory=dict)
    _silent_since: dict[str, WallTime] = field(default_factory=dict)
    _tried: dict[str, WallTime] = field(default_factory=dict)

    def heard(self, room_id: str, room: Room | None, now: WallTime) -> None:
        before = self.rooms.get(room_id)
        if room is None or room.over:
            for table in (self.rooms, self._silent_since, self._tried):
                table.pop(room_id, None)
            return
        self.rooms[room_id] = room
        if room.state not in (RoomState.INTERRUPTED, RoomState.OPEN):
            self._silent_since.pop(room_id, None)
        elif before is None or before.state is not room.state or room_id not in self._silent_since:
            self._silent_since[room_id] = now

    def to_open(self, now: WallTime) -> list[Room]:
        """Those whose doors should be open. A room that was made for the moment it was made in is opened by who comes;
        one that nobody opened for an hour after its time stays as it is."""
        due = [room for room in self.rooms.values() if self._is_due(room, now)]
        for room in due:
            self._tried[room.id] = now
        return due

    def _is_due(self, room: Room, now: WallTime) -> bool:
        return (
            room.state is RoomState.SCHEDULED
            and room.at > room.created
            and doors_at(room.at, room.doors_s) <= now <= room.at + self.silence_ends_s
            and now - self._tried.get(room.id, WallTime(0.0)) >= OPEN_AGAIN_S
        )

    def to_end(self, now: WallTime) -> list[Room]:
        """Those in which no voice was heard for long: as far as we have seen, which begins anew with each studio."""
        found = []
        for room_id, since in self._silent_since.items():
            room = self.rooms[room_id]
            quiet = max(since, room.at) if room.state is RoomState.OPEN else since
            if now - quiet >= self.silence_ends_s:
                found.append(room)
        return found

    def to_call_off(self, now: WallTime) -> list[Room]:
        """Those that nobody opened, a week after their time."""
        waiting = (room for room in self.rooms.values() if room.state is RoomState.SCHEDULED)
        return [room for room in waiting if now - room.at >= FORGOTTEN_S]


class Chores:
    def __init__(
        self, bus: RoomBus, files: Files, rooms: Rooms, boards: Boards, *, silence_ends_s: float,
        now: Callable[[], WallTime],
    ) -> None:  # fmt: skip
        self._bus, self._files, self._rooms, self._boards, self._now = bus, files, rooms, boards, now
        self.watch = Watch(silence_ends_s)
        self._to_mirror: OrderedDict[str, Room] = OrderedDict()
        self._letters, self._outbox, self._happened = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._opening: set[str] = set()
        self._unused: set[str] = set()
        """Pictures that nothing showed at the last sweep."""
        self.on_record: Callable[[str, Room | None], None] = lambda room_id, room: None
        """Called with what the bus says of a room."""
        self.on_sweep: Callable[[], None] = lambda: None
        """Called now and then, to throw away what is old."""
        self._closing = False
        """A request on the bus may answer a cancellation as if it had timed out: who is cancelled looks here too."""

    async def start(self) -> None:
        self._rooms.on_unpublished = self._boards.on_unpublished = self._outbox.set
        await self._bus.watch_rooms(self._heard)
        await self._bus.on_letter(self._letters.set)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(chore) for chore in (
            self._imports(), self._keep_clock(),
            self._every("letters", self._letters, LETTERS_EVERY_S, self.take_letters),
            self._every("outbox", self._outbox, OUTBOX_EVERY_S, self.publish),
            self._every("what happened", self._happened, LETTERS_EVERY_S, self.mirror),
            self._every("people", asyncio.Event(), PEOPLE_EVERY_S, self.ask_for_people),
            self._every("pictures", asyncio.Event(), SWEEP_EVERY_S, self.sweep),
        )]  # fmt: skip

    async def close(self) -> None:
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _heard(self, room_id: str, room: Room | None) -> None:
        self.watch.heard(room_id, room, self._now())
        self.on_record(room_id, room)
        if room is not None and (room_id in self._to_mirror or len(self._to_mirror) < MAX_TO_MIRROR):
            self._to_mirror[room_id] = room
            self._happened.set()

    async def _every(self, what: str, nudge: asyncio.Event, seconds: float, do: Callable[[], Awaitable[None]]) -> None:
        """When nudged, and now and then."""
        while not self._closing:
            try:
                async with asyncio.timeout(seconds):
                    await nudge.wait()
            except TimeoutError:
                pass
            nudge.clear()
            try:
                await do()
            except RostraError as e:
                log.debug("%s: %s", what, e)
                await self._rest()
            except Exception:
                log.exception("%s: a chore failed", what)
                await self._rest()

    async def _rest(self) -> None:
        if not self._closing:
            await asyncio.sleep(RETRY_S)

    # Catalog and bus.

    async def _imports(self) -> None:
        """Rooms on the bus that the catalog does not know: made before there was one, or by another one."""
        while not self._closing:
            try:
                for room in await self._bus.list_rooms():
                    await self._import(room)
                return
            except RostraError as e:
                log.debug("rooms of the bus could not be taken over yet: %s", e)
            except Exception:
                log.exception("rooms of the bus could not be taken over")
            await self._rest()

    async def _import(self, room: Room) -> None:
        def take(catalog: CatalogPort) -> None:
            try:
                catalog.get_room(room.id)
            except NotFound:
                catalog.create_room(room)

        try:
            await self._files.ask(take)
        except CatalogUnavailable:
            raise
        except Conflict:
            log.debug("room %s was taken over by somebody else, or deleted", room.id)
        except RostraError as e:
            log.warning("room %s of the bus cannot be in the catalog: %s", room.id, e)

    async def publish(self) -> None:
        """What the bus has yet to hear. One room that it does not take holds up no other.

        :raises RostraError: not all of it could be told.
        """
        await self._files.catch_up()
        failed: list[RostraError] = []
        for filed, version in await self._files.ask(lambda catalog: catalog.to_publish()):
            try:
                await self._publish(filed, version)
            except CatalogUnavailable:
                raise
            except RostraError as e:
                log.warning("room %s waits for the bus: %s", filed.id, e)
                failed.append(e)
                if len(failed) >= MAX_FAILED:
                    break
        if failed:
            raise failed[-1]

    async def _publish(self, filed: Room, version: int) -> None:
        await self._rooms.publish_again(filed.id)
        board = await self._files.ask(lambda catalog: catalog.board(filed.id))
        await self._boards.publish(filed.id, board)
        await self._files.ask(lambda catalog: catalog.published(filed.id, version))

    async def mirror(self) -> None:
        """State and times of rooms, as they happened, to the catalog."""
        while self._to_mirror:
            room_id, room = self._to_mirror.popitem(last=False)

            def save(catalog: CatalogPort, room: Room = room) -> None:
                # A cancellation that is filed at this very moment is not written over by what was before it.
                catalog.save_happened(room, lambda filed: merging.unheard(room, filed, self._now()))

            try:
                await self._files.ask(save)
            except CatalogUnavailable:
                self._to_mirror.setdefault(room_id, room)
                raise

    async def sweep(self) -> None:
        """Old things go. Pictures must have been shown by nothing the last time too: a picture is sent before the post
        that it belongs to."""
        self.on_sweep()
        there = await self._bus.pictures.keys()
        shown = await self._files.ask(lambda catalog: catalog.pictures_shown())
        unused = {name for name in there if name not in shown}
        for name in sorted(unused & self._unused):
            await self._bus.pictures.forget(name)
        self._unused = unused - self._unused

    async def ask_for_people(self) -> None:
        """Of all rooms on air: who sat there is noted (``Rooms.on_people``)."""
        waiting = iter([room.id for room in self.watch.rooms.values() if room.on_air])

        async def some() -> None:
            for room_id in waiting:
                try:
                    await self._rooms.call(room_id, {"op": "people"})
                except RostraError as e:
                    log.debug("room %s: it is not known who is on the stage: %s", room_id, e)

        await asyncio.gather(*(some() for _ in range(ASKED_AT_ONCE)))

    # Letters.

    async def take_letters(self) -> None:
        """Into the catalog, then off the bus."""
        while True:
            last = await self._files.ask(lambda catalog: catalog.last_letter())
            letters = await self._bus.read_letters(last)
            if not letters:
                return
            await self._files.ask(lambda catalog, batch=letters: catalog.take_letters(batch))  # type: ignore[misc]
            await self._bus.forget_letters(letters[-1][0])

    # The clock.

    async def _keep_clock(self) -> None:
        while not self._closing:
            await asyncio.sleep(TICK_S)
            now = self._now()
            for room in self.watch.to_open(now):
                self._soon(f"open {room.id}", self._rooms.open(room.id))
            for room in self.watch.to_call_off(now):
                log.info("room %s is called off: nobody opened it for a week", room.id)
                self._soon(f"end {room.id}", self._rooms.end(room.id))
            for room in self.watch.to_end(now):
                log.info("room %s ends: no voice was heard in it for %g s", room.id, self.watch.silence_ends_s)
                self._soon(f"end {room.id}", self._rooms.end(room.id))

    def _soon(self, what: str, work: Awaitable[Room]) -> None:
        """Beside the clock: a stage takes seconds to start."""
        if what in self._opening:
            work.close()  # type: ignore[attr-defined]
            return
        self._opening.add(what)

        async def do() -> None:
            try:
                await work
            except RostraError as e:
                log.warning("%s: %s", what, e)
            finally:
                self._opening.discard(what)

        task = asyncio.get_running_loop().create_task(do())
        self._tasks.append(task)
        task.add_done_callback(lambda done: self._tasks.remove(done) if done in self._tasks else None)
