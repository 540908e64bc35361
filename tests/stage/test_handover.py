"""Sockets that change hands, and what source clients are told. All of it together: tests/processes/test_stage.py."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from rostra.errors import BadToken, Unsupported, WireError
from rostra.stage.handover import Inlet, _refusal, _welcome, receive
from rostra.wire.handover import MAX_MESSAGE_BYTES, Handover, encode_handover
from rostra.wire.source_head import SourceHead
from tests import sounds
from tests.stage.streams import make_stream
from tests.stage.test_floor import House

HEAD = SourceHead("SOURCE", "HTTP/1.0", "demo", "speaker:Radio:r", "audio/mpeg")


def hand_over(path: Path, head: SourceHead, rest: bytes = b"") -> socket.socket:
    """Our end of a client that the stage has now."""
    ours, theirs = socket.socketpair()
    with theirs, socket.socket(socket.AF_UNIX) as way:
        way.connect(str(path))
        message = encode_handover(Handover(head, rest))
        sent = socket.send_fds(way, [message], [theirs.fileno()])
        way.sendall(message[sent:])
    ours.setblocking(False)
    return ours


@pytest.fixture
def way() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(1.0)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_a_socket_changes_hands(way: tuple[socket.socket, socket.socket]) -> None:
    near, far = socket.socketpair()
    with near, far:
        socket.send_fds(way[0], [encode_handover(Handover(HEAD, b"OggS"))], [far.fileno()])
        handover, client = receive(way[1])
    with client:
        assert handover == Handover(HEAD, b"OggS")
        assert client.family == socket.AF_UNIX and not client.get_inheritable()


def test_what_is_no_handover_is_refused_and_no_descriptor_stays(way: tuple[socket.socket, socket.socket]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    read, write = os.pipe()
    message = encode_handover(Handover(HEAD))
    socket.send_fds(way[0], [message], [read, write])
    with pytest.raises(WireError, match="one socket, not 2"):
        receive(way[1])
    os.close(read), os.close(write)
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize(
    ("data", "ends", "error"),
    [
        (encode_handover(Handover(HEAD)), False, WireError),
        (encode_handover(Handover(HEAD))[:20], True, WireError),
        (b"\x00\x00\x00\x02{}", False, WireError),
        ((MAX_MESSAGE_BYTES + 1).to_bytes(4, "big"), False, WireError),
        (b"\x00\x00", False, OSError),
    ],
)
def test_garbage(way: tuple[socket.socket, socket.socket], data: bytes, ends: bool, error: type[Exception]) -> None:
    way[0].sendall(data)
    if ends:
        way[0].shutdown(socket.SHUT_WR)
    way[1].settimeout(0.1)
    with pytest.raises(error):
        receive(way[1])


def test_a_datagram_socket_is_no_client(way: tuple[socket.socket, socket.socket]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as odd:
        socket.send_fds(way[0], [encode_handover(Handover(HEAD))], [odd.fileno()])
        with pytest.raises(WireError, match="no stream socket"):
            receive(way[1])


def test_each_dialect_is_answered_in_its_own() -> None:
    put = SourceHead("PUT", "HTTP/1.1", "demo", "t", expects_continue=True)
    assert _welcome(put) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert _welcome(SourceHead("PUT", "HTTP/1.1", "demo", "t")).startswith(b"HTTP/1.1 200 OK\r\n")
    assert _welcome(SourceHead("SOURCE", "ICE/1.0", "demo", "t")).startswith(b"HTTP/1.0 200 OK\r\n")
    refusal = _refusal(put, BadToken("This link has expired."))
    assert refusal.startswith(b"HTTP/1.1 401 Unauthorized\r\n") and b'WWW-Authenticate: Basic realm="rostra"' in refusal
    assert refusal.endswith(b"\r\n\r\nThis link has expired.\n")
    assert _refusal(HEAD, Unsupported("No.")).startswith(b"HTTP/1.0 415 Unsupported Media Type\r\n")


@pytest.fixture
async def inlet() -> AsyncIterator[tuple[House, Path]]:
    house = House()
    with tempfile.TemporaryDirectory(prefix="rostra-") as folder:
        path = Path(folder) / "run" / "stage-demo.sock"
        path.parent.mkdir()
        path.write_text("left behind by a stage that was killed")
        inlet = Inlet(path, "demo", house.floor)
        inlet.open()
        assert path.stat().st_mode & 0o777 == 0o600
        yield house, path
        await inlet.close()
        await house.floor.close()
        assert not path.exists()


async def said(client: socket.socket, until: bytes = b"\r\n\r\n") -> bytes:
    loop, found = asyncio.get_running_loop(), b""
    async with asyncio.timeout(5):
        while until not in found and (data := await loop.sock_recv(client, 4096)):
            found += data
    return found


async def test_a_client_is_welcomed_heard_and_gone_when_it_ends(inlet: tuple[House, Path]) -> None:
    house, path = inlet
    stream = make_stream(sounds.voice(2, 1), "mp3")
    with hand_over(path, HEAD, stream[:3000]) as client:
        assert b"200 OK" in await said(client)
        await asyncio.get_running_loop().sock_sendall(client, stream[3000:])
        client.shutdown(socket.SHUT_WR)
        heard = 0
        async with asyncio.timeout(10):
            while house.states():
                heard += sum(frame is not None for frame in house.floor.frames(house.now).values())
                await asyncio.sleep(0.001)
        assert 90 <= heard <= 110, "everything that it sent is played before it goes"


async def test_refusals_reach_the_client(inlet: tuple[House, Path]) -> None:
    house, path = inlet
    for head, word in (
        (SourceHead("PUT", "HTTP/1.1", "demo", "nonsense"), b"401"),
        (SourceHead("PUT", "HTTP/1.1", "demo", "listener:Eve:e"), b"403"),
        (SourceHead("PUT", "HTTP/1.1", "demo", "speaker:Ann:a", "video/mp4", expects_continue=True), b"415"),
    ):
        with hand_over(path, head) as client:
            assert word in await said(client)
    with hand_over(
        path, SourceHead("PUT", "HTTP/1.1", "demo", "speaker:Ann:a", chunked=True), b"no chunk\r\n"
    ) as client:
        assert b"400 Bad Request" in await said(client, b"begin with its size")
    assert house.states() == {}


async def test_a_client_of_another_room_is_put_down(inlet: tuple[House, Path]) -> None:
    _, path = inlet
    with hand_over(path, SourceHead("PUT", "HTTP/1.1", "other", "speaker:Ann:a")) as client:
        assert await said(client) == b""


async def test_a_connection_that_breaks_keeps_the_seat(inlet: tuple[House, Path]) -> None:
    house, path = inlet
    listening = socket.create_server(("127.0.0.1", 0))
    near = socket.create_connection(listening.getsockname())
    far, _ = listening.accept()
    listening.close()
    with socket.socket(socket.AF_UNIX) as way:
        way.connect(str(path))
        socket.send_fds(way, [encode_handover(Handover(HEAD, make_stream(sounds.voice(1, 1), "mp3")))], [far.fileno()])
    far.close()
    near.setblocking(False)
    await said(near)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    near.close()  # with a reset
    async with asyncio.timeout(5):
        while [s.name for s in house.states().values()] != ["AWAY"]:
            await asyncio.sleep(0.01)
