"""Pages, posts, calendars, feeds: over real sockets, and what is told to whom of a room that takes a link."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import brotli
import feedparser
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from icalendar import Calendar

from rostra.edge.documents import CANCELLED_S, Documents, Moment
from rostra.edge.negotiate import Encoding
from rostra.edge.pages import Pages
from rostra.edge.room import FORGOTTEN_S, RoomOnAir
from rostra.packaging import RoomWindows
from rostra.processes.edge import notice
from rostra.units import Rendition, Role, RoomState, WallTime
from rostra.wire.boards import Board, Post
from rostra.wire.emsg import read_events
from rostra.wire.listeners import EdgeNotice
from rostra.wire.rooms import Room
from rostra.wire.tokens import Claims, sign
from tests.edge.making import EPOCH, Kept, edge, room, stream, until
from tests.edge.test_pages import built

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
FRONT = "https://live.example"
CARD = "c" * 32 + ".jpg"
BOARD = Board(7, (Post("p1", WallTime(EPOCH), "Ada", "Hello <b>", "https://example.com", pinned=True),))


def token(jti: str = "listener", role: Role = Role.LISTENER, room_id: str = "secret") -> str:
    return sign(Claims(room_id, role, "", jti, 4_000_000_000), KEY)


def secret(**changes: Any) -> Any:
    return room(room_id="secret", invited=True, words="nobody knows", **changes)


# --- pages ---


async def test_the_page_tells_sites_what_it_is_whatever_they_call_us(tmp_path: Path) -> None:
    record = room(title='An "evening" <script>', card=CARD, words="About nothing.")
    async with edge(record, pages=Pages(built(tmp_path)), public_url=FRONT) as running:
        client = await running.client()
        client.send(b"GET /r/demo HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        html = (await client.answer()).body.decode()
    assert "evil" not in html
    assert f'<meta property="og:image" content="{FRONT}/p/{CARD}">' in html
    assert f'<meta property="og:url" content="{FRONT}/r/demo">' in html
    assert "An &quot;evening&quot; &lt;script&gt;" in html
    assert html.count("<script") == 2  # the page's own, and the state's


async def test_a_page_is_made_again_when_its_record_changes_and_not_before(tmp_path: Path) -> None:
    documents = Documents(Pages(built(tmp_path)))
    it = RoomOnAir("demo", RoomWindows(), notice)
    it.on_record(room(RoomState.SCHEDULED), 0.0)
    first = documents.page(it, Moment(EPOCH - 100, b"", 0.5))
    documents.forget_second()
    assert documents.page(it, Moment(EPOCH - 50, b"", 0.5)) is first
    late = documents.page(it, Moment(EPOCH + 1, b"", 0.5))
    assert late is not first
    it.on_record(room(RoomState.SCHEDULED, title="Other"), 0.0)
    other = documents.page(it, Moment(EPOCH + 1, b"", 0.5))
    assert b"Other" in other[Encoding.IDENTITY].body
    assert {a.tag for a in first.values()} & {a.tag for a in other.values()} == set()


async def test_two_edges_call_the_same_page_the_same(tmp_path: Path) -> None:
    tags = []
    pages = Pages(built(tmp_path))
    for wall in (EPOCH + 1, EPOCH + 2):
        it = RoomOnAir("demo", RoomWindows(), notice)
        it.on_record(room(), 0.0)
        tags.append(Documents(pages).page(it, Moment(wall, b"", 0.5))[Encoding.BROTLI].tag)
    assert tags[0] == tags[1]
    assert tags[0].startswith('W/"')


async def test_the_second_reload_is_bytes_at_hand_in_each_encoding(tmp_path: Path) -> None:
    async with edge(pages=Pages(built(tmp_path))) as running:
        client = await running.client()
        for path in ("/r/demo", "/", "/r/demo/state", "/rooms.json"):
            plain = (await client.ask(path)).body
            door = running.front.door
            looked_up = sum(door.asked.values())
            assert (await client.ask(path)).body == plain
            assert sum(door.asked.values()) == looked_up
            for coding, unpack in (("gzip", gzip.decompress), ("br", brotli.decompress)):
                for _ in range(2):
                    packed = await client.ask(path, f"Accept-Encoding: {coding}")
                    assert packed.status == 200
                    if "content-encoding" in packed.fields:
                        assert packed.fields["content-encoding"] == coding
                        assert unpack(packed.body) == plain
            tag = (await client.ask(path)).fields.get("etag")
            if tag:
                assert (await client.ask(path, f"If-None-Match: {tag}")).status == 304


async def test_a_change_is_seen_at_once_in_spite_of_what_is_at_hand() -> None:
    async with edge(room(RoomState.SCHEDULED)) as running:
        client = await running.client()
        for path in ("/r/demo", "/r/demo/state", "/rooms.json"):
            for _ in range(2):
                assert b"cancelled" not in (await client.ask(path)).body
        running.front.on_record("demo", room(RoomState.CANCELLED, note="Flooded."))
        assert json.loads((await client.ask("/r/demo/state")).body)["note"] == "Flooded."
        assert json.loads((await client.ask("/rooms.json")).body) == {"rooms": []}


async def test_state_tells_all_that_is_announced() -> None:
    more = {"words": "W", "tz": "Europe/Berlin", "speakers": ("Ada",), "picture": CARD, "go": True, "delay_s": 5.0}
    async with edge(room(RoomState.SCHEDULED, **more)) as running:
        running.front.on_board("demo", BOARD)
        state = json.loads((await running.ask("/r/demo/state")).body)
    assert state["speakers"] == ["Ada"]
    assert {k: state[k] for k in ("words", "tz", "picture", "go", "delay_s")} == {
        k: more[k] for k in ("words", "tz", "picture", "go", "delay_s")
    }
    assert state["doors"] == EPOCH - 900
    assert (state["posts"], state["late"], state["invited"], state["note"], state["react"]) == (7, True, False, "", {})


# --- posts ---


async def test_the_board_as_on_the_bus() -> None:
    async with edge() as running:
        client = await running.client()
        assert json.loads((await client.ask("/r/demo/posts")).body) == {"v": 1, "version": 0, "posts": []}
        running.front.on_board("demo", BOARD)
        answer = await client.ask("/r/demo/posts", "Accept-Encoding: br")
        assert answer.fields["content-encoding"] == "br"
        assert answer.fields["cache-control"] == "public, max-age=1"
        found = json.loads(brotli.decompress(answer.body))
        assert (found["version"], found["posts"][0]["text"]) == (7, "Hello <b>")
        running.front.on_board("demo", None)
        assert json.loads((await client.ask("/r/demo/posts")).body)["posts"] == []


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (
            room(RoomState.SCHEDULED, moved=1).with_(at=WallTime(EPOCH + 7200)),
            EdgeNotice("moved", {"at": EPOCH + 7200}),
        ),
        (room(RoomState.CANCELLED, note="Flooded."), EdgeNotice("ended")),
    ],
)
async def test_who_holds_the_stream_of_an_open_room_learns_at_once_that_it_is_moved_or_off(
    record: Room, told: EdgeNotice
) -> None:
    async with edge(room(RoomState.OPEN)) as running:
        running.feed(stream(1))
        client = await running.client()
        client.get("/r/demo/live")
        await client.head()
        for _ in range(3):
            await client.chunk()
        running.front.on_record("demo", record)
        begun = time.monotonic()
        assert read_events(await client.chunk()) == [told]
        assert time.monotonic() - begun < 1.5
        state = json.loads((await running.ask("/r/demo/state")).body)
        assert (state["moved"], state["state"], state["at"]) == (record.moved, record.state.value, record.at)


async def test_listeners_are_told_that_the_board_has_changed() -> None:
    async with edge() as running:
        running.feed(stream(1))
        client = await running.client()
        client.get("/r/demo/live")
        await client.head()
        for _ in range(3):
            await client.chunk()
        running.front.on_board("demo", BOARD)
        running.front.on_board("demo", BOARD)  # the same again is no news
        running.feed(stream(1.5)[2:])
        (event,) = read_events(await client.chunk())
        assert event == EdgeNotice("posts", {"version": 7.0})
        assert (await client.chunk())[4:8] in (b"moof", b"emsg", b"styp")


# --- calendar and feeds ---


async def test_calendar() -> None:
    async with edge(room(RoomState.SCHEDULED, tz="Europe/Berlin"), public_url=FRONT) as running:
        answer = await running.ask("/r/demo/calendar.ics")
        assert answer.fields["content-type"] == "text/calendar; charset=utf-8"
        first = next(iter(Calendar.from_ical(answer.body).walk("VEVENT")))
        assert str(first["url"]) == f"{FRONT}/r/demo"
        running.front.on_record("demo", room(RoomState.CANCELLED))
        second = next(iter(Calendar.from_ical((await running.ask("/r/demo/calendar.ics")).body).walk("VEVENT")))
        assert (second["status"], second["uid"]) == ("CANCELLED", first["uid"])
        assert (await running.ask("/r/none/calendar.ics")).status == 404


async def test_feeds_name_what_is_listed() -> None:
    records = [
        room(title="Here"),
        room(RoomState.ENDED, "past", "Past"),
        room(RoomState.CANCELLED, "off", "Off"),
        room(room_id="hidden", title="Hidden", listed=False),
        room(room_id="secret", title="Secret", invited=True),
    ]
    async with edge(*records, public_url=FRONT) as running:
        answer = await running.ask("/feed.xml", "Accept-Encoding: gzip")
        data = gzip.decompress(answer.body)
        assert answer.fields["content-type"] == "application/rss+xml; charset=utf-8"
        assert not feedparser.parse(data).bozo
        for title, there in (("Here", 1), ("Past", 1), ("Off", 0), ("Hidden", 0), ("Secret", 0)):
            assert (f"<title>{title}</title>".encode() in data) == bool(there)
        one = await running.ask("/r/hidden/feed.xml")
        assert feedparser.parse(one.body).feed.title == "Hidden"
        rooms = json.loads((await running.ask("/rooms.json")).body)["rooms"]
        assert sorted(r["id"] for r in rooms) == ["demo", "secret"]


async def test_what_was_called_off_is_told_for_a_day_and_what_nobody_opened_no_more() -> None:
    now = time.time()

    def at(title: str, state: RoomState, begins: float, ended: float = 0.0) -> Room:
        return replace(room(state, title.lower(), title), at=WallTime(begins), ended=WallTime(ended))

    records = [
        at("Off", RoomState.CANCELLED, now + 3600, now - 60),
        at("Gone", RoomState.CANCELLED, now, now - CANCELLED_S - 60),
        at("Late", RoomState.SCHEDULED, now - FORGOTTEN_S + 60),
        at("Forgotten", RoomState.SCHEDULED, now - FORGOTTEN_S - 60),
        at("Waits", RoomState.OPEN, now - FORGOTTEN_S - 60),
    ]
    async with edge(*records, public_url=FRONT) as running:
        feed = (await running.ask("/feed.xml")).body.decode()
        listed = json.loads((await running.ask("/rooms.json")).body)["rooms"]
        assert (await running.ask("/r/forgotten/state")).status == 200
    off = feed[feed.index('status="ended"') :]
    assert "<title>Off</title>" in off[: off.index("</podcast:liveItem>")]
    assert [name for name in ("Gone", "Forgotten") if f"<title>{name}</title>" in feed] == []
    assert [r["id"] for r in listed] == ["waits", "late"]


async def test_a_feed_follows_its_room() -> None:
    async with edge(room(RoomState.SCHEDULED), public_url=FRONT) as running:
        assert b'status="pending"' in (await running.ask("/r/demo/feed.xml")).body
        running.front.on_record("demo", room(RoomState.LIVE))
        assert b'status="live"' in (await running.ask("/r/demo/feed.xml")).body
        assert b'status="live"' in (await running.ask("/feed.xml")).body
        running.front.on_record("demo", room(RoomState.ENDED))
        assert b'status="ended"' in (await running.ask("/r/demo/feed.xml")).body


# --- rooms that take a link ---

PATHS = [
    "/r/secret",
    "/r/secret/state",
    "/r/secret/live",
    "/r/secret/live.mp3",
    "/r/secret/posts",
    "/r/secret/feed.xml",
    "/r/secret/calendar.ics",
    "/r/secret/hls/main.m3u8",
    "/r/secret/hls/opus.m3u8",
    "/r/secret/hls/opus/g1-p8.m4s",
    f"/r/secret/hand/{'x' * 22}",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("shown", ["", "?t=x", f"?t={token('p1')}", f"?t={token(room_id='demo')}", "?t=a&t=b"])
async def test_without_a_good_link_nothing_is_told(path: str, shown: str) -> None:
    async with edge(secret(revoked=("p1",)), key=KEY.public_key()) as running:
        running.feed(stream(2), "secret")
        answer = await running.ask(path + shown)
        assert answer.status == (400 if "&" in shown else 403)
        assert b"nobody knows" not in answer.body
        if answer.status == 403:
            assert answer.fields["cache-control"] == "no-store"
            assert json.loads(answer.body)["detail"].endswith(".")
        page = await running.ask(path + shown, "Accept: text/html")
        assert page.fields["content-type"] == "text/html; charset=utf-8"


async def test_whoever_shows_no_link_gets_the_page_that_looks_behind_the_hash(tmp_path: Path) -> None:
    """It knows nothing of the room, and is the same for every one of them."""
    async with edge(secret(), key=KEY.public_key(), pages=Pages(built(tmp_path))) as running:
        taken_back = f"Cookie: rostra_secret={token(role=Role.SPEAKER, jti='x')[:-2]}"
        plain = await running.ask("/r/secret", "Accept: text/html")
        for fields in ([], [taken_back]):
            for coding, unpack in (("identity", bytes), ("gzip", gzip.decompress), ("br", brotli.decompress)):
                page = await running.ask("/r/secret", "Accept: text/html", f"Accept-Encoding: {coding}", *fields)
                assert (page.status, page.fields["cache-control"]) == (403, "no-store")
                assert "etag" not in page.fields and "set-cookie" not in page.fields
                assert unpack(page.body) == plain.body
        assert b"<script type=module>1</script>" in plain.body and b"by invitation" in plain.body
        assert b'<meta name="robots" content="noindex">' in plain.body
        assert b"evening" not in plain.body and b"nobody knows" not in plain.body and b'id="state"' not in plain.body
        # Whoever showed a link is told what is wrong with it, and a program is told in JSON.
        shown = await running.ask("/r/secret?t=x", "Accept: text/html")
        assert (shown.status, b"damaged" in shown.body, b"<script" in shown.body) == (403, True, False)
        asked = await running.ask("/r/secret")
        assert (asked.status, asked.fields["content-type"]) == (403, "application/problem+json")


async def test_posts_of_strangers_are_refused() -> None:
    kept = Kept()
    async with edge(secret(), key=KEY.public_key(), carrier=kept) as running:
        sent: dict[str, dict[str, str]] = {"hand": {"name": "A"}, "rsvp": {}, "react": {"r": "❤"}}
        for what, body in {**sent, "report-abuse": {"said": "x"}}.items():
            assert (await running.tell(f"/r/secret/{what}", body)).status == 403
            answer = await running.tell(f"/r/secret/{what}?t={token()}", body)
            assert answer.status in (202, 204)
        assert (len(kept.hands), len(kept.letters)) == (1, 2)


@pytest.mark.parametrize("way", ["query", "cookie"])
async def test_a_link_opens_everything_and_no_cache_may_keep_it(way: str) -> None:
    async with edge(secret(), key=KEY.public_key(), public_url=FRONT) as running:
        running.feed(stream(8), "secret")
        query = f"?t={token()}" if way == "query" else ""
        fields = [f"Cookie: other=1; rostra_secret={token()}; rostra_secret2=x"] if way == "cookie" else []
        client = await running.client()
        for path in PATHS:
            if path.endswith((".mp3", "/live")) or "/hand/" in path:
                continue
            for _ in range(2):
                answer = await client.ask(path + query, *fields)
                assert answer.status == 200, path
                assert "public" not in answer.fields["cache-control"], path
                assert (await running.ask(path)).status == 403, path
        waiting = await running.client()
        waiting.get(f"/r/secret/hls/opus/g1-p24.m4s{query}", *fields)
        await until(lambda: running.front.door.held == 1)
        running.feed(stream(8.5)[16:], "secret")
        assert "private" in (await waiting.answer()).fields["cache-control"]
        assert (await running.ask("/r/secret/hls/opus/g1-p24.m4s")).status == 403


async def test_the_page_leaves_the_link_with_the_browser() -> None:
    async with edge(secret(), room(), key=KEY.public_key(), public_url=FRONT) as running:
        shown = token()
        page = await running.ask(f"/r/secret?t={shown}")
        cookie = page.fields["set-cookie"]
        assert cookie.startswith(f"rostra_secret={shown}; Path=/r/secret; ")
        assert all(flag in cookie for flag in ("HttpOnly", "SameSite=Lax", "Secure"))
        again = await running.ask("/r/secret", f"Cookie: rostra_secret={shown}")
        assert (again.status, "set-cookie" in again.fields) == (200, False)
        public = await running.ask(f"/r/demo?t={shown}")
        assert "set-cookie" not in public.fields
        feed = await running.ask(f"/r/secret/feed.xml?t={shown}")
        assert f"{FRONT}/r/secret/live.mp3?t={shown}".encode() in feed.body
        # ... and so does an entry in a calendar, days later; by the cookie alone nobody's link is told.
        entry = await running.ask(f"/r/secret/calendar.ics?t={shown}")
        event = next(iter(Calendar.from_ical(entry.body).walk("VEVENT")))
        assert (str(event["url"]), entry.fields["cache-control"]) == (f"{FRONT}/r/secret#t={shown}", "no-store")
        assert "nobody knows" in event["description"]
        plain = await running.ask("/r/secret/calendar.ics", f"Cookie: rostra_secret={shown}")
        assert shown.encode() not in plain.body.replace(b"\r\n ", b"")


async def test_a_plain_front_sets_a_cookie_that_comes_back() -> None:
    async with edge(secret(), key=KEY.public_key()) as running:
        assert "Secure" not in (await running.ask(f"/r/secret?t={token()}")).fields["set-cookie"]


async def test_a_link_that_is_taken_back_ends_the_sound_of_those_who_came_by_it() -> None:
    async with edge(secret(), key=KEY.public_key()) as running:
        running.feed(stream(1), "secret")
        stays, goes = await running.client(), await running.client()
        stays.get(f"/r/secret/live?t={token()}")
        goes.get(f"/r/secret/live?t={token('p1')}")
        for client in (stays, goes):
            assert (await client.head()).status == 200
            for _ in range(3):
                await client.chunk()
        running.front.on_record("secret", secret(revoked=("p1",)))
        assert await goes.ended()
        running.feed(stream(1.5)[2:], "secret")
        assert await stays.chunk()
        again = await running.ask(f"/r/secret/live?t={token('p1')}")
        assert again.status == 403


async def test_a_room_that_takes_a_link_from_now_on_lets_go_of_those_without() -> None:
    async with edge(room(), key=KEY.public_key()) as running:
        running.feed(stream(8))
        client, asking = await running.client(), await running.client()
        client.get("/r/demo/live")
        await client.head()
        for _ in range(2):
            assert (await asking.ask("/r/demo/hls/opus/g1-p8.m4s")).status == 200
            assert (await asking.ask("/r/demo")).status == 200
        running.front.on_record("demo", room(invited=True))
        while await client.reader.read(65536):
            pass
        assert (await asking.ask("/r/demo/hls/opus/g1-p8.m4s")).status == 403
        assert (await asking.ask("/r/demo")).status == 403
        assert (await asking.ask("/r/demo/live")).status == 403


async def test_a_radio_with_a_link() -> None:
    async with edge(secret(), key=KEY.public_key()) as running:
        client = await running.client()
        client.get(f"/r/secret/live.mp3?t={token()}")
        await until(lambda: running.front.door.held == 1)
        running.front.on_record("secret", secret(issues={"listener": 1}))
        running.feed(stream(1, Rendition.MP3), "secret")
        assert (await client.answer()).status == 403


async def test_guessing_is_slow() -> None:
    async with edge(secret(), key=KEY.public_key()) as running:
        client = await running.client()
        found = [(await client.ask(f"/r/secret/state?t=guess{n}")).status for n in range(60)]
        assert found[:20] == [403] * 20
        assert set(found[20:]) == {429}
