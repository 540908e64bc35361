"""What can be done to a room from the stage door, whoever asks. Rights are checked before (``rights``)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from rostra.errors import Conflict, NotFound, StageUnavailable, Unavailable
from rostra.studio.links import another_id
from rostra.units import Role, RoomState, WallTime
from rostra.wire.rooms import Room

log = logging.getLogger("rostra.studio")

STAGE_WITHIN_S = 15.0
"""From asking for a stage to its first answer; a speaker waits meanwhile."""

PING_S = 1.0
POLL_S = 0.1

OFFER_WITHIN_S = 10.0
"""A stage that gathers candidates from STUN and TURN servers takes seconds."""

CALL_WITHIN_S = 3.0

TRIES = 6
"""Of a compare-and-set: studio and stage change a room a few times an hour."""

MAX_LISTED = 1000


class RoomBus(Protocol):
    """What the studio needs of the bus."""

    @property
    def connected(self) -> bool: ...
    async def create_room(self, room: Room) -> int: ...
    async def get_room(self, room_id: str) -> tuple[Room, int]: ...
    async def update_room(self, room: Room, revision: int) -> int: ...
    async def list_rooms(self) -> list[Room]: ...
    async def call_stage(self, room: str, body: dict[str, Any], timeout_s: float) -> dict[str, Any]: ...
    async def ask_supervisor(self, body: dict[str, Any], timeout_s: float) -> dict[str, Any]: ...


class Rooms:
    def __init__(self, bus: RoomBus, now: Callable[[], WallTime]) -> None:
        self._bus = bus
        self._now = now

    async def create(self, title: str, room_id: str, at: WallTime | None, *, exactly: bool) -> Room:
        """A scheduled room. ``exactly``: that id or none; otherwise a number is added where it is taken.

        :raises Conflict: if there is a room of that name.
        """
        now = self._now()
        wanted = room_id
        for number in range(2, 100):
            room = Room(wanted, title, RoomState.SCHEDULED, at if at is not None else now, now)
            try:
                await self._bus.create_room(room)
                return room
            except Conflict:
                if exactly:
                    raise
                wanted = another_id(room_id, number)
        raise Conflict(f"There are a hundred rooms named like {room_id!r}. Choose an id with --id.")

    async def get(self, room_id: str) -> Room:
        return (await self._bus.get_room(room_id))[0]

    async def all(self) -> list[Room]:
        """The newest first, up to 1000."""
        rooms = await self._bus.list_rooms()
        return sorted(rooms, key=lambda r: r.created, reverse=True)[:MAX_LISTED]

    async def open(self, room_id: str) -> Room:
        """Opens the doors and sees to it that there is a stage. Twice is as good as once.

        :raises Conflict: the room is over.
        """

        def opened(room: Room) -> Room:
            if room.state in (RoomState.ENDED, RoomState.CANCELLED):
                raise Conflict(f"This room has {_over(room)}; it cannot be opened again. Make a new one.")
            return room.with_(state=RoomState.OPEN) if room.state is RoomState.SCHEDULED else room

        room = await self._change(room_id, opened)
        await self._stage(room_id)
        return room

    async def end(self, room_id: str) -> Room:
        """Ends a room on air, cancels one that never was. Twice is as good as once."""
        room = await self.get(room_id)
        if room.on_air:
            await self._ask_stage_to_end(room_id)

        def ended(room: Room) -> Room:
            if room.state is RoomState.SCHEDULED:
                return room.with_(state=RoomState.CANCELLED, ended=self._now())
            return room.with_(state=RoomState.ENDED, ended=self._now()) if room.on_air else room

        return await self._change(room_id, ended)

    async def _ask_stage_to_end(self, room_id: str) -> None:
        """The stage says the last word to listeners and writes it down; where there is none we write it ourselves."""
        try:
            await self._bus.call_stage(room_id, {"op": "end"}, CALL_WITHIN_S)
        except (Unavailable, NotFound) as e:
            log.warning("room %s is ended without its stage: %s", room_id, e)
            return
        for _ in range(int(2.0 / POLL_S)):
            if not (await self.get(room_id)).on_air:
                return
            await asyncio.sleep(POLL_S)

    async def enter(self, room_id: str, role: Role) -> Room:
        """What must be so before someone takes a seat: doors open (a host opens them by coming) and a stage there.

        :raises Conflict: the doors are not open yet, or the room is over.
        """
        room = await self.get(room_id)
        if room.state is RoomState.SCHEDULED:
            if role is not Role.HOST:
                raise Conflict(
                    "The doors of this room are not open yet: they open when the host comes. Try again then."
                )
            return await self.open(room_id)
        if not room.on_air:
            raise Conflict(f"This room has {_over(room)}.")
        await self._stage(room_id)
        return room

    async def call(self, room_id: str, body: dict[str, Any], timeout_s: float = CALL_WITHIN_S) -> dict[str, Any]:
        """Asks the stage of a room that has one. :raises StageUnavailable: it has none now."""
        return await self._bus.call_stage(room_id, body, timeout_s)

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
