"""The floor: seats, what keeps them, what is sent back. Links are real where a network matters, stand-ins elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from aiortc.rtp import RtcpReceiverInfo

from rostra.codecs.libopus import packet_samples
from rostra.errors import BadRequest, BadToken, Conflict, Forbidden, Full, NotFound
from rostra.stage.floor import DEAF_LINK_S, MAX_OUSTED, QUIET_LINK_S
from rostra.stage.ice import Network
from rostra.stage.rtc import Rtc
from rostra.stage.seats import SeatState
from rostra.units import FRAME_SAMPLES, MediaTime, Monotonic, RoomState, WallTime
from rostra.wire.rooms import Room
from tests import sounds
from tests.stage.client import Client
from tests.stage.house import House, Line

ROOM = Room("a", "A", RoomState.LIVE, WallTime(0.0), WallTime(0.0))
SILENCE = np.zeros(FRAME_SAMPLES, np.int16)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.floor.close()


async def test_who_says_nothing_for_a_while_is_away_then_back_then_gone(house: House) -> None:
    line = house.sit()
    assert house.states() == {"s1": SeatState.JOINING} and not house.floor.anyone_here
    house.floor.came(line.id, house.now)
    assert house.states() == {"s1": SeatState.HERE} and house.floor.anyone_here
    house.pass_time(QUIET_LINK_S + 0.1)
    assert house.states() == {"s1": SeatState.AWAY} and not house.floor.anyone_here and not line.closed
    house.floor.alive(line.id, house.now)
    assert house.states() == {"s1": SeatState.HERE}
    house.pass_time(QUIET_LINK_S + 0.1)
    house.pass_time(30.0)
    await asyncio.sleep(0)
    assert house.states() == {} and line.closed
    assert house.changes >= 5


async def test_a_source_that_sent_ahead_is_there_while_it_plays(house: House) -> None:
    line = house.sit()
    house.floor.came(line.id, house.now)
    line.frames = [SILENCE] * 3
    for _ in range(3):
        house.now = Monotonic(house.now + 2.0)
        assert house.floor.frames(house.now)["s1"] is SILENCE
        house.floor.keep_house(house.now)
    assert house.states() == {"s1": SeatState.HERE}
    assert house.floor.frames(house.now) == {"s1": None}


async def test_a_line_that_breaks_keeps_the_seat_and_one_that_leaves_frees_it(house: House) -> None:
    first = house.sit()
    house.floor.came(first.id, house.now)
    house.floor.dropped(first.id, "the cable")
    await asyncio.sleep(0)
    assert first.closed and house.states() == {"s1": SeatState.AWAY}
    assert house.floor.frames(house.now) == {"s1": None}, "the mixer fades it out and keeps its place"
    second = house.sit()
    assert house.states() == {"s1": SeatState.JOINING}
    house.floor.dropped(first.id, "again"), house.floor.gone(first.id), house.floor.came(first.id, house.now)
    assert house.states() == {"s1": SeatState.JOINING}, "the old line has no say any more"
    house.floor.gone(second.id)
    assert house.states() == {}


async def test_the_later_line_wins(house: House) -> None:
    first, second = house.sit(), house.sit()
    await asyncio.sleep(0)
    assert first.closed and not second.closed and list(house.states()) == ["s1"]
    with pytest.raises(Conflict, match="taken over"):
        await house.floor.call({"op": "hangup", "session": first.id})
    for _ in range(MAX_OUSTED + 10):
        house.sit()
    assert len(house.floor._ousted) == MAX_OUSTED
    with pytest.raises(NotFound):
        await house.floor.call({"op": "hangup", "session": first.id})


async def test_hanging_up_is_for_whose_it_is(house: House) -> None:
    line = house.sit()
    for other in ("speaker:Bob:b", "host:Hanna:h", "speaker:Eve:aa"):
        with pytest.raises(Forbidden):
            await house.floor.call({"op": "hangup", "session": line.id, "token": other})
    await house.floor.call({"op": "hangup", "session": line.id, "token": "speaker:Ann:a"})
    house.sit()
    assert list(house.states()) == ["s2"]
    await house.floor.call({"op": "hangup", "seat": "s2"})
    assert house.states() == {}


async def test_a_page_that_is_loaded_again_comes_back_to_its_seat_though_the_stage_is_locked(house: House) -> None:
    house.floor.know(ROOM.with_(locked=True))
    host = house.sit("host:Hanna:host")
    house.floor.know(ROOM)
    line = house.sit("speaker:Ann:a")
    house.floor.know(ROOM.with_(locked=True))
    for left, token in ((host, "host:Hanna:host"), (line, "speaker:Ann:a")):
        await house.floor.call({"op": "hangup", "session": left.id, "token": token, "keep": True})
        await asyncio.sleep(0)
        assert left.closed
    assert house.states() == {"s1": SeatState.AWAY, "s2": SeatState.AWAY}
    house.sit("speaker:Ann:a"), house.sit("host:Hanna:host")
    assert house.states() == {"s1": SeatState.JOINING, "s2": SeatState.JOINING}


SHARED = ("speaker:Ann:speaker", "speaker:Bob:speaker")


async def test_nobody_acts_as_another_one_of_the_same_link(house: House) -> None:
    """Ten speakers share a link, and what tells them apart they say themselves."""
    house.floor.know(ROOM)
    ann = house.sit(SHARED[0])
    told = (await house.floor.call({"op": "people"}))["seats"]
    assert ann.id not in str(told) and "session" not in told[0], "a session's name is its holder's alone"
    for guess in ({}, {"session": ""}, {"session": "s1"}, {"session": "é"}):
        for op in ("mute_self", "unmute_self", "whep"):
            with pytest.raises(Forbidden, match="which connection is yours"):
                await house.floor.call({"op": op, "token": SHARED[1], "sdp": "v=0", **guess})
    house.floor.moderation.mute("s1", "Hanna")
    await house.floor.call({"op": "unmute_self", "token": SHARED[0], "session": ann.id})
    assert not house.floor.seats.muted
    own = house.sit("speaker:Cem:c")
    assert (await house.floor.call({"op": "mute_self", "token": "speaker:Cem:c"}))["muted"], "it is their own"
    house.floor.gone(own.id)


async def test_a_new_link_is_not_for_all_who_have_the_old_one(house: House) -> None:
    house.floor.know(ROOM)
    house.sit(SHARED[0]), house.floor.take(house.floor.who(SHARED[0], "phone"), line := Line("l"), line, "source")
    for seat in ("s1", "s2"):
        note = {"kind": "link", "link": "https://x/#t=speaker:Ann:other", "role": "speaker"}
        await house.floor.call({"op": "note", "seat": seat, "note": note})
    (bare,) = (await house.floor.call({"op": "me", "token": SHARED[0]}))["notes"]
    (own,) = (await house.floor.call({"op": "me", "token": SHARED[0], "seat": "phone"}))["notes"]
    assert "link" not in bare and own["link"] == "https://x/#t=speaker:Ann:other"
    house.sit("host:Hanna:host")
    note = {"kind": "link", "link": "https://x/#t=cohost:Hanna:c", "role": "cohost"}
    await house.floor.call({"op": "note", "seat": "s3", "note": note})
    (told,) = (await house.floor.call({"op": "me", "token": "host:Hanna:host"}))["notes"]
    assert told["link"] == note["link"], "who is no host any more goes on as a co-host"


async def test_who_is_appointed_keeps_their_seat_and_comes_by_the_new_link(house: House) -> None:
    line = house.sit("speaker:Ann:a")
    house.sit("cohost:Cem:c"), house.sit("speaker:Dan:d")
    note = {"kind": "link", "link": "https://stage.example/host/a#t=cohost:Ann:new", "role": "cohost"}
    changes = house.changes
    await house.floor.call({"op": "note", "seat": "s1", "note": note})
    assert house.changes > changes, "everyone is told of the role"
    ann = house.floor.people()["seats"][0]
    assert (ann["id"], ann["role"], house.floor.people()["places"]["cohost"]) == ("s1", "cohost", 0)
    with pytest.raises(Conflict, match="All 2 seats for co-hosts"):
        await house.floor.call({"op": "note", "seat": "s3", "note": {**note, "link": "https://x/#t=cohost:Dan:n2"}})
    house.sit("cohost:Ann:new")
    await asyncio.sleep(0)
    assert line.closed and list(house.states()) == ["s1", "s2", "s3"]


async def test_names_come_from_the_token_then_from_the_person(house: House) -> None:
    assert house.floor.who("speaker:Ann:a", name="x").name == "Ann"
    assert house.floor.who("speaker::a", name="Bob" * 50).name == ("Bob" * 50)[:60]
    assert house.floor.who("speaker::a").name == "speaker"
    assert house.floor.who("speaker::a", "tablet").key != house.floor.who("speaker::a").key
    with pytest.raises(Forbidden):
        house.floor.who("listener:Eve:e")
    with pytest.raises(BadToken):
        house.floor.who("nonsense")


async def test_an_offer_that_gets_no_answer_leaves_nothing_behind(house: House) -> None:
    client = Client(sounds.silence(1))
    offer = await client.offer()
    await client.close()
    house.floor._rtc = Rtc(Network(addresses=("198.51.100.1",)))
    line = house.sit("speaker:Bob:b")
    for person, op, sdp in (("Ann:a", "whip", offer), ("Bob:b", "whep", offer.replace("sendonly", "recvonly"))):
        with pytest.raises(Full):
            await house.floor.call({"op": op, "sdp": sdp, "token": f"speaker:{person}"})
    house.floor.gone(line.id)
    assert house.states() == {} and house.floor.people()["seats"] == [] and house.floor.people()["returns"] == 0


async def listen(house: House, token: str) -> Client:
    client = Client()
    try:
        answer = await house.floor.call({"op": "whep", "sdp": await client.offer(), "token": token})
    except BaseException:
        await client.close()
        raise
    await client.accept(answer["sdp"])
    await client.connected()
    async with asyncio.timeout(5):
        while not all(back.link.ready for back in house.floor._returns.values()):
            await asyncio.sleep(0.01)
    return client


async def test_who_is_heard_gets_a_mix_of_their_own_and_the_others_one_packet(house: House) -> None:
    house.sit("speaker:Ann:a"), house.sit("speaker:Bob:b")
    sent: dict[str, list[bytes]] = {}
    house.sit("host:Hanna:h")
    clients = [await listen(house, token) for token in ("speaker:Ann:a", "speaker:Bob:b", "host:Hanna:h")]
    for back in house.floor._returns.values():
        back.link.send = lambda payload, timestamp, key=back.key: sent.setdefault(key, []).append(payload)  # type: ignore
    voice = sounds.frames(sounds.voice(1, 1))[10]
    house.floor.send_returns(MediaTime(0), b"shared", {"s1": voice})
    house.floor.send_returns(MediaTime(960), None, {})
    assert sent["b/"] == [b"shared"] and sent["h/"] == [b"shared"]
    assert len(sent["a/"]) == 1 and packet_samples(sent["a/"][0]) == FRAME_SAMPLES
    assert set(house.floor._encoders) == {"s1"}
    house.floor.seats.mute("s1", True)
    house.floor.gone(house.floor.seats.get("s1").link)
    assert not house.floor._encoders, "nothing is kept of who has left"
    for client in clients:
        await client.close()


async def test_the_later_return_wins_and_takes_a_seat(house: House) -> None:
    with pytest.raises(Conflict, match="Take a seat first"):
        await listen(house, "speaker:Ann:a")
    line = house.sit("speaker:Ann:a")
    with pytest.raises(Conflict, match="Take a seat first"):
        await house.floor.call({"op": "whep", "sdp": "v=0", "token": "speaker:Ann:a", "seat": "elsewhere"})
    first = await listen(house, "speaker:Ann:a")
    (session,) = house.floor._returns
    second = await listen(house, "speaker:Ann:a")
    assert len(house.floor._returns) == 1
    with pytest.raises(Conflict):
        await house.floor.call({"op": "hangup", "session": session})
    (session,) = house.floor._returns
    with pytest.raises(Forbidden):
        await house.floor.call({"op": "hangup", "session": session, "token": "speaker:Bob:b"})
    # Nothing was heard of it for long, not even consent.
    house.floor._returns[session].link._agent.last_heard = 0.0
    house.pass_time(DEAF_LINK_S)
    assert not house.floor._returns
    third = await listen(house, "speaker:Ann:a")
    house.floor.gone(line.id)
    assert not house.floor._returns, "who has left the stage hears it no longer"
    for client in (first, second, third):
        await client.close()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"op": 7},
        {"op": "whip", "token": "speaker:Ann:a"},
        {"op": "whip", "token": "speaker:Ann:a", "sdp": 7},
        {"op": "mute", "seat": "s1"},
        {"op": "mute", "muted": True},
        {"op": "hangup"},
    ],
)
async def test_malformed_requests(house: House, body: dict[str, Any]) -> None:
    house.sit()
    with pytest.raises(BadRequest):
        await house.floor.call(body)


async def test_people_are_told_with_how_they_arrive(house: House) -> None:
    house.sit("cohost:Cem:c")
    client = Client(sounds.voice(3, 2))
    answer = await house.floor.call({"op": "whip", "sdp": await client.offer(), "token": "speaker:Ann:a"})
    await client.accept(answer["sdp"])
    async with asyncio.timeout(10):
        while house.states()["s2"] is not SeatState.HERE:
            await asyncio.sleep(0.02)
    house.floor.keep_house(house.now)
    cem, ann = house.floor.people()["seats"]
    assert (cem["id"], cem["kind"], cem["role"]) == ("s1", "source", "cohost") and "packets" not in cem
    assert (ann["id"], ann["kind"], ann["hears"], ann["rtt_ms"]) == ("s2", "webrtc", False, None)
    assert {"packets", "loss_percent", "jitter_ms", "delay_ms", "longest_gap_ms"} <= ann.keys()
    assert ann["delay_ms"] == ann["buffer_ms"]
    ears = await listen(house, "speaker:Ann:a")
    (back,) = house.floor._returns.values()
    back.link._report, back.link._rtt_s = RtcpReceiverInfo(1, 0, 0, 0, 0, 0, 0), 0.3
    ann = house.floor.people()["seats"][1]
    assert (ann["hears"], ann["rtt_ms"], ann["delay_ms"]) == (True, 300.0, ann["buffer_ms"] + 150), "with the way"
    await client.close()
    await ears.close()
