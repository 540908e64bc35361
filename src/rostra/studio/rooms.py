"""What can be done to a room from the stage door, whoever asks. Rights are checked before (``rights``).

What is announced is changed in the catalog first and on the bus at once after; where the bus does not take it, the
outbox (``chores``) does it later. What concerns a room on air is changed on the bus first, so that it goes on without
the catalog, which is told when it can be.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from rostra import life
from rostra.errors import CatalogUnavailable, Conflict, NotFound, RostraError, StageUnavailable, Unavailable
from rostra.life import LifeEvent
from rostra.studio import merging
from rostra.studio.files import Files
from rostra.studio.links import another_id
from rostra.studio.ports import CatalogPort, RoomBus
from rostra.units import Role, RoomState, WallTime
from rostra.wire.rooms import MAX_REVOKED, Room

log = logging.getLogger("rostra.studio")

STAGE_WITHIN_S = 15.0
"""From asking for a stage to its first answer; a speaker waits meanwhile."""

PING_S = 1.0
POLL_S = 0.1

OFFER_WITHIN_S = 10.0
"""A stage that gathers candidates from STUN and TURN servers takes seconds."""

CALL_WITHIN_S = 3.0

ENDS_WITHIN_S = 2.0
"""A stage that was asked to end, and has nothing left to play, has written it down by then."""

TRIES = 6
"""Of a compare-and-set: studio and stage change a room a few times an hour."""

MAX_LISTED = 1000

MAX_SET = 1000
"""Rooms of which it is remembered how they were set last on air; older ones are in the catalog by then."""

_OPENERS = (Role.HOST, Role.COHOST)


class Rooms:
    def __init__(self, bus: RoomBus, files: Files, now: Callable[[], WallTime]) -> None:
        self._bus, self._files, self._now = bus, files, now
        self.on_announced: Callable[[Room], None] = lambda room: None
        """Called with a room whose announcement is new: its card is drawn again."""
        self.on_unpublished: Callable[[], None] = lambda: None
        """Called when the catalog has something that the bus may have to hear."""
        self.on_people: Callable[[str, dict[str, Any]], None] = lambda room_id, people: None
        """Called with what a stage says of who is on it."""
        self._set: OrderedDict[str, Room] = OrderedDict()
        """By room, as it was when something was set on air."""
        self._ending: set[asyncio.Task[None]] = set()
        self._announcing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By room: hosts who press at the same moment wait for one another instead of colliding."""

    # Reading.

    async def get(self, room_id: str) -> Room:
        """As it stands on the bus; of one that the bus has yet to hear of, as it is announced."""
        try:
            return (await self._bus.get_room(room_id))[0]
        except NotFound as e:
            try:
                return await self._files.ask(lambda catalog: catalog.get_room(room_id))
            except RostraError:
                raise e from None

    async def page(self, limit: int, cursor: str) -> tuple[list[Room], str]:
        """The newest first. The catalog's; without it what is on the bus, up to 1000 at once."""
        try:
            return await self._files.ask(lambda catalog: catalog.list_rooms(limit, cursor))
        except CatalogUnavailable:
            rooms = await self._bus.list_rooms()
            return sorted(rooms, key=lambda r: (r.created, r.id), reverse=True)[:MAX_LISTED], ""

    # What is announced: the catalog first.

    async def create(
        self, room: Room, *, exactly: bool, file: Callable[[CatalogPort, Room], Room] | None = None
    ) -> Room:
        """``exactly``: that id or none; otherwise a number is added where it is taken. ``file``: how the catalog takes
        it, if something else is to stand there at the same moment.

        :raises Conflict: if there is a room of that name.
        """
        wanted = room.id
        for number in range(2, 100):
            try:
                await self._file(room, file or (lambda catalog, room: catalog.create_room(room)))
                break
            except Conflict:
                if exactly:
                    raise
                room = room.with_(id=another_id(wanted, number))
        else:
            raise Conflict(f"There are a hundred rooms named like {wanted!r}. Choose an id with --id.")
        await self._tell_bus(room)
        self.on_announced(room)
        return room

    async def _file(self, room: Room, file: Callable[[CatalogPort, Room], Room]) -> None:
        try:
            await self._bus.get_room(room.id)
        except NotFound:
            await self._files.ask(lambda catalog: file(catalog, room))
        else:
            raise Conflict(f"There is a room {room.id!r} already. Choose another id with --id.")

    async def announce(self, room_id: str, how: Callable[[Room], Room]) -> Room:
        """Changes what is announced. :raises CatalogUnavailable: it cannot be changed now."""
        before: list[Room] = []
        lock = self._in_turn(room_id)
        async with lock:
            was_set = self._set.get(room_id)
            record = await self.get(room_id)

            def changed(filed: Room) -> Room:
                before.append(filed)
                set_now = self._set.get(room_id)
                # What was set on air meanwhile is newer than the record that we looked at.
                return how(merging.to_catalog(filed, record if set_now is was_set else set_now or record))

            filed = await self._files.ask(lambda catalog: catalog.change_room(room_id, changed))
            room = await self._tell_bus(filed)
        if any(getattr(filed, name) != getattr(before[-1], name) for name in merging.ON_THE_CARD):
            self.on_announced(room)
        return room

    async def cancel(self, room_id: str, note: str) -> Room:
        """:raises Conflict: it is too late for that."""
        room = await self.get(room_id)
        if room.state is RoomState.CANCELLED:
            return room
        life.advance(room.state, LifeEvent.CANCEL)
        called_off = {"state": RoomState.CANCELLED, "ended": self._now(), "note": note}
        after = await self.announce(room_id, lambda filed: filed.with_(**called_off))
        await self._need_before(after, room, "cancelled", state=after.state, ended=after.ended)
        return after

    async def postpone(self, room_id: str, at: WallTime, note: str, tz: str = "") -> Room:
        """Doors that are open close, unless they would be open at the new time too.

        :raises Conflict: it has begun, or is over.
        """
        room = await self.get(room_id)
        state = life.advance(room.state, LifeEvent.POSTPONE)
        to = {"state": state, "at": at, "note": note, "tz": tz or room.tz}
        # Counted where it is announced: two who move it at the same moment have moved it twice.
        after = await self.announce(room_id, lambda filed: filed.with_(**to, moved=filed.moved + 1))
        await self._need_before(after, room, "moved", state=after.state, at=room.at, tz=room.tz)
        return after

    async def _need_before(self, after: Room, before: Room, what: str, **as_it_was: Any) -> None:
        """The stage may have gone live between the look at the record and its change. Then that counts, and the
        catalog takes back what it announced.

        :raises Conflict: it did.
        """
        if after.state in (RoomState.SCHEDULED, RoomState.OPEN, RoomState.CANCELLED):
            return
        await self.announce(after.id, lambda filed: filed.with_(**as_it_was, note=before.note))
        raise Conflict(f"This room has begun in this very moment, and cannot be {what} any more. End it instead.")

    async def delete(self, room_id: str) -> None:
        """With all that belongs to it. :raises Conflict: it is on air."""
        lock = self._in_turn(room_id)
        async with lock:
            room = await self.get(room_id)
            if room.on_air:
                raise Conflict("This room is on air. End it first, then delete it.")
            try:
                await self._files.ask(lambda catalog: catalog.delete_room(room_id))
            except NotFound:
                log.info("room %s is deleted on the bus alone", room_id)
            await self._bus.rooms.delete(room_id)
            await self._bus.boards.delete(room_id)

    async def publish_again(self, room_id: str) -> None:
        """What the catalog has of it now. One that was deleted meanwhile stays deleted."""
        lock = self._in_turn(room_id)
        async with lock:
            try:
                filed = await self._files.ask(lambda catalog: catalog.get_room(room_id))
            except NotFound:
                return
            await self.publish(filed)

    def _in_turn(self, room_id: str) -> asyncio.Lock:
        """What is announced reaches the bus in the order in which the catalog took it."""
        return self._announcing.setdefault(room_id, asyncio.Lock())

    async def _tell_bus(self, filed: Room) -> Room:
        """What the catalog has, on the bus. Where it does not answer the outbox does it later."""
        try:
            return await self.publish(filed)
        except Unavailable as e:
            log.warning("room %s waits for the bus: %s", filed.id, e)
            return filed
        finally:
            self.on_unpublished()

    async def publish(self, filed: Room) -> Room:
        """The record on the bus with what the catalog announces."""
        try:
            return await self._change(filed.id, lambda record: merging.to_bus(record, filed, self._now()))
        except NotFound:
            try:
                await self._bus.create_room(filed)
                return filed
            except Conflict:  # made in this very moment
                return await self._change(filed.id, lambda record: merging.to_bus(record, filed, self._now()))

    # Its life: the bus first.

    async def open(self, room_id: str) -> Room:
        """Opens the doors and sees to it that there is a stage. Twice is as good as once.

        :raises Conflict: the room is over.
        """

        def opened(room: Room) -> Room:
            if room.over:
                raise Conflict(f"This room has {_over(room)}; it cannot be opened again. Make a new one.")
            return room if room.on_air else room.with_(state=life.advance(room.state, LifeEvent.OPEN))

        room = await self._change(room_id, opened)
        await self._stage(room_id)
        return room

    async def start(self, room_id: str) -> Room:
        """It goes live as soon as a voice is there, whatever the announced time. Twice is as good as once.

        :raises Conflict: the room is over.
        """
        await self.open(room_id)
        room = await self.set_on_air(room_id, lambda r: r if r.started else r.with_(go=True))
        try:
            await self._bus.call_stage(room_id, {"op": "start"}, CALL_WITHIN_S)
        except RostraError as e:  # the record says it too
            log.warning("room %s: its stage was not told to start: %s", room_id, e)
            return room
        return await self.get(room_id)

    async def end(self, room_id: str) -> Room:
        """Ends a room on air, cancels one that never was. Twice is as good as once.

        With a broadcast delay it is still on air when this returns: what was said before goes out, and then the stage
        writes that it has ended. Should the stage be gone by then, we do.
        """
        room = await self.get(room_id)
        plays_out_s = await self._ask_stage_to_end(room_id) if room.on_air else 0.0
        if plays_out_s > 0:
            task = asyncio.get_running_loop().create_task(self._ended_after(room_id, plays_out_s + ENDS_WITHIN_S))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            return await self.get(room_id)
        return await self._write_end(room_id)

    async def _ended_after(self, room_id: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        try:
            await self._write_end(room_id)
        except RostraError as e:
            log.warning("room %s: its end could not be written down: %s", room_id, e)

    async def _write_end(self, room_id: str) -> Room:
        def ended(room: Room) -> Room:
            if room.over:
                return room
            event = LifeEvent.CANCEL if room.state is RoomState.SCHEDULED else LifeEvent.END
            return room.with_(state=life.advance(room.state, event), ended=self._now())

        room = await self._change(room_id, ended)
        await self._files.surely(lambda catalog: catalog.save_happened(room))
        return room

    async def _ask_stage_to_end(self, room_id: str) -> float:
        """The stage says the last word to listeners and writes it down; where there is none we write it ourselves.
        Seconds until what is in its broadcast delay has gone out."""
        try:
            answer = await self._bus.call_stage(room_id, {"op": "end"}, CALL_WITHIN_S)
        except (Unavailable, NotFound) as e:
            log.warning("room %s is ended without its stage: %s", room_id, e)
            return 0.0
        left = answer.get("plays_out_s")
        if isinstance(left, int | float) and left > 0:
            return float(left)
        for _ in range(int(ENDS_WITHIN_S / POLL_S)):
            if not (await self.get(room_id)).on_air:
                break
            await asyncio.sleep(POLL_S)
        return 0.0

    async def enter(self, room_id: str, role: Role) -> Room:
        """What must be so before someone takes a seat: a stage there, and for speakers open doors. Host and co-hosts
        who come before the doors' time meet in the green room, and the room stays as it is announced.

        :raises Conflict: the doors are not open yet, or the room is over.
        """
        room = await self.get(room_id)
        if room.state is RoomState.SCHEDULED:
            if role not in _OPENERS:
                raise Conflict("The doors of this room are not open yet. You can join as soon as they are.")
            if self._now() >= life.doors_at(room.at, room.doors_s):
                return await self.open(room_id)
            await self._stage(room_id)
            return room
        if not room.on_air:
            raise Conflict(f"This room has {_over(room)}.")
        await self._stage(room_id)
        return room

    # What is set while it is on air, and links: the bus first.

    async def set_on_air(self, room_id: str, how: Callable[[Room], Room]) -> Room:
        room = self._set[room_id] = await self._change(room_id, how)
        self._set.move_to_end(room_id)
        if len(self._set) > MAX_SET:
            self._set.popitem(last=False)

        # What was set last, whichever of those that wait for the catalog comes last: looked up when it is written.
        await self._files.surely(
            lambda catalog: catalog.change_room(
                room_id, lambda filed: merging.to_catalog(filed, self._set.get(room_id, room))
            )
        )
        return room

    async def reissue(self, room_id: str, role: Role) -> Room:
        """The shared link of a role is made anew; the one before is no longer good."""

        def anew(room: Room) -> Room:
            return room.with_(issues={**room.issues, role.value: room.issues.get(role.value, 0) + 1})

        return await self.set_on_air(room_id, anew)

    async def revoke(self, room_id: str, identity: str) -> Room:
        """A personal link is no longer good. Twice is as good as once.

        :raises Conflict: there are too many that were taken back.
        """

        def without(room: Room) -> Room:
            if identity in room.revoked:
                return room
            if len(room.revoked) >= MAX_REVOKED // 2:
                raise Conflict(
                    f"{MAX_REVOKED // 2} links of this room were taken back, and no more can be. Make a new room."
                )
            return room.with_(revoked=(*room.revoked, identity))

        room, now = await self.set_on_air(room_id, without), self._now()
        await self._files.surely(lambda catalog: catalog.revoke_invitation(room_id, identity, now))
        return room

    # The stage.

    async def call(self, room_id: str, body: dict[str, Any], timeout_s: float = CALL_WITHIN_S) -> dict[str, Any]:
        """Asks the stage of a room that has one. :raises StageUnavailable: it has none now."""
        answer = await self._bus.call_stage(room_id, body, timeout_s)
        if body.get("op") == "people":
            self.on_people(room_id, answer)
        return answer

    async def _stage(self, room_id: str) -> None:
        """Returns when the room's stage answers; asks for one if it does not.

        :raises StageUnavailable: if it does not in time.
        """
        try:
            async with asyncio.timeout(STAGE_WITHIN_S):
                asked = False
                while True:
                    try:
                        await self._bus.call_stage(room_id, {"op": "people"}, PING_S)
                        return
                    except StageUnavailable:
                        pass
                    if not asked:
                        asked = await self._ask_for_stage(room_id)
                    await asyncio.sleep(POLL_S)
        except TimeoutError as e:
            raise StageUnavailable(
                f"The stage of room {room_id} did not start within {STAGE_WITHIN_S:g} s. Try again in a few seconds."
            ) from e

    async def _ask_for_stage(self, room_id: str) -> bool:
        try:
            await self._bus.ask_supervisor({"op": "open", "room": room_id}, PING_S)
        except Unavailable as e:
            log.warning("room %s: no stage can be asked for: %s", room_id, e)
            return False
        return True

    async def _change(self, room_id: str, change: Callable[[Room], Room]) -> Room:
        """Compare-and-set until it holds; the stage may write at the same time."""
        lock = self._changing.setdefault(room_id, asyncio.Lock())
        async with lock:
            for _ in range(TRIES):
                room, revision = await self._bus.get_room(room_id)
                changed = change(room)
                if changed == room:
                    return room
                try:
                    await self._bus.update_room(changed, revision)
                    return changed
                except Conflict:
                    continue
        raise Conflict("The room is being changed by somebody else all the time. Try again.")


def _over(room: Room) -> str:
    return "been cancelled" if room.state is RoomState.CANCELLED else "ended"
