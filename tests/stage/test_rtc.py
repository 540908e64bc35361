"""Links against aiortc's own peer connection, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest

from rostra.codecs.libopus import OpusDecoder, OpusEncoder, packet_samples
from rostra.stage import rtp
from rostra.stage.ice import Network
from rostra.stage.jitter import JitterBuffer
from rostra.stage.rtc import Handlers, Link, Rtc
from rostra.stage.sdp import Direction, Offer, parse_offer
from rostra.units import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE, Monotonic, Pcm
from tests import sounds
from tests.stage.client import Client, same_speech

LOOPBACK = Network(addresses=("127.0.0.1",))


class Owner:
    """Notes what a link tells."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.lost = asyncio.Event()
        self.reason = ""
        self.packets: list[tuple[rtp.Packet, Monotonic]] = []
        self.handlers = Handlers(self.connected.set, self._lost, lambda p, now: self.packets.append((p, now)))

    def _lost(self, reason: str) -> None:
        self.reason = reason
        self.lost.set()


@pytest.fixture
async def rtc() -> AsyncIterator[Rtc]:
    yield Rtc(LOOPBACK)


async def accept(rtc: Rtc, offer: Offer, direction: Direction) -> tuple[Link, str]:
    link = rtc.link(offer, direction)
    try:
        return link, await link.answer()
    except BaseException:
        await link.close()
        raise


async def connect(rtc: Rtc, client: Client, direction: Direction) -> tuple[Link, Owner]:
    owner = Owner()
    link, answer = await accept(rtc, parse_offer(await client.offer(), direction), direction)
    link.start(owner.handlers)
    await client.accept(answer)
    async with asyncio.timeout(10):
        await owner.connected.wait()
    return link, owner


async def test_what_a_client_says_is_what_comes_out(rtc: Rtc) -> None:
    voice = sounds.voice(2.5, seed=5)
    client = Client(voice)
    link, owner = await connect(rtc, client, Direction.SEND)
    buffer = JitterBuffer(OpusDecoder(), packet_samples)
    heard: list[Pcm] = []
    begin = time.monotonic()
    for tick in range(int(3 / FRAME_S)):
        await asyncio.sleep(max(0.0, begin + (tick + 1) * FRAME_S - time.monotonic()))
        for packet, now in owner.packets:
            buffer.push(packet.sequence, packet.timestamp, packet.payload, now)
        owner.packets.clear()
        link.report(Monotonic(time.monotonic()))
        frame = buffer.pull(Monotonic(begin + (tick + 1) * FRAME_S))
        heard.append(np.zeros(FRAME_SAMPLES, np.int16) if frame is None else frame)
    sound = np.concatenate(heard)
    assert same_speech(voice[24_000:108_000], sound) > 0.9
    assert same_speech(sounds.voice(2.5, seed=9)[24_000:108_000], sound) < 0.7, "and it would not pass for another"
    assert link.figures.lost == 0 and link.figures.packets > 100
    assert buffer.stats.malformed == 0
    stats = await client.peer.getStats()
    reports = [s for s in stats.values() if s.type == "remote-inbound-rtp"]
    assert reports and reports[0].packetsLost == 0, "the client hears how it arrives"
    await client.close()
    async with asyncio.timeout(5):
        await owner.lost.wait()
    assert "goodbye" in owner.reason
    await link.close()


async def test_what_is_sent_to_a_client_is_what_it_decodes(rtc: Rtc) -> None:
    client = Client()
    link, _ = await connect(rtc, client, Direction.RECEIVE)
    voice = sounds.voice(3, seed=6)
    encoder = OpusEncoder(48_000)
    begin = time.monotonic()
    for tick in range(len(voice) // FRAME_SAMPLES):
        await asyncio.sleep(max(0.0, begin + (tick + 1) * FRAME_S - time.monotonic()))
        link.send(encoder.encode(voice[tick * FRAME_SAMPLES : (tick + 1) * FRAME_SAMPLES]), tick * FRAME_SAMPLES)
        link.report(Monotonic(time.monotonic()))
    await asyncio.sleep(0.1)
    assert same_speech(voice[SAMPLE_RATE : 2 * SAMPLE_RATE], client.sound) > 0.9
    figures = link.figures
    assert figures.lost == 0 and figures.rtt_ms is not None and figures.rtt_ms < 200
    await link.close()
    await client.close()


async def test_an_answer_is_there_at_once_and_names_what_is_set() -> None:
    network = Network(addresses=("127.0.0.1",), public_address="203.0.113.9", ports=(43_210, 43_213))
    rtc, client = Rtc(network), Client(sounds.silence(0.1))
    offer = parse_offer(await client.offer(), Direction.SEND)
    begin = time.monotonic()
    made = [await accept(rtc, offer, Direction.SEND) for _ in range(4)]
    assert time.monotonic() - begin < 1
    for _, answer in made:
        (line,) = [x for x in answer.splitlines() if x.startswith("a=candidate:")]
        assert line.split()[4] == "203.0.113.9" and 43_210 <= int(line.split()[5]) <= 43_213
    with pytest.raises(Exception, match="No UDP port is free"):
        await accept(rtc, offer, Direction.SEND)
    for link, _ in made:
        await link.close()
    link, _ = await accept(rtc, offer, Direction.SEND)
    await link.close()
    await client.close()


async def test_a_stun_server_that_does_not_answer_costs_half_a_second() -> None:
    rtc, client = Rtc(Network(addresses=("127.0.0.1",), stun=("127.0.0.1", 9))), Client(sounds.silence(0.1))
    offer = parse_offer(await client.offer(), Direction.SEND)
    begin = time.monotonic()
    link, _ = await accept(rtc, offer, Direction.SEND)
    assert time.monotonic() - begin < 1
    await link.close()
    await client.close()


async def test_keys_that_are_not_those_of_the_offer_are_refused(rtc: Rtc) -> None:
    client, owner = Client(sounds.silence(1)), Owner()
    text = (await client.offer()).splitlines()
    forged = "\n".join("a=fingerprint:sha-256 " + ":".join(["00"] * 32) if "sha-256" in x else x for x in text)
    forged = "\n".join(x for x in forged.splitlines() if "sha-384" not in x and "sha-512" not in x)
    link, answer = await accept(rtc, parse_offer(forged, Direction.SEND), Direction.SEND)
    link.start(owner.handlers)
    await client.accept(answer)
    async with asyncio.timeout(10):
        await owner.lost.wait()
    assert "keys" in owner.reason and not owner.packets
    await link.close()
    await client.close()


async def test_garbage_at_the_port_is_counted_and_costs_nothing(rtc: Rtc) -> None:
    client = Client(sounds.tone(440, 5))
    link, owner = await connect(rtc, client, Direction.SEND)
    address = ("127.0.0.1", link._agent._local_candidates[0].port)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    for data in (
        b"",
        b"\x80",
        b"\x80" + bytes(40),
        b"\x80\xc8" + bytes(40),
        b"\x80" + bytes(2000),
        b"\x16" * 99,
        b"\xff",
    ):
        for _ in range(40):
            transport.sendto(data, address)
    await asyncio.sleep(0.5)
    transport.close()
    assert link.malformed >= 100 and link.ready
    before = len(owner.packets)
    await asyncio.sleep(0.3)
    assert len(owner.packets) > before + 10, "the voice goes on"
    await link.close()
    await client.close()


async def test_a_client_that_never_comes_is_given_up(rtc: Rtc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rostra.stage.rtc.CONNECT_S", 0.3)
    client, owner = Client(sounds.silence(1)), Owner()
    link, _ = await accept(rtc, parse_offer(await client.offer(), Direction.SEND), Direction.SEND)
    link.start(owner.handlers)
    async with asyncio.timeout(5):
        await owner.lost.wait()
    assert "in time" in owner.reason
    await link.close()
    await link.close()
    await client.close()
