"""A strange WebRTC client, aiortc's own peer connection, on loopback only."""

from __future__ import annotations

import asyncio
import fractions
import time
from collections.abc import Iterator
from contextlib import contextmanager

import aioice.ice
import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Pcm


@contextmanager
def loopback() -> Iterator[None]:
    """Let aioice's agents offer 127.0.0.1, which they leave out by themselves."""
    kept = aioice.ice.get_host_addresses
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    try:
        yield
    finally:
        aioice.ice.get_host_addresses = kept


def same_speech(said: Pcm, heard: Pcm) -> float:
    """How alike two recordings are in their loudness over time, 0 to 1, wherever ``said`` is in ``heard``.

    Unlike a signal-to-noise ratio it does not mind that a jitter buffer plays a little faster or slower.
    """

    def envelope(pcm: Pcm) -> np.ndarray:
        steps = pcm[: len(pcm) // 480 * 480].reshape(-1, 480).astype(np.float64)
        return np.convolve(np.sqrt((steps**2).mean(axis=1)), np.ones(3) / 3, "same")

    a, b = envelope(said), envelope(heard)
    a = a - a.mean()
    best = 0.0
    for at in range(max(0, len(b) - len(a) + 1)):
        piece = b[at : at + len(a)] - b[at : at + len(a)].mean()
        size = np.sqrt((a**2).sum() * (piece**2).sum())
        best = max(best, float((a * piece).sum() / size) if size else 0.0)
    return best


class Microphone(MediaStreamTrack):
    """Speaks ``voice`` in real time, then silence. ``began`` is when its first sample was spoken (monotonic)."""

    kind = "audio"

    def __init__(self, voice: Pcm, channels: int = 1) -> None:
        super().__init__()
        self.voice, self.channels = voice, channels
        self.began = 0.0
        self._spoken = 0

    async def recv(self) -> av.AudioFrame:
        if not self._spoken:
            self.began = time.monotonic()
        self._spoken += FRAME_SAMPLES
        await asyncio.sleep(max(0.0, self.began + self._spoken / SAMPLE_RATE - time.monotonic()))
        samples = self.voice[self._spoken - FRAME_SAMPLES : self._spoken]
        if len(samples) < FRAME_SAMPLES:
            samples = np.concatenate((samples, np.zeros(FRAME_SAMPLES - len(samples), np.int16)))
        layout = "mono" if self.channels == 1 else "stereo"
        frame = av.AudioFrame.from_ndarray(
            np.repeat(samples, self.channels).reshape(1, -1), format="s16", layout=layout
        )
        frame.sample_rate, frame.pts = SAMPLE_RATE, self._spoken - FRAME_SAMPLES
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE)
        return frame


class Client:
    """Publishes (``voice``) or listens (no voice). ``heard`` is what it decoded, with the time of each frame."""

    def __init__(self, voice: Pcm | None = None, channels: int = 1) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.heard: list[tuple[float, Pcm]] = []
        self.microphone = None if voice is None else Microphone(voice, channels)
        self._task: asyncio.Task[None] | None = None
        if self.microphone is not None:
            self.peer.addTransceiver(self.microphone, "sendonly")
        else:
            self.peer.addTransceiver("audio", "recvonly")
            self.peer.on("track", lambda track: setattr(self, "_task", asyncio.create_task(self._listen(track))))

    async def offer(self) -> str:
        with loopback():
            await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def connected(self, timeout_s: float = 10) -> None:
        async with asyncio.timeout(timeout_s):
            while self.peer.connectionState != "connected":
                assert self.peer.connectionState not in ("failed", "closed")
                await asyncio.sleep(0.02)

    @property
    def sound(self) -> Pcm:
        return np.concatenate([pcm for _, pcm in self.heard]) if self.heard else np.zeros(0, np.int16)

    async def close(self) -> None:
        await self.peer.close()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                mono = frame.to_ndarray().reshape(-1, 2)[:, 0]
                self.heard.append((time.monotonic(), mono.copy()))
        except MediaStreamError:
            pass
