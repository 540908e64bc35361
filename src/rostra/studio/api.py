"""``/api``: rooms, links and people."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from rostra.errors import BadRequest
from rostra.studio.links import Links, id_from
from rostra.studio.rights import Rights
from rostra.studio.rooms import Rooms
from rostra.units import Role, WallTime
from rostra.wire.rooms import ROOM_ID, Room

Authorization = Annotated[str | None, Header(description="Bearer TOKEN")]


MAX_SEAT = 64


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class NewRoom(_Model):
    title: str = Field(min_length=1, max_length=200)
    """What listeners read."""
    id: str | None = Field(None, pattern=f"^{ROOM_ID.pattern}$")
    """1 to 40 of a-z, 0-9 and inner hyphens; made from the title when it is left out."""
    at: AwareDatetime | None = None
    """When it is announced to begin (ISO 8601 with a time zone); now when it is left out."""


class RoomView(_Model):
    id: str
    title: str
    state: str
    at: datetime
    created: datetime
    started: datetime | None
    """When the first voice was heard."""
    ended: datetime | None
    public: str
    """The listener's page."""


class RoomWithLinks(RoomView):
    links: dict[str, str]
    """``host``, ``cohost``, ``speaker`` (whoever holds one has that right) and ``public``."""


class Invitation(_Model):
    role: Role
    """``host``, ``cohost`` or ``speaker``."""
    name: str = Field("", max_length=60)
    """Shown beside the voice; the speaker is asked when it is empty."""


class Invited(_Model):
    link: str


class Mute(_Model):
    muted: bool


def routes(rooms: Rooms, rights: Rights, links: Links) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["rooms"])

    def view(room: Room) -> dict[str, Any]:
        return {
            "id": room.id,
            "title": room.title,
            "state": room.state.value,
            "at": _time(room.at),
            "created": _time(room.created),
            "started": _time(room.started) if room.started else None,
            "ended": _time(room.ended) if room.ended else None,
            "public": links.public(room),
        }

    def with_links(room: Room) -> RoomWithLinks:
        return RoomWithLinks(**view(room), links=links.of(room))

    @router.post("/rooms", status_code=201, summary="Make a room (operator)")
    async def create(new: NewRoom, authorization: Authorization = None) -> RoomWithLinks:
        rights.need_operator(authorization)
        title = " ".join(new.title.split())
        if not title or not title.isprintable():
            raise BadRequest("A title has 1 to 200 printable characters.")
        at = WallTime(new.at.timestamp()) if new.at else None
        room_id = new.id or id_from(title, lambda: secrets.token_hex(3))
        return with_links(await rooms.create(title, room_id, at, exactly=new.id is not None))

    @router.get("/rooms", summary="All rooms, the newest first (operator)")
    async def list_rooms(authorization: Authorization = None) -> list[RoomView]:
        rights.need_operator(authorization)
        return [RoomView(**view(room)) for room in await rooms.all()]

    @router.get("/rooms/{room}", summary="One room (operator: with its links; or anyone with a link to it)")
    async def show(room: str, authorization: Authorization = None) -> RoomWithLinks | RoomView:
        if rights.is_operator(authorization):
            return with_links(await rooms.get(room))
        rights.need_link(authorization, room, *Role)
        return RoomView(**view(await rooms.get(room)))

    @router.post("/rooms/{room}/open", summary="Open the doors (operator, host)")
    async def open_room(room: str, authorization: Authorization = None) -> RoomView:
        rights.need_operator_or(authorization, room, Role.HOST)
        return RoomView(**view(await rooms.open(room)))

    @router.post("/rooms/{room}/end", summary="End it, or cancel it before it began (operator, host)")
    async def end(room: str, authorization: Authorization = None) -> RoomView:
        rights.need_operator_or(authorization, room, Role.HOST)
        return RoomView(**view(await rooms.end(room)))

    @router.post("/rooms/{room}/links", status_code=201, summary="A link for one person (operator, host)")
    async def invite(room: str, who: Invitation, authorization: Authorization = None) -> Invited:
        rights.need_operator_or(authorization, room, Role.HOST)
        found = await rooms.get(room)
        try:
            return Invited(link=links.invite(found, who.role, who.name, secrets.token_urlsafe(12)))
        except ValueError as e:
            raise BadRequest(f"No link can be made: {e}.") from e

    @router.get("/rooms/{room}/people", summary="Who is on the stage (operator, host, co-host, speaker)")
    async def people(room: str, authorization: Authorization = None) -> dict[str, Any]:
        rights.need_operator_or(authorization, room, Role.HOST, Role.COHOST, Role.SPEAKER)
        await rooms.get(room)
        return await rooms.call(room, {"op": "people"})

    @router.post("/rooms/{room}/seats/{seat}/mute", summary="Mute a seat, or let it speak again (host, co-host)")
    async def mute(room: str, seat: str, wanted: Mute, authorization: Authorization = None) -> dict[str, Any]:
        rights.need_operator_or(authorization, room, Role.HOST, Role.COHOST)
        return await rooms.call(room, {"op": "mute", "seat": _seat(seat), "muted": wanted.muted})

    @router.delete("/rooms/{room}/seats/{seat}", summary="Take the floor from someone (operator, host)")
    async def free(room: str, seat: str, authorization: Authorization = None) -> dict[str, Any]:
        rights.need_operator_or(authorization, room, Role.HOST)
        return await rooms.call(room, {"op": "hangup", "seat": _seat(seat)})

    return router


def _seat(seat: str) -> str:
    if len(seat) > MAX_SEAT:
        raise BadRequest("That is not a seat.")
    return seat


def _time(wall: WallTime) -> datetime:
    return datetime.fromtimestamp(wall, UTC)
