"""Source clients, from the moment the source port hands over their socket (``wire.handover``) to their last byte.

Whatever they are told, they are told here: ``100 Continue``, ``200 OK``, and refusals with a sentence.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import logging
import secrets
import socket
import threading
import time
from pathlib import Path
from typing import Final

from rostra.errors import BadToken, Conflict, Refused, RostraError, Unsupported, WireError
from rostra.stage.floor import Floor
from rostra.stage.sources import ACCEPTED, PIPE_BYTES, Dechunker, Pipe, SourceVoice, decode
from rostra.units import Monotonic
from rostra.wire.handover import Handover, decode_handover, message_length
from rostra.wire.source_head import SourceHead

log = logging.getLogger("rostra.stage")

HANDOVER_S: Final = 2.0
"""For one message over a socket on this machine."""

READ_BYTES: Final = 16 * 1024
"""A quarter of the pipe, so that there is soon room for the next read."""

PAUSE_S: Final = 0.02
"""How long a full pipe is left alone: a tick."""

GOODBYE_S: Final = 1.0
"""For the last words to a client."""

MAX_CLIENTS: Final = 40
"""More than there are seats; the rest are refused without a thread."""

_REASONS: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    503: "Service Unavailable",
}
_FOREIGN: Final = ("video/", "image/", "text/", "audio/webm", "audio/mp4", "audio/x-matroska", "audio/midi")


class SourceClient:
    """One client. It keeps its seat as a link does."""

    def __init__(self, floor: Floor, client: socket.socket, handover: Handover) -> None:
        self.id = secrets.token_hex(8)
        self._floor, self._socket, self._head, self._rest = floor, client, handover.head, handover.rest
        self._pipe, self._voice = Pipe(), SourceVoice()
        self._decoder = threading.Thread(target=self._decode, name=f"source-{self.id}", daemon=True)
        self._failed: Refused | None = None
        self._ousted = False
        self._loop = asyncio.get_running_loop()
        self._decoded = asyncio.Event()

    async def serve(self) -> None:
        """From its head to its last byte; raises nothing."""
        try:
            await self._serve()
        except Refused as e:
            log.info("source client %s: %s", self.id, e)
            self._floor.gone(self.id)
            await self._say(_refusal(self._head, e))
        except OSError as e:
            self._floor.dropped(self.id, f"its connection broke ({e.strerror or type(e).__name__})")
        finally:
            self._pipe.close()
            self._voice.close()
            with contextlib.suppress(OSError):
                self._socket.close()

    async def _serve(self) -> None:
        head = self._head
        if head.content_type.startswith(_FOREIGN):
            raise Unsupported(f"Streams of type {head.content_type[:60]!r} are not spoken here. Send {ACCEPTED}.")
        person = self._floor.who(head.token, name=head.name)
        self._floor.take(person, self, self._voice, "source")
        self._decoder.start()
        await self._say(_welcome(head))
        await self._read()
        if self._ousted:
            raise Conflict("This seat was given up: another connection with the same link took it, or a host did.")
        # The source has ended: what it sent last is still to be played.
        while not (self._decoded.is_set() and self._voice.finished) and self._failed is None and not self._ousted:
            self._floor.alive(self.id, Monotonic(time.monotonic()))
            await asyncio.sleep(PAUSE_S)
        if self._failed is not None:
            raise self._failed
        self._floor.gone(self.id)
        if head.version == "HTTP/1.1" and head.expects_continue:
            await self._say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async def _read(self) -> None:
        dechunker = Dechunker() if self._head.chunked else None
        data = self._rest
        while True:
            if data:
                self._floor.alive(self.id, Monotonic(time.monotonic()))
                await self._pass_on(dechunker.feed(data) if dechunker is not None else data)
            if self._stopped() or (dechunker is not None and dechunker.ended):
                break
            data = await self._loop.sock_recv(self._socket, READ_BYTES)
            if not data:
                break
        if self._failed is not None:
            raise self._failed
        self._pipe.end()

    async def _pass_on(self, data: bytes) -> None:
        """Into the pipe, as there is room. While we wait, TCP holds the sender back."""
        for at in range(0, len(data), PIPE_BYTES // 2):
            piece = data[at : at + PIPE_BYTES // 2]
            while self._pipe.room < len(piece):
                if self._stopped():
                    return
                self._floor.alive(self.id, Monotonic(time.monotonic()))
                await asyncio.sleep(PAUSE_S)
            self._pipe.write(piece)

    def _stopped(self) -> bool:
        return self._failed is not None or self._ousted

    def _decode(self) -> None:
        """The decoder's thread."""
        try:
            decode(self._pipe, self._head.content_type, self._voice)
        except Refused as e:
            self._failed = e
            self._interrupt()
        except Exception as e:  # FFmpeg found something to fail at that nobody has thought of
            log.exception("source client %s cannot be decoded", self.id)
            self._failed = Unsupported(f"This stream cannot be decoded ({type(e).__name__}). Send {ACCEPTED}.")
            self._interrupt()
        self._voice.end()
        with contextlib.suppress(RuntimeError):  # the loop is gone: the process is ending
            self._loop.call_soon_threadsafe(self._decoded.set)

    def _interrupt(self) -> None:
        """End a read that waits for a client with nothing more to say."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    async def close(self) -> None:
        """Its seat is not its own any more."""
        self._ousted = True
        self._voice.close()
        self._interrupt()

    async def _say(self, text: bytes) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._loop.sock_sendall(self._socket, text)


def _welcome(head: SourceHead) -> bytes:
    if head.expects_continue:
        return b"HTTP/1.1 100 Continue\r\n\r\n"  # RFC 9110, 10.1.1; 200 follows when the stream has ended
    version = "HTTP/1.1" if head.version == "HTTP/1.1" else "HTTP/1.0"
    return f"{version} 200 OK\r\nServer: rostra\r\nConnection: close\r\n\r\n".encode()


def _refusal(head: SourceHead, error: RostraError) -> bytes:
    version = "HTTP/1.1" if head.version == "HTTP/1.1" else "HTTP/1.0"
    extra = 'WWW-Authenticate: Basic realm="rostra"\r\n' if isinstance(error, BadToken) else ""
    body = f"{error}\n".encode()
    return (
        f"{version} {error.status} {_REASONS.get(error.status, 'Error')}\r\n{extra}"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body


class Inlet:
    """``DATA/run/stage-ROOM.sock``: takes handed-over clients for a floor."""

    def __init__(self, path: Path, room: str, floor: Floor) -> None:
        self._path, self._room, self._floor = path, room, floor
        self._listening: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Bind and listen; what a killed stage left behind is replaced.

        :raises OSError: if the folder cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.setblocking(False)
            listening.bind(str(self._path))
            self._path.chmod(0o600)
            listening.listen(16)
        except OSError:
            listening.close()
            raise
        self._listening = listening
        self._start(self._accept(listening))

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listening is not None:
            self._listening.close()
            self._path.unlink(missing_ok=True)

    def _start(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                way, _ = await loop.sock_accept(listening)
            except OSError as e:
                log.warning("a source client could not be taken: %s", e)
                await asyncio.sleep(0.1)
                continue
            if len(self._tasks) > MAX_CLIENTS:
                way.close()
                continue
            self._start(self._take(way))

    async def _take(self, way: socket.socket) -> None:
        way.settimeout(HANDOVER_S)
        try:
            handover, client = await asyncio.get_running_loop().run_in_executor(None, receive, way)
        except (OSError, WireError) as e:
            log.warning("a handover failed: %s", e)
            return
        client.setblocking(False)
        if handover.head.room != self._room:
            client.close()
            return
        await SourceClient(self._floor, client, handover).serve()


def receive(way: socket.socket) -> tuple[Handover, socket.socket]:
    """One message and the socket beside it. Blocks, for as long as ``way`` lets it; closes ``way``.

    :raises WireError: if it is not one. :raises OSError: if it does not come.
    """
    descriptors: list[int] = []
    try:
        with way:
            data = _read_message(way, descriptors)
        handover = decode_handover(data)
        if len(descriptors) != 1:
            raise WireError(f"a handover brings one socket, not {len(descriptors)}")
        client = socket.socket(fileno=descriptors[0])
        descriptors.clear()
        if client.type != socket.SOCK_STREAM:
            client.close()
            raise WireError("what was handed over is no stream socket")
        return handover, client
    finally:
        for descriptor in descriptors:
            socket.close(descriptor)


def _read_message(way: socket.socket, descriptors: list[int]) -> bytes:
    data = b""
    size = array.array("i").itemsize
    while (length := message_length(data)) is None or len(data) < length:
        more, ancillary, _, _ = way.recvmsg(64 * 1024, socket.CMSG_LEN(4 * size), socket.MSG_CMSG_CLOEXEC)
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                found = array.array("i")
                found.frombytes(content[: len(content) - len(content) % size])
                descriptors += found
        if not more:
            raise WireError("a handover that breaks off")
        data += more
    return data
