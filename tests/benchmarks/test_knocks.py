"""Visitors against a server that answers, refuses, and hangs up: what they do not notice, no figure would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from benchmarks.knocks import Answered, Knocks, knocking, request
from benchmarks.programs import LeftOut, compiled


@pytest.fixture(scope="module", autouse=True)
def compiler() -> None:
    try:
        compiled("knock")
    except LeftOut as e:
        pytest.skip(str(e))


@dataclass
class Peer:
    """Answers ``/ok`` with 204, ``/no`` with 429 and a body, hangs up at ``/cut``, says nothing at ``/hold``."""

    port: int = 0
    addresses: set[str] = field(default_factory=set)
    connections: int = 0
    bodies: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.addresses.add(writer.get_extra_info("peername")[0])
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                self.bodies.append(await reader.readexactly(size))
                if b" /cut " in head:
                    break
                if b" /ok " in head:
                    writer.write(b"HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\n\r\n")
                elif b" /no " in head:
                    writer.write(b"HTTP/1.1 429 Too Many\r\nContent-Length: 5\r\n\r\nlater")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    async with server:
        yield peer


async def knock(peer: Peer, *paths: str, bundle: int = 1, deep: int = 1, once: bool = False) -> Answered:
    requests = [request("POST", path, b'{"a":1}') for path in paths]
    knocks = Knocks(
        peer.port, requests, 400.0, 0.5, visitors=10, addresses=10, bundle=bundle, deep=deep, once=once, processes=2
    )

    def run() -> Answered:
        with knocking(knocks) as under_way:
            return under_way.finish()

    return await asyncio.to_thread(run)


async def test_all_is_answered_on_kept_connections(peer: Peer) -> None:
    found = await knock(peer, "/ok", "/no")
    assert (found.due, found.sent, found.broken, found.counts) == (200, 200, 0, {204: 100, 429: 100})
    assert peer.connections == 10 and len(peer.addresses) == 10
    assert set(peer.bodies) == {b'{"a":1}'}
    assert len(found.raw) == 200 and 0 <= found.latency_ms(0.5) < 5000


async def test_several_at_a_time(peer: Peer) -> None:
    found = await knock(peer, "/ok", bundle=5, deep=10)
    assert (found.due, found.of(204), found.broken) == (200, 200, 0)


async def test_a_connection_each(peer: Peer) -> None:
    found = await knock(peer, "/ok", once=True)
    assert (found.of(204), peer.connections, len(peer.addresses)) == (200, 200, 10)


async def test_who_is_hung_up_on_or_never_answered_is_counted(peer: Peer) -> None:
    found = await knock(peer, "/ok", "/cut")
    assert (found.of(204), found.broken) == (100, 100)
    found = await knock(peer, "/hold")
    assert found.answered == 0 and found.sent == 10 and found.due == 200


async def test_a_closed_door(peer: Peer) -> None:
    peer.port = 1
    found = await knock(peer, "/ok")
    assert (found.due, found.answered, found.broken) == (200, 0, 200)


async def test_a_greeting_is_not_counted(peer: Peer) -> None:
    greeting = request("POST", "/ok", b'{"b":2}')
    knocks = Knocks(
        peer.port, [request("POST", "/no", b'{"a":1}')], 400.0, 0.5, visitors=10, addresses=10, greeting=greeting
    )

    def run() -> Answered:
        with knocking(knocks) as under_way:
            return under_way.finish()

    found = await asyncio.to_thread(run)
    assert (found.due, found.counts, found.broken) == (200, {429: 200}, 0)
    assert (peer.connections, peer.bodies.count(b'{"b":2}')) == (10, 10)


async def test_told_to_stop_they_give_up_what_is_due(peer: Peer) -> None:
    knocks = Knocks(peer.port, [request("POST", "/ok", b'{"a":1}')], 400.0, 60.0, visitors=10, addresses=10)

    def run() -> Answered:
        with knocking(knocks) as under_way:
            while not under_way.marks()["answered"]:
                pass
            under_way.stop()
            return under_way.finish()

    found = await asyncio.to_thread(run)
    assert 0 < found.answered <= found.due < 24_000
