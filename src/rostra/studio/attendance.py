"""Who sat where, noted in the catalog from what stages tell. Nothing waits for it: what cannot be written is written
later, as it is by then."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from rostra.errors import RostraError
from rostra.studio.files import Files
from rostra.studio.ports import CatalogPort
from rostra.units import Role, WallTime
from rostra.wire.rooms import Room

log = logging.getLogger("rostra.studio")

MAX_ROOMS: Final = 1000
"""Rooms whose seats are in memory, 32 each; the one that was not told of for longest goes, and is read again."""

AGAIN_S: Final = 5.0

Seats = dict[int, tuple[str, Role]]

_SEAT = re.compile(r"s([0-9]{1,9})")


def read_seats(told: object) -> Seats:
    """Of a stage's answer; who is still joining does not sit yet."""
    found: Seats = {}
    for seat in told if isinstance(told, list) else ():
        if not isinstance(seat, Mapping) or seat.get("state") == "joining":
            continue
        number, role = _SEAT.fullmatch(str(seat.get("id"))), str(seat.get("role"))
        if number and role in (Role.HOST, Role.COHOST, Role.SPEAKER):
            found[int(number[1])] = (str(seat.get("name") or ""), Role(role))
    return found


class Attendance:
    def __init__(self, files: Files, now: Callable[[], WallTime]) -> None:
        self._files, self._now = files, now
        self._told: OrderedDict[str, tuple[Seats, WallTime]] = OrderedDict()
        self._noted: dict[str, Seats] = {}
        self._changed: dict[str, None] = {}
        self._nudge = asyncio.Event()

    def told(self, room_id: str, answer: Mapping[str, Any]) -> None:
        """By a stage that was asked for its people."""
        if isinstance(answer.get("seats"), list):
            self._sit(room_id, read_seats(answer["seats"]))

    def heard_room(self, room_id: str, room: Room | None) -> None:
        """When a room is over, everybody has left it."""
        if room is None:
            self._forget(room_id)
        elif room.over and room_id in self._told:
            self._sit(room_id, {})

    def _sit(self, room_id: str, seats: Seats) -> None:
        before = self._told.get(room_id)
        if before is not None and before[0] == seats:
            self._told.move_to_end(room_id)
            return
        self._told[room_id] = (seats, self._now())
        self._told.move_to_end(room_id)
        if len(self._told) > MAX_ROOMS:
            self._forget(next(iter(self._told)))
        self._changed[room_id] = None
        self._nudge.set()

    def _forget(self, room_id: str) -> None:
        self._told.pop(room_id, None)
        self._noted.pop(room_id, None)
        self._changed.pop(room_id, None)

    async def keep(self) -> None:
        """Writes down what changed, for as long as the studio is there."""
        while True:
            await self._nudge.wait()
            self._nudge.clear()
            for room_id in list(self._changed):
                try:
                    await self._write(room_id)
                except RostraError as e:
                    log.debug("who sits in room %s is noted later: %s", room_id, e)
                    self._nudge.set()
                    await asyncio.sleep(AGAIN_S)
                    break
                except Exception:
                    log.exception("who sits in room %s cannot be noted", room_id)
                    self._changed.pop(room_id, None)

    async def _write(self, room_id: str) -> None:
        if room_id not in self._told:
            self._changed.pop(room_id, None)
            return
        seats, at = self._told[room_id]
        noted = self._noted.get(room_id)
        await self._files.ask(lambda catalog: _note(catalog, room_id, noted, seats, at))
        if room_id in self._told:
            self._noted[room_id] = seats
            if self._told[room_id][0] == seats:
                self._changed.pop(room_id, None)
            else:
                self._nudge.set()


def _note(catalog: CatalogPort, room_id: str, noted: Seats | None, seats: Seats, at: WallTime) -> None:
    """``noted``: what the catalog has; None: not known, after a restart."""
    there: Iterable[int] = [n.seat for n in catalog.seats(room_id) if not n.left] if noted is None else noted
    for seat in sorted(set(there) - seats.keys()):
        catalog.left_seat(room_id, seat, at)
    for seat, who in sorted(seats.items()):
        if noted is None or noted.get(seat) != who:
            catalog.note_seat(room_id, seat, *who, at)
