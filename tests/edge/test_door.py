"""What is answered to what, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest

from rostra.edge import door as door_module
from rostra.edge import room as room_module
from rostra.edge.framing import ICY_INTERVAL
from rostra.units import Rendition, RoomState
from tests.edge.making import PAGES, Edge, edge, room, stream, until

PART = "/r/demo/hls/opus/g1-p8.m4s"
OPUS = "/r/demo/hls/opus.m3u8"


@pytest.fixture
async def front() -> AsyncIterator[Edge]:
    async with edge() as running:
        running.feed(stream(8))
        running.feed(stream(8, Rendition.AAC))
        yield running


async def test_playlists(front: Edge) -> None:
    master = await front.ask("/r/demo/hls/main.m3u8")
    assert b"opus.m3u8" in master.body
    assert b"aac.m3u8" in master.body
    opus = await front.ask(OPUS)
    assert opus.body.count(b"#EXT-X-PART:") == 16
    assert opus.fields["content-type"] == "application/vnd.apple.mpegurl"
    assert opus.fields["cache-control"] == "public, max-age=1"
    assert opus.fields["access-control-allow-origin"] == "*"
    assert opus.fields["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br"])
async def test_playlists_are_compressed_ahead(front: Edge, accepted: str) -> None:
    plain = await front.ask(OPUS)
    packed = await front.ask(OPUS, f"Accept-Encoding: {accepted}")
    assert packed.fields["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body


async def test_blocking_reload_waits_for_the_part_and_is_cacheable(front: Edge) -> None:
    clients = [await front.client() for _ in range(3)]
    for client in clients:
        client.get(f"{OPUS}?_HLS_msn=3&_HLS_part=0")
    await until(lambda: front.front.door.held == 3)
    front.feed(stream(8.5)[16:])
    answers = [await c.answer() for c in clients]
    assert all(b"g1-p24.m4s" in a.body for a in answers)
    assert {a.fields["cache-control"] for a in answers} == {"public, max-age=24"}
    assert front.front.door.held == 0
    again = await front.ask(f"{OPUS}?_HLS_msn=3&_HLS_part=0")
    assert again.body == answers[0].body


async def test_blocking_reload_without_a_part_waits_for_the_segment(front: Edge) -> None:
    client = await front.client()
    client.get(f"{OPUS}?_HLS_msn=3")
    front.feed(stream(11.5)[16:])
    await until(lambda: front.front.door.held == 1)
    front.feed(stream(12)[23:])
    assert b"g1-s3.m4s" in (await client.answer()).body


async def test_delta_update(front: Edge) -> None:
    front.feed(stream(48)[16:])
    full = await front.ask(OPUS)
    delta = await front.ask(f"{OPUS}?_HLS_skip=YES")
    assert b"#EXT-X-SKIP:" in delta.body
    assert len(delta.body) < len(full.body)


@pytest.mark.parametrize(
    "query", ["_HLS_msn=99", "_HLS_msn=2&_HLS_part=x", "_HLS_part=1", "_HLS_skip=NO", "_HLS_msn=5&_HLS_part=7"]
)
async def test_directives_that_make_no_sense(front: Edge, query: str) -> None:
    answer = await front.ask(f"{OPUS}?{query}")
    assert answer.status == 400
    assert answer.fields["cache-control"] == "public, max-age=1"


async def test_waited_for_in_vain(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "BLOCK_TIMEOUT_S", 0.1)
    answer = await front.ask(f"{OPUS}?_HLS_msn=3&_HLS_part=0")
    assert (answer.status, answer.fields["retry-after"]) == (503, "2")
    assert answer.fields["cache-control"] == "no-store"
    assert (await front.ask("/r/demo/hls/opus/g1-p24.m4s")).status == 404


async def test_parts_segments_and_init(front: Edge) -> None:
    parts = stream(8)
    part = await front.ask(PART)
    assert part.body == parts[0].body
    assert part.fields["content-type"] == "audio/mp4"
    assert part.fields["cache-control"] == "public, max-age=300, immutable"
    assert (await front.ask("/r/demo/hls/opus/g1-init.mp4")).body == parts[0].init
    assert (await front.ask("/r/demo/hls/opus/g1-s1.m4s")).body == b"".join(p.body for p in parts[:8])
    for name in ("g1-p7.m4s", "g2-p8.m4s", "g1-s9.m4s", "g9-init.mp4"):
        assert (await front.ask(f"/r/demo/hls/opus/{name}")).status == 404


async def test_the_hinted_part_is_held_until_it_is_made(front: Edge) -> None:
    client = await front.client()
    client.get("/r/demo/hls/opus/g1-p24.m4s")
    await until(lambda: front.front.door.held == 1)
    new = stream(8.5)[16:]
    front.feed(new)
    answer = await client.answer()
    assert (answer.status, answer.body) == (200, new[0].body)


@pytest.mark.parametrize(
    ("field", "first", "end"), [("bytes=0-3", 0, 4), ("bytes=10-", 10, None), ("bytes=-5", -5, None)]
)
async def test_range(front: Edge, field: str, first: int, end: int | None) -> None:
    whole = stream(8)[0].body
    answer = await front.ask(PART, f"Range: {field}")
    assert (answer.status, answer.body) == (206, whole[first:end])
    start = first % len(whole)
    assert answer.fields["content-range"] == f"bytes {start}-{start + len(answer.body) - 1}/{len(whole)}"


async def test_range_that_cannot_be(front: Edge) -> None:
    size = len(stream(8)[0].body)
    answer = await front.ask(PART, f"Range: bytes={size}-")
    assert (answer.status, answer.fields["content-range"]) == (416, f"bytes */{size}")
    for field in ("Range: bytes=0-1,3-4", "Range: lines=1-2"):
        assert (await front.ask(PART, field)).status == 200
    assert (await front.ask(PART, "Range: bytes=0-1", 'If-Range: "x"')).status == 200
    assert (await front.ask(PART)).fields["accept-ranges"] == "bytes"


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


async def test_a_room_without_sound_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    async with edge(room(RoomState.OPEN)) as running:
        assert (await running.ask("/r/demo/hls/main.m3u8")).status == 503
        client = await running.client()
        client.get(OPUS)
        await until(lambda: running.front.door.held == 1)
        running.feed(stream(0.5))
        assert b"g1-p8.m4s" in (await client.answer()).body
        monkeypatch.setattr(door_module, "FIRST_PART_S", 0.1)
        assert (await running.ask("/r/demo/hls/aac.m3u8")).status == 503


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
    monkeypatch.setattr(door_module, "FIRST_MP3_S", 0.1)
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
    monkeypatch.setattr(door_module, "MAX_HOT", 4)
    monkeypatch.setattr(door_module, "MAX_ROUTES", 4)
    monkeypatch.setattr(door_module, "MAX_WELCOME_LINES", 4)
    client = await front.client()
    for i in range(8, 24):
        assert (await client.ask(f"/r/demo/hls/opus/g1-p{i}.m4s")).status == 200
        await client.ask(f"/r/none-{i}")
    for i in range(8):
        listener = await front.client()
        listener.get(f"/r/demo/live?x={i}")
        await listener.head()
    door = front.front.door
    assert len(door.hot) <= 4 + 4
    assert len(door._media) <= 4
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
