"""The stage: who is there, and what hosts and people themselves do."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from rostra.errors import StageUnavailable
from rostra.permissions import Action
from rostra.studio.api import Authorization, Desk, RoomId, SeatId, view
from rostra.studio.models import (
    Appoint,
    Appointed,
    Lock,
    Me,
    Mute,
    MuteMe,
    Page,
    Removed,
    RoomView,
    SeatTaken,
    SetDelay,
    Stage,
    maybe_time,
    time,
)
from rostra.studio.problems import documented
from rostra.units import Role

Which = Annotated[
    str, Query(max_length=64, pattern="^[A-Za-z0-9_-]*$", description="Which of the people behind one link.")
]
After = Annotated[int, Query(ge=0, le=2**53, description="The number of the last note that is known.")]
Sat = Annotated[int, Query(ge=1, le=1000, description="At most so many; the catalog keeps 1000 of a room.")]
Block = Annotated[bool, Query(description="They do not come back, with this link or this browser.")]


def add(router: APIRouter, desk: Desk) -> None:
    need, rooms, links = desk.entrance.need, desk.rooms, desk.links

    @router.get("/rooms/{room}/people", summary="Who is on the stage (speaker)", tags=["stage"],
                responses=documented(404))  # fmt: skip
    async def people(room: RoomId, authorization: Authorization = None) -> Stage:
        _, found = await need(authorization, room, Action.SEE_STAGE)
        there = await rooms.call(room, {"op": "people"})
        there["seats"] = [_shown(seat) for seat in there.get("seats", [])]
        return Stage(**{"state": found.state.value, "listening": desk.listening(room), **there})

    @router.get(
        "/rooms/{room}/me", summary="Oneself on the stage, and what one is to be told (speaker)", tags=["stage"],
        responses=documented(404, 410),
    )  # fmt: skip
    async def me(room: RoomId, seat: Which = "", after: After = 0, authorization: Authorization = None) -> Me:
        # A room whose doors are not open yet has a stage only while a host is there.
        # The stage lets a link that was taken back read why it was, once (its note), and no more.
        caller, found = await need(authorization, room, Action.SEE_STAGE, taken_back=True)
        nobody = Me(seat=None, notes=[], state=found.state.value)
        if caller.claims is None or found.over:
            return nobody
        try:
            mine = await rooms.call(room, {"op": "me", "token": caller.token, "seat": seat, "after": after})
        except StageUnavailable:
            if found.on_air:
                raise
            return nobody
        if mine.get("seat"):
            mine["seat"] = _shown(mine["seat"])
        return Me(**{"state": found.state.value, "notes": [], "seat": None, **mine})

    @router.post(
        "/rooms/{room}/me/mute", summary="Close or open one's own microphone (speaker)", tags=["stage"],
        responses=documented(404, 410),
    )  # fmt: skip
    async def mute_me(room: RoomId, wanted: MuteMe, authorization: Authorization = None) -> dict[str, Any]:
        caller, _ = await need(authorization, room, Action.MUTE_SELF)
        op = "mute_self" if wanted.muted else "unmute_self"
        asked = {"op": op, "token": caller.token, "seat": wanted.seat, "session": wanted.session}
        return await rooms.call(room, asked)

    @router.post(
        "/rooms/{room}/seats/{seat}/mute", summary="Silence someone (co-host)", tags=["stage"],
        responses=documented(404),
    )  # fmt: skip
    async def mute(room: RoomId, seat: SeatId, wanted: Mute, authorization: Authorization = None) -> dict[str, Any]:
        caller, _ = await need(authorization, room, Action.MUTE)
        return await rooms.call(room, {"op": "mute", "seat": seat, "muted": wanted.muted, "by": caller.name})

    @router.post(
        "/rooms/{room}/mute-all", summary="Silence all but oneself (co-host)", tags=["stage"],
        responses=documented(404),
    )  # fmt: skip
    async def mute_all(room: RoomId, authorization: Authorization = None) -> dict[str, Any]:
        caller, found = await need(authorization, room, Action.MUTE)
        return await desk.moderating.mute_all(found, caller)

    @router.post(
        "/rooms/{room}/seats/{seat}/ask-unmute", summary="Ask someone to open their microphone (co-host)",
        tags=["stage"], responses=documented(404, 409),
    )  # fmt: skip
    async def ask_unmute(room: RoomId, seat: SeatId, authorization: Authorization = None) -> dict[str, Any]:
        caller, _ = await need(authorization, room, Action.ASK_UNMUTE)
        return await rooms.call(room, {"op": "ask_unmute", "seat": seat, "by": caller.name})

    @router.delete(
        "/rooms/{room}/seats/{seat}", summary="Take the floor from someone (co-host)", tags=["stage"],
        responses=documented(404, 409),
    )  # fmt: skip
    async def remove(room: RoomId, seat: SeatId, block: Block = False, authorization: Authorization = None) -> Removed:
        caller, found = await need(authorization, room, Action.REMOVE)
        if block:
            caller.need(Action.BLOCK)
        removed, hint = await desk.moderating.remove(found, caller, seat, block=block)
        return Removed(removed=removed, blocked=block, hint=hint)

    @router.post(
        "/rooms/{room}/seats/{seat}/appoint", tags=["stage"], responses=documented(404, 409),
        summary="Give someone another role; `host` hands one's own seat over (host)",
    )  # fmt: skip
    async def appoint(room: RoomId, seat: SeatId, to: Appoint, authorization: Authorization = None) -> Appointed:
        role = Role(to.role)
        caller, found = await need(authorization, room, Action.HAND_OVER if role is Role.HOST else Action.APPOINT)
        link, hint = await desk.moderating.appoint(found, caller, seat, role)
        return Appointed(role=to.role, link=link, hint=hint)

    @router.get(
        "/rooms/{room}/seats", summary="Who sat on the stage and when, the last ones first (host)", tags=["stage"],
        responses=documented(404),
    )  # fmt: skip
    async def seats(room: RoomId, limit: Sat = 200, authorization: Authorization = None) -> Page[SeatTaken]:
        await need(authorization, room, Action.SEE_SEATS)
        sat = (await desk.files.ask(lambda catalog: catalog.seats(room)))[::-1][:limit]
        items = [
            SeatTaken(
                seat=f"s{one.seat}", name=one.name, role=one.role.value, at=time(one.at), left=maybe_time(one.left)
            )
            for one in sat
        ]
        return Page[SeatTaken](items=items, next=None)

    @router.post(
        "/rooms/{room}/lock", summary="Nobody new takes a seat, or may again (co-host)", tags=["stage"],
        responses=documented(404, 409),
    )  # fmt: skip
    async def lock(room: RoomId, wanted: Lock, authorization: Authorization = None) -> RoomView:
        await need(authorization, room, Action.LOCK)
        return view(links, await rooms.set_on_air(room, lambda r: r.with_(locked=wanted.locked)))

    @router.post(
        "/rooms/{room}/delay", summary="What is said goes out so much later (co-host)", tags=["stage"],
        responses=documented(404, 409),
    )  # fmt: skip
    async def delay(room: RoomId, wanted: SetDelay, authorization: Authorization = None) -> RoomView:
        await need(authorization, room, Action.SET_DELAY)
        return view(links, await rooms.set_on_air(room, lambda r: r.with_(delay_s=wanted.seconds)))

    @router.post(
        "/rooms/{room}/dump", summary="What is in the broadcast delay never goes out (co-host)", tags=["stage"],
        responses=documented(404, 409),
    )  # fmt: skip
    async def dump(room: RoomId, authorization: Authorization = None) -> dict[str, Any]:
        await need(authorization, room, Action.DUMP)
        return await rooms.call(room, {"op": "dump"})


def _shown(seat: dict[str, Any]) -> dict[str, Any]:
    """Somebody on the stage as others on it see them: by which link they came is not theirs to know."""
    return {name: value for name, value in seat.items() if name not in ("identity", "session")}
