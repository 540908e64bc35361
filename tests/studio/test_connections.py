"""The bounds that uvicorn lacks, on a real server with slow clients."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from rostra.studio import connections
from rostra.studio.connections import MAX_HEAD_BYTES, BoundedProtocol


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(0.6)
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
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
    await asyncio.sleep(0.1)
    assert await closed(opened[3][0], 0.15) == b""
    writer = opened[0][1]
    writer.write(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
    async with asyncio.timeout(2):
        assert (await opened[0][0].readline()).startswith(b"HTTP/1.1 200")
    for _, w in opened:
        w.close()


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
