"""A stage door for tests of its pages: real WebRTC, and a room that does what the test says."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import AudioStreamTrack

from tests.web.stub import DIST


def token(role: str, name: str = "", jti: str = "") -> str:
    """What a page reads of a token. The signature is checked by servers only."""
    claims = {"exp": 4_000_000_000, "jti": jti or role, "name": name, "role": role, "room": "sea", "v": 1}
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode() + ".signature"


@dataclass
class Speaker:
    connection: RTCPeerConnection
    sink: MediaBlackhole
    query: dict[str, str]
    heard: int = 0


@dataclass
class StageStub:
    """``async with StageStub() as stage``; ``stage.url`` is a stage door with the room ``sea``."""

    state: str = "live"
    people: list[dict[str, Any]] = field(default_factory=list)
    refuse: tuple[int, str] | None = None
    """Status and sentence that answer WHIP."""
    speakers: dict[str, Speaker] = field(default_factory=dict)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    returns: list[RTCPeerConnection] = field(default_factory=list)
    _goodbyes: dict[str, int] = field(default_factory=dict)
    _number: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def link(self, page: str, role: str, **claims: str) -> str:
        return f"{self.url}/{page}/sea#t={token(role, **claims)}"

    async def __aenter__(self) -> StageStub:
        self.manifest = json.loads((DIST / "manifest.json").read_text())
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
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
        await self._close(self.speakers.pop(session))

    @staticmethod
    async def _close(speaker: Speaker) -> None:
        await speaker.sink.stop()
        await speaker.connection.close()

    def view(self) -> dict[str, Any]:
        return {
            "id": "sea",
            "title": "What the sea remembers",
            "state": self.state,
            "at": "2031-05-01T18:00:00Z",
            "created": "2031-05-01T17:00:00Z",
            "started": None,
            "ended": None,
            "public": "http://front.example/r/sea",
        }

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
                status, kind, answer, extra = await self._answer(method, urlsplit(target), body)
                about = f"Content-Type: {kind}\r\nContent-Length: {len(answer)}\r\n{extra}"
                writer.write(f"HTTP/1.1 {status} X\r\n{about}\r\n".encode() + answer)
                await writer.drain()
        self._tasks.discard(task)
        writer.close()

    async def _answer(self, method: str, target: Any, body: bytes) -> tuple[int, str, bytes, str]:
        path: str = target.path
        if path in self.manifest["assets"]:
            return 200, self.manifest["assets"][path]["type"], (DIST / path[1:]).read_bytes(), ""
        name = path.split("/")[1]
        if method == "GET" and name in ("speak", "host", "desk"):
            policy = f"Content-Security-Policy: {self.manifest['csp'][name]}\r\n"
            return 200, "text/html; charset=utf-8", (DIST / self.manifest["pages"][name]).read_bytes(), policy
        if path.startswith("/stage/sea/"):
            return await self._media(method, path, parse_qs(target.query), body)
        sent = json.loads(body) if body else None
        self.calls.append((method, path, sent))
        return self._api(method, path, sent)

    def _api(self, method: str, path: str, sent: Any) -> tuple[int, str, bytes, str]:
        found: Any = None
        if path == "/api/rooms":
            found = [self.view()]
        elif path == "/api/rooms/sea":
            found = {
                **self.view(),
                "links": {"public": "http://front.example/r/sea", "host": f"{self.url}/host/sea#t=x"},
            }
        elif path == "/api/rooms/sea/people":
            found = {"people": self.people}
        elif path == "/api/rooms/sea/links":
            found = {"link": f"{self.url}/speak/sea#t={token(sent['role'], sent['name'], 'j1')}"}
        elif path in ("/api/rooms/sea/open", "/api/rooms/sea/end"):
            self.state = "open" if path.endswith("open") else "ended"
            found = self.view()
        elif method == "DELETE" and path.startswith("/api/rooms/sea/seats/"):
            self.people[:] = [p for p in self.people if p["seat"] != path.rsplit("/", 1)[1]]
            found = {}
        elif path.endswith("/mute"):
            for person in self.people:
                if person["seat"] == path.split("/")[-2]:
                    person["muted"] = sent["muted"]
            found = {}
        if found is None:
            return 404, "application/problem+json", b'{"detail":"There is nothing at this address."}', ""
        return 200, "application/json", json.dumps(found).encode(), ""

    async def _media(
        self, method: str, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, str, bytes, str]:
        kind = path.split("/")[3]
        if method == "OPTIONS":
            return 204, "text/plain", b"", ""
        if method == "DELETE":
            session = path.split("/")[4]
            self.calls.append((method, path, None))
            if session in self.speakers:
                await self._close(self.speakers.pop(session))
                self.people[:] = [p for p in self.people if p["session"] != session]
            return self._goodbyes.get(session, 200), "application/problem+json", b"{}", ""
        if self.refuse:
            status, sentence = self.refuse
            return status, "application/problem+json", json.dumps({"detail": sentence}).encode(), ""
        self._number += 1
        session = f"n{self._number}"
        connection = RTCPeerConnection()
        if kind == "whip":
            speaker = Speaker(connection, MediaBlackhole(), {k: v[0] for k, v in query.items()})
            connection.on("track", speaker.sink.addTrack)
            self.speakers[session] = speaker
            self.people.append(
                {
                    "seat": session,
                    "name": speaker.query.get("name", "Somebody"),
                    "role": "speaker",
                    "state": "here",
                    "muted": False,
                    "level": -24,
                    "loss_percent": 0.4,
                    "delay_ms": 84,
                    "echo": False,
                    "session": session,
                }
            )
        else:
            connection.addTrack(AudioStreamTrack())
            self.returns.append(connection)
        await connection.setRemoteDescription(RTCSessionDescription(body.decode(), "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        if kind == "whip":
            await self.speakers[session].sink.start()
        location = f"Location: {self.url}/stage/sea/{kind}/{session}\r\n"
        return 201, "application/sdp", connection.localDescription.sdp.encode(), location
