"""One seat taken by WHIP (RFC 9725) through aiortc: the driver of this room.

Sound is encoded here, once, by libopus, and handed to aiortc as packets (its own encoder makes stereo at 96 kbit/s).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any
from urllib.parse import urljoin, urlsplit

import aioice.ice
import av
import httpx
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from rostra.codecs.libopus import OpusEncoder
from rostra.errors import BadRequest, BadToken, Conflict, Forbidden, NotFound, Refused, RostraError, Unavailable
from rostra.publishing.feed import Feed
from rostra.publishing.link import WHOEVER, Presence, SeatLink
from rostra.publishing.pacing import Pacer
from rostra.units import SAMPLE_RATE, Monotonic, Pcm

BIT_RATE = 64_000
"""Of the sound on its way to the stage, which encodes it anew: transparent for speech, good for music in mono."""

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 64 * 1024
"""An SDP answer is two kilobytes."""

# Consent checks (RFC 7675) every 5 s and six failures in a row, as aioice has them, notice a dead stage after half a
# minute, when the seat's grace is over. These notice it after 5 s, and still bear 10% loss for hours.
aioice.ice.CONSENT_INTERVAL = 0.5  # type: ignore[assignment]
aioice.ice.CONSENT_FAILURES = 5

_TIME_BASE = Fraction(1, SAMPLE_RATE)
_PERMANENT = {400: BadRequest, 401: BadToken, 403: Forbidden, 404: NotFound, 409: Conflict, 410: NotFound}


class EncodedTrack(MediaStreamTrack):
    """What aiortc pulls: Opus packets, each when it is due."""

    kind = "audio"

    def __init__(self, feed: Feed, heard: Callable[[Pcm], None]) -> None:
        super().__init__()
        self._feed, self._heard = feed, heard
        self._encoder = OpusEncoder(BIT_RATE, voice=False)
        self._pacer: Pacer | None = None
        self.finished = asyncio.Event()
        """Set when the source has ended, or failed."""
        self.fault: RostraError | None = None

    @property
    def stalls(self) -> int:
        return self._pacer.stalls if self._pacer else 0

    async def recv(self) -> Any:
        try:
            frame = await self._feed.get()
        except RostraError as e:
            self.fault, frame = e, None
        if frame is None:
            self.finished.set()
            self.stop()
            raise MediaStreamError
        if self._pacer is None:
            self._pacer = Pacer(Monotonic(time.monotonic()))
        if (wait := self._pacer.due() - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        packet = av.Packet(self._encoder.encode(frame))
        packet.pts = self._pacer.stamp(Monotonic(time.monotonic()))
        packet.time_base = _TIME_BASE
        self._heard(frame)
        return packet


class WhipSession:
    """From the offer to the end of one connection. Made by :func:`connect`."""

    def __init__(self, peer: RTCPeerConnection, client: httpx.AsyncClient, resource: str, token: str) -> None:
        self._peer, self._client, self._resource, self._token = peer, client, resource, token
        self.lost = asyncio.Event()
        """Set when the connection is gone and will not come back."""
        self.told = False
        """Whether the other side said goodbye; otherwise the network is to blame, or a crash."""

    async def close(self) -> None:
        """Leaves the seat: the media stops, and the session is deleted (RFC 9725, section 4.2)."""
        with contextlib.suppress(httpx.HTTPError):
            await self._client.delete(self._resource, headers=_bearer(self._token), timeout=2.0)
        await self.drop()

    async def ask_why(self) -> None:
        """Why the stage said goodbye: it answers a goodbye of ours by saying what became of the session.

        :raises Refused: somebody else has the seat now, or it was taken back: coming back would be a quarrel.
        """
        try:
            answer = await self._client.delete(self._resource, headers=_bearer(self._token), timeout=ANSWER_TIMEOUT_S)
        except httpx.HTTPError:
            return  # the studio is away too: try to come back
        if answer.status_code == 409:
            raise _refusal(answer)
        if answer.status_code == 404:
            raise Refused("The seat was taken back by a host, or the room is over.")

    async def drop(self) -> None:
        """Closes this end without a word, so that the seat is kept for the next try."""
        with contextlib.suppress(Exception):  # nothing that fails in closing is of any use to anyone
            await self._peer.close()


async def connect(
    link: SeatLink, track: EncodedTrack, client: httpx.AsyncClient, who: Presence = WHOEVER
) -> WhipSession:
    """Takes the seat; returns when media flows.

    :raises Refused: theirs, and it will not get better (a bad link, no such room, it has ended).
    :raises Unavailable: it may get better: try again.
    """
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    resource = ""
    try:
        transceiver = peer.addTransceiver(track, direction="sendonly")
        if _is_loopback(link.studio):
            _offer_loopback_only(transceiver)
        await peer.setLocalDescription(await peer.createOffer())
        resource, answer = await _exchange(link, peer.localDescription.sdp, client, who)
        session = WhipSession(peer, client, resource, link.token)
        connected = _watch(peer, session)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await connected
    except (TimeoutError, ConnectionError) as e:
        await _abandon(peer, client, resource, link.token)
        raise Unavailable(
            "The stage answered, but no media connection came about. Are its UDP ports reachable from here?"
        ) from e
    except ValueError as e:
        await _abandon(peer, client, resource, link.token)
        raise Unavailable(f"The stage's answer makes no sense: {e}.") from e
    except BaseException:
        await _abandon(peer, client, resource, link.token)
        raise
    return session


def level_dbfs(frame: Pcm) -> float:
    """Root mean square of a frame against full scale; -127 for silence."""
    power = float(np.mean(np.square(frame, dtype=np.float64))) / 32768**2
    return max(-127.0, 10 * math.log10(power)) if power > 0 else -127.0


def _watch(peer: RTCPeerConnection, session: WhipSession) -> asyncio.Future[None]:
    ice = peer.getTransceivers()[0].sender.transport.transport
    connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def changed() -> None:
        if peer.connectionState == "connected" and not connected.done():
            connected.set_result(None)
        elif peer.connectionState in ("failed", "closed"):
            # When DTLS says goodbye aiortc closes ICE in order; when consent expires ICE has failed by itself.
            session.told = ice.state != "failed"
            session.lost.set()
            if not connected.done():
                connected.set_exception(ConnectionError(peer.connectionState))

    peer.on("connectionstatechange", changed)
    return connected


async def _exchange(link: SeatLink, offer: str, client: httpx.AsyncClient, who: Presence) -> tuple[str, str]:
    """Posts the offer; gives the session's address and the answer."""
    headers = {"Content-Type": "application/sdp", "Accept": "application/sdp", **_bearer(link.token)}
    try:
        response = await client.post(
            link.whip_url,
            content=offer.encode(),
            headers=headers,
            params=who.query() or None,
            timeout=ANSWER_TIMEOUT_S,
        )
    except httpx.HTTPError as e:
        raise Unavailable(f"The studio at {link.studio} does not answer: {_why(e)}.") from e
    if response.status_code != 201:
        raise _refusal(response)
    # RFC 9725, section 4.2: "a Location header field pointing to the newly created WHIP session"; it may be relative.
    location = response.headers.get("Location")
    if not location or len(response.content) > MAX_ANSWER_BYTES:
        raise Unavailable("The studio's answer is not one of WHIP (RFC 9725): it names no session.")
    return urljoin(link.whip_url, location), response.text


def _refusal(response: httpx.Response) -> RostraError:
    """The error a problem document stands for, with its own sentence (RFC 9457)."""
    detail = ""
    with contextlib.suppress(ValueError, AttributeError):
        detail = str(response.json().get("detail") or "")
    detail = detail or f"The studio answered {response.status_code} {response.reason_phrase}."
    if kind := _PERMANENT.get(response.status_code):
        return kind(detail)
    return Refused(detail) if response.status_code < 500 and response.status_code != 429 else Unavailable(detail)


async def _abandon(peer: RTCPeerConnection, client: httpx.AsyncClient, resource: str, token: str) -> None:
    if resource:
        with contextlib.suppress(httpx.HTTPError):
            await client.delete(resource, headers=_bearer(token), timeout=2.0)
    with contextlib.suppress(Exception):
        await peer.close()


def _offer_loopback_only(transceiver: Any) -> None:
    """aioice never offers 127.0.0.1, yet where the stage is on this machine it is all that is needed, and on a machine
    without a network all there is. So the one gatherer of this connection is told its addresses."""
    ice = transceiver.sender.transport.transport.iceGatherer._connection
    gather = ice.get_component_candidates

    async def on_loopback(component: int, addresses: list[str], **others: Any) -> Any:
        return await gather(component=component, addresses=["127.0.0.1"], **others)

    ice.get_component_candidates = on_loopback


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
