"""`rostra edge` by itself on a real bus, as in a cluster."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rostra.bus import Bus
from rostra.bus.server import NatsServer
from rostra.config import Settings
from rostra.errors import ConfigError
from rostra.keys import make_keys, private_key
from rostra.processes.child import HEARTBEAT_VARIABLE
from rostra.processes.edge import LinkKey, edge_name, front_options
from rostra.units import Role, WallTime
from rostra.wire.boards import Board, Post
from rostra.wire.emsg import read_events
from rostra.wire.hands import HandState
from rostra.wire.inbox import LetterKind
from rostra.wire.listeners import EdgeNotice
from rostra.wire.tokens import Claims, sign
from tests.edge.making import Client, room, stream
from tests.processes.paying import QUICK, promised, solved
from tests.processes.serving import RUN


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[Bus]:
    bus = await Bus.connect(server.url, "test")
    await bus.create_room(room())
    yield bus
    await bus.close()


@asynccontextmanager
async def running(*options: str, **kwargs: Any) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """An edge and its port."""
    process = await asyncio.create_subprocess_exec(
        *RUN, "edge", "--front", "127.0.0.1:0", *options, stderr=asyncio.subprocess.PIPE, **kwargs
    )
    try:
        assert process.stderr
        line = (await asyncio.wait_for(process.stderr.readline(), 20)).decode()
        assert "listening on 127.0.0.1:" in line
        assert b"listeners" in await asyncio.wait_for(process.stderr.readline(), 20)  # the tightest limit, in words
        yield process, int(line.rsplit(":", 1)[1])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def client(port: int) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", port))


async def heard(listener: Client) -> bytes | str:
    """The next part, or the kind of the next notice."""
    data = await asyncio.wait_for(listener.chunk(), 15)
    events = [e for e in read_events(data) if isinstance(e, EdgeNotice)]
    return events[0].kind if events else data


async def test_an_edge_that_starts_late_has_the_window_at_once(server: NatsServer, bus: Bus) -> None:
    parts = stream(8)
    for part in parts:
        await bus.publish_part("demo", part)
    await bus.flush()
    async with running("--nats", server.url) as (_, port):
        asking = await client(port)
        assert (await asking.ask("/readyz")).status == 200
        playlist = await asking.ask("/r/demo/hls/opus.m3u8")
        assert playlist.body.count(b"#EXT-X-PART:") == 16
        assert json.loads((await asking.ask("/r/demo/state")).body)["stage"][0]["n"] == "Ada"
        listener = await client(port)
        listener.get("/r/demo/live")
        await listener.head()
        assert await heard(listener) == parts[0].init
        assert [await heard(listener) for _ in range(2)] == [parts[-2].body, parts[-1].body]
        for each in (asking, listener):
            await each.close()


async def test_the_bus_is_killed_and_comes_back_and_listeners_stay(server: NatsServer, bus: Bus) -> None:
    parts = stream(20)
    async with running("--nats", server.url) as (_, port):
        listener = await client(port)
        listener.get("/r/demo/live")
        await listener.head()
        await bus.publish_part("demo", parts[0])
        assert [await heard(listener) for _ in range(2)] == [parts[0].init, parts[0].body]
        await server.kill()
        assert await heard(listener) == "interrupted"
        await server.start()
        for part in parts[1:4]:
            await bus.publish_part("demo", part)
        assert [await heard(listener) for _ in range(4)] == ["resumed", *[p.body for p in parts[1:4]]]
        await listener.close()


async def test_counts_reach_the_bus(server: NatsServer, bus: Bus) -> None:
    counts: list[tuple[str, dict[str, Any]]] = []
    await bus.subscribe_counts(lambda edge, count: counts.append((edge, count)))
    await bus.publish_part("demo", stream(0.5)[0])
    async with running("--nats", server.url, "--name", "edge-7") as (_, port):
        listener, radio = await client(port), await client(port)
        listener.get("/r/demo/live")
        await listener.head()
        radio.get("/r/demo/live.mp3")
        async with asyncio.timeout(10):
            while not counts or counts[-1][1]["want"] != ["demo/mp3"] or not counts[-1][1]["rooms"]:
                await asyncio.sleep(0.05)
        assert counts[-1] == (
            "edge-7",
            {"edge": "edge-7", "rooms": {"demo": {"push": 1, "mp3": 0, "hls": 0}}, "want": ["demo/mp3"]},
        )
        for each in (listener, radio):
            await each.close()


async def answers_with(asking: Client, path: str, key: str, value: Any) -> dict[str, Any]:
    """The answer at ``path`` once ``key`` in it is ``value``."""
    async with asyncio.timeout(10):
        while True:
            answer = await asking.ask(path)
            found: dict[str, Any] = json.loads(answer.body)
            if found.get(key) == value:
                return found
            await asyncio.sleep(0.02)


async def test_a_hand_goes_to_the_bus_and_its_answer_comes_back(server: NatsServer, bus: Bus) -> None:
    async with running("--nats", server.url) as (_, port), running("--nats", server.url) as (_, sibling):
        asking, other = await client(port), await client(sibling)
        answer = await asking.tell("/r/demo/hand", {"name": "Ada", "why": "A word"})
        assert answer.status == 202
        ticket = json.loads(answer.body)["ticket"]
        hand, revision = await bus.hands.get(f"demo.{ticket}")
        assert (hand.name, hand.why, hand.state) == ("Ada", "A word", HandState.WAITING)
        await bus.hands.put(hand.key, hand.with_(state=HandState.ACCEPTED, link="https://x/speak"), revision)
        for each in (asking, other):
            found = await answers_with(each, f"/r/demo/hand/{ticket}", "state", "accepted")
            assert found["link"] == "https://x/speak"
        second = json.loads((await asking.tell("/r/demo/hand", {"name": "Grace"})).body)["ticket"]
        await answers_with(other, f"/r/demo/hand/{second}", "state", "waiting")
        answer = await other.tell("/r/demo/hand", {"ticket": second, "withdraw": True})
        assert json.loads(answer.body)["state"] == "withdrawn"
        assert (await bus.hands.get(f"demo.{second}"))[0].state is HandState.WITHDRAWN
        await answers_with(asking, f"/r/demo/hand/{second}", "state", "withdrawn")
        for each in (asking, other):
            await each.close()


async def test_letters_pictures_and_boards(server: NatsServer, bus: Bus) -> None:
    name = "0123456789abcdef" * 2 + ".webp"
    await bus.pictures.put(name, b"RIFF")
    await bus.boards.put("demo", Board(3, (Post("p1", WallTime(1.0), "Ada", "Hello"),)))
    async with running("--nats", server.url, env=os.environ | QUICK) as (_, port):
        asking = await client(port)
        assert (await promised(asking, "demo")).status == 202
        assert (await asking.tell("/r/demo/report-abuse", {"said": "Rude."})).status == 202
        letters = [letter for _, letter in await bus.read_letters(0)]
        assert [(letter.kind, letter.said) for letter in letters if letter] == [
            (LetterKind.RSVP, ""),
            (LetterKind.ABUSE, "Rude."),
        ]
        assert (await asking.ask(f"/p/{name}")).body == b"RIFF"
        assert (await asking.ask(f"/p/{'f' * 32}.webp")).status == 404
        assert json.loads((await asking.ask("/r/demo/posts")).body)["version"] == 3
        await bus.boards.put("demo", Board(4))
        await answers_with(asking, "/r/demo/state", "posts", 4)
        await asking.close()


async def test_without_the_bus_nothing_is_taken(server: NatsServer, bus: Bus) -> None:
    async with running("--nats", server.url, env=os.environ | QUICK) as (_, port):
        asking = await client(port)
        paid = solved(json.loads((await asking.tell("/r/demo/rsvp", {})).body)["challenge"])
        await server.kill()
        answer = await asyncio.wait_for(_told(asking, "/r/demo/hand", {"name": "Ada"}), 10)
        assert answer == 503
        assert (await asking.ask("/r/demo/state")).status == 200
        await server.start()
        async with asyncio.timeout(20):
            while await _told(asking, "/r/demo/rsvp", {"answer": paid}) != 202:
                await asyncio.sleep(0.2)
        await asking.close()


async def _told(asking: Client, path: str, body: dict[str, str]) -> int:
    asking.post(path, body)
    head = await asyncio.wait_for(asking.reader.readuntil(b"\r\n\r\n"), 8)
    size = re.search(rb"Content-Length: (\d+)", head)
    await asking.reader.readexactly(int(size[1]) if size else 0)
    return int(head.split()[1])


async def test_a_link_is_checked_with_the_key_in_the_data_folder(server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    make_keys(tmp_path)
    token = sign(Claims("secret", Role.LISTENER, "", "listener", 4_000_000_000), private_key(tmp_path))
    await bus.create_room(room(room_id="secret", invited=True))
    async with running("--nats", server.url, "--data", str(tmp_path)) as (_, port):
        asking = await client(port)
        assert (await asking.ask("/r/secret/state")).status == 403
        assert (await asking.ask(f"/r/secret/state?t={token}")).status == 200
        record, revision = await bus.get_room("secret")
        await bus.update_room(record.with_(issues={"listener": 1}), revision)
        async with asyncio.timeout(5):
            while (await asking.ask(f"/r/secret/state?t={token}")).status != 403:
                await asyncio.sleep(0.02)
        await asking.close()


def test_a_key_that_is_not_there_is_looked_for_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key = LinkKey(tmp_path)
    assert key() is None
    assert key() is None
    assert len(caplog.records) == 1
    make_keys(tmp_path)
    assert key() is not None


def test_addresses_are_those_of_the_settings() -> None:
    given = Settings.model_validate({"front": {"public_url": "https://live.example/", "port": 0}})
    assert front_options(given, None).public_url == "https://live.example"
    assert front_options(Settings.model_validate({"front": {"port": 0}}), None).public_url == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_within_three_seconds(server: NatsServer, bus: Bus, number: int) -> None:
    await bus.publish_part("demo", stream(0.5)[0])
    async with running("--nats", server.url) as (process, port):
        listener = await client(port)
        listener.get("/r/demo/live")
        await listener.head()
        for _ in range(2):
            await listener.chunk()
        begun = time.monotonic()
        process.send_signal(number)
        assert await heard(listener) == "draining"
        assert await listener.chunk() == b""
        assert await asyncio.wait_for(process.wait(), 3) == 0
        assert time.monotonic() - begun < 3
        await listener.close()


async def test_it_tells_the_watchdog_that_it_turns(server: NatsServer) -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    env = {**os.environ, HEARTBEAT_VARIABLE: str(write)}
    try:
        async with running("--nats", server.url, env=env, pass_fds=(write,)):
            os.set_blocking(read, False)
            await asyncio.sleep(1.1)
            assert len(os.read(read, 100)) >= 3
    finally:
        os.close(read)
        os.close(write)


async def test_without_a_bus_it_says_so() -> None:
    process = await asyncio.create_subprocess_exec(
        *RUN, "edge", "--front", "127.0.0.1:0", stderr=asyncio.subprocess.PIPE
    )
    _, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert b"An edge needs the bus" in err


def test_its_name_is_one_word_of_a_subject() -> None:
    assert edge_name("edge-0") == "edge-0"
    assert edge_name("a.b c>*") == "a-b-c--"
    assert edge_name(None).endswith(f"-{os.getpid()}")


def test_settings_that_cannot_be() -> None:
    wrong = Settings.model_validate({"front": {"trusted_proxies": ("not a network",)}})
    with pytest.raises(ConfigError, match="trusted_proxies"):
        front_options(wrong, None)
    with pytest.raises(ConfigError, match="reserve_descriptors"):
        front_options(Settings.model_validate({"front": {"reserve_descriptors": 10_000_000}}), None)
