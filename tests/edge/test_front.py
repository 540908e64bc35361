"""The driver as a whole: push, notices, laggards, being full, the ladder, draining."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rostra.edge import accepting, conversation
from rostra.edge import front as front_module
from rostra.edge import room as room_module
from rostra.edge.ladder import Load
from rostra.units import Rendition, RoomState
from rostra.wire.emsg import read_events
from rostra.wire.listeners import EdgeNotice
from tests.edge.making import Client, Edge, edge, room, stream, until


async def listening(running: Edge, path: str = "/r/demo/live", version: str = "1.1") -> Client:
    client = await running.client()
    client.get(path, version=version)
    answer = await client.head()
    assert answer.status == 200
    assert answer.fields["cache-control"] == "no-store"
    assert answer.fields["access-control-allow-origin"] == "*"
    return client


async def notice(client: Client) -> EdgeNotice:
    (event,) = read_events(await client.chunk())
    assert isinstance(event, EdgeNotice)
    return event


async def test_push_is_init_backlog_and_parts_as_they_come() -> None:
    async with edge() as running:
        parts = stream(12)
        running.feed(parts[:16])
        client = await listening(running)
        assert await client.chunk() == parts[0].init
        assert [await client.chunk() for _ in range(2)] == [p.body for p in parts[14:16]]
        for part in parts[16:]:
            running.feed([part])
            assert await client.chunk() == part.body


async def test_http_1_0_gets_the_same_without_chunks() -> None:
    async with edge() as running:
        parts = stream(8)
        running.feed(parts[:8])
        client = await running.client()
        client.send(b"GET /r/demo/live?codec=opus HTTP/1.0\r\n\r\n")
        head = await client.head()
        assert "transfer-encoding" not in head.fields
        assert head.fields["connection"] == "close"
        await running.feed_on(parts[8:])
        expected = parts[0].init + b"".join(p.body for p in parts[6:])
        assert await asyncio.wait_for(client.reader.readexactly(len(expected)), 5) == expected


async def test_whoever_comes_before_the_first_part_waits_and_hears_it() -> None:
    async with edge(room(RoomState.SCHEDULED)) as running:
        client = await listening(running, "/r/demo/live?codec=aac")
        parts = stream(4, Rendition.AAC)
        running.feed(parts[:2])
        assert [await client.chunk() for _ in range(3)] == [parts[0].init, parts[0].body, parts[1].body]


async def test_a_new_generation_on_the_same_connection() -> None:
    async with edge() as running:
        old = stream(4)
        running.feed(old)
        client = await listening(running)
        for _ in range(3):
            await client.chunk()
        new = stream(4, generation=2, first=16, base=960 * 400)
        running.feed(new[:1])
        running.feed(stream(8)[8:])  # the old stage has not noticed: fenced off
        running.feed(new[1:2])
        assert [await client.chunk() for _ in range(3)] == [new[0].init, new[0].body, new[1].body]


async def test_interrupted_resumed_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "SILENT_S", 0.2)
    monkeypatch.setattr(room_module, "ENDING_S", 0.1)
    async with edge() as running:
        parts = stream(8)
        running.feed(parts[:8])
        client = await listening(running)
        for _ in range(3):
            await client.chunk()
        assert (await notice(client)).kind == "interrupted"
        assert json.loads((await running.ask("/r/demo/state")).body)["state"] == "interrupted"
        late = await listening(running)
        assert await late.chunk() == parts[0].init  # no sound that is over
        assert (await notice(late)).kind == "interrupted"
        running.feed(parts[8:9])
        for each in (client, late):
            assert (await notice(each)).kind == "resumed"
            assert await each.chunk() == parts[8].body
        running.front.on_record("demo", room(RoomState.ENDED))
        for each in (client, late):
            assert (await notice(each)).kind == "ended"
            assert await each.chunk() == b""
            assert await each.ended()
        assert (await running.ask("/r/demo/live")).status == 410
        assert (await running.ask("/r/demo/live.mp3")).status == 410
        assert b"#EXT-X-ENDLIST" in (await running.ask("/r/demo/hls/opus.m3u8")).body


async def test_a_laggard_loses_whole_parts_and_nobody_else_does() -> None:
    async with edge() as running:
        parts = stream(8 + 120)
        running.feed(parts[:16])
        quick = await listening(running)
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", running.port))
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(slow, b"GET /r/demo/live HTTP/1.0\r\n\r\n")
        await until(lambda: running.front.tally.joined == 2)
        for _ in range(3):
            await quick.chunk()
        for part in parts[16:]:
            running.feed([part])
            assert await quick.chunk() == part.body
        tally = running.front.tally
        assert tally.skipped_parts > 0
        assert running.front.metrics().find(b"rostra_edge_lagging 1\n") > 0
        got = b""
        while not got.endswith(parts[-1].body):
            got += await asyncio.wait_for(loop.sock_recv(slow, 65536), 5)
        sound = got.partition(b"\r\n\r\n")[2].removeprefix(parts[0].init)
        numbers = []
        while sound:
            number = next(i for i, p in enumerate(parts) if sound.startswith(p.body))
            numbers.append(number)
            sound = sound[len(parts[number].body) :]
        assert numbers == sorted(set(numbers))
        assert len(numbers) == 2 + 240 - tally.skipped_parts
        await until(lambda: b"rostra_edge_lagging 0\n" in running.front.metrics())
        slow.close()


async def test_counts() -> None:
    async with edge(edge_id="here") as running:
        running.feed(stream(8))
        running.feed(stream(8, Rendition.AAC))
        clients = [await listening(running), await listening(running, "/r/demo/live?codec=aac")]
        assert running.front.counts() == {
            "edge": "here",
            "rooms": {"demo": {"push": 2, "mp3": 0, "hls": 0}},
            "want": [],
        }
        await clients[0].close()
        await until(lambda: running.front.counts()["rooms"]["demo"]["push"] == 1)


async def test_full_says_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "LINGER_S", 0.2)
    async with edge(max_open=4, reserve=4) as running:
        running.feed(stream(8))
        inside = [await listening(running) for _ in range(3)]
        waits = set()
        for _ in range(2):
            client = await running.client()
            client.get("/r/demo/live")
            answer = await client.answer()
            assert answer.status == 503
            waits.add(answer.fields["retry-after"])
            assert json.loads(answer.body)["type"] == "urn:rostra:problem:full"
        assert len(waits) == 2  # not all of them at once
        beyond = await running.client()
        await asyncio.gather(asyncio.wait_for(beyond.reader.read(), 5), return_exceptions=True)
        await inside[0].close()
        await until(lambda: len(running.front.poller) < 3)
        await listening(running)


async def test_whoever_says_nothing_keeps_nobody_out() -> None:
    """A connection flood: silence, heads that do not end, and connections kept after an answer."""
    async with edge(max_open=8, reserve=4) as running:
        running.feed(stream(8))
        inside = await listening(running)
        strangers = [await running.client() for _ in range(6)]
        strangers[2].writer.write(b"GET /r/demo/state HTTP/1.1\r\nHost:")
        assert (await strangers[3].ask("/healthz")).status == 200
        await until(lambda: running.front.idle == 6)
        assert len(running.front.poller) - running.front.idle == 1  # what the door takes for used
        honest = [await listening(running) for _ in range(6)]
        for gone in strangers:
            await asyncio.wait_for(gone.reader.read(), 5)
        await until(lambda: running.front.idle == 0)
        full = await running.client()
        full.get("/r/demo/live")
        assert (await full.answer()).status == 503  # listeners give way to nobody
        assert b"rostra_edge_gave_way_total 6\n" in running.front.metrics()
        running.feed(stream(1, first=8))
        for one in (inside, *honest):
            assert await asyncio.wait_for(one.chunk(), 5)


async def test_whoever_waits_for_an_answer_gives_way_to_nobody() -> None:
    async with edge(max_open=4, reserve=4) as running:
        running.feed(stream(16))
        held = [await running.client() for _ in range(3)]
        for one in held:
            one.get("/r/demo/hls/opus.m3u8?_HLS_msn=5&_HLS_part=0")
        await until(lambda: running.front.door.held == 3)
        full = await running.client()
        full.get("/r/demo/live")
        assert (await full.answer()).status == 503
        running.feed(stream(1, first=40, base=16 * 48000))
        for one in held:
            assert (await asyncio.wait_for(one.answer(), 5)).status == 200


async def test_without_a_descriptor_the_door_rests_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "PAUSE_S", 0.05)
    async with edge() as running:
        acceptor = running.front._acceptor
        assert acceptor is not None
        acceptor._exhausted()
        assert (await running.ask("/healthz")).status == 200


async def test_a_step_up_is_told_and_newcomers_are_ready_for_it() -> None:
    async with edge() as running:
        running.feed(stream(16))
        client = await listening(running)
        for _ in range(3):
            await client.chunk()
        ladder = running.front.ladder
        now = time.monotonic()
        told = next(a for i in range(9) if (a := ladder.observe(Load(0.8, 0.0), now + i)))
        running.front._announce(told)
        assert await notice(client) == EdgeNotice("flush", {"flush_s": 1.0})
        running.front._next_second = 0.0
        running.front._tick_handle.cancel()  # type: ignore[union-attr]
        running.front._tick()
        late = await listening(running)
        await late.chunk()
        parts = stream(16)
        assert [await late.chunk() for _ in range(4)] == [p.body for p in parts[-4:]]


async def test_flush_gathers_parts_and_is_told_in_state() -> None:
    async with edge(flush_s=2.0) as running:
        parts = stream(24)
        running.feed(parts[:16])
        client = await listening(running)
        await client.chunk()
        assert [await client.chunk() for _ in range(8)] == [p.body for p in parts[8:16]]
        running.feed(parts[16:19])
        await asyncio.sleep(0.05)
        assert running.front.tally.sends == 1
        running.feed(parts[19:20])
        assert [await client.chunk() for _ in range(4)] == [p.body for p in parts[16:20]]
        assert running.front.tally.sends == 2
        assert json.loads((await running.ask("/r/demo/state")).body)["flush_s"] == 2.0


async def test_drain_tells_everyone_and_ends_in_time() -> None:
    async with edge() as running:
        running.feed(stream(8))
        push = await listening(running)
        for _ in range(3):
            await push.chunk()
        bare = await listening(running, version="1.0")
        idle, held = await running.client(), await running.client()
        await idle.ask("/healthz")
        held.get("/r/demo/hls/opus.m3u8?_HLS_msn=3&_HLS_part=0")
        await until(lambda: running.front.door.held == 1)
        waiting = [await running.client() for _ in range(20)]
        begun = time.monotonic()
        draining = asyncio.create_task(running.front.drain(1.0))
        told = await notice(push)
        assert (told.kind, told.values) == ("draining", {"in_s": 0.6})
        assert await idle.ended()
        running.feed(stream(8.5)[16:])
        answer = await held.answer()
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        assert await push.chunk() == stream(8.5)[-1].body
        assert await push.chunk() == b""
        assert await push.ended()
        await asyncio.wait_for(bare.reader.read(), 5)
        await draining
        assert time.monotonic() - begun < 2.0
        assert len(running.front.poller) == 0
        for client in waiting:
            assert await client.ended()
        with pytest.raises(ConnectionRefusedError):
            await running.client()


async def test_drain_with_nobody_there_is_done_at_once() -> None:
    async with edge() as running:
        begun = time.monotonic()
        await running.front.drain(5.0)
        assert time.monotonic() - begun < 1.0


async def test_whoever_waits_in_the_queue_when_the_edge_drains_is_answered() -> None:
    async with edge() as running:
        running.feed(stream(8))
        sock = socket.create_connection(("127.0.0.1", running.port))
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await running.front.drain(1.0)
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")
        sock.close()


VANISH = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"GET /r/demo/live HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
s.recv(100)
print("listening", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="ip, as root, to make a network namespace")
async def test_whoever_vanishes_without_a_fin_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener behind a link that goes down in the middle of it; the kernel gives up by TCP_USER_TIMEOUT, which is 2
    s here. That 15 s add up to less than 20 is in test_accepting.
    """
    monkeypatch.setattr(accepting, "USER_TIMEOUT_S", 2.0)
    name = f"rostra-{os.getpid()}"
    ours, theirs = f"ra{os.getpid()}", f"rb{os.getpid()}"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    ip("netns", "add", name)
    try:
        ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        ip("link", "set", ours, "up")
        ip("-n", name, "addr", "add", "10.77.0.2/30", "dev", theirs)
        ip("-n", name, "link", "set", theirs, "up")
        ip("addr", "add", "10.77.0.1/30", "dev", ours)
        async with edge(host="10.77.0.1") as running:
            running.feed(stream(8))
            code = tmp_path / "vanish.py"
            code.write_text(VANISH)
            child = await asyncio.create_subprocess_exec(
                "ip", "netns", "exec", name, sys.executable, str(code), "10.77.0.1", str(running.port),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
            try:
                assert child.stdout
                assert await asyncio.wait_for(child.stdout.readline(), 10) == b"listening\n"
                assert running.front.counts()["rooms"]["demo"]["push"] == 1
                ip("-n", name, "link", "set", theirs, "down")
                gone, parts = time.monotonic(), iter(stream(60)[16:])
                while running.front.tally.left == 0:
                    running.feed([next(parts)])
                    await asyncio.sleep(0.2)
                    assert time.monotonic() - gone < 8
                assert time.monotonic() - gone > 1.5
            finally:
                child.kill()
                await child.wait()
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", ours], check=False, capture_output=True)
