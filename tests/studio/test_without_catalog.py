"""With the database away, rooms on air go on, and only changes of the catalog are refused."""

from collections.abc import Callable
from typing import Any

import pytest

from rostra.errors import CatalogUnavailable
from rostra.units import Role, RoomState
from tests.studio.conftest import Door


async def test_what_is_on_air_goes_on(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    await door.room(state=RoomState.OPEN)
    await door.others.stage_for("main")

    async def away(_: Callable[..., Any], within_s: float = 0.0) -> Any:
        raise CatalogUnavailable

    monkeypatch.setattr(door.office.files, "ask", away)
    host = await door.token(Role.HOST)
    client, room = door.client, "/api/rooms/main"
    refused = await client.patch(room, json={"title": "Other"}, headers=host)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:rostra:problem:catalog-unavailable")
    for path, body in (
        ("/start", {}),
        ("/lock", {"locked": True}),
        ("/links", {"role": "speaker", "name": "Ann"}),
        ("/links/speaker/reissue", {}),
        ("/seats/s1/mute", {"muted": True}),
        ("/end", {}),
    ):
        assert (await client.post(f"{room}{path}", json=body, headers=host)).is_success, path
