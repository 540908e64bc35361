"""The source port with real sockets: heads in, the very socket out."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rostra.studio import source_port as module
from rostra.studio.source_port import SourcePort, stage_socket
from rostra.units import Role, RoomState
from rostra.wire.handover import Handover, decode_handover, message_length
from tests.studio.conftest import Door


@dataclass
class Receiving:
    """The stage's end: takes what is handed over."""

    data: Path
    taken: list[tuple[Handover, socket.socket]] = field(default_factory=list)

    def listen(self, room: str) -> socket.socket:
        path = stage_socket(self.data, room)
        path.parent.mkdir(parents=True, exist_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(path))
        listening.listen(8)
        listening.setblocking(False)
        return listening

    async def take(self, listening: socket.socket) -> None:
        while True:
            way, _ = await asyncio.get_running_loop().sock_accept(listening)
            way.setblocking(True)
            with way:
                message, fds, _, _ = await asyncio.to_thread(socket.recv_fds, way, 65_536, 4)
                while (length := message_length(message)) is None or len(message) < length:
                    message += await asyncio.to_thread(way.recv, 65_536)
            (fd,) = fds
            client = socket.socket(fileno=fd)
            client.setblocking(True)
            self.taken.append((decode_handover(message), client))


@dataclass
class Port:
    number: int
    receiving: Receiving
    door: Door


@pytest.fixture
async def port(door: Door, tmp_path: Path) -> AsyncIterator[Port]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(16)
    number = listening.getsockname()[1]
    outcomes = door.office.figures.sources
    source = SourcePort(listening, tmp_path, door.office.rooms, door.office.entrance, outcomes)
    source.start()
    receiving = Receiving(tmp_path)
    unix = receiving.listen("main")
    taking = asyncio.create_task(receiving.take(unix))
    yield Port(number, receiving, door)
    taking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await taking
    unix.close()
    for _, client in receiving.taken:
        client.close()
    await source.stop()


async def head(door: Door, role: Role = Role.HOST, method: str = "PUT", room: str = "main") -> bytes:
    token = (await door.token(role, "main"))["Authorization"].removeprefix("Bearer ")
    login = base64.b64encode(f"source:{token}".encode()).decode()
    version = "HTTP/1.1" if method == "PUT" else "HTTP/1.0"
    return (
        f"{method} /{room} {version}\r\nHost: x\r\nAuthorization: Basic {login}\r\nContent-Type: audio/mpeg\r\n"
        f"Ice-Name: Ann\r\n\r\n"
    ).encode()


async def refused(port: Port, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("method", ["PUT", "SOURCE"])
async def test_the_very_socket_is_handed_over_with_what_was_read(port: Port, method: str) -> None:
    await port.door.room(state=RoomState.OPEN)
    await port.door.others.stage_for("main")
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(await head(port.door, method=method) + b"first bytes of sound")
    async with asyncio.timeout(5):
        while not port.receiving.taken:
            await asyncio.sleep(0.01)
    handover, client = port.receiving.taken[0]
    assert (handover.head.method, handover.head.room, handover.head.name) == (method, "main", "Ann")
    assert handover.rest == b"first bytes of sound"
    writer.write(b"and more")
    assert await asyncio.to_thread(client.recv, 100) == b"and more"
    await asyncio.to_thread(client.sendall, b"HTTP/1.0 200 OK\r\n\r\n")
    assert await reader.readline() == b"HTTP/1.0 200 OK\r\n"
    assert port.door.office.figures.sources == {"handed": 1}
    writer.close()


async def test_a_stage_that_hangs_up_as_soon_as_it_has_the_message_has_taken_it(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    await port.door.room(state=RoomState.OPEN)
    await port.door.others.stage_for("main")
    send_fds = socket.send_fds

    def until_it_hangs_up(way: socket.socket, *what: Any) -> int:
        sent = send_fds(way, *what)
        way.recv(1)
        return sent

    monkeypatch.setattr(socket, "send_fds", until_it_hangs_up)
    _, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(await head(port.door) + b"sound")
    async with asyncio.timeout(5):
        while not port.door.office.figures.sources:
            await asyncio.sleep(0.01)
    assert port.door.office.figures.sources == {"handed": 1}
    writer.close()


async def test_it_comes_in_pieces(port: Port) -> None:
    await port.door.room(state=RoomState.OPEN)
    await port.door.others.stage_for("main")
    _, writer = await asyncio.open_connection("127.0.0.1", port.number)
    request = await head(port.door)
    for at in range(0, len(request), 40):
        writer.write(request[at : at + 40])
        await asyncio.sleep(0.002)
    async with asyncio.timeout(5):
        while not port.receiving.taken:
            await asyncio.sleep(0.01)
    writer.close()


async def test_a_host_with_an_encoder_opens_the_room(port: Port) -> None:
    await port.door.room()
    early = await refused(port, await head(port.door, Role.SPEAKER))
    assert early.startswith(b"HTTP/1.0 409 Conflict\r\n")
    assert b"doors of this room are not open yet" in early
    _, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(await head(port.door))
    async with asyncio.timeout(5):
        while not port.receiving.taken:
            await asyncio.sleep(0.01)
    assert (await port.door.office.rooms.get("main")).state is RoomState.OPEN
    assert port.door.others.opened == ["main"]
    writer.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /main HTTP/1.1\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", b"400"),
        (b"PUT /main HTTP/1.1\r\n\r\n", b"401"),
        (b"PUT /main HTTP/1.1\r\nAuthorization: Basic c291cmNlOmhhY2ttZQ==\r\n\r\n", b"401"),
        (b"PUT /main HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", b"413"),
        (b"PUT /../x HTTP/1.1\r\n\r\n", b"400"),
    ],
)
async def test_garbage_is_refused_in_words(port: Port, request_bytes: bytes, status: bytes) -> None:
    await port.door.room(state=RoomState.OPEN)
    answer = await refused(port, request_bytes)
    assert answer.split()[1] == status
    assert answer.rstrip().endswith(b".")
    assert (b"WWW-Authenticate: Basic" in answer) is (status == b"401")


async def test_a_token_for_another_room_or_no_longer_a_room(port: Port) -> None:
    await port.door.room(state=RoomState.ENDED)
    assert (await refused(port, await head(port.door, room="other"))).split()[1] == b"401"
    assert b"This room has ended." in await refused(port, await head(port.door))


async def test_a_stage_that_takes_no_clients(port: Port) -> None:
    await port.door.room("main", RoomState.OPEN)
    await port.door.others.stage_for("main")
    stage_socket(port.receiving.data, "main").unlink()
    answer = await refused(port, await head(port.door))
    assert answer.split()[1] == b"503"
    assert b"does not take source clients at the moment" in answer


async def test_one_that_says_nothing_is_not_waited_for(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_WITHIN_S", 0.1)
    assert await refused(port, b"PUT /main HT") == b""
    assert port.door.office.figures.sources == {"vanished": 1}


async def test_who_says_nothing_makes_room_for_the_next(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    await port.door.room(state=RoomState.OPEN)
    await port.door.others.stage_for("main")
    waiting = [await asyncio.open_connection("127.0.0.1", port.number) for _ in range(5)]
    async with asyncio.timeout(module.HEAD_WITHIN_S - 1):
        for reader, _ in waiting[:2]:
            assert await reader.read() == b""
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
        writer.write(await head(port.door))
        while not port.receiving.taken:
            await asyncio.sleep(0.01)
    assert port.door.office.figures.sources == {"busy": 3, "handed": 1}
    for _, each in (*waiting, (reader, writer)):
        each.close()


async def test_who_opens_connections_and_says_nothing_leaves_places_for_others(port: Port) -> None:
    """And who guesses links: an answer is waited for to be read, which takes a place for a second."""
    await port.door.room(state=RoomState.OPEN)
    await port.door.others.stage_for("main")
    token = base64.b64encode(b"source:a.guess").decode()
    guess = f"PUT /main HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {token}\r\nContent-Type: audio/mpeg\r\n\r\n"
    opened = [await asyncio.open_connection("127.0.0.1", port.number) for _ in range(module.MAX_WAITING + 8)]
    for _, writer in opened[::2]:
        writer.write(guess.encode())
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number, local_addr=("127.0.0.2", 0))
    writer.write(await head(port.door))
    async with asyncio.timeout(module.HEAD_WITHIN_S - 1):
        while not port.receiving.taken:
            await asyncio.sleep(0.01)
    assert port.door.office.figures.sources["busy"] >= module.MAX_WAITING - module.MAX_OF_ADDRESS
    for _, each in (*opened, (reader, writer)):
        each.close()


async def test_who_guesses_links_is_soon_told_to_wait_and_who_has_one_goes_on(port: Port) -> None:
    await port.door.room(state=RoomState.OPEN)
    await port.door.others.stage_for("main")
    login = base64.b64encode(b"source:nonsense").decode()
    guess = f"PUT /main HTTP/1.1\r\nAuthorization: Basic {login}\r\nContent-Type: audio/mpeg\r\n\r\n".encode()
    answers = [await refused(port, guess) for _ in range(45)]
    assert answers[0].startswith(b"HTTP/1.0 401 ")
    assert answers[-1].startswith(b"HTTP/1.0 429 Too Many Requests")
    assert b"Wait a little" in answers[-1]
    _, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(await head(port.door))
    async with asyncio.timeout(5):
        while not port.receiving.taken:
            await asyncio.sleep(0.01)
    writer.close()
