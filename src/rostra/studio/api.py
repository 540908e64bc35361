"""``/api``: what all its routes share, and the routes put together.

Each route asks ``Entrance.need`` for one action of ``rostra.permissions`` before anything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Security
from fastapi.security import APIKeyHeader

from rostra.studio.board import Boards
from rostra.studio.files import Files
from rostra.studio.hands import Hands
from rostra.studio.links import Links
from rostra.studio.models import RoomView, RoomWithLinks, maybe_time, time
from rostra.studio.moderating import Moderating
from rostra.studio.once import Once
from rostra.studio.rights import Caller, Entrance
from rostra.studio.rooms import Rooms
from rostra.units import WallTime
from rostra.wire.rooms import Room

MAX_SEAT = 64
MAX_PAGE = 200
MAX_CURSOR = 600

_SCHEME = APIKeyHeader(
    name="Authorization", scheme_name="link", auto_error=False,
    description="`Bearer TOKEN`: the token of a link (after `#t=`), or the operator's.",
)  # fmt: skip

Authorization = Annotated[str | None, Security(_SCHEME)]
RoomId = Annotated[str, Path(pattern="^[a-z0-9-]{1,40}$", description="The room's id.")]
SeatId = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="As `people` names it.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=128, pattern="^[!-~]+$",
        description="Any word of your own, new for each wish: the same wish said twice is granted once.",
    ),
]  # fmt: skip
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="At most so many.")]
Cursor = Annotated[str, Query(max_length=MAX_CURSOR, description="What `next` of the page before says.")]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the routes work with."""

    entrance: Entrance
    rooms: Rooms
    links: Links
    moderating: Moderating
    hands: Hands
    boards: Boards
    files: Files
    once: Once
    now: Callable[[], WallTime]
    listening: Callable[[str], int]
    """Listeners of a room."""
    doors_s: float
    """Of a new room, if nobody says otherwise of it."""


def values(links: Links, room: Room) -> dict[str, Any]:
    return {
        "id": room.id,
        "title": room.title,
        "state": room.state.value,
        "at": time(room.at),
        "created": time(room.created),
        "started": maybe_time(room.started),
        "ended": maybe_time(room.ended),
        "public": links.public(room),
        "words": room.words,
        "tz": room.tz,
        "speakers": list(room.speakers),
        "picture": room.picture,
        "card": room.card,
        "listed": room.listed,
        "invited": room.invited,
        "doors_s": float(room.doors_s),
        "delay_s": float(room.delay_s),
        "locked": room.locked,
        "go": room.go,
        "note": room.note,
    }


def view(links: Links, room: Room, remark: str = "") -> RoomView:
    return RoomView(**values(links, room), remark=remark)


def with_links(links: Links, room: Room, remark: str = "") -> RoomWithLinks:
    return RoomWithLinks(**values(links, room), remark=remark, links=links.of(room))


def asker(caller: Caller) -> str:
    """Who asks, as part of a key: not the token itself."""
    return hashlib.sha256(caller.token.encode()).hexdigest()


def routes(desk: Desk) -> APIRouter:
    from rostra.studio import api_links, api_listeners, api_posts, api_rooms, api_settings, api_stage

    router = APIRouter(prefix="/api")
    for part in (api_rooms, api_settings, api_links, api_stage, api_listeners, api_posts):
        part.add(router, desk)
    return router
