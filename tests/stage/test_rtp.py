"""RTP there and back, against aiortc's reading of it, and against garbage."""

from __future__ import annotations

import pytest
from aiortc import rtp as theirs
from hypothesis import given
from hypothesis import strategies as st

from rostra.stage import rtp
from rostra.units import Monotonic, WallTime


def test_build_is_read_by_aiortc_and_by_us() -> None:
    data = rtp.build(111, 0x1FFFF, 2**32 + 5, 0xDEADBEEF, b"opus")
    assert rtp.parse(data) == rtp.Packet(111, 0xFFFF, 5, 0xDEADBEEF, b"opus")
    read = theirs.RtpPacket.parse(data)
    assert (read.payload_type, read.sequence_number, read.timestamp, read.payload) == (111, 0xFFFF, 5, b"opus")


def test_contributing_sources_extensions_and_padding_are_passed_over() -> None:
    packet = theirs.RtpPacket(payload_type=111, sequence_number=7, timestamp=960, ssrc=1, payload=b"opus")
    packet.csrc = [2, 3]
    packet.extensions.mid = "0"
    packet.padding_size = 4
    extensions = theirs.HeaderExtensionsMap()
    extensions._HeaderExtensionsMap__ids.mid = 1  # type: ignore[attr-defined]
    data = packet.serialize(extensions)
    assert data[0] == 0x80 | 0x20 | 0x10 | 2
    assert rtp.parse(data) == rtp.Packet(111, 7, 960, 1, b"opus")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(11),
        b"\x40" + bytes(20),
        b"\x8f" + bytes(20),
        b"\x90" + bytes(11) + b"\xbe\xde\x00\x05",
        b"\xa0" + bytes(11) + b"\x00",
        b"\xa0" + bytes(11) + b"\x02",
        b"\x90" + bytes(12),
    ],
)
def test_malformed(data: bytes) -> None:
    assert rtp.parse(data) is None


@given(st.binary(max_size=80))
def test_anything_at_all_is_a_packet_or_none(data: bytes) -> None:
    packet = rtp.parse(data)
    assert packet is None or len(packet.payload) <= len(data) - 12
    rtp.is_rtcp(data)


def test_rtcp_is_told_from_rtp() -> None:
    assert rtp.is_rtcp(rtp.sender_report(1, WallTime(0.0), 0, 0, 0))
    assert rtp.is_rtcp(rtp.Receiver(1).report(2, Monotonic(0.0)))
    assert not rtp.is_rtcp(rtp.build(111, 0, 0, 0, b""))


def test_a_sender_report_as_aiortc_reads_it() -> None:
    (read,) = theirs.RtcpPacket.parse(rtp.sender_report(9, WallTime(1_700_000_000.5), 2**32 + 1, 3, 4))
    assert isinstance(read, theirs.RtcpSrPacket) and read.ssrc == 9
    info = read.sender_info
    assert (info.rtp_timestamp, info.packet_count, info.octet_count) == (1, 3, 4)
    assert info.ntp_timestamp >> 32 == 1_700_000_000 + rtp.NTP_EPOCH and info.ntp_timestamp & 0xFFFFFFFF == 1 << 31


def report(receiver: rtp.Receiver, now: float) -> theirs.RtcpReceiverInfo:
    (read,) = theirs.RtcpPacket.parse(receiver.report(1, Monotonic(now)))
    assert isinstance(read, theirs.RtcpRrPacket)
    return read.reports[0]


def test_a_receiver_report_counts_loss_across_the_wrap() -> None:
    receiver = rtp.Receiver(42)
    for i in range(200):
        if i % 4:
            receiver.received((65_500 + i) % 2**16, i * 960, Monotonic(i * 0.02))
    block = report(receiver, 4.0)
    assert block.ssrc == 42 and block.fraction_lost == 63 and block.packets_lost == 49
    assert block.highest_sequence == 65_500 + 199
    for i in range(200, 300):
        receiver.received((65_500 + i) % 2**16, i * 960, Monotonic(i * 0.02))
    assert report(receiver, 6.0).fraction_lost == 0
    assert receiver.reception.lost == 49


def test_jitter_and_the_time_since_a_sender_report() -> None:
    receiver = rtp.Receiver(42)
    for i in range(400):
        receiver.received(i, i * 960, Monotonic(i * 0.02 + (0.01 if i % 2 else 0.0)))
    receiver.sender_report(0x0000_ABCD_EF01_0000, Monotonic(8.0))
    block = report(receiver, 8.5)
    assert block.jitter == pytest.approx(480, abs=2) and receiver.reception.jitter_ms == pytest.approx(10, abs=0.1)
    assert block.lsr == 0xABCDEF01 and block.dlsr == 32_768


def test_a_restarted_source_is_not_lost_packets() -> None:
    receiver = rtp.Receiver(42)
    for i in [0, 1, 2, 30_000, 30_001, 30_002]:
        receiver.received(i, i * 960, Monotonic(i * 0.02))
    assert receiver.reception.lost == 0
