"""Speakers as WebRTC clients: each sends Opus in real time and takes what comes back, as cheaply as Python can.

``--whip STUDIO ROOM TOKEN...``: one seat a token, publishing by WHIP and hearing by WHEP. ``--janus URL N``: N people
in room 1 of a Janus AudioBridge. What they say was encoded beforehand; what they hear is counted and not decoded, so
that on a small machine the stage is what is measured. ``--audible K``: how many speak at a time, taking turns of four
seconds; the others send the quiet of a room. ``--clicks N``: one speaker, who says so many clicks (module ``clicks``);
the counts then say when, too. ``--syllables``: everyone says nothing else (module ``syllables``).

Prints ``talking`` when everyone hears something; then one JSON line of counts for every line on standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import string
import sys
import time
from fractions import Fraction
from typing import Any

import av
import httpx
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcrtpreceiver import RTCRtpReceiver

from benchmarks import syllables
from benchmarks.clicks import Click, recording
from rostra.codecs.libopus import OpusEncoder
from rostra.demo.voices import conversation
from rostra.units import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE, Pcm

BIT_RATE = 32_000
"""What Chromium sends of a microphone."""
TURN_FRAMES = 200
"""Four seconds."""
PATIENCE_S = 30.0

received: dict[int, int] = {}
"""RTP packets by receiver."""


async def _count(self: Any, packet: Any, arrival_time_ms: int) -> None:
    received[id(self)] = received.get(id(self), 0) + 1


def encode(pcm: Pcm) -> list[bytes]:
    encoder = OpusEncoder(BIT_RATE, voice=True)
    whole = len(pcm) - len(pcm) % FRAME_SAMPLES
    return [encoder.encode(pcm[i : i + FRAME_SAMPLES]) for i in range(0, whole, FRAME_SAMPLES)]


def room_noise() -> list[bytes]:
    return encode(np.random.default_rng(1).normal(0, 12, 10 * SAMPLE_RATE).astype(np.int16))


def material() -> tuple[list[bytes], list[bytes]]:
    """Packets of speech without long pauses, and of the quiet of a room."""
    tracks = conversation()
    speech = np.clip(np.sum([t.astype(np.int32) for t in tracks.values()], axis=0), -32768, 32767).astype(np.int16)
    return encode(speech[: 30 * SAMPLE_RATE]), room_noise()


class Mouth(MediaStreamTrack):
    """What one speaker sends."""

    kind = "audio"

    def __init__(self, number: int, people: int, audible: int, speech: list[bytes], quiet: list[bytes]) -> None:
        super().__init__()
        self._number, self._people, self._audible = number, people, audible
        self._speech, self._quiet = speech, quiet
        self._began = 0.0
        self.sent = 0
        self.clicks: list[Click] = []
        self._began_wall = 0.0

    def said(self) -> list[tuple[int, float]]:
        """(kind, wall time) of each click. A microphone hears a frame during the 20 ms before it is sent."""
        return [(c.kind, self._began_wall - FRAME_S + c.at / SAMPLE_RATE) for c in self.clicks]

    def speaks(self, frame: int) -> bool:
        turn = frame // TURN_FRAMES
        return (self._number - turn) % self._people < self._audible

    async def recv(self) -> Any:
        if not self._began:
            self._began, self._began_wall = time.monotonic(), time.time()
        wait = self._began + self.sent * FRAME_S - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        packets = self._speech if self.speaks(self.sent) else self._quiet
        packet = av.Packet(packets[(self.sent + 150 * self._number) % len(packets)])
        packet.pts = self.sent * FRAME_SAMPLES
        packet.time_base = Fraction(1, SAMPLE_RATE)
        self.sent += 1
        return packet


def on_loopback(peer: RTCPeerConnection) -> None:
    """aioice never offers 127.0.0.1; here it is the only address that may be used."""
    for transceiver in peer.getTransceivers():
        ice: Any = transceiver.sender.transport.transport.iceGatherer._connection
        gather = ice.get_component_candidates

        async def only(component: int, addresses: list[str], _gather: Any = gather, **others: Any) -> Any:
            return await _gather(component=component, addresses=["127.0.0.1"], **others)

        ice.get_component_candidates = only


async def connect(peer: RTCPeerConnection, answer: str) -> None:
    connected = asyncio.Event()
    peer.on("connectionstatechange", lambda: connected.set() if peer.connectionState == "connected" else None)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(PATIENCE_S):
        await connected.wait()


async def by_http(
    endpoint: str, token: str, seat: str, track: Mouth | None, session: str = ""
) -> tuple[RTCPeerConnection, str]:
    """By WHIP (``track`` is sent) or WHEP; and the name of the session. ``seat`` tells apart those who share a link,
    ``session`` shows whose seat it is that wants to hear."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver(track or "audio", direction="sendonly" if track else "recvonly")
    on_loopback(peer)
    await peer.setLocalDescription(await peer.createOffer())
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        response = await client.post(
            endpoint,
            params={"seat": seat, "session": session},
            content=peer.localDescription.sdp.encode(),
            headers=headers,
        )
    if response.status_code != 201:
        raise RuntimeError(f"{endpoint}: {response.status_code} {response.text}")
    await connect(peer, response.text)
    return peer, response.headers["Location"].rpartition("/")[2]


async def on_stage(studio: str, room: str, token: str, seat: str, track: Mouth) -> list[RTCPeerConnection]:
    """Speaks, and hears the others."""
    door = f"{studio}/stage/{room}"
    speaking, session = await by_http(f"{door}/whip", token, seat, track)
    hearing, _ = await by_http(f"{door}/whep", token, seat, None, session)
    return [speaking, hearing]


class Janus:
    """The few words of the Janus API (HTTP, long polling) that AudioBridge needs."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(timeout=60.0)
        self._url = url

    async def _say(self, path: str, **body: Any) -> dict[str, Any]:
        tag = "".join(random.choices(string.ascii_letters, k=12))
        response = await self._client.post(f"{self._url}{path}", json={**body, "transaction": tag})
        answer: dict[str, Any] = response.json()
        if answer.get("janus") == "error":
            raise RuntimeError(f"Janus: {answer}")
        return answer

    async def _event(self, session: int) -> dict[str, Any]:
        """The next event of the plugin."""
        while True:
            answer: dict[str, Any] = (await self._client.get(f"{self._url}/{session}?maxev=1")).json()
            if answer.get("janus") == "event":
                if "error" in answer["plugindata"]["data"]:
                    raise RuntimeError(f"AudioBridge: {answer['plugindata']['data']}")
                return answer

    async def join(self, name: str, track: Mouth) -> RTCPeerConnection:
        session = (await self._say("", janus="create"))["data"]["id"]
        attached = await self._say(f"/{session}", janus="attach", plugin="janus.plugin.audiobridge")
        path = f"/{session}/{attached['data']['id']}"
        await self._say(path, janus="message", body={"request": "join", "room": 1, "display": name})
        await self._event(session)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.addTransceiver(track, direction="sendrecv")
        await peer.setLocalDescription(await peer.createOffer())
        offer = {"type": "offer", "sdp": peer.localDescription.sdp}
        await self._say(path, janus="message", body={"request": "configure", "muted": False}, jsep=offer)
        while "jsep" not in (event := await self._event(session)):
            pass
        await connect(peer, event["jsep"]["sdp"])
        return peer


async def talk(options: argparse.Namespace) -> None:
    RTCRtpReceiver._handle_rtp_packet = _count  # type: ignore[method-assign]
    said: list[Click] = []
    if options.clicks:
        pcm, said = recording(options.clicks)
        speech = quiet = encode(pcm)
    elif options.syllables:
        speech = quiet = encode(syllables.recording(10.0))
    else:
        speech, quiet = material()
    tokens = options.whip[2:] if options.whip else []
    people = len(tokens) or int(options.janus[1])
    mouths = [Mouth(i, people, options.audible or people, speech, quiet) for i in range(people)]
    mouths[0].clicks = said
    peers: list[RTCPeerConnection] = []
    janus = Janus(options.janus[0]) if options.janus else None
    for i, mouth in enumerate(mouths):
        if janus:
            peers.append(await janus.join(f"speaker {i}", mouth))
        else:
            peers += await on_stage(options.whip[0], options.whip[1], tokens[i], f"p{i}", mouth)
    async with asyncio.timeout(PATIENCE_S):
        while len(received) < people:
            await asyncio.sleep(0.1)
    print("talking", flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        counts = {"sent": [m.sent for m in mouths], "received": list(received.values()), "said": mouths[0].said()}
        print(json.dumps(counts), flush=True)
    await asyncio.wait([asyncio.ensure_future(p.close()) for p in peers], timeout=5.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--whip", nargs="+", metavar=("STUDIO", "ROOM TOKEN"))
    how.add_argument("--janus", nargs=2, metavar=("URL", "PEOPLE"))
    parser.add_argument("--audible", type=int, default=0, help="how many speak at a time; 0: all")
    parser.add_argument("--clicks", type=int, default=0)
    parser.add_argument("--syllables", action="store_true")
    asyncio.run(talk(parser.parse_args()))


if __name__ == "__main__":
    main()
