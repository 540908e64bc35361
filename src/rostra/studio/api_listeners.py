"""What listeners ask and say: hands, reports of abuse, how many will come."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from rostra.errors import Conflict, RostraError, StageUnavailable, Unavailable
from rostra.permissions import Action
from rostra.studio.api import Authorization, Cursor, Desk, Limit, RoomId
from rostra.studio.hands import Hands, accepted, declined
from rostra.studio.models import Count, HandsPage, HandView, Lowering, Page, ReportView, time
from rostra.studio.problems import documented
from rostra.units import Role
from rostra.wire.hands import Hand

Ticket = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{22}$", description="Of a hand.")]
Sought = Annotated[str, Query(max_length=100, description="A word in the name or in what they say.")]
Sort = Annotated[
    Literal["at", "-at", "name", "-name"],
    Query(description="By when it was raised, or by name; with `-` the last ones first."),
]


def _view(hand: Hand) -> HandView:
    return HandView(ticket=hand.ticket, name=hand.name, why=hand.why, at=time(hand.at), state=hand.state.value)


def _lowering(hands: Hands, room: str) -> Lowering | None:
    progress = hands.lowering(room)
    return Lowering(total=progress.total, done=progress.done) if progress else None


def add(router: APIRouter, desk: Desk) -> None:
    need, hands = desk.entrance.need, desk.hands

    @router.get("/rooms/{room}/hands", summary="Who asks to speak (co-host)", tags=["hands"], responses=documented(404))
    async def show(
        room: RoomId, *, q: Sought = "", sort: Sort = "at", limit: Limit = 50, cursor: Cursor = "",
        authorization: Authorization = None,
    ) -> HandsPage:  # fmt: skip
        await need(authorization, room, Action.SEE_HANDS)
        found = hands.page(room, q, sort, limit, cursor)
        return HandsPage(
            items=[_view(hand) for hand in found.hands], next=found.next or None, total=found.total,
            waiting=hands.up(room), lowering=_lowering(hands, room), complete=found.complete,
        )  # fmt: skip

    @router.post(
        "/rooms/{room}/hands/lower-all", status_code=202, tags=["hands"], responses=documented(404),
        summary="Lower all that are up (co-host); `lowering` of the list tells how far it is",
    )  # fmt: skip
    async def lower_all(room: RoomId, authorization: Authorization = None) -> Lowering:
        await need(authorization, room, Action.ANSWER_HANDS)
        progress = hands.lower_all(room)
        return Lowering(total=progress.total, done=progress.done)

    async def need_place(room: str) -> None:
        """:raises Conflict: as many speak as may."""
        try:
            places = (await desk.rooms.call(room, {"op": "people"})).get("places")
        except StageUnavailable:
            return  # who comes then finds that out
        if isinstance(places, dict) and places.get(Role.SPEAKER.value) == 0:
            raise Conflict("All seats for speakers are taken. Take somebody off the stage first.")

    @router.post(
        "/rooms/{room}/hands/{ticket}/accept", tags=["hands"], responses=documented(404, 409),
        summary="Lift a listener to the stage: they are given a speaker's link of their own (co-host)",
    )  # fmt: skip
    async def accept(room: RoomId, ticket: Ticket, authorization: Authorization = None) -> HandView:
        _, found = await need(authorization, room, Action.ANSWER_HANDS)
        hand = await hands.waiting(room, ticket)
        await need_place(room)
        link, identity = await desk.moderating.invite(found, Role.SPEAKER, hand.name)
        try:
            return _view(await hands.answer(room, ticket, accepted(link)))
        except Unavailable:
            # It may have been written all the same: then the listener has this link, and it must be good.
            match await hands.has(room, ticket, link):
                case True:
                    return _view(accepted(link)(hand))
                case False:
                    await desk.moderating.not_given(found, identity)
            raise
        except RostraError:
            await desk.moderating.not_given(found, identity)
            raise

    @router.post(
        "/rooms/{room}/hands/{ticket}/decline", summary="Not now (co-host)", tags=["hands"],
        responses=documented(404, 409),
    )  # fmt: skip
    async def decline(room: RoomId, ticket: Ticket, authorization: Authorization = None) -> HandView:
        await need(authorization, room, Action.ANSWER_HANDS)
        return _view(await hands.answer(room, ticket, declined))

    @router.get(
        "/rooms/{room}/reports", summary="What listeners say is wrong (co-host)", tags=["listeners"],
        responses=documented(404),
    )  # fmt: skip
    async def reports(
        room: RoomId, limit: Limit = 50, cursor: Cursor = "", authorization: Authorization = None
    ) -> Page[ReportView]:
        await need(authorization, room, Action.SEE_REPORTS)
        return await _reports(room, limit, cursor)

    @router.get(
        "/reports", summary="What listeners of all rooms say is wrong (operator)", tags=["listeners"],
        responses=documented(),
    )  # fmt: skip
    async def all_reports(
        limit: Limit = 50, cursor: Cursor = "", authorization: Authorization = None
    ) -> Page[ReportView]:
        desk.entrance.rights.need_operator(authorization, Action.SEE_ALL_REPORTS)
        return await _reports(None, limit, cursor)

    async def _reports(room: str | None, limit: int, cursor: str) -> Page[ReportView]:
        found, after = await desk.files.ask(lambda catalog: catalog.reports(room, limit, cursor))
        items = [ReportView(id=r.id, room=r.room, at=time(r.at), said=r.said, about=r.about) for r in found]
        return Page[ReportView](items=items, next=after or None)

    @router.get(
        "/rooms/{room}/rsvps", summary="How many will come (co-host)", tags=["listeners"], responses=documented(404)
    )
    async def rsvps(room: RoomId, authorization: Authorization = None) -> Count:
        await need(authorization, room, Action.SEE_RSVPS)
        return Count(count=await desk.files.ask(lambda catalog: catalog.rsvps(room)))
