"""The edge asks before it gives anything that costs, and keeps whom it let in. The usher here is a small one."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from rostra.edge import conversation, entrance
from rostra.edge.callers import packed
from rostra.edge.contracts import Entered, Knock, Numbered, Seat, Want
from rostra.edge.entrance import door_of
from rostra.errors import BadAnswer, Full, InLine, RostraError, WorkFirst
from rostra.units import Rendition, WallTime
from rostra.wire.door import Outcome, Outcomes
from rostra.wire.emsg import read_events
from rostra.wire.listeners import EdgeNotice
from tests.edge.making import Client, Edge, Kept, edge, stream, until

HERE = bytes((127, 0, 0, 1))
PASS = "a" * 54


class SmallUsher:
    """Lets in whoever shows one of its passes; and everyone, while it waves through."""

    def __init__(self) -> None:
        self.waves_through = self.shut = self.small = self.thinned = False
        self.step = ""
        self.lets = False
        """Whether who comes without a pass is in without more ado."""
        self.outcomes: Outcomes = {}
        self.connections: list[bytes] = []
        self.let_in: list[bytes] = []
        self.asked: list[Knock] = []
        self.gone: list[Seat] = []
        self.noted: list[Outcome] = []
        self.refusals = 0
        self.passes = {PASS: b"12345678"}
        self.given = PASS

    def came(self, address: bytes) -> None:
        self.connections.append(address)

    def entered(self, address: bytes) -> None:
        self.let_in.append(address)

    def lets_in(self, address: bytes, now: float) -> bool:
        if self.lets:
            self.let_in.append(address)
        return self.lets

    def refusal(self, room: str) -> tuple[RostraError, Outcome]:
        self.refusals += 1
        return InLine(door_of(room), float(self.refusals)), Outcome.WAITING

    def ask(self, knock: Knock, now: float, wall: WallTime) -> Entered | Numbered:
        self.asked.append(knock)
        if knock.pass_ in self.passes:
            return Entered(seat=(knock.room, self.passes[knock.pass_]))
        raise InLine(door_of(knock.room), 7.0)

    def number(self, knock: Knock, now: float, wall: WallTime) -> Numbered:
        self.asked.append(knock)
        if knock.want is Want.CHALLENGE or not (knock.answer or knock.pass_ or knock.inside):
            raise WorkFirst(door_of(knock.room), 2.0, {"parameters": {}})
        if knock.answer == "wrong":
            raise BadAnswer("This is not the solution. Ask for a new challenge.")
        return Numbered({"pass": PASS, "line": "late", "rank": 5}, called=False)

    def inside(self, room: str, wall: WallTime) -> str:
        return self.given

    def left(self, seat: Seat) -> None:
        self.gone.append(seat)

    def told(self, room: str) -> Mapping[str, Any]:
        return {"door": {"step": self.step}, "serving": {"late": 5}} if self.step else {}

    def note(self, outcome: Outcome, address: bytes) -> None:
        self.noted.append(outcome)


@pytest.fixture
def usher() -> SmallUsher:
    return SmallUsher()


@pytest.fixture
async def front(usher: SmallUsher) -> AsyncIterator[Edge]:
    async with edge(admission=usher, carrier=Kept()) as running:
        running.feed(stream(8))
        yield running


async def at_live(front: Edge, *fields: str, path: str = "/r/demo/live") -> tuple[Client, int]:
    client = await front.client()
    client.get(path, *fields)
    answer = await client.head()
    return client, answer.status


async def test_while_nobody_is_asked_everyone_comes_in_and_is_counted(front: Edge, usher: SmallUsher) -> None:
    usher.waves_through = True
    for _ in range(3):  # looked up first, and found by its bytes then
        assert (await at_live(front))[1] == 200
    assert usher.let_in == [HERE] * 3
    assert usher.connections == [HERE] * 3
    assert usher.asked == []
    usher.waves_through = False
    assert (await at_live(front))[1] == 503, "what was prepared while nobody was asked is for nobody now"


async def test_who_comes_as_others_did_is_in_while_shares_are_kept(front: Edge, usher: SmallUsher) -> None:
    usher.waves_through = True
    assert (await at_live(front))[1] == 200
    usher.waves_through, usher.lets = False, True
    assert (await at_live(front))[1] == 200
    assert (usher.let_in, usher.asked) == ([HERE] * 2, [])
    assert (await at_live(front, f"Cookie: w-demo={PASS}"))[1] == 200
    assert (await at_live(front, path=f"/r/demo/live?w={PASS}"))[1] == 200
    assert (await at_live(front, path=f"/r/demo/live?w={PASS}"))[1] == 200
    assert [k.pass_ for k in usher.asked] == [PASS] * 3, "who shows a pass comes in by it"


async def test_a_pass_is_shown_by_cookie_or_address(front: Edge, usher: SmallUsher) -> None:
    for path, fields in (
        ("/r/demo/live", (f"Cookie: x=y; w-demo={PASS}",)),
        (f"/r/demo/live?w={PASS}", ()),
        (f"/r/demo/live?codec=aac&w={PASS}", ()),
    ):
        assert (await at_live(front, *fields, path=path))[1] == 200
    assert {k.pass_ for k in usher.asked} == {PASS}
    assert usher.asked[0].address == HERE
    assert usher.asked[0].opened > 0
    assert (await at_live(front, f"Cookie: w-other={PASS}"))[1] == 503


async def test_one_pass_holds_one_session(front: Edge, usher: SmallUsher) -> None:
    cookie = f"Cookie: w-demo={PASS}"
    first, status = await at_live(front, cookie)
    assert status == 200
    second, status = await at_live(front, cookie)
    assert status == 200
    await _ends(first)
    assert usher.gone == [], "they are in, by the second"
    await second.close()
    await until(lambda: usher.gone == [("demo", b"12345678")])
    third, _ = await at_live(front, cookie)
    front.front.door.entrance.end(("demo", b"12345678"))  # it was seated at another edge
    await _ends(third)
    assert len(usher.gone) == 1, "whoever said so knows it"


async def _ends(client: Client) -> None:
    async with asyncio.timeout(5):
        while await client.reader.read(65536):
            pass


async def test_refusals_of_those_without_a_pass_are_at_hand(front: Edge, usher: SmallUsher) -> None:
    usher.shut = True
    first = await front.ask("/r/demo/live")
    assert first.status == 503
    assert first.fields["cache-control"] == "no-store"
    made = usher.refusals
    seen = {first.fields["retry-after"]}
    for _ in range(5):
        client = await front.client()
        answer = await client.ask("/r/demo/live")
        assert answer.status == 503
        assert json.loads(answer.body)["door"] == "/r/demo/door"
        assert await client.ended(), "a refused newcomer holds no place"
        seen.add(answer.fields["retry-after"])
    assert len(seen) > 3, "and all are told another time"
    kept = await front.client()
    await kept.ask("/r/demo/state")
    for _ in range(3):
        assert (await kept.ask("/r/demo/live")).status == 503
    assert usher.refusals == made
    assert usher.asked == []
    assert usher.noted.count(Outcome.WAITING) == 9
    assert (await at_live(front, f"Cookie: w-demo={PASS}"))[1] == 200, "a pass is looked at all the same"
    usher.shut = False
    usher.waves_through = True
    front.front.turned()
    assert (await at_live(front))[1] == 200


async def test_the_radio_is_asked_too(front: Edge, usher: SmallUsher) -> None:
    usher.shut = True
    assert (await at_live(front, path="/r/demo/live.mp3"))[1] == 503
    client = await front.client()
    client.get(f"/r/demo/live.mp3?w={PASS}")
    await until(lambda: usher.asked)
    await client.close()
    await until(lambda: usher.gone)  # whoever waits for MP3 and goes has no seat any more


async def test_a_radio_whose_connection_was_lost_takes_its_place_again(front: Edge, usher: SmallUsher) -> None:
    usher.waves_through = True
    front.feed(stream(8, Rendition.MP3))
    radio, status = await at_live(front, path="/r/demo/live.mp3")
    assert status == 200
    usher.waves_through, usher.shut = False, True
    front.front.turned()
    for _ in range(3):
        assert (await at_live(front, path="/r/demo/live.mp3"))[1] == 503
    entrance = front.front.door.entrance
    await radio.close()
    await until(lambda: entrance.may_take_over("demo"))
    radio, status = await at_live(front, path="/r/demo/live.mp3")
    assert status == 200
    assert (await at_live(front, path="/r/demo/live.mp3"))[1] == 503, "it was one place"
    assert not entrance.may_take_over("demo")
    assert usher.asked == []
    await radio.close()
    await until(lambda: entrance.may_take_over("demo"))


async def test_places_that_nobody_takes_over_are_forgotten(
    front: Edge, usher: SmallUsher, monkeypatch: pytest.MonkeyPatch
) -> None:
    usher.waves_through = True
    inside = [await front.client() for _ in range(3)]
    for client in inside:
        assert (await client.ask("/r/demo/hls/opus.m3u8")).status == 200
    usher.waves_through, usher.shut = False, True
    door = front.front.door
    for client in inside:
        await client.close()
    await until(lambda: (door.entrance.tidy(), door.entrance.in_pieces)[1] == 0)
    assert (await front.ask("/r/demo/hls/opus.m3u8")).status == 200
    monkeypatch.setattr(entrance, "TAKEN_OVER_S", -1.0)
    door.entrance.tidy()
    assert not door.entrance.may_take_over("demo")
    assert (await front.ask("/r/demo/hls/opus.m3u8")).status == 503


async def test_who_is_in_takes_playlists_and_parts_on_any_connection(
    front: Edge, usher: SmallUsher, monkeypatch: pytest.MonkeyPatch
) -> None:
    usher.waves_through = True
    inside = await front.client()
    assert (await inside.ask("/r/demo/hls/opus.m3u8")).status == 200
    usher.waves_through, usher.shut, usher.given = False, True, ""
    assert (await inside.ask("/r/demo/hls/opus.m3u8")).status == 200
    assert (await front.ask("/r/demo/hls/opus.m3u8")).status == 503
    stranger = await front.client()
    playlist = (await inside.ask("/r/demo/hls/opus.m3u8")).body.decode()
    part = next(line.split('"')[1] for line in playlist.splitlines() if "EXT-X-PART:" in line)
    assert (await stranger.ask(f"/r/demo/hls/{part}")).status == 200, "parts are cached, and asked of nobody"
    await inside.close()
    door = front.front.door
    await until(lambda: (door.entrance.tidy(), door.entrance.in_pieces)[1] == 0)
    assert (await stranger.ask("/r/demo/hls/opus.m3u8")).status == 200, "the place of that address is taken over"
    assert (await front.ask("/r/demo/hls/opus.m3u8")).status == 503, "once"


async def test_who_took_pieces_when_the_door_was_shut_is_given_a_pass(front: Edge, usher: SmallUsher) -> None:
    usher.waves_through = True
    inside = await front.client()
    assert "set-cookie" not in (await inside.ask("/r/demo/hls/opus.m3u8")).fields
    usher.waves_through, usher.shut = False, True
    answer = await inside.ask("/r/demo/hls/opus.m3u8")
    assert answer.fields["set-cookie"].startswith(f"w-demo={PASS}; Path=/r/demo; ")
    assert "public" not in answer.fields["cache-control"]
    assert "set-cookie" not in (await inside.ask("/r/demo/hls/opus.m3u8")).fields


async def test_a_pass_takes_playlists_on_a_few_connections(
    front: Edge, usher: SmallUsher, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"/r/demo/hls/opus.m3u8?w={PASS}"
    for _ in range(entrance.CONNECTIONS_A_SEAT):
        assert (await front.ask(address)).status == 200
    assert (await front.ask(address)).status == 503
    assert front.front.door.entrance.in_pieces == 1
    monkeypatch.setattr(entrance, "PIECES_S", -1.0)
    front.front.door.entrance.tidy()
    assert usher.gone == [("demo", b"12345678")]


async def test_numbers_and_challenges(front: Edge, usher: SmallUsher) -> None:
    challenged = await front.tell("/r/demo/door", {})
    assert challenged.status == 428
    assert challenged.fields["cache-control"] == "no-store"
    assert json.loads(challenged.body)["challenge"] == {"parameters": {}}
    assert json.loads((await front.ask("/r/demo/door")).body) == {"challenge": {"parameters": {}}}
    given = await front.tell("/r/demo/door", {"answer": "right"})
    assert (given.status, json.loads(given.body)) == (200, {"pass": PASS, "line": "late", "rank": 5})
    assert (await front.tell("/r/demo/door", {"rsvp": PASS})).status == 200
    assert usher.asked[-1].pass_ == PASS
    assert (await front.tell("/r/demo/door", {"inside": 5})).status == 200
    wrong = await front.tell("/r/demo/door", {"answer": "wrong"})
    assert wrong.status == 400
    assert json.loads(wrong.body)["type"] == "urn:rostra:problem:bad-answer"
    for bad in ({"answer": "x" * 3000}, {"inside": -1}, {"inside": 1.5}, {"other": 1}, [], {"rsvp": "x" * 100}):
        assert (await front.tell("/r/demo/door", bad)).status == 400
    assert (await front.ask("/r/demo/door", method="DELETE")).status == 405


async def test_a_household_asks_for_so_many_numbers(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front.front.door.numbers, "_made", 10_000)
    full = await front.tell("/r/demo/door", {})
    assert (full.status, int(full.fields["retry-after"]) >= 3) == (503, True)
    assert (await front.tell("/r/demo/door", {"answer": "right"})).status == 200


async def test_the_ticket_of_a_promise_is_a_pass(front: Edge, usher: SmallUsher) -> None:
    assert (await front.tell("/r/demo/rsvp", {})).status == 428
    answer = await front.tell("/r/demo/rsvp", {"answer": "right"})
    assert (answer.status, json.loads(answer.body)) == (202, {"ticket": PASS})
    again = await front.tell("/r/demo/rsvp", {"ticket": PASS})
    assert (again.status, json.loads(again.body)) == (202, {"ticket": PASS})
    kept = front.front.door.postbox._carrier
    assert isinstance(kept, Kept)
    first, second = kept.letters
    assert first.ticket == second.ticket != PASS, "nobody else comes in by what the catalog keeps"


async def test_the_state_says_how_it_stands(front: Edge, usher: SmallUsher) -> None:
    assert "door" not in json.loads((await front.ask("/r/demo/state")).body)
    usher.step = "waiting"
    front.front.turned(5)
    state = json.loads((await front.ask("/r/demo/state")).body)
    assert (state["door"], state["serving"]) == ({"step": "waiting"}, {"late": 5})


async def test_a_step_is_told_to_those_inside(front: Edge, usher: SmallUsher) -> None:
    usher.waves_through = True
    listener, _ = await at_live(front)
    front.front.turned(4)
    async with asyncio.timeout(5):
        while True:
            found = [e for e in read_events(await listener.chunk()) if isinstance(e, EdgeNotice)]
            if found:
                break
    assert (found[0].kind, found[0].values) == ("door", {"step": 4})


async def test_what_the_edge_makes_of_strangers_is_counted(
    front: Edge, usher: SmallUsher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "HEAD_TIMEOUT_S", 0.05)
    for data in (b"GET / HTTP/1.1\r\nHo", b"", b"POST /r/demo/react HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"):
        (await front.client()).send(data)
    (await front.client()).send(b"nonsense\r\n\r\n")
    await front.ask("/r/nowhere/state")
    await front.ask("/r/demo/state?x=1")
    expected = {
        Outcome.SLOW_HEAD, Outcome.SLOW_BODY, Outcome.IDLE, Outcome.BAD_HEAD, Outcome.UNKNOWN_ROOM, Outcome.CACHE_BUST,
    }  # fmt: skip
    await until(lambda: set(usher.noted) == expected)


async def test_behind_a_proxy_everyone_is_counted_by_their_own_address(usher: SmallUsher) -> None:
    usher.waves_through = True
    async with edge(admission=usher, trusted_proxies=("127.0.0.0/8",)) as running:
        running.feed(stream(8))
        for n in (1, 2, 2):
            client = await running.client()
            client.get("/r/demo/live", f"X-Forwarded-For: 203.0.113.{n}")
            assert (await client.head()).status == 200
        assert usher.let_in == [bytes((203, 0, 113, n)) for n in (1, 2, 2)]
        assert usher.connections == usher.let_in
        usher.waves_through, usher.shut = False, True
        for _ in range(3):
            client = await running.client()
            client.get("/r/demo/live", "X-Forwarded-For: 203.0.113.3")
            assert (await client.head()).status == 503


@pytest.mark.parametrize(
    ("field", "counted", "lies"),
    [
        ("X-Forwarded-For: 203.0.113.9, 203.0.113.3", "203.0.113.3", False),  # the first anyone may have written
        ("X-Forwarded-For: 203.0.113.3, 127.0.0.1", "203.0.113.3", False),
        ("X-Forwarded-For: ::ffff:203.0.113.3", "203.0.113.3", False),
        ("X-Forwarded-For: nonsense", "127.0.0.1", True),
        ("X-Forwarded-For: 203.0.113.3, unknown", "127.0.0.1", True),
        ("X-Forwarded-For: 203.0.113.999", "127.0.0.1", True),
        ('Forwarded: for="[2001:db8::3]:80"', "2001:db8::3", False),
        ("Forwarded: for=_hidden", "127.0.0.1", True),
        ("Forwarded: by=203.0.113.3", "127.0.0.1", True),
        ("X-Real-IP: 203.0.113.3", "127.0.0.1", False),
    ],
)
async def test_what_a_proxy_says_of_whom_it_brings(usher: SmallUsher, field: str, counted: str, lies: bool) -> None:
    async with edge(admission=usher, trusted_proxies=("127.0.0.0/8",)) as running:
        running.feed(stream(8))
        client = await running.client()
        client.get("/r/demo/live", field)
        assert (await client.head()).status == 503
        assert usher.asked[0].address == packed(counted)
        assert (Outcome.BAD_PROXY in usher.noted) is lies


@pytest.mark.parametrize("field", ["X-Forwarded-For: 203.0.113.3", "Forwarded: for=203.0.113.3"])
async def test_a_stranger_may_say_what_it_likes_of_its_address(front: Edge, usher: SmallUsher, field: str) -> None:
    assert (await at_live(front, field))[1] == 503
    assert usher.asked[0].address == HERE
    assert Outcome.BAD_PROXY not in usher.noted


SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.mark.parametrize(
    "preamble",
    [
        b"PROXY TCP4 203.0.113.3 127.0.0.1 5000\r\n",
        b"PROXY TCP4 2001:db8::3 2001:db8::1 5000 80\r\n",
        b"PROXY TCP6 203.0.113.3 127.0.0.1 5000 80\r\n",
        b"PROXY " + b"x" * 200,
        SIGNATURE + b"\x21\x11\x00\x04" + bytes(4),  # too short for its family
        SIGNATURE + b"\x21\x21\x00\x0c" + bytes(12),  # the length of the other family
        SIGNATURE + b"\x31\x11\x00\x0c" + bytes(12),  # version 3
        b"GET /r/demo/live HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_a_preamble_that_is_none_lets_nobody_in(usher: SmallUsher, preamble: bytes) -> None:
    async with edge(admission=usher, trusted_proxies=("127.0.0.0/8",), proxy_protocol=True) as running:
        client = await running.client()
        client.send(preamble + b"GET /r/demo/live HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert await client.ended()
        await until(lambda: usher.noted == [Outcome.BAD_PROXY])
        assert usher.asked == []


async def test_a_preamble_that_does_not_end_is_waited_for_as_long_as_a_head(
    usher: SmallUsher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "HEAD_TIMEOUT_S", 0.1)
    async with edge(admission=usher, trusted_proxies=("127.0.0.0/8",), proxy_protocol=True) as running:
        for cut in (b"PROXY TCP4 203.0", SIGNATURE, SIGNATURE + b"\x21\x11\x00\x0c" + bytes(5)):
            client = await running.client()
            client.send(cut)
            await _ends(client)
        assert set(usher.noted) == {Outcome.SLOW_HEAD}


async def test_a_stranger_s_preamble_names_nobody(usher: SmallUsher) -> None:
    async with edge(admission=usher, trusted_proxies=("192.0.2.0/24",), proxy_protocol=True) as running:
        for preamble in (
            b"PROXY TCP4 203.0.113.3 127.0.0.1 5000 80\r\n",
            SIGNATURE + b"\x21\x11\x00\x0c" + bytes((203, 0, 113, 3, 127, 0, 0, 1, 0, 80, 0, 80)),
        ):
            client = await running.client()
            client.send(preamble + b"GET /r/demo/live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await client.head()).status == 400
        assert usher.connections == [HERE] * 2
        assert usher.noted == [Outcome.BAD_HEAD] * 2
        assert usher.asked == []


async def test_at_a_full_house_who_waits_holds_no_connection(
    front: Edge, usher: SmallUsher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "IDLE_AT_FULL_HOUSE_S", 0.1)
    monkeypatch.setattr(conversation, "HEAD_TIMEOUT_S", 0.1)
    before = await front.client()
    assert (await before.ask("/r/demo/state")).status == 200
    await asyncio.sleep(0.3)
    assert (await before.ask("/r/demo/state")).status == 200, "they have time"
    usher.shut = True
    front.front.turned()
    assert await before.ended(), "whoever was here before, too"
    client = await front.client()
    assert (await client.ask("/r/demo/state")).status == 200
    assert await client.ended()


def test_the_sentences_say_what_to_do() -> None:
    for error in (WorkFirst("/r/x/door", 2.0), InLine("/r/x/door", 2.0)):
        assert "POST /r/x/door" in str(error)
        assert error.problem()["door"] == "/r/x/door"
    assert isinstance(InLine("/r/x/door", 2.0), Full)
    assert "turn" in str(InLine("/r/x/door", 2.0, called=True))
