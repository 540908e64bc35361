"""The bounds that uvicorn lacks, on a real server with slow clients."""

import asyncio
import contextlib
import gc
import ipaddress
import socket
import struct
import weakref
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from rostra.studio import connections
from rostra.studio.connections import MAX_HEAD_BYTES, BoundedProtocol
from rostra.studio.limits import GOOD


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(0.6)
    if scope["path"] == "/good":
        scope[GOOD] = True
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(connections, "REQUEST_WITHIN_S", 0.3)
    monkeypatch.setattr(connections, "CHECK_EVERY_S", 0.05)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app, http=BoundedProtocol, ws="none", lifespan="off", loop="none", log_config=None,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )
    )  # fmt: skip
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    await serving
    listening.close()


async def closed(reader: asyncio.StreamReader, within_s: float = 3.0) -> bytes:
    """What came until the other end closed."""
    try:
        async with asyncio.timeout(within_s):
            return await reader.read()
    except ConnectionResetError:
        return b""


async def test_a_client_that_says_nothing_or_dribbles_is_dropped(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await closed(reader) == b""
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    dribbling = asyncio.create_task(_dribble(writer))
    assert await closed(reader) == b""
    dribbling.cancel()
    writer.close()


async def _dribble(writer: asyncio.StreamWriter) -> None:
    for letter in b"GET / HTTP/1.1\r\n" + b"x" * 200:
        writer.write(bytes([letter]))
        await asyncio.sleep(0.05)


async def test_a_request_that_is_being_answered_is_not_idle(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n")
    async with asyncio.timeout(3):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_the_second_request_must_come_in_time_too(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: t\r\n\r\nGET / HT")
    assert (await closed(reader)).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_head_that_does_not_end(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nX: " + b"x" * (2 * MAX_HEAD_BYTES))
    answer = await closed(reader)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    writer.close()


async def test_there_are_only_so_many(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each waits for an answer, a new one is closed at once."""
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    opened = []
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n")
        opened.append((reader, writer))
    await asyncio.sleep(0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await closed(reader, 0.4) == b""
    writer.close()
    for reader, writer in opened:
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_one_address_leaves_places_for_others(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_OF_ADDRESS", 2)
    monkeypatch.setattr(connections, "REQUEST_WITHIN_S", 5.0)

    async def answered(n: int) -> list[bool]:
        clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(n)]
        found = []
        for reader, writer in clients:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                found.append((await reader.read(100)).startswith(b"HTTP/1.1 200"))
            except ConnectionResetError:
                found.append(False)
        for _, writer in clients:
            writer.close()
        return found

    assert await answered(4) == [True] * 4, "this machine and a proxy on it apart"
    monkeypatch.setattr(BoundedProtocol, "apart", ())
    await asyncio.sleep(0.05)
    assert await answered(4) == [True, True, False, False]
    assert connections.bounded(["10.0.0.0/8"]).apart == (ipaddress.ip_network("10.0.0.0/8"),)


async def broken_off(port: int) -> None:
    """One that asks, is answered, and goes without a word (a reset)."""
    loop = asyncio.get_running_loop()
    with socket.socket() as one:
        one.setblocking(False)
        await loop.sock_connect(one, ("127.0.0.1", port))
        await loop.sock_sendall(one, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await loop.sock_recv(one, 1000)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def test_nothing_is_kept_of_a_connection_that_was_broken_off(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_WITHIN_S", 60.0)
    seen: list[weakref.ref[BoundedProtocol]] = []
    made = BoundedProtocol.connection_made

    def connection_made(self: BoundedProtocol, transport: asyncio.BaseTransport) -> None:
        seen.append(weakref.ref(self))
        made(self, transport)

    monkeypatch.setattr(BoundedProtocol, "connection_made", connection_made)
    for _ in range(10):
        await broken_off(port)
    assert len(seen) == 10
    async with asyncio.timeout(3):  # it would have been kept for five
        while any(one() for one in seen):
            gc.collect()
            await asyncio.sleep(0.05)


async def test_in_a_full_house_who_says_nothing_makes_room(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """But nobody who showed a good link, and nobody who waits for an answer."""
    monkeypatch.setattr(connections, "REQUEST_WITHIN_S", 60.0)
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    host, host_says = await asyncio.open_connection("127.0.0.1", port)
    host_says.write(b"GET /good HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await host.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    asking, asks = await asyncio.open_connection("127.0.0.1", port)
    asks.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(0.1)
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(6)]
    for reader, _ in idle[:-1]:
        assert await closed(reader) == b""
    assert (await asking.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    host_says.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await host.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    for writer in (host_says, asks, *(w for _, w in idle)):
        writer.close()
