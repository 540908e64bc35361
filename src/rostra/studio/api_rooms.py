"""Rooms: make, list, show, change, delete, and their life."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response

from rostra.permissions import Action
from rostra.studio import texts
from rostra.studio.api import Authorization, Cursor, Desk, Key, Limit, RoomId, asker, view, with_links
from rostra.studio.api_settings import doors_s
from rostra.studio.links import id_from
from rostra.studio.models import Cancel, NewRoom, Nothing, Page, Postpone, RoomChange, RoomView, RoomWithLinks
from rostra.studio.once import GrantedBefore, Wish
from rostra.studio.ports import CatalogPort
from rostra.studio.problems import documented
from rostra.units import RoomState, WallTime
from rostra.wire.rooms import Room

SAME_S = 0.001
"""Times closer than this are the same one: as text they have microseconds, in the record they are a double."""


def is_same(text: str, tz: str, at: WallTime) -> tuple[bool, str]:
    """Whether it is that time, which may be over: who sends back what they read moves nothing."""
    try:
        read, remark = texts.moment(datetime.fromisoformat(text), tz)
    except (ValueError, OverflowError):
        return False, ""
    return abs(read - at) < SAME_S, remark


def _with_answer(wish: Wish, answer: Callable[[Room], RoomWithLinks]) -> Callable[[CatalogPort, Room], Room]:
    """A room and what is answered to who wished for it, filed at the same moment."""

    def file(catalog: CatalogPort, room: Room) -> Room:
        body = answer(room).model_dump_json().encode()
        if (made := catalog.create_room_once(room, wish.key, wish.fingerprint, 201, body)) is None:
            raise GrantedBefore
        return made

    return file


def moment(text: str, tz: str, now: WallTime) -> tuple[WallTime, str]:
    """A time to come, and what must be said about it. :raises RequestValidationError: it is over, or too far away."""
    try:
        at, remark = texts.moment(datetime.fromisoformat(text), tz)
        return WallTime(texts.coming(at, now)), remark
    except (ValueError, OverflowError) as e:
        error = {"type": "value_error", "loc": ("body", "at"), "msg": str(e), "input": text}
        raise RequestValidationError([error]) from None


def add(router: APIRouter, desk: Desk) -> None:
    rooms, links, need = desk.rooms, desk.links, desk.entrance.need

    @router.post(
        "/rooms", status_code=201, summary="Make a room (operator)", tags=["rooms"],
        response_model=RoomWithLinks, responses=documented(409),
    )  # fmt: skip
    async def create(request: Request, new: NewRoom, key: Key = None, authorization: Authorization = None) -> Response:
        caller = desk.entrance.rights.need_operator(authorization, Action.CREATE)

        async def make(wish: Wish | None) -> RoomWithLinks:
            now = desk.now()
            at, remark = moment(new.at, new.tz, now) if new.at else (now, "")
            room = Room(
                new.id or id_from(new.title, lambda: secrets.token_hex(3)), new.title, RoomState.SCHEDULED, at, now,
                words=new.words, tz=new.tz, speakers=tuple(new.speakers), listed=new.listed, invited=new.invited,
                doors_s=await doors_s(desk) if new.doors_s is None else new.doors_s, delay_s=new.delay_s,
            )  # fmt: skip
            file = _with_answer(wish, lambda made: with_links(links, made, remark)) if wish else None
            return with_links(links, await rooms.create(room, exactly=new.id is not None, file=file), remark)

        return await desk.once.do(key, asker(caller), "POST /rooms", await request.body(), make)

    @router.get("/rooms", summary="All rooms, the newest first (operator)", tags=["rooms"], responses=documented())
    async def list_rooms(limit: Limit = 50, cursor: Cursor = "", authorization: Authorization = None) -> Page[RoomView]:
        desk.entrance.rights.need_operator(authorization, Action.SEE_ALL_ROOMS)
        found, after = await rooms.page(limit, cursor)
        return Page[RoomView](items=[view(links, room) for room in found], next=after or None)

    @router.get(
        "/rooms/{room}", summary="One room (operator: with its links; or anyone with a link to it)", tags=["rooms"],
        responses=documented(404),
    )  # fmt: skip
    async def show(room: RoomId, authorization: Authorization = None) -> RoomWithLinks | RoomView:
        caller, found = await need(authorization, room, Action.LISTEN)
        return with_links(links, found) if caller.operator else view(links, found)

    @router.patch(
        "/rooms/{room}", summary="Change what is announced (co-host)", tags=["rooms"], responses=documented(404, 409)
    )
    async def change(room: RoomId, new: RoomChange, authorization: Authorization = None) -> RoomView:
        caller, found = await need(authorization, room, Action.EDIT)
        changes: dict[str, Any] = {k: v for k, v in new.model_dump(exclude={"at"}).items() if v is not None}
        if "delay_s" in changes:
            caller.need(Action.SET_DELAY)
        if "speakers" in changes:
            changes["speakers"] = tuple(changes["speakers"])
        remark = ""
        if new.at is not None:
            caller.need(Action.POSTPONE)
            same, remark = is_same(new.at, new.tz or found.tz, found.at)
            if not same:
                at, remark = moment(new.at, new.tz or found.tz, desk.now())
                found = await rooms.postpone(room, at, found.note, new.tz or "")
        if "delay_s" in changes:
            delay_s = changes.pop("delay_s")
            found = await rooms.set_on_air(room, lambda r: r.with_(delay_s=delay_s))
        if changes:
            found = await rooms.announce(room, lambda filed: filed.with_(**changes))
        return view(links, found, remark)

    @router.delete("/rooms/{room}", summary="Delete it (operator)", tags=["rooms"], responses=documented(404, 409))
    async def delete(room: RoomId, authorization: Authorization = None) -> Nothing:
        await need(authorization, room, Action.DELETE)
        await rooms.delete(room)
        desk.hands.lower_all(room)  # or they would be up in the next room of that name
        return Nothing()

    @router.post(
        "/rooms/{room}/open", summary="Open the doors (co-host)", tags=["life"], responses=documented(404, 409)
    )
    async def open_room(room: RoomId, authorization: Authorization = None) -> RoomView:
        await need(authorization, room, Action.OPEN_DOORS)
        return view(links, await rooms.open(room))

    @router.post(
        "/rooms/{room}/start", summary="Start it, whatever the announced time (co-host)", tags=["life"],
        responses=documented(404, 409),
    )  # fmt: skip
    async def start(room: RoomId, authorization: Authorization = None) -> RoomView:
        await need(authorization, room, Action.START)
        return view(links, await rooms.start(room))

    @router.post(
        "/rooms/{room}/end", summary="End it, or cancel it before it began (host)", tags=["life"],
        responses=documented(404, 409),
    )  # fmt: skip
    async def end(room: RoomId, authorization: Authorization = None) -> RoomView:
        await need(authorization, room, Action.END)
        return view(links, await rooms.end(room))

    @router.post("/rooms/{room}/cancel", summary="It will not be (host)", tags=["life"], responses=documented(404, 409))
    async def cancel(room: RoomId, why: Cancel, authorization: Authorization = None) -> RoomView:
        await need(authorization, room, Action.CANCEL)
        return view(links, await rooms.cancel(room, why.note))

    @router.post(
        "/rooms/{room}/postpone", summary="Move it to another time (co-host)", tags=["life"],
        responses=documented(404, 409),
    )  # fmt: skip
    async def postpone(room: RoomId, new: Postpone, authorization: Authorization = None) -> RoomView:
        _, found = await need(authorization, room, Action.POSTPONE)
        at, remark = moment(new.at, found.tz, desk.now())
        return view(links, await rooms.postpone(room, at, new.note), remark)
