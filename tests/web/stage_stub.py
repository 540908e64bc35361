"""A stage door for tests of its pages: real WebRTC, and a room (``stage_room``) that does what the test says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import AudioStreamTrack

from rostra.errors import RostraError
from tests.web.stage_room import Asking, RoomStub, claims_of, someone, tag
from tests.web.stub import DIST

PROBLEM = "application/problem+json"


@dataclass
class Speaker:
    connection: RTCPeerConnection
    sink: MediaBlackhole
    query: dict[str, str]
    claims: dict[str, Any]
    seat: str


@dataclass
class StageStub(RoomStub):
    """``async with StageStub() as stage``; ``stage.base`` is a stage door with the room ``sea``."""

    refuse: tuple[int, str] | None = None
    """Status and sentence that answer WHIP."""
    speakers: dict[str, Speaker] = field(default_factory=dict)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    """Method, path and body of every question."""
    returns: list[RTCPeerConnection] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Sessions that were left with the seat kept."""
    proofs: list[str] = field(default_factory=list)
    """Sessions that WHEP named as the one that keeps the seat."""
    _goodbyes: dict[str, int] = field(default_factory=dict)
    _number: int = 0

    @property
    def url(self) -> str:
        return self.base

    async def __aenter__(self) -> StageStub:
        self.manifest = json.loads((DIST / "manifest.json").read_text())
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for speaker in list(self.speakers.values()):
            await self._close(speaker)
        for back in self.returns:
            await back.close()

    async def drop(self) -> None:
        """The stage is gone: every speaker's connection closes."""
        for session in list(self.speakers):
            self._goodbyes[session] = 503
            await self._close(self.speakers.pop(session))
        self.people.clear()

    async def oust(self, session: str) -> None:
        """Someone else has that seat now."""
        self._goodbyes[session] = 409
        await self._close(self.speakers.pop(session))

    async def take_back(self, session: str) -> None:
        """A host has taken that seat back."""
        self._goodbyes[session] = 404
        speaker = self.speakers.pop(session)
        self.note_to(speaker.seat, "removed", by="Ada", blocked=False)
        await self._close(speaker)

    async def begin_anew(self) -> None:
        """The stage is another one, which knows no session of the one before."""
        for session in list(self.speakers):
            self._goodbyes[session] = 404
            await self._close(self.speakers.pop(session))
        self.people.clear()

    @staticmethod
    async def _close(speaker: Speaker) -> None:
        await speaker.sink.stop()
        await speaker.connection.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.split("\r\n")
                fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
                method, target, _ = first.split(" ")
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                status, kind, answer, extra = await self._answer(method, urlsplit(target), fields, body)
                about = f"Content-Type: {kind}\r\nContent-Length: {len(answer)}\r\n{extra}"
                date = formatdate(time.time() + self.clock_ahead_s, usegmt=True)
                writer.write(f"HTTP/1.1 {status} X\r\nDate: {date}\r\n{about}\r\n".encode() + answer)
                await writer.drain()
        self._tasks.discard(task)
        writer.close()

    async def _answer(
        self, method: str, target: Any, fields: dict[str, str], body: bytes
    ) -> tuple[int, str, bytes, str]:
        path: str = target.path
        if path in self.manifest["assets"]:
            return 200, self.manifest["assets"][path]["type"], (DIST / path[1:]).read_bytes(), ""
        name = path.split("/")[1]
        if method == "GET" and name in ("speak", "host", "desk"):
            policy = f"Content-Security-Policy: {self.manifest['csp'][name]}\r\n"
            return 200, "text/html; charset=utf-8", (DIST / self.manifest["pages"][name]).read_bytes(), policy
        query = {k: v[0] for k, v in parse_qs(target.query).items()}
        bearer = fields.get("authorization", "").removeprefix("Bearer ")
        if path.startswith("/stage/sea/"):
            return await self._media(method, path, query, bearer, body)
        return self._question(method, path, query, bearer, fields, body)

    def _question(
        self, method: str, path: str, query: dict[str, str], bearer: str, fields: dict[str, str], body: bytes
    ) -> tuple[int, str, bytes, str]:
        kind = fields.get("content-type", "")
        sent = json.loads(body) if body and kind == "application/json" else None
        self.calls.append((method, path, sent))
        if key := fields.get("idempotency-key"):
            self.once.append(key)
        try:
            status, found = self.api(Asking(method, path, query, sent, body, bearer, kind))
        except RostraError as e:
            return e.status, PROBLEM, json.dumps(e.problem()).encode(), ""
        answer = json.dumps(found).encode()
        if method == "GET" and fields.get("if-none-match") == tag(answer):
            self.unchanged += 1
            return 304, "application/json", b"", f"ETag: {tag(answer)}\r\n"
        return status, "application/json", answer, f"ETag: {tag(answer)}\r\n" if method == "GET" else ""

    async def _media(
        self, method: str, path: str, query: dict[str, str], bearer: str, body: bytes
    ) -> tuple[int, str, bytes, str]:
        kind = path.split("/")[3]
        if method == "OPTIONS":
            return 204, "text/plain", b"", ""
        if method == "DELETE":
            session = path.split("/")[4]
            self.calls.append((method, path, None))
            keep = query.get("keep") == "true"
            if keep:
                self.kept.append(session)
            if session in self.speakers:
                speaker = self.speakers.pop(session)
                await self._close(speaker)
                self.people[:] = [p for p in self.people if keep or p["id"] != speaker.seat]
            return self._goodbyes.get(session, 200), PROBLEM, b"{}", ""
        if self.refuse:
            status, sentence = self.refuse
            return status, PROBLEM, json.dumps({"detail": sentence}).encode(), ""
        self._number += 1
        session = f"n{self._number}"
        connection = RTCPeerConnection()
        if kind == "whip":
            self._seat_for(session, connection, query, claims_of(bearer))
        else:
            self.proofs.append(query.get("session", ""))
            connection.addTrack(AudioStreamTrack())
            self.returns.append(connection)
        await connection.setRemoteDescription(RTCSessionDescription(body.decode(), "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        if kind == "whip" and session in self.speakers:
            await self.speakers[session].sink.start()
        location = f"Location: {self.base}/stage/sea/{kind}/{session}\r\n"
        return 201, "application/sdp", connection.localDescription.sdp.encode(), location

    def _seat_for(
        self, session: str, connection: RTCPeerConnection, query: dict[str, str], claims: dict[str, Any]
    ) -> None:
        """The same person comes back to the same seat, as they left it."""
        key = f"{claims['jti']}/{query.get('seat', '')}"
        seat = next((s for s, whose in self.keys.items() if whose == key), session)
        if not any(p["id"] == seat for p in self.people):
            name = query.get("name", "Somebody")
            self.people.append(someone(seat, name, claims["role"]))
        self.keys[seat] = key
        speaker = Speaker(connection, MediaBlackhole(), query, claims, seat)
        connection.on("track", speaker.sink.addTrack)
        self.speakers[session] = speaker
