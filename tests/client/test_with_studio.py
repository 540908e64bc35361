"""The client and the studio understand each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

import httpx
import pytest

from rostra.client import RostraClient
from rostra.errors import BadRequest, BadToken, Conflict, Forbidden, NotFound, Unsupported
from rostra.units import Role, RoomState, WallTime
from rostra.wire.hands import Hand, HandState
from rostra.wire.inbox import Letter, LetterKind
from tests.studio.conftest import FRONT, OFFER, PNG, SDP, STUDIO, Door, bearer, door, pages, server, settings
from tests.studio.stage_played import PlayedStage

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


async def test_a_room_that_is_opened_started_and_ended(door: Door) -> None:
    await door.room("talk")

    def evening(rostra: RostraClient) -> None:
        assert rostra.open("talk").state == "open"
        assert rostra.start("talk").go
        with pytest.raises(Conflict, match="on air"):
            rostra.delete_room("talk")
        assert rostra.end("talk").state == "ended"
        with pytest.raises(Conflict, match="has ended"):
            rostra.open("talk")

    await ask(door, door.operator, evening)


async def test_hands_are_answered(door: Door) -> None:
    await door.room("talk", RoomState.LIVE)
    tickets = [f"{n:022}" for n in range(4)]
    for n, ticket in enumerate(tickets):
        hand = Hand("talk", ticket, f"Ann {n}", f"about {'sea' if n else 'land'}", WallTime(time.time() + n))
        await door.others.bus.hands.put(hand.key, hand, 0)

    def answer(rostra: RostraClient) -> None:
        up = wait(lambda: list(rostra.hands("talk")), lambda found: len(found) == 4)
        assert [hand.ticket for hand in up] == tickets
        assert [hand.name for hand in rostra.hands("talk", q="land")] == ["Ann 0"]
        assert next(rostra.hands("talk", sort="name")).name == "Ann 0"
        accepted = rostra.accept("talk", tickets[0])
        assert (accepted.state, accepted.name) == ("accepted", "Ann 0")
        assert "link" not in accepted.raw, "it is for who asked"
        assert rostra.decline("talk", tickets[1]).state == "declined"
        for once in (rostra.accept, rostra.decline):
            with pytest.raises(Conflict, match="not up any more"):
                once("talk", tickets[0])
        with pytest.raises(NotFound):
            rostra.accept("talk", "x" * 22)
        assert rostra.lower_all("talk").total == 2
        assert wait(lambda: list(rostra.hands("talk")), lambda found: not found) == []

    await ask(door, await door.token(Role.COHOST, "talk"), answer)
    kept = [(await door.others.bus.hands.get(f"talk.{ticket}"))[0] for ticket in tickets]
    assert [hand.state for hand in kept] == [
        HandState.ACCEPTED, HandState.DECLINED, HandState.LOWERED, HandState.LOWERED,
    ]  # fmt: skip
    assert kept[0].link.startswith(f"{STUDIO}/speak/talk#t=")


def wait(look: Callable[[], T], until: Callable[[T], bool]) -> T:
    """What is heard over the bus takes a moment."""
    for _ in range(500):
        if until(found := look()):
            return found
        time.sleep(0.01)
    raise AssertionError(f"{found} after five seconds")


async def test_somebody_on_stage_mutes_themselves_and_is_told_what_others_did(door: Door) -> None:
    room = await door.room("talk", RoomState.LIVE)
    stage = PlayedStage(door.others.bus, door.key.public_key(), "talk")
    await stage.start()
    link, _ = await door.office.moderating.invite(room, Role.SPEAKER, "Ann")
    ann, host = bearer(link), await door.token(Role.HOST, "talk")
    await door.client.post("/stage/talk/whip", content=OFFER, headers={**ann, **SDP})

    def on_stage(rostra: RostraClient) -> str:
        me = rostra.me("talk")
        assert me.seat is not None
        assert (me.seat.name, me.seat.muted, me.notes, me.state) == ("Ann", False, (), "live")
        rostra.mute_me("talk")
        assert (muted := rostra.me("talk").seat) and muted.muted
        rostra.mute_me("talk", False)
        with pytest.raises(Forbidden):
            rostra.mute("talk", me.seat.id)
        with pytest.raises(NotFound):
            rostra.mute_me("talk", seat="elsewhere")
        return me.seat.id

    seat = await ask(door, ann, on_stage)

    def moderate(rostra: RostraClient) -> None:
        rostra.mute("talk", seat)
        rostra.ask_unmute("talk", seat)
        assert rostra.appoint("talk", seat, "cohost").link is None

    await ask(door, host, moderate)

    def told(rostra: RostraClient) -> str:
        me = rostra.me("talk")
        assert me.seat is not None and me.seat.muted
        assert [note["kind"] for note in me.notes] == ["muted", "ask_unmute", "link"]
        assert [n["kind"] for n in rostra.me("talk", after=me.notes[1]["n"]).notes] == ["link"]
        return str(me.notes[-1]["link"])

    as_cohost = bearer(await ask(door, ann, told))
    assert (await ask(door, as_cohost, lambda rostra: rostra.lock("talk"))).locked

    def block(rostra: RostraClient) -> None:
        removed = rostra.remove("talk", seat, block=True)
        assert (removed.removed, removed.blocked, removed.hint) == ((seat,), True, "")

    await ask(door, host, block)

    def gone(rostra: RostraClient) -> None:
        me = rostra.me("talk")
        assert me.seat is None
        assert me.notes[-1]["kind"] == "removed"
        with pytest.raises(BadToken, match="taken back"):
            rostra.me("talk", after=me.notes[-1]["n"])
        with pytest.raises(BadToken, match="taken back"):
            rostra.mute_me("talk", False)

    await ask(door, ann, gone)
    nobody = await ask(door, door.operator, lambda rostra: rostra.me("talk"))
    assert (nobody.seat, nobody.notes) == (None, ())
    with pytest.raises(Forbidden, match="nobody on the stage"):
        await ask(door, door.operator, lambda rostra: rostra.mute_me("talk"))


async def test_who_hands_the_hosts_seat_over_goes_on_with_another_link(door: Door) -> None:
    room = await door.room("talk", RoomState.LIVE)
    await PlayedStage(door.others.bus, door.key.public_key(), "talk").start()
    link, _ = await door.office.moderating.invite(room, Role.SPEAKER, "Ann")
    host = await door.token(Role.HOST, "talk")
    for who in (host, bearer(link)):
        await door.client.post("/stage/talk/whip", content=OFFER, headers={**who, **SDP})

    def hand_over(rostra: RostraClient) -> str:
        (ann,) = [seat for seat in rostra.people("talk").seats if seat.name == "Ann"]
        given = rostra.appoint("talk", ann.id, "host").link
        assert given is not None
        with pytest.raises(BadToken, match="taken back"):
            rostra.room("talk")
        return given

    mine = bearer(await ask(door, host, hand_over))
    assert not (await ask(door, mine, lambda rostra: rostra.lock("talk", False))).locked
    with pytest.raises(Forbidden):
        await ask(door, mine, lambda rostra: rostra.end("talk"))


async def test_what_listeners_said_is_read_page_after_page(door: Door) -> None:
    await door.room("talk")
    letters = [
        *(Letter("talk", LetterKind.RSVP, WallTime(1e9), ticket=f"t{n}", prefix=f"p{n}") for n in range(3)),
        *(Letter("talk", LetterKind.ABUSE, WallTime(1e9), said=f"Rude {n}.", prefix=f"p{n}") for n in range(120)),
    ]
    await door.office.files.ask(lambda catalog: catalog.take_letters(list(enumerate(letters, 1))))

    def read(rostra: RostraClient) -> None:
        assert rostra.rsvps("talk") == 3
        said = [report.said for report in rostra.reports("talk")]
        assert said == [f"Rude {n}." for n in reversed(range(120))]
        assert [report.said for report in rostra.reports()] == said

    await ask(door, door.operator, read)


async def test_who_sat_where_and_what_holds_for_new_rooms(door: Door) -> None:
    await door.room("talk", RoomState.LIVE)
    await door.others.stage_for("talk")

    def look(rostra: RostraClient) -> None:
        assert rostra.people("talk").seats
        (ann,) = wait(lambda: rostra.seats("talk"), bool)
        assert (ann.seat, ann.name, ann.role, ann.left) == ("s1", "Ann", "speaker", None)
        assert ann.at is not None
        assert rostra.new_room_doors_s() == 900.0
        rostra.set_new_room_doors_s(60.0)
        assert (rostra.new_room_doors_s(), rostra.create_room("A talk").doors_s) == (60.0, 60.0)
        rostra.set_new_room_doors_s(None)
        assert rostra.new_room_doors_s() == 900.0
        assert [hand.name for hand in rostra.hands("talk", sort="-at")] == []

    await ask(door, door.operator, look)
