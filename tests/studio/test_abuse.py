"""Bad input and people who mean ill: what they write comes out harmless, what they try is bounded."""

from __future__ import annotations

import asyncio
import itertools
import json
import unicodedata
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import feedparser
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from rostra.edge.pages import Pages
from rostra.errors import BadToken
from rostra.studio import texts
from rostra.studio.app import wall_clock
from rostra.studio.limits import ADDRESS, GUESSES, LINK, Limits, Rates
from rostra.units import Role, RoomState
from rostra.wire.hands import Hand
from rostra.wire.inbox import Letter, LetterKind
from tests.edge.making import edge
from tests.edge.test_pages import built
from tests.studio.conftest import OFFER, SDP, STUDIO, Door, bearer, on_one_loop

SCRIPT = "</script><script>alert('x')</script><img src=x onerror=\"alert(1)\">&lt;b&gt;"

_numbers = itertools.count()


async def a_hall(door: Door, state: RoomState = RoomState.LIVE) -> tuple[str, dict[str, str]]:
    """A room's name, and its host."""
    name = f"hall-{next(_numbers)}"
    await door.room(name, state)
    await door.others.stage_for(name)
    return name, await door.token(Role.HOST, name)


def is_inert(answer: httpx.Response) -> Any:
    """What a browser makes of it is data, whatever stands in it."""
    assert answer.headers["content-type"] in ("application/json", "application/problem+json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    return answer.json()


# --- script ---


@on_one_loop
async def test_script_in_every_field_is_a_text_like_any_other(one_door: Door, tmp_path: Path) -> None:
    client, operator = one_door.client, one_door.operator
    body = {
        "title": SCRIPT, "id": "script", "words": SCRIPT, "speakers": [SCRIPT[:60]], "at": "2031-05-01T19:30:00Z",
        "tz": "Europe/Berlin",
    }  # fmt: skip
    made = await client.post("/api/rooms", json=body, headers=operator)
    host = bearer(made.json()["links"]["host"])
    assert is_inert(made)["title"] == SCRIPT
    assert is_inert(await client.post("/api/rooms/script/postpone", json={"at": "2031-05-02T19:30:00Z", "note": SCRIPT},
                                      headers=host))["note"] == SCRIPT  # fmt: skip
    post = {"text": SCRIPT, "link": "https://example.org/?q=" + "%3Cscript%3E\"'<script>"}
    assert is_inert(await client.post("/api/rooms/script/posts", json=post, headers=host))["text"] == SCRIPT
    named = await client.post("/api/rooms/script/links", json={"role": "speaker", "name": SCRIPT[:60]}, headers=host)
    assert is_inert(named)
    hand = Hand("script", "s" * 22, SCRIPT[:60], SCRIPT, wall_clock())
    one_door.office.hands.heard(hand.key, hand)
    (shown,) = is_inert(await client.get("/api/rooms/script/hands", headers=host))["items"]
    assert (shown["name"], shown["why"]) == (SCRIPT[:60], SCRIPT)
    letter = Letter("script", LetterKind.ABUSE, wall_clock(), said=SCRIPT, about=SCRIPT[:60])
    await one_door.office.files.ask(lambda catalog: catalog.take_letters([(catalog.last_letter() + 1, letter)]))
    (report,) = is_inert(await client.get("/api/rooms/script/reports", headers=host))["items"]
    assert report["said"] == SCRIPT
    for path in ("/api/rooms/script", "/api/rooms/script/links", "/api/rooms/script/posts", "/api/rooms"):
        is_inert(await client.get(path, headers=operator))
    for odd in (SCRIPT, f"<script>{'x' * 3000}"):
        found = is_inert(await client.post("/api/rooms/script/seats/x/appoint", json={"role": odd}, headers=host))
        assert found["status"] == 422

    record, _ = await one_door.others.bus.get_room("script")
    board, _ = await one_door.others.bus.boards.get("script")
    async with edge(record, pages=Pages(built(tmp_path)), public_url="https://live.example") as front:
        front.front.on_board("script", board)
        page = await front.ask("/r/script")
        html = page.body.decode()
        assert (page.status, page.fields["content-type"]) == (200, "text/html; charset=utf-8")
        assert html.count("<script") == 2, "the page's own, and the state's"
        assert "<img" not in html and 'onerror="' not in html
        assert b"<img" not in (await front.ask("/")).body
        for path in ("/r/script/state", "/r/script/posts", "/rooms.json"):
            answer = await front.ask(path)
            assert answer.fields["content-type"].startswith("application/json"), path
            assert answer.fields["x-content-type-options"] == "nosniff", path
            json.loads(answer.body)
        for path in ("/feed.xml", "/r/script/feed.xml"):
            feed = feedparser.parse((await front.ask(path)).body)
            assert not feed.bozo, path
        calendar = Calendar.from_ical((await front.ask("/r/script/calendar.ics")).body)
        assert str(next(iter(calendar.walk("VEVENT")))["summary"]).startswith("</script>")


# --- names and texts ---


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("\u202eevil\u202c", "evil"), ("a\u200bb\u2060c\ufeff", "abc"), ("  A  n\u00a0n ", "A n n"),
        ("e\u0301", "\u00e9"), ("n" + "\u0300" * 40, "\u01f9" + "\u0300" * 4), ("\U0001f600 Ann", "\U0001f600 Ann"),
        ("A" * 60, "A" * 60), ("\u0645\u0631\u064a\u0645", "\u0645\u0631\u064a\u0645"), ("\U000e0041Ann\ue000", "Ann"),
    ],
)  # fmt: skip
@on_one_loop
async def test_a_name_is_what_is_seen_of_it(one_door: Door, written: str, kept: str) -> None:
    name, host = await a_hall(one_door)
    url = f"/api/rooms/{name}"
    made = await one_door.client.post(f"{url}/links", json={"role": "speaker", "name": written}, headers=host)
    claims = one_door.office.rights.caller(bearer(made.json()["link"])["Authorization"], name).claims
    assert claims is not None and claims.name == kept
    changed = await one_door.client.patch(url, json={"title": written, "speakers": [written]}, headers=host)
    assert (changed.json()["title"], changed.json()["speakers"]) == (kept, [kept])
    answer = await one_door.client.post(
        f"/stage/{name}/whip", params={"name": written}, content=OFFER, headers={**host, **SDP}
    )
    assert answer.status_code == 201
    assert one_door.others.asked[-1]["name"] == kept


@on_one_loop
async def test_an_emoji_that_is_held_together_stays_so_but_in_a_token(one_door: Door) -> None:
    family = "\U0001f469\u200d\U0001f680"
    name, host = await a_hall(one_door)
    changed = await one_door.client.patch(f"/api/rooms/{name}", json={"title": family}, headers=host)
    assert changed.json()["title"] == family
    made = await one_door.client.post(
        f"/api/rooms/{name}/links", json={"role": "speaker", "name": family}, headers=host
    )
    assert made.status_code == 201, "a name in a token has nothing invisible in it"


@pytest.mark.parametrize("name", ["x" * 61, "\U0001f469\u200d\U0001f680" * 60, "a\x00b", "a\x1b[31m", "\x7f"])
@on_one_loop
async def test_what_is_no_name_is_a_sentence(one_door: Door, name: str) -> None:
    room, host = await a_hall(one_door)
    url = f"/api/rooms/{room}"
    for method, path, body in (
        ("POST", f"{url}/links", {"role": "speaker", "name": name}),
        ("PATCH", url, {"speakers": [name]}),
    ):
        answer = await one_door.client.request(method, path, json=body, headers=host)
        assert (answer.status_code, answer.json()["detail"][-1]) == (422, ".")
    answer = await one_door.client.post(
        f"/stage/{room}/whip", params={"name": name}, content=OFFER, headers={**host, **SDP}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("title", ["", " ", "\u200b\u202e", "\u00ad", "x" * 201, "a\x00"])
@on_one_loop
async def test_a_title_can_be_seen(one_door: Door, title: str) -> None:
    answer = await one_door.client.post("/api/rooms", json={"title": title}, headers=one_door.operator)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "title")


@on_one_loop
async def test_whatever_fields_are_sent_is_answered_and_bounded(one_door: Door) -> None:
    json_type = {**one_door.operator, "Content-Type": "application/json"}
    for body in (
        b"[" * 60_000, b'{"a":' * 10_000, b"\xff\xfe", b'{"title":"\\ud800"}', b"null", b"1e999", b"NaN",
        b'{"title":"A","title":"B","x":1}', b'{"title":{"title":{}}}', b'{"title":"A","doors_s":NaN}',
        b'{"title":"A","delay_s":1e999}', b'{"title":"A","speakers":' + json.dumps(["A"] * 33).encode() + b"}",
    ):  # fmt: skip
        answer = await one_door.client.post("/api/rooms", content=body, headers=json_type)
        assert answer.status_code in (400, 422), body[:40]
        assert is_inert(answer)["detail"]
        assert len(answer.content) < 10_000


# --- times ---

BERLIN = ZoneInfo("Europe/Berlin")


def clock_changes() -> tuple[datetime, datetime]:
    """The next nights, well ahead, in which an hour is missing, and comes twice: 2:30 of both."""
    found: dict[bool, datetime] = {}
    day = datetime.fromtimestamp(wall_clock(), BERLIN).replace(hour=12, minute=0, second=0, microsecond=0, tzinfo=None)
    for n in range(2, 400):
        night = (day + timedelta(days=n)).replace(hour=2, minute=30)
        before, after = (
            night.replace(hour=0, tzinfo=BERLIN).utcoffset(),
            night.replace(hour=5, tzinfo=BERLIN).utcoffset(),
        )
        assert before is not None and after is not None
        if before != after:
            found.setdefault(after > before, night)
    return found[True], found[False]


@on_one_loop
async def test_an_hour_that_is_skipped_and_one_that_comes_twice(one_door: Door) -> None:
    skipped, doubled = clock_changes()
    name, host = await a_hall(one_door, RoomState.SCHEDULED)
    url = f"/api/rooms/{name}"
    await one_door.client.patch(url, json={"tz": "Europe/Berlin"}, headers=host)
    for local, hour_utc, words in ((skipped, 1, "put forward"), (doubled, 0, "twice")):
        at = local.isoformat(timespec="minutes")
        new = {"title": "A", "at": at, "tz": "Europe/Berlin"}
        for answer in (
            await one_door.client.post("/api/rooms", json=new, headers=one_door.operator),
            await one_door.client.post(f"{url}/postpone", json={"at": at}, headers=host),
            await one_door.client.patch(url, json={"at": at, "tz": "Europe/Berlin"}, headers=host),
        ):
            assert answer.is_success
            assert words in answer.json()["remark"]
            assert datetime.fromisoformat(answer.json()["at"]).hour == hour_utc
        plain = await one_door.client.post(f"{url}/postpone", json={"at": f"{at}+02:00"}, headers=host)
        assert plain.json()["remark"] == "", "an offset says which is meant"
        assert datetime.fromisoformat(plain.json()["at"]).hour == 0


@pytest.mark.parametrize(
    "at",
    [
        "2020-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00", "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59", "2100-01-01T00:00", "tomorrow", "2030-02-30T10:00", "2030-01-01T25:00", "2030-01",
        "1e9", "", "x" * 41, "2030-05-01T19:30+99:00", "2030-05-01T19:30\u0660",
    ],
)  # fmt: skip
@on_one_loop
async def test_times_that_cannot_be(one_door: Door, at: str) -> None:
    name, host = await a_hall(one_door, RoomState.SCHEDULED)
    before = await one_door.others.bus.get_room(name)
    for method, path, body, who in (
        ("POST", "/api/rooms", {"title": "A", "at": at}, one_door.operator),
        ("POST", f"/api/rooms/{name}/postpone", {"at": at}, host),
        ("PATCH", f"/api/rooms/{name}", {"at": at, "title": "B"}, host),
    ):
        answer = await one_door.client.request(method, path, json=body, headers=who)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "at"), answer.text
        assert answer.json()["detail"].endswith(".")
    assert await one_door.others.bus.get_room(name) == before


@on_one_loop
async def test_a_form_that_was_filled_in_within_the_minute_is_now(one_door: Door) -> None:
    for ago_s, status in ((30.0, 201), (90.0, 422)):
        at = datetime.fromtimestamp(wall_clock() - ago_s, ZoneInfo("UTC")).isoformat(timespec="seconds")
        answer = await one_door.client.post("/api/rooms", json={"title": "A", "at": at}, headers=one_door.operator)
        assert answer.status_code == status


@pytest.mark.parametrize("tz", ["Mars", "", "../../etc/passwd", "europe/berlin", "+02:00", "x" * 65, "UTC\x00"])
@on_one_loop
async def test_what_is_no_time_zone(one_door: Door, tz: str) -> None:
    answer = await one_door.client.post("/api/rooms", json={"title": "A", "tz": tz}, headers=one_door.operator)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "tz")


@on_one_loop
async def test_so_many_pictures_are_taken_at_once_and_the_rest_come_again(
    one_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, host = await a_hall(one_door)
    gate = asyncio.Event()

    async def slow(data: bytes, purpose: str) -> tuple[str, bytes]:
        await gate.wait()
        return "0" * 32 + ".webp", data

    monkeypatch.setattr(one_door.office.boards._pictures, "prepare", slow)
    url = f"/api/rooms/{name}/pictures"
    sending = [asyncio.create_task(one_door.client.post(url, content=b"x", headers=host)) for _ in range(8)]
    async with asyncio.timeout(5):
        while (answer := await one_door.client.post(url, content=b"", headers={})).status_code == 401:
            await asyncio.sleep(0.01)
    assert (answer.status_code, int(answer.headers["retry-after"]) >= 1) == (503, True)
    gate.set()
    assert {(await sent).status_code for sent in sending} == {201}


# --- guessing ---


def at_address(door: Door, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(door.app, raise_app_exceptions=False, client=(address, 5))
    return httpx.AsyncClient(transport=transport, base_url=STUDIO)


async def test_a_thousand_guesses_a_second_are_answered_and_hosts_come_in_meanwhile(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an address of their own, and by the very address that is guessed from: everyone behind a proxy shares one."""
    await door.room(state=RoomState.LIVE)
    await door.others.stage_for("main")
    host, cohost = await door.token(Role.HOST), await door.token(Role.COHOST)
    body, rest = host["Authorization"].split(".")
    looked = 0
    real = door.office.entrance.rights.__class__.caller

    def counting(*arguments: Any) -> Any:
        nonlocal looked
        looked += 1
        return real(*arguments)

    monkeypatch.setattr(door.office.entrance.rights.__class__, "caller", counting)
    async with at_address(door, "203.0.113.9") as guesser, at_address(door, "198.51.100.1") as elsewhere:
        statuses, refused = list[int](), None
        for n in range(1000):
            guess = {"Authorization": f"{body}.{n:04d}{rest[4:]}"}
            path = ("/api/rooms/main", "/api/rooms/main/people", "/stage/main/whip/x")[n % 3]
            answer = await guesser.request("DELETE" if "stage" in path else "GET", path, headers=guess)
            statuses.append(answer.status_code)
            refused = answer if answer.status_code == 429 else refused
        assert statuses[: GUESSES.burst] == [401] * GUESSES.burst
        assert set(statuses[GUESSES.burst :]) <= {401, 429}
        assert statuses.count(429) > 900, "one is forgiven every two seconds"
        assert refused is not None and refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["retry-after"]) >= 1
        assert looked == 0, "none of them costs a look at the room"
        assert (await elsewhere.get("/api/rooms/main", headers=host)).status_code == 200
        for who in (cohost, door.operator, host):  # of whom nothing was seen from there so far
            assert (await guesser.get("/api/rooms/main", headers=who)).status_code == 200
        assert (await guesser.get("/api/rooms/main", headers={"Authorization": "Bearer x.y"})).status_code in (401, 429)
        assert (await guesser.get("/healthz")).status_code == 200


class Bounded:
    """An application behind the limits, on a clock of the test's own; what it answers is up to the test."""

    def __init__(self, status: int, *, made: bool = False) -> None:
        self.status, self.now = status, 0.0
        fault = BadToken("It is none.")
        self._limits = Limits(self._app, Rates(), clock=lambda: self.now, fault=lambda _: None if made else fault)

    async def _app(self, scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(self, token: str = "", address: str = "203.0.113.9") -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(self._limits, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url=STUDIO) as client:
            return (await client.get("/api/rooms", headers=headers)).status_code


async def test_a_link_that_was_taken_back_is_asked_with_only_so_often() -> None:
    door = Bounded(401, made=True)
    found = [await door.ask("old") for _ in range(ADDRESS.burst + 1)]
    assert found == [401] * ADDRESS.burst + [429]


async def test_one_link_is_not_asked_with_more_often_than_it_may() -> None:
    door = Bounded(200, made=True)
    assert await door.ask("a") == 200  # which is when it is known to be good
    found = [await door.ask("a") for _ in range(LINK.burst + 1)]
    assert found == [200] * LINK.burst + [429]
    assert await door.ask("b") == 200
    door.now += 1.0
    assert [await door.ask("a") for _ in range(int(LINK.a_second) + 1)][-2:] == [200, 429]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False), ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False), ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("a proxy", "another", True),
    ],
)  # fmt: skip
async def test_a_household_has_one_bound(one: str, other: str, same: bool) -> None:
    door = Bounded(401)
    for n in range(GUESSES.burst):
        assert await door.ask(f"{n}", one) == 401
    assert await door.ask("x", one) == 429
    assert await door.ask("x", other) == (429 if same else 401)
    door.now += 2 / GUESSES.a_second
    assert await door.ask("x", one) == 401, "and comes back"


@given(st.text(max_size=300))
def test_a_cleaned_text_is_clean(written: str) -> None:
    try:
        kept = texts.clean(written)
    except ValueError:
        return
    assert texts.clean(kept) == kept
    assert unicodedata.normalize("NFC", kept) == kept
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Co") for c in kept)
    assert kept == kept.strip() and "  " not in kept
    assert all(c == "\u200d" or unicodedata.category(c) != "Cf" for c in kept)
    person = texts.person(written, 300)
    assert person.isprintable()
