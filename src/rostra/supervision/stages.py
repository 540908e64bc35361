"""A stage process for each room on air: opened when the studio asks, started again when it crashes, and taken up
again when this Rostra starts and finds rooms that were on air."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from rostra.errors import BadRequest, Conflict, Full, NotFound
from rostra.wire.rooms import ROOM_ID, Room

log = logging.getLogger("rostra.supervision")

MOST_STAGES = 64
"""A process each, with a media library in it (100 MB); a machine that wants more rooms wants another machine."""

ENDS_BY_ITSELF_S = 10.0
"""A stage whose room has ended says goodbye to its speakers and goes; after so long it is asked to."""


class StageProcess(Protocol):
    @property
    def pid(self) -> int | None: ...
    def start(self) -> None: ...
    async def stop(self) -> None: ...


class RoomRecords(Protocol):
    async def get_room(self, room_id: str) -> tuple[Room, int]: ...


MakeStage = Callable[[str, Callable[[int], bool], Callable[[], None]], StageProcess]
"""(room, whether an exit status is final, what to do when it was) -> a process to start."""


class Stages:
    """``ours`` remembers the rooms that were opened here. On a bus that several machines share, a room on air is taken
    up again by the machine that opened it; on a bus of our own (``all_ours``) every room is."""

    def __init__(self, records: RoomRecords, make: MakeStage, ours: Path, *, all_ours: bool) -> None:
        self._records = records
        self._make = make
        self._memory = ours
        self._all_ours = all_ours
        self._ours = _read(ours)
        self._on_air: set[str] = set()
        self._running: dict[str, StageProcess] = {}
        self._ending: dict[str, asyncio.TimerHandle] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._closed = False

    def pid(self, room: str) -> int | None:
        stage = self._running.get(room)
        return stage.pid if stage else None

    @property
    def rooms(self) -> list[str]:
        return sorted(self._running)

    def room_changed(self, room_id: str, room: Room | None) -> None:
        """News of the room records; the first of them tell what was on air before we started."""
        if self._closed:
            return
        if room is not None and room.on_air:
            self._on_air.add(room_id)
            if timer := self._ending.pop(room_id, None):
                timer.cancel()
            if room_id in self._running:
                self._remember(room_id, ours=True)
            elif self._all_ours or room_id in self._ours:
                self._try_to_open(room_id)
            return
        if room is not None and not room.over and room_id not in self._on_air:
            return  # announced; if it has a stage, that is a green room, which ends by itself
        self._on_air.discard(room_id)
        self._remember(room_id, ours=False)
        if room_id in self._running and room_id not in self._ending:
            loop = asyncio.get_running_loop()
            self._ending[room_id] = loop.call_later(ENDS_BY_ITSELF_S, self._close, room_id)

    async def handle(self, body: dict[str, Any]) -> dict[str, Any]:
        """``supervisor.stage``: {"op": "open" | "close", "room": ID}. Before its doors are open a room may have a stage
        for those who meet in the green room; then it is not started again when it ends.

        :raises Conflict: the room is over. :raises Full: this machine has all the stages it takes.
        """
        room_id = body.get("room")
        if not isinstance(room_id, str) or not ROOM_ID.fullmatch(room_id):
            raise BadRequest("A request for a stage names a room.")
        match body.get("op"):
            case "open":
                room, _ = await self._records.get_room(room_id)
                if room.over:
                    raise Conflict(f"The room {room_id!r} is {room.state.value}: it has no stage.")
                if room.on_air:
                    self._on_air.add(room_id)
                self._open(room_id)
                return {"ok": {"room": room_id, "pid": self.pid(room_id)}}
            case "close":
                if room_id not in self._running:
                    raise NotFound(f"The room {room_id!r} has no stage here.")
                self._on_air.discard(room_id)
                self._close(room_id)
                return {"ok": {"room": room_id}}
            case _:
                raise BadRequest('A request for a stage says "open" or "close".')

    async def stop(self) -> None:
        """Ends every stage. The rooms stay on air: whoever starts next takes them up."""
        self._closed = True
        for timer in self._ending.values():
            timer.cancel()
        await asyncio.gather(*(s.stop() for s in self._running.values()), *self._stopping)
        self._running.clear()

    def _try_to_open(self, room_id: str) -> None:
        try:
            self._open(room_id)
        except Full as e:
            log.error("room %s stays without a stage: %s", room_id, e)

    def _open(self, room_id: str) -> None:
        if room_id in self._running:
            return
        if self._closed or len(self._running) >= MOST_STAGES:
            raise Full(f"This machine runs {len(self._running)} rooms already.", 60.0)
        stage = self._make(room_id, lambda status: room_id not in self._on_air, lambda: self._ended(room_id))
        self._running[room_id] = stage
        self._remember(room_id, ours=True)
        log.info("room %s: a stage is starting", room_id)
        stage.start()

    def _ended(self, room_id: str) -> None:
        self._running.pop(room_id, None)
        if timer := self._ending.pop(room_id, None):
            timer.cancel()

    def _close(self, room_id: str) -> None:
        self._ending.pop(room_id, None)
        stage = self._running.pop(room_id, None)
        if stage is not None:
            task = asyncio.get_running_loop().create_task(stage.stop())
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    def _remember(self, room_id: str, *, ours: bool) -> None:
        if (room_id in self._ours) == ours:
            return
        (self._ours.add if ours else self._ours.discard)(room_id)
        beside = self._memory.with_suffix(".new")
        beside.write_text(json.dumps(sorted(self._ours)), encoding="ascii")
        beside.replace(self._memory)


def _read(memory: Path) -> set[str]:
    try:
        found = json.loads(memory.read_text(encoding="ascii"))
        return {room for room in found if isinstance(room, str) and ROOM_ID.fullmatch(room)}
    except (OSError, ValueError, TypeError):
        return set()
