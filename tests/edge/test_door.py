"""What is answered to what, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rostra.edge import door as door_module
from rostra.edge import hls as hls_module
from rostra.edge import room as room_module
from rostra.edge.framing import ICY_INTERVAL
from rostra.edge.pages import Pages
from rostra.units import Rendition, RoomState
from tests.edge.making import PAGES, Edge, edge, room, stream, until
from tests.edge.test_pages import built

PART = "/r/demo/hls/opus/g1-p8.m4s"
OPUS = "/r/demo/hls/opus.m3u8"


@pytest.fixture
async def front() -> AsyncIterator[Edge]:
    async with edge() as running:
        running.feed(stream(8))
        running.feed(stream(8, Rendition.AAC))
        yield running


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/r/demo", "/r/demo/state", "/r/demo/hls/main.m3u8", OPUS, PART, "/rooms.json", "/r/none"]
)
async def test_head_says_what_get_would(front: Edge, path: str) -> None:
    client = await front.client()
    got = await client.ask(path)
    head = await client.ask(path, method="HEAD")
    assert head.status == got.status
    got.fields.pop("date")
    head.fields.pop("date")
    assert head.fields == got.fields
    assert (await client.ask("/healthz")).body == b"ok\n"  # no byte of a body came in between


@pytest.mark.parametrize("path", ["/r/demo/live", "/r/demo/live.mp3"])
async def test_head_of_what_has_no_end(front: Edge, path: str) -> None:
    answer = await front.ask(path, method="HEAD")
    assert answer.status == 200
    assert "content-length" not in answer.fields
    assert answer.fields["content-type"] in ("audio/mp4", "audio/mpeg")


async def test_preflight(front: Edge) -> None:
    answer = await front.ask(PART, "Origin: https://a.example", method="OPTIONS")
    assert answer.status == 204
    assert answer.fields["access-control-allow-origin"] == "*"
    assert "Range" in answer.fields["access-control-allow-headers"]
    assert (await front.ask("*", method="OPTIONS")).status == 204


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "SOURCE", "FROBNICATE"])
async def test_wrong_method(front: Edge, method: str) -> None:
    client = await front.client()
    answer = await client.ask("/r/demo/live", method=method)
    assert (answer.status, answer.fields["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert json.loads(answer.body)["status"] == 405
    assert (await client.ask("/healthz")).status == 200


@pytest.mark.parametrize("path", ["/r/none", "/r/none/state", "/r/none/live", "/r/none/hls/opus.m3u8", "/nothing"])
async def test_unknown(front: Edge, path: str) -> None:
    answer = await front.ask(path)
    assert (answer.status, answer.fields["content-type"]) == (404, "application/problem+json")
    page = await front.ask(path, "Accept: text/html,*/*;q=0.8")
    assert (page.status, page.fields["vary"]) == (404, "Accept")
    assert page.fields["content-type"] == "text/html; charset=utf-8"
    assert b"<h1>" in page.body


async def test_state(front: Edge) -> None:
    answer = await front.ask("/r/demo/state")
    state = json.loads(answer.body)
    assert (state["id"], state["state"], state["listening"]) == ("demo", "live", 42)
    assert state["renditions"] == ["opus", "aac", "mp3"]
    assert answer.fields["cache-control"] == "public, max-age=1"
    assert answer.fields["access-control-allow-origin"] == "*"
    rooms = json.loads((await front.ask("/rooms.json")).body)["rooms"]
    assert [r["id"] for r in rooms] == ["demo"]


async def test_pages(front: Edge) -> None:
    for path in ("/", "/r/demo"):
        page = await front.ask(path, "Accept-Encoding: gzip")
        assert page.status == 200
        assert page.fields["content-encoding"] == "gzip"
        assert "default-src 'none'" in page.fields["content-security-policy"]
        assert page.fields["x-content-type-options"] == "nosniff"
        assert page.fields["referrer-policy"] == "no-referrer"
        assert page.fields["etag"]
    assert (await front.ask("/assets/none.js")).status == 404
    assert not PAGES.built


SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "microphone=(), camera=(), geolocation=()",
    "x-frame-options": None,  # pages of the front door may be embedded, and their policy says so
}
STRICT = "max-age=2592000"


@pytest.mark.parametrize("transport", ["", STRICT])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/r/demo", 200),
        ("/r/secret", 403),  # the page that may find a link behind the "#"
        ("/r/secret?t=x", 403),
        ("/r/none", 404),
        ("/nothing", 404),
        ("/r/demo/hls/opus/g9-p8.m4s", 404),
    ],
)
async def test_every_page_is_a_safe_one(tmp_path: Path, path: str, status: int, transport: str) -> None:
    pages = Pages(built(tmp_path), transport)
    key = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    async with edge(room(), room(room_id="secret", invited=True), pages=pages, key=key) as running:
        for method in ("GET", "HEAD"):
            page = await running.ask(path, "Accept: text/html", method=method)
            assert (page.status, page.fields["content-type"]) == (status, "text/html; charset=utf-8")
            assert {name: page.fields.get(name) for name in SAFE} == SAFE
            assert page.fields.get("strict-transport-security", "") == transport
            policy = page.fields["content-security-policy"]
            assert policy.startswith("default-src 'none'; ")
            assert "script-src 'unsafe-inline'" not in policy and "unsafe-eval" not in policy


async def test_a_page_that_is_known_is_not_sent_again(front: Edge) -> None:
    page = await front.ask("/", "Accept-Encoding: gzip")
    again = await front.ask("/", "Accept-Encoding: gzip", f'If-None-Match: "other", {page.fields["etag"]}')
    assert (again.status, again.body) == (304, b"")
    assert again.fields["etag"] == page.fields["etag"]
    assert (await front.ask("/", f"If-None-Match: {page.fields['etag']}")).status == 200


async def test_ready_only_when_warm(front: Edge) -> None:
    assert (await front.ask("/readyz")).status == 200
    front.front.door.warm = False
    assert (await front.ask("/readyz")).status == 503
    assert (await front.ask("/healthz")).status == 200


async def test_metrics_are_for_this_machine(front: Edge) -> None:
    answer = await front.ask("/metrics")
    assert answer.status == 200
    assert b"rostra_edge_flush_seconds 0.5\n" in answer.body
    for field in ("X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1"):
        assert (await front.ask("/metrics", field)).status == 403


async def test_mp3_waits_for_its_first_block_and_shares_bytes(front: Edge) -> None:
    bare, icy = await front.client(), await front.client()
    bare.get("/r/demo/live.mp3")
    icy.get("/r/demo/live.mp3", "Icy-MetaData: 1", version="1.0")
    await until(lambda: front.front.door.held == 2)
    assert front.front.counts()["want"] == ["demo/mp3"]
    parts = stream(4.04, Rendition.MP3)
    front.feed(parts[:2])
    head = await bare.head()
    assert (head.fields["content-type"], head.fields["connection"]) == ("audio/mpeg", "close")
    assert "icy-metaint" not in head.fields
    head = await icy.head()
    assert (head.fields["icy-metaint"], head.fields["icy-name"]) == ("4032", "An <evening>")
    front.feed(parts[2:])
    sound = b"".join(p.payload for p in parts)
    assert await bare.reader.readexactly(len(sound)) == sound
    got = b""
    for i in range(len(parts)):
        got += await icy.reader.readexactly(ICY_INTERVAL)
        size = (await icy.reader.readexactly(1))[0] * 16
        assert (await icy.reader.readexactly(size)).startswith(b"StreamTitle='An <evening>';") is (i == 0)
    assert got == sound
    assert front.front.counts()["rooms"]["demo"]["mp3"] == 2


async def test_mp3_that_does_not_come(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "FIRST_MADE_S", 0.1)
    assert (await front.ask("/r/demo/live.mp3")).status == 503
    assert front.front.counts()["want"] == []


async def test_old_mp3_is_no_beginning(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "SILENT_S", 0.1)
    front.feed(stream(2, Rendition.MP3))
    await asyncio.sleep(0.4)
    client = await front.client()
    client.get("/r/demo/live.mp3")
    await until(lambda: front.front.door.held == 1)


async def test_hls_listeners_are_connections_that_ask(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [await front.client() for _ in range(3)]
    for client in clients:
        for path in (OPUS, PART, PART):
            await client.ask(path)
    assert front.front.counts()["rooms"]["demo"]["hls"] == 3
    monkeypatch.setattr("rostra.edge.front.HLS_WITHIN_S", 0.0)
    await asyncio.sleep(0.01)
    front.front._look_at_clock()
    assert "demo" not in front.front.counts()["rooms"]


async def test_what_is_remembered_is_bounded(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hls_module, "MAX_HOT", 4)
    monkeypatch.setattr(door_module, "MAX_HOT", 4)
    monkeypatch.setattr(door_module, "MAX_ROUTES", 4)
    monkeypatch.setattr(door_module, "MAX_WELCOME_LINES", 4)
    client = await front.client()
    for i in range(8, 24):
        assert (await client.ask(f"/r/demo/hls/opus/g1-p{i}.m4s")).status == 200
        await client.ask(f"/r/none-{i}")
        await client.ask("/r/demo/state")
    for i in range(8):
        listener = await front.client()
        listener.get(f"/r/demo/live?x={i}")
        await listener.head()
    door = front.front.door
    assert len(door.hot) <= 4 + 4
    assert len(door.hls._media) <= 4
    assert len(door._routes) <= 4


async def test_whoever_waits_when_it_ends_is_answered(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "ENDING_S", 0.05)
    paths = [f"{OPUS}?_HLS_msn=3&_HLS_part=0", "/r/demo/hls/aac/g1-p23.m4s", "/r/demo/live.mp3"]
    clients = [await front.client() for _ in paths]
    for client, path in zip(clients, paths, strict=True):
        client.get(path)
    await until(lambda: front.front.door.held == 3)
    front.front.on_record("demo", room(RoomState.ENDED))
    playlist, part, radio = [await c.answer() for c in clients]
    assert playlist.status == 200
    assert b"#EXT-X-ENDLIST" in playlist.body
    assert part.status == 404
    assert radio.status == 410


async def test_a_hint_that_comes_to_nothing_is_answered_at_once(front: Edge) -> None:
    client = await front.client()
    client.get("/r/demo/hls/opus/g1-p24.m4s")
    await until(lambda: front.front.door.held == 1)
    front.feed(stream(0.5, generation=2, first=24, base=960 * 500))
    assert (await client.answer()).status == 404


async def test_an_event_that_is_long_over_leaves_its_page(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "ENDING_S", 0.05)
    monkeypatch.setattr(room_module, "KEPT_S", 0.3)
    front.front.on_record("demo", room(RoomState.ENDED))
    await until(lambda: front.front.door.rooms["demo"].over)
    assert b"#EXT-X-ENDLIST" in (await front.ask(OPUS)).body
    await until(lambda: not front.front.door.rooms["demo"].windows[Rendition.OPUS].ready)
    for path in (OPUS, "/r/demo/hls/main.m3u8", "/r/demo/live"):
        assert (await front.ask(path)).status == 410
    assert (await front.ask(PART)).status == 404
    assert json.loads((await front.ask("/r/demo/state")).body)["state"] == "ended"
    assert (await front.ask("/r/demo")).status == 200


async def test_a_room_that_is_deleted_is_gone(front: Edge) -> None:
    client = await front.client()
    client.get("/r/demo/live")
    await client.head()
    front.front.on_record("demo", None)
    assert (await front.ask("/r/demo/state")).status == 404
    assert (await front.ask(PART)).status == 404
    await asyncio.wait_for(client.reader.read(), 5)
