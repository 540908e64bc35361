"""A front door in small: serves what a test scripted, on loopback. Parts are made with the real boxes and encoders."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from rostra.codecs.libopus import OpusEncoder
from rostra.units import FRAME_SAMPLES, MediaTime, Pcm, Rendition
from rostra.wire.boxes import init_segment, media_part
from tests.sounds import frames

DOPS = struct.pack(">BBHIhB", 0, 1, 312, 48_000, 0, 0)
INIT = init_segment(Rendition.OPUS, DOPS)
PART_SAMPLES = Rendition.OPUS.part_samples


def opus_parts(sound: Pcm, start: int = 0) -> list[bytes]:
    """Parts of half a second each, ``moof`` + ``mdat``; the first begins at media time ``start``."""
    encoder = OpusEncoder(32_000)
    packets = [encoder.encode(frame) for frame in frames(sound)]
    return [
        media_part(n, MediaTime(start + n * PART_SAMPLES), packets[n * 25 : n * 25 + 25], FRAME_SAMPLES)
        for n in range(len(packets) // 25)
    ]


@dataclass
class Request:
    target: str
    headers: dict[str, str]
    writer: asyncio.StreamWriter

    async def begin(self, media_type: str = "audio/mp4") -> None:
        self.writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self.writer.drain()

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def answer(self, body: bytes, status: int = 200, head: str = "") -> None:
        self.writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body)
        await self.writer.drain()


Handler = Callable[[Request], Awaitable[None]]


@dataclass
class Front:
    handler: Handler
    port: int = 0
    targets: list[str] = field(default_factory=list)
    connections: list[tuple[asyncio.Task[None], asyncio.StreamWriter]] = field(default_factory=list)
    state: dict[str, object] = field(
        default_factory=lambda: {
            "title": "Quiet",
            "state": "live",
            "listening": 7,
            "stage": [{"id": "s1", "name": "Ann", "role": "host"}],
        }
    )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/r/quiet"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.connections.append((task, writer))
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.split("\r\n")
                target = lines[0].split(" ")[1]
                headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:] if line)}
                request = Request(target, headers, writer)
                if target.endswith("/state"):
                    await request.answer(json.dumps(self.state).encode())
                    continue
                self.targets.append(target)
                await self.handler(request)


@asynccontextmanager
async def front(handler: Handler) -> AsyncIterator[Front]:
    running = Front(handler)
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        for task, writer in running.connections:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        server.close()
