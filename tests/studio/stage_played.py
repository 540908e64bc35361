"""A stage without sound on the other end of the bus: the very code that seats people, moderates and leaves notes, on
the very record of the room. What a floor does with media is left out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rostra.bus.client import Bus
from rostra.errors import StageUnavailable
from rostra.stage.moderation import Moderation, identity_of
from rostra.stage.orders import Orders, text
from rostra.stage.seats import Seat, Seats
from rostra.units import Role, WallTime
from rostra.wire.rooms import Room
from rostra.wire.tokens import Claims, read, verify

LIMITS = {Role.HOST: 1, Role.COHOST: 2, Role.SPEAKER: 10}


@dataclass(frozen=True)
class Person:
    key: str
    role: Role
    name: str


class PlayedStage:
    def __init__(self, bus: Bus, key: Ed25519PublicKey, room: str, generation: int = 1) -> None:
        self._bus, self._key, self._room = bus, key, room
        self.moderation = Moderation(Seats(LIMITS, 30.0), generation)
        self._orders = Orders(self.moderation, self)
        self._lines = itertools.count(1)

    async def start(self) -> None:
        await self._bus.rooms.watch(self._heard, only=self._room)
        await self._bus.serve(f"stage.{self._room}.call", self._call)

    def _heard(self, _: str, room: Room | None) -> None:
        if room is not None:
            self.moderation.know(room)

    # The floor, as far as orders need it.

    def whose(self, body: Mapping[str, Any]) -> Person:
        person = self._behind(body)
        self.moderation.admit(person.role, person.key)
        return person

    def off(self, seat: Seat) -> None: ...

    def changed(self) -> None: ...

    def _behind(self, body: Mapping[str, Any]) -> Person:
        claims: Claims = verify(text(body, "token"), self._key, self._room, WallTime(1.7e9))
        name = claims.name or str(body.get("name") or "") or claims.role.value
        return Person(f"{claims.jti}/{body.get('seat') or ''}", claims.role, name)

    async def _call(self, body: dict[str, Any]) -> dict[str, Any]:
        match body["op"]:
            case "people":
                return {"seats": [self._shown(seat) for seat in self.moderation.seats.all()]}
            case "me":
                person = self._behind(body)
                notes = self.moderation.notes.after(person.key, body["after"])
                if not notes:
                    self.moderation.need_good(person.role, person.key)
                seat = self.moderation.seats.of_key(person.key)
                return {"seat": self._shown(seat) if seat else None, "notes": notes}
            case "whip":
                person, line = self.whose(body), f"whip-{next(self._lines)}"
                self.moderation.claim(person.key, person.role, person.name, line)
                self.moderation.seats.connected(line)
                return {"sdp": "v=0\r\nanswer", "session": line}
            case "note":
                if isinstance(link := body["note"].get("link"), str):
                    claims = read(link.partition("#t=")[2], self._key)
                    self.moderation.appoint(body["seat"], claims.role, claims.jti)
                return self._orders.obey(body)
            case "end":
                raise StageUnavailable("There is no sound that could end.")
            case _:
                return self._orders.obey(body)

    def _shown(self, seat: Seat) -> dict[str, Any]:
        return {
            "id": seat.id, "name": seat.name, "role": seat.role.value, "state": seat.state.name.lower(),
            "muted": seat.muted, "session": seat.link, "identity": identity_of(seat.key),
        }  # fmt: skip
