"""Parts, rooms, an edge on a real socket, and a small raw client, for the tests of this folder."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rostra.edge.contracts import Admission, Carrier
from rostra.edge.front import Front, FrontOptions
from rostra.edge.pages import Pages
from rostra.errors import NotFound
from rostra.packaging import Packager, RoomWindows
from rostra.processes.edge import notice
from rostra.units import SAMPLE_RATE, EncodedFrame, MediaTime, Part, Rendition, RoomState, WallTime
from rostra.wire.emsg import snapshot_emsg
from rostra.wire.hands import Hand, HandState
from rostra.wire.inbox import Letter
from rostra.wire.listeners import SeatView, Snapshot
from rostra.wire.rooms import Room

DOPS = struct.pack(">BBHIhB", 0, 1, 0, 48_000, 0, 0)
CONFIGS = {Rendition.OPUS: DOPS, Rendition.AAC: b"\x11\x88\x56\xe5\x00", Rendition.MP3: b"", Rendition.OPUS_LOW: DOPS}
PAGES = Pages(Path("no such folder"))
EPOCH = 1_700_000_000.0
STAGE = (SeatView("s1", "Ada", "host"), SeatView("s2", "Grace", "speaker", True))


def stream(
    seconds: float, rendition: Rendition = Rendition.OPUS, *, generation: int = 1, first: int = 8, base: int = 0
) -> list[Part]:
    """So many seconds of parts whose bytes tell where they belong, the first with a snapshot before it."""
    packager = Packager(rendition, generation, first, CONFIGS[rendition])
    parts: list[Part] = []
    for i in range(round(seconds * SAMPLE_RATE / rendition.frame_samples)):
        time = base + i * rendition.frame_samples
        size = 192 if rendition is Rendition.MP3 else 60
        payload = struct.pack(">Q", time) + bytes(size - 8)
        frame = EncodedFrame(rendition, MediaTime(time), payload)
        part = packager.add(frame, WallTime(EPOCH + time / SAMPLE_RATE), _snapshot if not parts else None)
        parts += [part] if part else []
    return parts


def _snapshot(time: MediaTime) -> bytes:
    return snapshot_emsg(Snapshot("live", 42, {}, STAGE), time)


def room(state: RoomState = RoomState.LIVE, room_id: str = "demo", title: str = "An <evening>", **more: Any) -> Room:
    at = WallTime(EPOCH)
    return Room(room_id, title, state, at, at, at, 1, at, **more)


class Kept:
    """A bus that keeps what it is brought; ``fault`` is raised instead, ``gate`` is waited for first."""

    def __init__(self) -> None:
        self.hands: dict[str, Hand] = {}
        self.letters: list[Letter] = []
        self.pictures: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def raise_hand(self, hand: Hand) -> None:
        await self._ready()
        self.hands[hand.ticket] = hand

    async def hand(self, room: str, ticket: str) -> Hand:
        self.asked.append(ticket)
        await self._ready()
        if ticket not in self.hands or self.hands[ticket].room != room:
            raise NotFound("There is nothing of that name.")
        return self.hands[ticket]

    async def withdraw_hand(self, room: str, ticket: str) -> Hand:
        await self._ready()
        if ticket not in self.hands:
            raise NotFound("There is nothing of that name.")
        hand = self.hands[ticket] = self.hands[ticket].with_(state=HandState.WITHDRAWN)
        return hand

    async def leave_letter(self, letter: Letter) -> None:
        await self._ready()
        self.letters.append(letter)

    async def picture(self, name: str) -> bytes:
        self.asked.append(name)
        await self._ready()
        if name not in self.pictures:
            raise NotFound("There is no such picture.")
        return self.pictures[name]

    async def _ready(self) -> None:
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault


@dataclass(slots=True)
class Answered:
    status: int
    fields: dict[str, str]
    body: bytes


class Client:
    """HTTP as raw as a test wants it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def get(self, path: str, *fields: str, method: str = "GET", version: str = "1.1") -> None:
        lines = [f"{method} {path} HTTP/{version}", "Host: edge", *fields]
        self.send("".join(f"{line}\r\n" for line in [*lines, ""]).encode())

    async def head(self) -> Answered:
        raw = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        return Answered(int(first.split()[1]), fields, b"")

    async def answer(self, *, body: bool = True) -> Answered:
        found = await self.head()
        if body and "content-length" in found.fields:
            size = int(found.fields["content-length"])
            found.body = await asyncio.wait_for(self.reader.readexactly(size), 5)
        return found

    async def ask(self, path: str, *fields: str, method: str = "GET", version: str = "1.1") -> Answered:
        self.get(path, *fields, method=method, version=version)
        return await self.answer(body=method != "HEAD")

    def post(self, path: str, body: Any, *fields: str, content_type: str = "application/json") -> None:
        """``body``: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"POST {path} HTTP/1.1", "Host: edge", f"Content-Length: {len(data)}", *fields]
        lines += [f"Content-Type: {content_type}"] if content_type else []
        self.send("".join(f"{line}\r\n" for line in [*lines, ""]).encode() + data)

    async def tell(self, path: str, body: Any, *fields: str, content_type: str = "application/json") -> Answered:
        self.post(path, body, *fields, content_type=content_type)
        return await self.answer()

    async def chunk(self) -> bytes:
        """The next chunk of a chunked body; empty for the last one."""
        size = int(await asyncio.wait_for(self.reader.readuntil(b"\r\n"), 5), 16)
        return (await asyncio.wait_for(self.reader.readexactly(size + 2), 5))[:-2]

    async def ended(self) -> bool:
        """Whether the other side closes, without saying more."""
        return await asyncio.wait_for(self.reader.read(1), 5) == b""

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


class Edge:
    """A front with a room, at a port of its own."""

    def __init__(self, front: Front, port: int) -> None:
        self.front, self.port = front, port
        self._clients: list[Client] = []

    async def client(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self._clients.append(client)
        return client

    async def ask(self, path: str, *fields: str, method: str = "GET", version: str = "1.1") -> Answered:
        client = await self.client()
        return await client.ask(path, *fields, method=method, version=version)

    async def tell(self, path: str, body: Any, *fields: str, content_type: str = "application/json") -> Answered:
        client = await self.client()
        return await client.tell(path, body, *fields, content_type=content_type)

    def feed(self, parts: list[Part], room_id: str = "demo") -> None:
        for part in parts:
            self.front.on_part(room_id, part)

    async def feed_on(self, parts: list[Part], room_id: str = "demo") -> None:
        """One part after another, each sent before the next comes."""
        for part in parts:
            self.feed([part], room_id)
            await until(lambda: not self.front._busy)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


@asynccontextmanager
async def edge(
    *records: Room,
    carrier: Carrier | None = None,
    key: Ed25519PublicKey | None = None,
    pages: Pages = PAGES,
    admission: Admission | None = None,
    **options: Any,
) -> AsyncIterator[Edge]:
    """An edge that knows ``records`` (a live room ``demo`` if there are none)."""
    front = Front(
        FrontOptions(**options), pages, RoomWindows, notice, carrier=carrier, key=lambda: key, admission=admission
    )
    for record in records or (room(),):
        front.on_record(record.id, record)
    front.door.warm = True
    _, port = front.start()
    running = Edge(front, port)
    try:
        yield running
    finally:
        await running.close()
        front.stop()


async def until(condition: Any, timeout_s: float = 5.0) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)
