"""What holds for new rooms, as an operator sets it while the server runs."""

from __future__ import annotations

from fastapi import APIRouter

from rostra.permissions import Action
from rostra.studio.api import Authorization, Desk
from rostra.studio.models import NewRoomSettings
from rostra.studio.problems import documented

DOORS_S = "rooms.doors_s"
"""In the catalog."""


async def doors_s(desk: Desk) -> float:
    """Of a new room of which nobody says it."""
    said = await desk.files.ask(lambda catalog: catalog.setting(DOORS_S))
    return float(said) if said else desk.doors_s


def add(router: APIRouter, desk: Desk) -> None:
    need_operator = desk.entrance.rights.need_operator

    @router.get("/settings", summary="What holds for new rooms (operator)", tags=["rooms"], responses=documented())
    async def show(authorization: Authorization = None) -> NewRoomSettings:
        need_operator(authorization, Action.SET_DEFAULTS)
        return NewRoomSettings(doors_s=await doors_s(desk))

    @router.put(
        "/settings", summary="Set what holds for new rooms, until it is set again (operator)", tags=["rooms"],
        responses=documented(),
    )  # fmt: skip
    async def change(new: NewRoomSettings, authorization: Authorization = None) -> NewRoomSettings:
        need_operator(authorization, Action.SET_DEFAULTS)
        said = "" if new.doors_s is None else repr(new.doors_s)
        await desk.files.ask(lambda catalog: catalog.set_setting(DOORS_S, said))
        return NewRoomSettings(doors_s=await doors_s(desk))
