"""WebRTC links: the one place that knows aiortc (1.16, pinned: its private parts are used).

Of aiortc we take what is hard and old: ICE, DTLS and SRTP. We leave its peer connection, receiver and sender aside:
they cannot reject a media section, they decode in a thread a speaker behind a jitter buffer that holds 320 ms after
one lost packet, and they cannot pass on what is encoded already. A :class:`Link` is one transport with one Opus
stream: towards us (WHIP) or from us (WHEP).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pylibsrtp
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceCandidate, RTCIceParameters, RTCIceTransport
from aiortc.rtp import RtcpPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpSrPacket

from rostra.stage import rtp
from rostra.stage.ice import Agent, Gatherer, Network
from rostra.stage.sdp import Answer, Direction, Offer, write_answer
from rostra.units import SAMPLE_RATE, Monotonic, WallTime

log = logging.getLogger("rostra.stage")

CONNECT_S: Final = 15.0
"""From the answer to keys: a client that takes longer is not coming."""

CLOSE_S: Final = 2.0
"""For goodbyes; what has not closed by then is left to the collector."""

REPORT_S: Final = 1.0
"""Between RTCP reports. RFC 3550, 6.2 would allow less traffic, but browsers turn FEC on by what we report."""


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """How a link does, for hosts' eyes."""

    packets: int = 0
    lost: int = 0
    jitter_ms: float = 0.0
    rtt_ms: float | None = None


@dataclass(slots=True)
class Handlers:
    """What a link tells its owner. Called from the event loop, one at a time."""

    connected: Callable[[], None]
    lost: Callable[[str], None]
    """The link is over for good; the reason is a sentence. Not called after :meth:`Link.close`."""
    packet: Callable[[rtp.Packet, Monotonic], None]


class Link:
    """One WHIP or WHEP session. Make it with :meth:`Rtc.link`."""

    def __init__(self, offer: Offer, direction: Direction, network: Network, certificate: RTCCertificate) -> None:
        self.id = secrets.token_hex(8)
        self.direction = direction
        self.ready = False
        """Whether keys are agreed on and media may flow."""
        self._offer = offer
        self._handlers: Handlers | None = None
        self._agent = Agent(network, self._media)
        self._ice = RTCIceTransport(Gatherer(self._agent))
        self._dtls = RTCDtlsTransport(self._ice, [certificate])
        # RFC 8842, 5.3: actpass is answered with active, so that the side that can reach the other begins.
        self._dtls._set_role("server" if offer.setup == "active" else "client")
        self._certificate = certificate
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._unprotect: Callable[[bytes], bytes] | None = None
        self._protect: Callable[[bytes], bytes] | None = None
        self._ssrc = secrets.randbits(32)
        self._receiver: rtp.Receiver | None = None
        self._sequence = secrets.randbits(16)
        self._origin = secrets.randbits(32)
        self._sent_packets = self._sent_octets = 0
        self._sent_timestamp = 0
        self._sent_at = 0.0
        self._report: RtcpReceiverInfo | None = None
        self._rtt_s: float | None = None
        self._next_report = 0.0
        self.malformed = 0

    @property
    def last_heard(self) -> Monotonic:
        """When any datagram came, STUN included."""
        return Monotonic(self._agent.last_heard)

    async def answer(self) -> str:
        """Gather addresses and write the SDP answer.

        :raises Full: if no UDP port is free.
        """
        await self._agent.gather_candidates()
        fingerprint = self._certificate.getFingerprints()[0]
        return write_answer(
            self._offer,
            Answer(
                ufrag=self._agent.local_username,
                password=self._agent.local_password,
                fingerprint=(fingerprint.algorithm, fingerprint.value),
                setup="passive" if self._dtls._role == "server" else "active",
                candidates=self._agent.announced(),
                session_id=secrets.randbits(62),
                ssrc=self._ssrc,
                cname=self.id,
            ),
            self.direction,
        )

    def start(self, handlers: Handlers) -> None:
        """Begin to connect, in the background; nothing happens if it was closed meanwhile."""
        if self._closed:
            return
        self._handlers = handlers
        self._dtls.on("statechange", self._dtls_changed)
        self._task = asyncio.create_task(self._connect(), name=f"link-{self.id}")

    def send(self, payload: bytes, timestamp: int) -> None:
        """Send one Opus packet. ``timestamp``: its media time, samples at 48 kHz."""
        if self._protect is None:
            return
        data = rtp.build(self._offer.payload_type, self._sequence, self._origin + timestamp, self._ssrc, payload)
        self._sequence += 1
        self._sent_packets += 1
        self._sent_octets += len(payload)
        self._sent_timestamp, self._sent_at = timestamp, time.monotonic()
        self._agent.send_now(self._protect(data))

    def report(self, now: Monotonic) -> None:
        """Send an RTCP report if one is due. Call it often."""
        if self._protect is None or now < self._next_report:
            return
        self._next_report = now + REPORT_S * (0.5 + secrets.randbelow(1000) / 1000)  # RFC 3550, 6.3.1
        if self._receiver is not None:
            self._send_rtcp(self._receiver.report(self._ssrc, now))
        elif self._sent_packets:
            timestamp = self._origin + self._sent_timestamp + int((now - self._sent_at) * SAMPLE_RATE)
            wall = WallTime(time.time())
            self._send_rtcp(rtp.sender_report(self._ssrc, wall, timestamp, self._sent_packets, self._sent_octets))

    @property
    def figures(self) -> LinkFigures:
        rtt = None if self._rtt_s is None else round(self._rtt_s * 1000, 1)
        if self._receiver is not None:
            reception = self._receiver.reception
            return LinkFigures(reception.packets, reception.lost, round(reception.jitter_ms, 1), rtt)
        if self._report is not None:
            jitter = round(self._report.jitter * 1000 / SAMPLE_RATE, 1)
            return LinkFigures(self._sent_packets, max(0, self._report.packets_lost), jitter, rtt)
        return LinkFigures(self._sent_packets)

    @property
    def loss_percent(self) -> int:
        """What share of our packets the client says it lost lately."""
        return 0 if self._report is None else round(self._report.fraction_lost * 100 / 256)

    async def close(self) -> None:
        """Say goodbye and give everything back. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._handlers = None
        self._stop_media()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(CLOSE_S):
                await self._dtls.stop()
                await self._ice.stop()
        self._dtls.remove_all_listeners()

    # Connecting

    async def _connect(self) -> None:
        offer = self._offer
        try:
            async with asyncio.timeout(CONNECT_S):
                for c in offer.candidates:
                    candidate = RTCIceCandidate(1, c.foundation, c.address, c.port, c.priority, "udp", c.kind)
                    await self._ice.addRemoteCandidate(candidate)
                # The end of candidates is never said: most clients trickle or are found by their own checks, and
                # without it the agent waits as long as we do.
                self._agent.ice_controlling = offer.ice_lite
                await self._ice.start(RTCIceParameters(offer.ufrag, offer.password, offer.ice_lite))
                if self._ice.state == "completed":
                    fingerprints = [RTCDtlsFingerprint(algorithm, value) for algorithm, value in offer.fingerprints]
                    await self._dtls.start(RTCDtlsParameters(fingerprints))
        except TimeoutError:
            self._over("It did not connect in time; a firewall may be in the way.")
            return
        except Exception as e:  # aiortc raises what OpenSSL and the network throw at it
            log.warning("link %s: %s: %s", self.id, type(e).__name__, e)
            self._over("It could not connect.")
            return
        if self._ice.state != "completed":
            self._over("No way to it was found; a firewall may be in the way.")
        elif self._dtls.state != "connected":
            self._over("It could not agree on keys.")
        else:
            self._begin_media()

    def _begin_media(self) -> None:
        received, sent = self._dtls._rx_srtp, self._dtls._tx_srtp
        self._unprotect, self._unprotect_rtcp = received.unprotect, received.unprotect_rtcp
        self._protect, self._protect_rtcp = sent.protect, sent.protect_rtcp
        self.ready = True
        if self._handlers is not None:
            self._handlers.connected()

    def _stop_media(self) -> None:
        self.ready = False
        self._unprotect = self._protect = None

    def _dtls_changed(self) -> None:
        if self.ready and self._dtls.state in ("closed", "failed"):
            self._over("It said goodbye.")

    def _over(self, reason: str) -> None:
        self._stop_media()
        handlers, self._handlers = self._handlers, None
        if handlers is not None and not self._closed:
            handlers.lost(reason)

    # Media

    def _media(self, data: bytes, now: float) -> None:
        """A datagram that looks like RTP or RTCP, straight from the socket."""
        if self._unprotect is None or self._handlers is None:
            return
        try:
            if rtp.is_rtcp(data):
                self._rtcp(self._unprotect_rtcp(data), Monotonic(now))
                return
            packet = rtp.parse(self._unprotect(data))
        except (pylibsrtp.Error, ValueError, TypeError):
            self.malformed += 1  # forged, replayed, or too long: whoever can send to us can send that
            return
        if packet is None or packet.payload_type != self._offer.payload_type or self.direction is Direction.RECEIVE:
            return
        if self._receiver is None or self._receiver.ssrc != packet.ssrc:
            self._receiver = rtp.Receiver(packet.ssrc)
        self._receiver.received(packet.sequence, packet.timestamp, Monotonic(now))
        self._handlers.packet(packet, Monotonic(now))

    def _rtcp(self, data: bytes, now: Monotonic) -> None:
        for packet in RtcpPacket.parse(data):
            if isinstance(packet, RtcpSrPacket) and self._receiver is not None and packet.ssrc == self._receiver.ssrc:
                self._receiver.sender_report(packet.sender_info.ntp_timestamp, now)
            if isinstance(packet, RtcpSrPacket | RtcpRrPacket):
                for block in packet.reports:
                    if block.ssrc == self._ssrc:
                        self._reported(block)

    def _reported(self, block: RtcpReceiverInfo) -> None:
        self._report = block
        if block.lsr:
            # RFC 3550, 6.4.1: the round trip is now - LSR - DLSR, in units of 1/65536 s.
            passed = ((rtp.ntp(WallTime(time.time())) >> 16) - block.lsr - block.dlsr) & 0xFFFFFFFF
            if passed < 60 << 16:
                self._rtt_s = passed / 65_536

    def _send_rtcp(self, data: bytes) -> None:
        if self._protect is not None:
            self._agent.send_now(self._protect_rtcp(data))


class Rtc:
    """Makes links. One a stage."""

    def __init__(self, network: Network) -> None:
        self._network = network
        # One certificate for all links of this process: who we are to a client is told by the answer's fingerprint,
        # which reaches it over the stage door.
        self._certificate = RTCCertificate.generateCertificate()

    def link(self, offer: Offer, direction: Direction) -> Link:
        """A link that has no socket yet: ask it for its answer, then start it."""
        return Link(offer, direction, self._network, self._certificate)
