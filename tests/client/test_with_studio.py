"""The client and the studio understand each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import httpx
import pytest

from rostra.client import RostraClient
from rostra.errors import BadRequest, BadToken, Conflict, Forbidden, NotFound, Unsupported
from rostra.units import Role, RoomState
from tests.studio.conftest import FRONT, PNG, STUDIO, Door, door, pages, server, settings

__all__ = ["door", "pages", "server", "settings"]

T = TypeVar("T")


class Bridge(httpx.BaseTransport):
    """From the thread of the client to the loop of the studio."""

    def __init__(self, door: Door) -> None:
        self._door, self._loop = door, asyncio.get_running_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        asked = self._door.client.request(
            request.method, str(request.url), headers=dict(request.headers), content=request.read()
        )
        found = asyncio.run_coroutine_threadsafe(asked, self._loop).result(30)
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)


async def ask(door: Door, headers: dict[str, str], call: Callable[[RostraClient], T]) -> T:
    token = headers["Authorization"].removeprefix("Bearer ")
    bridge = Bridge(door)

    def run() -> T:
        with RostraClient(STUDIO, token, transport=bridge) as rostra:
            return call(rostra)

    return await asyncio.to_thread(run)


async def test_a_room_from_the_wish_to_the_end(door: Door) -> None:
    def evening(rostra: RostraClient) -> None:
        room = rostra.create_room(
            "A talk", id="talk", at="2030-05-01T19:30", tz="Europe/Berlin", speakers=["Ann"], words="Sea.", delay_s=2.0
        )
        assert (room.id, room.state, room.tz, room.speakers) == ("talk", "scheduled", "Europe/Berlin", ("Ann",))
        assert room.at.isoformat() == "2030-05-01T17:30:00+00:00"
        assert set(room.links) == {"host", "cohost", "speaker", "public"}
        assert room.public == f"{FRONT}/r/talk"
        with pytest.raises(Conflict):
            rostra.create_room("A talk", id="talk")
        assert [r.id for r in rostra.rooms()] == ["talk"]
        assert rostra.change_room("talk", title="A longer talk").title == "A longer talk"
        assert rostra.postpone("talk", "2030-05-02T19:30", "Ill.").note == "Ill."
        assert rostra.set_picture("talk", PNG).picture.endswith(".webp")
        assert rostra.remove_picture("talk").picture == ""
        with pytest.raises(Unsupported):
            rostra.set_picture("talk", b"text")
        assert rostra.cancel("talk", "No.").state == "cancelled"
        rostra.delete_room("talk")
        with pytest.raises(NotFound):
            rostra.room("talk")

    await ask(door, door.operator, evening)


async def test_links_posts_and_what_listeners_said(door: Door) -> None:
    await door.room("talk")

    def use(rostra: RostraClient) -> None:
        made = rostra.invite("talk", "speaker", "Ann")
        assert made.link.startswith(f"{STUDIO}/speak/talk#t=")
        (one,) = rostra.links("talk").items
        assert (one.identity, one.name, one.revoked) == (made.identity, "Ann", None)
        rostra.revoke("talk", made.identity)
        assert rostra.links("talk").items[0].revoked is not None
        assert rostra.reissue("talk", "speaker").link == rostra.room("talk").links["speaker"]
        with pytest.raises(BadRequest, match="Everyone may listen"):
            rostra.invite("talk", "listener")
        post = rostra.post("talk", "Read this", link="https://example.org/", picture=rostra.add_picture("talk", PNG))
        assert rostra.change_post("talk", post.id, pinned=True).pinned
        assert [p.text for p in rostra.posts("talk")] == ["Read this"]
        rostra.delete_post("talk", post.id)
        assert list(rostra.posts("talk")) == []
        assert (list(rostra.hands("talk")), list(rostra.reports("talk")), list(rostra.reports())) == ([], [], [])
        assert (rostra.rsvps("talk"), rostra.lower_all("talk").total) == (0, 0)

    await ask(door, door.operator, use)


async def test_the_stage_is_asked(door: Door) -> None:
    await door.room("talk", RoomState.LIVE)
    await door.others.stage_for("talk")
    door.others.answers = {"mute_all": {"muted": ["s1"]}, "dump": {"dumped_s": 1.5}}

    def use(rostra: RostraClient) -> None:
        assert rostra.people("talk").seats[0].name == "Ann"
        rostra.mute("talk", "s1")
        rostra.ask_unmute("talk", "s1")
        assert rostra.mute_all("talk") == ("s1",)
        assert rostra.dump("talk") == 1.5
        assert rostra.lock("talk").locked
        assert rostra.delay("talk", 5).delay_s == 5
        assert rostra.appoint("talk", "s1", "cohost").role == "cohost"
        assert rostra.remove("talk", "s1").removed == ("s1",)

    await ask(door, door.operator, use)


async def test_a_link_may_what_its_role_may(door: Door) -> None:
    await door.room("talk")
    speaker = await door.token(Role.SPEAKER, "talk")

    def use(rostra: RostraClient) -> None:
        assert rostra.room("talk").links == {}
        with pytest.raises(Forbidden):
            rostra.cancel("talk")
        with pytest.raises(Forbidden):
            list(rostra.rooms())

    await ask(door, speaker, use)
    with pytest.raises(BadToken):
        await ask(door, {"Authorization": "Bearer nobody"}, lambda rostra: rostra.room("talk"))
