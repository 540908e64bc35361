"""A stage in small: answers WHIP over real WebRTC on loopback and keeps what it hears. It can misbehave on request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from rostra.publishing.whip import _offer_loopback_only
from rostra.units import Pcm

ROOM, TOKEN = "quiet-room", "right-token"


@dataclass
class WhipStage:
    port: int = 0
    answers: list[tuple[int, str]] = field(default_factory=list)
    """(status, problem detail) to give to the next offers, before any is accepted."""
    goodbyes: list[tuple[int, str]] = field(default_factory=list)
    """The same for the next DELETEs."""
    heard: list[Pcm] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    """Request targets of all offers."""
    deleted: list[str] = field(default_factory=list)
    peers: list[RTCPeerConnection] = field(default_factory=list)
    on_air: asyncio.Event = field(default_factory=asyncio.Event)
    garbage: str = ""
    """An answer that is not SDP, when set."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def link(self) -> str:
        return f"http://127.0.0.1:{self.port}/speak/{ROOM}#t={TOKEN}"

    @property
    def sound(self) -> Pcm:
        return np.concatenate(self.heard) if self.heard else np.zeros(0, np.int16)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.split("\r\n")
                method, target, _ = lines[0].split(" ")
                headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, more, answer = await self._answer(method, target, headers, body.decode())
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Length: {len(answer)}\r\n{more}\r\n".encode() + answer.encode()
                )
                await writer.drain()
        writer.close()

    async def _answer(self, method: str, target: str, headers: dict[str, str], body: str) -> tuple[int, str, str]:
        if method == "DELETE":
            self.deleted.append(target)
            if self.goodbyes:
                return self._problem(*self.goodbyes.pop(0))
            return 200, "", ""
        self.offers.append(target)
        if self.answers:
            return self._problem(*self.answers.pop(0))
        assert headers["authorization"] == f"Bearer {TOKEN}"
        assert headers["content-type"] == "application/sdp"
        if self.garbage:
            return 201, "Location: session/0\r\n", self.garbage
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peers.append(peer)
        peer.on("track", self._keep)
        await peer.setRemoteDescription(RTCSessionDescription(body, "offer"))
        _offer_loopback_only(peer.getTransceivers()[0])
        await peer.setLocalDescription(await peer.createAnswer())
        location = f"Location: /stage/{ROOM}/session/{len(self.peers)}\r\nContent-Type: application/sdp\r\n"
        return 201, location, peer.localDescription.sdp

    def _problem(self, status: int, detail: str) -> tuple[int, str, str]:
        return status, "Content-Type: application/problem+json\r\n", json.dumps({"detail": detail})

    def _keep(self, track: object) -> None:
        async def keep() -> None:
            with suppress(MediaStreamError):
                while True:
                    frame = await track.recv()  # type: ignore[attr-defined]
                    samples = frame.to_ndarray().reshape(-1)
                    self.heard.append(samples.reshape(-1, len(frame.layout.channels))[:, 0].copy())
                    self.on_air.set()

        task = asyncio.get_running_loop().create_task(keep())
        self._tasks.add(task)


@asynccontextmanager
async def whip_stage() -> AsyncIterator[WhipStage]:
    stage = WhipStage()
    server = await asyncio.start_server(stage.serve, "127.0.0.1", 0)
    stage.port = server.sockets[0].getsockname()[1]
    try:
        yield stage
    finally:
        for peer in stage.peers:
            with suppress(TimeoutError):  # one whose sockets a test took away waits for them in vain
                await asyncio.wait_for(peer.close(), 2)
        for task in stage._tasks:
            task.cancel()
        server.close()
