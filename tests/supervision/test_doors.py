"""Whether a door answers, against real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from rostra.supervision.doors import PROXY_HEALTH, answers, preamble_for


@contextlib.asynccontextmanager
async def door(reply: bytes, seen: list[bytes] | None = None) -> AsyncIterator[str]:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if seen is not None:
                seen.append(head)
            writer.write(reply)
        writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/healthz"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", True), (b"HTTP/1.1 503 No\r\n\r\n", False), (b"", False), (b"SSH-2.0\r\n", False)],
)
async def test_only_200_counts(reply: bytes, expected: bool) -> None:
    seen: list[bytes] = []
    async with door(reply, seen) as url:
        assert await answers(url) is expected
    assert seen[0].startswith(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:")


async def test_nobody_there() -> None:
    async with door(b"") as url:
        pass
    assert await answers(url) is False


async def test_a_preamble_comes_first() -> None:
    seen: list[bytes] = []
    async with door(b"HTTP/1.1 200 OK\r\n\r\n", seen) as url:
        assert await answers(url, PROXY_HEALTH)
    assert seen[0].startswith(b"PROXY UNKNOWN\r\nGET ")


@pytest.mark.parametrize(
    ("url", "trusted", "expected"),
    [
        ("http://127.0.0.1:8080", ["127.0.0.0/8"], PROXY_HEALTH),
        ("http://[::1]:8080", ["::1/128"], PROXY_HEALTH),
        ("http://localhost:8080", ["127.0.0.1"], PROXY_HEALTH),
        ("http://127.0.0.1:8080", ["10.0.0.0/8"], b""),
        ("http://127.0.0.1:8080", [], b""),
        ("http://host.example:8080", ["127.0.0.0/8"], b""),
    ],
)
def test_who_is_trusted_as_a_proxy_must_speak_as_one(url: str, trusted: list[str], expected: bytes) -> None:
    assert preamble_for(url, trusted) == expected
