"""RTP and RTCP as far as one Opus stream needs them (RFC 3550). Pure: bytes in, values out, and back.

aiortc parses each packet into an object with extensions and reads the calendar for it; at 50 packets a second and
speaker that was a third of the stage's work. Here a packet is a tuple of four fields, and RTCP is read by aiortc.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

from rostra.units import SAMPLE_RATE, Monotonic, WallTime

_HEADER: Final = struct.Struct("!BBHII")
_EXTENSION: Final = struct.Struct("!HH")
_REPORT_BLOCK: Final = struct.Struct("!IIIIII")
_SENDER_REPORT: Final = struct.Struct("!BBHIQIII")

NTP_EPOCH: Final = 2_208_988_800
"""Seconds from 1900 to 1970 (RFC 5905, section 6)."""

MAX_DROPOUT: Final = 3_000
"""RFC 3550, A.1: a larger jump of the sequence is a source that was restarted."""


class Packet(NamedTuple):
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def is_rtcp(data: bytes) -> bool:
    """RFC 5761, section 4: the second byte of RTCP is 192 to 223, where RTP has the marker and a payload type."""
    return len(data) >= 2 and 192 <= data[1] <= 223


def parse(data: bytes) -> Packet | None:
    """The packet, or None if it is malformed: the network may bring anything, and a counter is all it is worth."""
    if len(data) < 12:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        return None
    at = 12 + 4 * (first & 0x0F)
    if first & 0x10:
        if len(data) < at + 4:
            return None
        at += 4 + 4 * int(_EXTENSION.unpack_from(data, at)[1])
    end = len(data)
    if first & 0x20:
        padding = data[-1]
        if not 0 < padding <= end - at:
            return None
        end -= padding
    if at > end:
        return None
    return Packet(second & 0x7F, sequence, timestamp, ssrc, data[at:end])


def build(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    return _HEADER.pack(0x80, payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def ntp(wall: WallTime) -> int:
    """64-bit NTP time (RFC 3550, section 4)."""
    return int((wall + NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def sender_report(ssrc: int, wall: WallTime, timestamp: int, packets: int, octets: int) -> bytes:
    """RFC 3550, 6.4.1, without report blocks. ``timestamp`` is the RTP time of ``wall``."""
    mask = 0xFFFFFFFF
    return _SENDER_REPORT.pack(0x80, 200, 6, ssrc, ntp(wall), timestamp & mask, packets & mask, octets & mask)


@dataclass(frozen=True, slots=True)
class Reception:
    """How one stream arrives, for hosts' eyes."""

    packets: int
    lost: int
    jitter_ms: float


class Receiver:
    """What a receiver report says of one stream (RFC 3550, 6.4.1, A.3, A.8)."""

    __slots__ = (
        "_arrival",
        "_base",
        "_cycles",
        "_expected_before",
        "_jitter",
        "_last_sr",
        "_last_sr_at",
        "_max",
        "_received",
        "_received_before",
        "_timestamp",
        "ssrc",
    )

    def __init__(self, ssrc: int) -> None:
        self.ssrc = ssrc
        self._base = self._max = -1
        self._cycles = self._received = 0
        self._expected_before = self._received_before = 0
        self._jitter = 0.0
        self._arrival = 0.0
        self._timestamp = 0
        self._last_sr = 0
        self._last_sr_at = 0.0

    def received(self, sequence: int, timestamp: int, now: Monotonic) -> None:
        arrival = now * SAMPLE_RATE
        if self._base < 0:
            self._base = self._max = sequence
        else:
            ahead = (sequence - self._max) & 0xFFFF
            if ahead < MAX_DROPOUT:
                if sequence < self._max:
                    self._cycles += 1 << 16
                self._max = sequence
            elif ahead < 0x10000 - 100:  # neither ahead nor a little behind: the source was restarted
                self._base = self._max = sequence
                self._cycles = self._received = self._expected_before = self._received_before = 0
            # RFC 3550, A.8: J += (|D| - J) / 16, D the difference of transit times. RTP time wraps.
            passed = (timestamp - self._timestamp + 0x80000000) % 0x100000000 - 0x80000000
            change = abs(arrival - self._arrival - passed)
            if change < SAMPLE_RATE:  # more is not jitter but a clock that was set
                self._jitter += (change - self._jitter) / 16
        self._received += 1
        self._arrival, self._timestamp = arrival, timestamp

    def sender_report(self, ntp_time: int, now: Monotonic) -> None:
        """A sender report of this stream has come."""
        self._last_sr = ntp_time >> 16 & 0xFFFFFFFF
        self._last_sr_at = now

    @property
    def reception(self) -> Reception:
        return Reception(self._received, max(0, self._expected - self._received), self._jitter * 1000 / SAMPLE_RATE)

    @property
    def _expected(self) -> int:
        return 0 if self._base < 0 else self._cycles + self._max - self._base + 1

    def report(self, own_ssrc: int, now: Monotonic) -> bytes:
        """A receiver report with one block (RFC 3550, 6.4.2). Browsers decide by it whether to send FEC."""
        expected = self._expected - self._expected_before
        lost = expected - (self._received - self._received_before)
        self._expected_before, self._received_before = self._expected, self._received
        fraction = min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0
        total = max(-0x800000, min(0x7FFFFF, self._expected - self._received)) & 0xFFFFFF
        since = int((now - self._last_sr_at) * 65_536) & 0xFFFFFFFF if self._last_sr else 0
        highest = (self._cycles + self._max) & 0xFFFFFFFF
        block = _REPORT_BLOCK.pack(
            self.ssrc, fraction << 24 | total, highest, int(self._jitter) & 0xFFFFFFFF, self._last_sr, since
        )
        return struct.pack("!BBHI", 0x81, 201, 7, own_ssrc) + block
