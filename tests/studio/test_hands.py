import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rostra.errors import BadRequest, BusUnavailable, Conflict, NotFound, RostraError
from rostra.studio import hands as hands_module
from rostra.studio.app import wall_clock
from rostra.studio.hands import Hall, Hands, accepted, declined
from rostra.units import Role, RoomState, WallTime
from rostra.wire.hands import MAX_HAND_NAME, MAX_WHY, Hand, HandState, decode_hand, encode_hand
from tests.studio.conftest import Door, a_room, bearer, on_one_loop

T = TypeVar("T")


def hand(n: int, name: str = "", **more: HandState) -> Hand:
    return Hand("main", f"{n:022}", name or f"Listener {n:05}", f"about {n}", WallTime(1e9 + n), **more)


def test_pages_by_time_and_by_name_and_what_is_sought() -> None:
    hall = Hall()
    for n in range(10):
        hall.note(f"{n:022}", hand(n, f"{'BA'[n % 2]} {n}"))
    first = hall.page("", "at", 4, "")
    assert ([h.at - 1e9 for h in first.hands], first.total) == ([0, 1, 2, 3], 10)
    hall.note(f"{0:022}", hand(0, state=HandState.DECLINED))
    assert [h.at - 1e9 for h in hall.page("", "at", 4, first.next).hands] == [4, 5, 6, 7], "nothing moves"
    assert hall.page("", "name", 1, "").hands[0].name == "A 1"
    assert hall.page("a 7", "name", 9, "").total == 1
    with pytest.raises(BadRequest):
        hall.page("", "at", 4, "nonsense")


async def test_a_hand_is_accepted_once_and_gets_a_link_of_its_own(door: Door) -> None:
    await door.room(state=RoomState.LIVE)
    host = await door.token(Role.COHOST)
    await door.others.bus.hands.put(hand(1).key, hand(1), 0)
    address = f"/api/rooms/main/hands/{1:022}"
    assert (await door.client.post(f"{address}/accept", headers=host)).status_code == 200
    kept, _ = await door.others.bus.hands.get(hand(1).key)
    assert kept.state is HandState.ACCEPTED
    assert "/speak/main#t=" in kept.link
    assert (await door.client.post(f"{address}/decline", headers=host)).status_code == 409


async def test_all_are_lowered(door: Door) -> None:
    await door.room(state=RoomState.LIVE)
    host = await door.token(Role.HOST)
    for n in range(50):
        await door.others.bus.hands.put(hand(n).key, hand(n).with_(at=wall_clock()), 0)
    async with asyncio.timeout(10):
        while (await door.client.get("/api/rooms/main/hands", headers=host)).json()["waiting"] < 50:
            await asyncio.sleep(0.02)
        assert (await door.client.post("/api/rooms/main/hands/lower-all", headers=host)).json()["total"] == 50
        while (await door.client.get("/api/rooms/main/hands", headers=host)).json()["waiting"]:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("cursor", ["e30", "W10", "WzEsMV0", "WyJhIiwiYiJd", "WzEsImEiXQ==x", "!", "W" * 590])
def test_what_is_no_cursor(cursor: str) -> None:
    with pytest.raises(BadRequest, match="none of ours"):
        Hall().page("", "at", 4, cursor)


def test_names_of_strangers_are_shown_safely_and_sorted() -> None:
    hall = Hall()
    names = ("\u202eZoe", "anna", "Bo", "\u200b", "a\x00b")
    for n, name in enumerate(names):
        hall.note(f"{n:022}", hand(n, name))
    assert [h.name for h in hall.page("", "name", 9, "").hands] == ["anna", "Bo", "Somebody", "Somebody", "Zoe"]


def test_only_so_many_are_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hands_module, "MAX_HANDS", 3)
    hall = Hall()
    for n in range(5):
        hall.note(f"{n:022}", hand(n))
    assert len(hall) == 3
    assert not hall.page("", "at", 9, "").complete
    assert hall.page("", "at", 9, "").total == 3


async def test_those_that_found_no_place_are_shown_once_others_are_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hands_module, "MAX_IN_ALL", 4)
    bus: Any = Bus()
    hands = Hands(bus, lambda: WallTime(1e9))
    bus.hands.heard = hands.heard
    for room in ("a", "b", "c"):
        for n in range(2):
            raised = Hand(room, f"{n:022}", "Ann", "", WallTime(1e9 + n))
            bus.hands.write(raised.key, raised)
    assert [(hands.up(room), hands.page(room, "", "at", 9, "").complete) for room in ("a", "b", "c")] == [
        (2, True), (2, True), (0, False),
    ]  # fmt: skip
    hands.heard_room("a", a_room("a").with_(state=RoomState.ENDED))
    hands.lower_all("c")
    async with asyncio.timeout(5):
        while hands.up("c") < 2:
            hands.lower_all("c")
            await asyncio.sleep(0)
    assert hands.page("c", "", "at", 9, "").complete
    hands.heard(f"d.{1:022}", hand(1))
    assert hands.up("d") == 0
    hands.heard(f"b.{0:022}", None)
    hands.heard(f"d.{1:022}", hand(1))
    assert hands.up("d") == 1, "what is free is free for every room"


def test_hands_of_rooms_that_are_over_and_of_yesterday_are_dropped() -> None:
    now, nothing = [1e9], cast(Any, None)
    hands = Hands(nothing, lambda: WallTime(now[0]))
    for n in range(2000):
        hands.heard(f"room-{n}.{1:022}", hand(1))
    assert all(hands.up(f"room-{n}") == 1 for n in range(2000)), "however many rooms have hands up"
    hands.heard_room("room-0", a_room("room-0").with_(state=RoomState.ENDED))
    assert hands.up("room-0") == 0
    hands.heard(f"room-0.{2:022}", hand(2))
    assert hands.up("room-0") == 0, "nor one that comes late"
    hands.heard_room("room-0", a_room("room-0"))
    hands.heard(f"room-0.{2:022}", hand(2))
    assert hands.up("room-0") == 1
    hands.heard(f"room-1.{5:022}", hand(5000))
    now[0] += 24 * 3600.0 + 100
    hands.forget_old()
    assert [hands.up(f"room-{n}") for n in range(3)] == [0, 1, 0]
    hands.heard(f"room-3.{1:022}", hand(1))
    assert hands.up("room-3") == 0, "told again after a reconnect"


def test_the_last_ones_first() -> None:
    hall = Hall()
    for n in range(5):
        hall.note(f"{n:022}", hand(n))
    for sort in ("-at", "-name"):
        first = hall.page("", sort, 2, "")  # type: ignore[arg-type]
        hall.note(f"{9:022}", hand(9))
        second = hall.page("", sort, 2, first.next)  # type: ignore[arg-type]
        third = hall.page("", sort, 2, second.next)  # type: ignore[arg-type]
        assert [h.at - 1e9 for page in (first, second, third) for h in page.hands] == [4, 3, 2, 1, 0], sort
        assert third.next == ""
        hall.note(f"{9:022}", None)


@on_one_loop
async def test_two_hosts_do_not_answer_one_hand_differently(one_door: Door) -> None:
    await one_door.room("two", RoomState.LIVE)
    host, bus = await one_door.token(Role.HOST, "two"), one_door.others.bus
    for n in range(8):
        raised = Hand("two", f"{n:022}", "Ann", "A word", WallTime(1e9))
        await bus.hands.put(raised.key, raised, 0)
        url = f"/api/rooms/two/hands/{raised.ticket}"
        answers = await asyncio.gather(
            *(one_door.client.post(f"{url}/{what}", headers=host) for what in ("accept", "decline", "accept"))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
        kept, _ = await bus.hands.get(raised.key)
        assert [a.json()["state"] for a in answers if a.is_success] == [kept.state.value]
        assert bool(kept.link) is (kept.state is HandState.ACCEPTED)
        if kept.link:
            assert (await one_door.client.get("/api/rooms/two/people", headers=bearer(kept.link))).status_code != 401
    record, _ = await bus.get_room("two")
    made = (await one_door.client.get("/api/rooms/two/links", headers=host)).json()["items"]
    good = {link["identity"] for link in made if link["revoked"] is None}
    assert good.isdisjoint(record.revoked)
    assert len(good) <= 8, "a link that nobody was given is shown as none that is good"
    assert record.revoked == (), "nor has it to be taken back"


@on_one_loop
async def test_an_answer_that_was_written_but_not_told_keeps_its_link(
    one_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one_door.room("unheard", RoomState.LIVE)
    host, bus = await one_door.token(Role.HOST, "unheard"), one_door.office.bus.hands
    put = bus.put

    async def late(key: str, value: Hand, revision: int | None = None) -> int:
        if value.ticket.startswith("w"):
            await put(key, value, revision)
        raise BusUnavailable("It took too long.")

    monkeypatch.setattr(bus, "put", late)
    for ticket, status in (("w" * 22, 200), ("n" * 22, 503)):
        raised = Hand("unheard", ticket, "Ann", "", wall_clock())
        await one_door.others.bus.hands.put(raised.key, raised, 0)
        answer = await one_door.client.post(f"/api/rooms/unheard/hands/{ticket}/accept", headers=host)
        assert answer.status_code == status
    kept, _ = await one_door.others.bus.hands.get(f"unheard.{'w' * 22}")
    assert (await one_door.client.get("/api/rooms/unheard", headers=bearer(kept.link))).status_code == 200


@on_one_loop
async def test_hands_that_are_not_there_or_not_up(one_door: Door) -> None:
    await one_door.room("none", RoomState.LIVE)
    host, bus = await one_door.token(Role.HOST, "none"), one_door.others.bus
    for state in (s for s in HandState if s is not HandState.WAITING):
        down = Hand("none", state.value.ljust(22, "-"), "Ann", "", WallTime(1e9), state)
        await bus.hands.put(down.key, down, 0)
        for what in ("accept", "decline"):
            answer = await one_door.client.post(f"/api/rooms/none/hands/{down.ticket}/{what}", headers=host)
            assert (answer.status_code, state.value in answer.json()["detail"]) == (409, True)
    for ticket, status in (("x" * 22, 404), ("x" * 21, 422), ("x" * 21 + ".", 422)):
        answer = await one_door.client.post(f"/api/rooms/none/hands/{ticket}/accept", headers=host)
        assert answer.status_code == status
    assert (await one_door.client.get("/api/rooms/none/hands", headers=host)).json()["items"] == []
    assert (await bus.get_room("none"))[0].revoked == ()


@on_one_loop
async def test_a_hand_is_of_one_room(one_door: Door) -> None:
    for room in ("mine", "yours"):
        await one_door.room(room, RoomState.LIVE)
    raised = Hand("mine", "m" * 22, "Ann", "", WallTime(1e9))
    await one_door.others.bus.hands.put(raised.key, raised, 0)
    yours = await one_door.token(Role.HOST, "yours")
    assert (await one_door.client.post(f"/api/rooms/yours/hands/{raised.ticket}/accept", headers=yours)).is_error
    assert (await one_door.client.get("/api/rooms/yours/hands", headers=yours)).json()["total"] == 0
    assert (await one_door.others.bus.hands.get(raised.key))[0] == raised


@on_one_loop
async def test_the_console_pages_sorts_and_seeks(one_door: Door) -> None:
    await one_door.room("many", RoomState.LIVE)
    host, begun = await one_door.token(Role.HOST, "many"), wall_clock()
    for n in range(7):
        one_door.office.hands.heard(
            f"many.{n:022}", Hand("many", f"{n:022}", f"Ann {7 - n}", "sea", WallTime(begun + n))
        )
    for sort, expected in (
        ("at", [7, 6, 5, 4, 3, 2, 1]), ("name", [1, 2, 3, 4, 5, 6, 7]), ("-at", [1, 2, 3, 4, 5, 6, 7]),
        ("-name", [7, 6, 5, 4, 3, 2, 1]),
    ):  # fmt: skip
        found, cursor = list[str](), ""
        while cursor is not None:
            url = f"/api/rooms/many/hands?sort={sort}&limit=3&cursor={cursor}"
            page = (await one_door.client.get(url, headers=host)).json()
            assert (page["total"], page["waiting"], page["lowering"]) == (7, 7, None)
            found += [item["name"] for item in page["items"]]
            cursor = page["next"]
        assert found == [f"Ann {n}" for n in expected]
    assert (await one_door.client.get("/api/rooms/many/hands?q=ANN 3", headers=host)).json()["total"] == 1
    assert (await one_door.client.get("/api/rooms/many/hands?q=sea", headers=host)).json()["total"] == 7
    for bad in ("sort=when", "limit=0", "limit=201", "q=" + "x" * 101):
        assert (await one_door.client.get(f"/api/rooms/many/hands?{bad}", headers=host)).status_code == 422


# --- whatever happens in whatever order ---


class Bucket:
    """Of the bus, in memory. ``meanwhile`` happens once between a look and what is written after it."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, int]] = {}
        self.revision = 0
        self.meanwhile: Callable[[], None] | None = None
        self.heard: Callable[[str, Hand | None], None] = lambda key, hand: None

    async def get(self, key: str) -> tuple[Hand, int]:
        if key not in self.kept:
            raise NotFound(f"There is nothing called {key!r}.")
        data, revision = self.kept[key]
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        return decode_hand(data), revision

    async def put(self, key: str, value: Hand, revision: int | None = None) -> int:
        return self.write(key, value, revision)

    async def keys(self) -> list[str]:
        return list(self.kept)

    def write(self, key: str, value: Hand, revision: int | None = None) -> int:
        if revision is not None and revision != self.kept.get(key, (b"", 0))[1]:
            raise Conflict("It has moved on.")
        self.revision += 1
        self.kept[key] = (encode_hand(value), self.revision)
        self.heard(key, value)
        return self.revision


class Bus:
    def __init__(self) -> None:
        self.hands = Bucket()


def now(work: Awaitable[T]) -> T:
    """Of something that waits for nothing."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("it waited")


OUTCOMES = {
    HandState.ACCEPTED: accepted("https://s.example/speak/main#t=x"),
    HandState.DECLINED: declined,
    HandState.LOWERED: lambda hand: hand.with_(state=HandState.LOWERED),
    HandState.WITHDRAWN: lambda hand: hand.with_(state=HandState.WITHDRAWN),
}
ANSWERS = st.sampled_from(list(OUTCOMES))
TICKETS = st.integers(0, 5)


class HandsUnderAnything(RuleBasedStateMachine):
    """Listeners raise and withdraw at the edge, two hosts answer at the studio, news comes late or twice: a hand is
    answered once and for good, and the host is shown exactly those that are up."""

    def __init__(self) -> None:
        super().__init__()
        bus: Any = Bus()
        self.bucket: Bucket = bus.hands
        self.hands = Hands(bus, lambda: WallTime(1e9))
        self.bucket.heard = self.hands.heard
        self.expected: dict[str, HandState] = {}
        self.raised: dict[str, Hand] = {}

    @rule(n=TICKETS, name=st.text(min_size=1, max_size=MAX_HAND_NAME), why=st.text(max_size=20))
    def raise_(self, n: int, name: str, why: str) -> None:
        ticket = f"{n:022}"
        if ticket not in self.expected:
            raised = Hand("main", ticket, _writable(name) or "A", _writable(why), WallTime(1e9 + n))
            self.bucket.write(raised.key, raised, 0)
            self.raised[ticket], self.expected[ticket] = raised, HandState.WAITING

    @rule(n=TICKETS, how=ANSWERS)
    def answer(self, n: int, how: HandState) -> None:
        self._answer(f"{n:022}", how)

    @rule(n=TICKETS, how=ANSWERS, other=ANSWERS)
    def two_answer(self, n: int, how: HandState, other: HandState) -> None:
        """The second comes between the look of the first and its answer, and wins."""
        ticket = f"{n:022}"
        if self.expected.get(ticket) is HandState.WAITING:
            up = self.raised[ticket]
            self.bucket.meanwhile = lambda: self.bucket.write(up.key, OUTCOMES[other](up)) and None
            self.expected[ticket] = other
            with pytest.raises(Conflict, match="not up any more"):
                now(self.hands.answer("main", ticket, OUTCOMES[how]))

    @rule(n=TICKETS)
    def news_comes_again(self, n: int) -> None:
        key = f"main.{n:022}"
        if key in self.bucket.kept:
            self.hands.heard(key, decode_hand(self.bucket.kept[key][0]))

    @rule(n=TICKETS)
    def it_is_forgotten_after_a_day(self, n: int) -> None:
        ticket = f"{n:022}"
        self.bucket.kept.pop(f"main.{ticket}", None)
        self.expected.pop(ticket, None)
        self.hands.heard(f"main.{ticket}", None)

    def _answer(self, ticket: str, how: HandState) -> None:
        try:
            answered = now(self.hands.answer("main", ticket, OUTCOMES[how]))
        except RostraError as e:
            expected = NotFound if ticket not in self.expected else Conflict
            assert isinstance(e, expected)
            assert self.expected.get(ticket) is not HandState.WAITING
        else:
            assert self.expected[ticket] is HandState.WAITING
            assert answered.state is how
            self.expected[ticket] = how

    @invariant()
    def a_hand_is_answered_once(self) -> None:
        for ticket, state in self.expected.items():
            kept = decode_hand(self.bucket.kept[f"main.{ticket}"][0])
            assert kept.state is state
            assert bool(kept.link) is (state is HandState.ACCEPTED)
            assert (kept.name, kept.why, kept.at) == (
                self.raised[ticket].name, self.raised[ticket].why, self.raised[ticket].at,
            )  # fmt: skip

    @invariant()
    def those_that_are_up_are_shown_on_whatever_pages(self) -> None:
        up = sorted(t for t, state in self.expected.items() if state is HandState.WAITING)
        for sort in ("at", "name"):
            shown, cursor = list[str](), ""
            while True:
                page = self.hands.page("main", "", sort, 2, cursor)  # type: ignore[arg-type]
                shown += [h.ticket for h in page.hands]
                assert page.total == len(up) == self.hands.up("main")
                if not (cursor := page.next):
                    break
            assert sorted(shown) == up
            assert sort != "at" or shown == up


def _writable(text: str) -> str:
    """Halves of surrogate pairs do not go over any wire."""
    return json.loads(json.dumps(text)).encode("utf-8", "ignore").decode()[:MAX_WHY]  # type: ignore[no-any-return]


TestHandsUnderAnything = HandsUnderAnything.TestCase
TestHandsUnderAnything.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
