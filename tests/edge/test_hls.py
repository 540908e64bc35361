"""LL-HLS over real sockets: playlists, parts, and those who wait for one that is being made."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import pytest

from rostra.edge import hls as hls_module
from rostra.units import Rendition, RoomState
from tests.edge.making import Edge, edge, room, stream, until

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


async def test_a_pass_in_the_address_stands_in_those_of_the_playlists(front: Edge) -> None:
    """For players that keep no cookies."""
    shown = "A" * 53 + "w"
    master = await front.ask(f"/r/demo/hls/main.m3u8?w={shown}", "Accept-Encoding: gzip")
    assert [line for line in master.body.decode().splitlines() if not line.startswith("#")] == [
        f"opus.m3u8?w={shown}",
        f"aac.m3u8?w={shown}",
    ]
    assert master.fields["cache-control"] == "no-store"
    assert (await front.ask(f"{OPUS}?w={shown}&_HLS_msn=1&_HLS_part=0")).status == 200
    for none in ("x", "A" * 55, "A" * 53 + "%0a", "A" * 53 + "%22", ""):
        other = await front.ask(f"/r/demo/hls/main.m3u8?w={none}")
        assert b"w=" not in other.body


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
    monkeypatch.setattr(hls_module, "BLOCK_TIMEOUT_S", 0.1)
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


async def test_a_room_without_sound_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    async with edge(room(RoomState.OPEN)) as running:
        assert (await running.ask("/r/demo/hls/main.m3u8")).status == 503
        client = await running.client()
        client.get(OPUS)
        await until(lambda: running.front.door.held == 1)
        running.feed(stream(0.5))
        assert b"g1-p8.m4s" in (await client.answer()).body
        monkeypatch.setattr(hls_module, "FIRST_PART_S", 0.1)
        assert (await running.ask("/r/demo/hls/aac.m3u8")).status == 503
