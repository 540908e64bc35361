"""A network as a seeded, pure component: packets with loss, delay, reordering and duplicates, on simulated time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rostra.codecs.libopus import OpusDecoder, OpusEncoder, packet_samples
from rostra.stage.jitter import JitterBuffer
from rostra.units import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE, Monotonic, Pcm

PATH_S = 0.02
"""What every packet needs at least."""


@dataclass(frozen=True)
class Weather:
    """What happens to packets sent from ``begin_s`` on."""

    begin_s: float = 0.0
    loss: float = 0.0
    jitter_s: float = 0.001
    duplicates: float = 0.0


@dataclass
class Heard:
    """What came out: ``pcm`` from time 0 on, and the delay each tick in ms."""

    pcm: Pcm
    buffer: JitterBuffer
    delays_ms: list[float] = field(default_factory=list)

    def delay_after(self, seconds: float) -> float:
        return max(self.delays_ms[round(seconds / FRAME_S) :])


def packets(voice: Pcm, packet: int = FRAME_SAMPLES, expected_loss: int = 0) -> list[bytes]:
    """As a browser encodes: 32 kbit/s, in-band FEC for the loss it is told of (as RTCP tells it)."""
    encoder = OpusEncoder(32_000, fec=True, expected_loss_percent=expected_loss)
    return [encoder.encode(voice[i : i + packet]) for i in range(0, len(voice) - packet + 1, packet)]


def run(
    sent: list[bytes],
    weather: tuple[Weather, ...] = (Weather(),),
    *,
    packet: int = FRAME_SAMPLES,
    clock: float = 1.0,
    seed: int = 1,
    first_sequence: int = 65_500,
    first_timestamp: int = 2**32 - 48_000,
    outage: tuple[float, float] | None = None,
    keep: Callable[[int], bool] = lambda i: True,
) -> Heard:
    """Send ``sent`` through the weather into a jitter buffer and pull a frame each 20 ms.

    ``clock``: the sender's seconds in ours (1.005: it is 0.5% slow). ``outage``: nothing sent between these times
    arrives before the second, then all of it does.
    """
    rng = np.random.default_rng(seed)
    arrivals: list[tuple[float, int]] = []
    for i in range(len(sent)):
        at = (i + 1) * packet / SAMPLE_RATE * clock + 0.0037
        now = [w for w in weather if w.begin_s <= at][-1]
        lost, jitter, twice = rng.random() < now.loss, rng.random() * now.jitter_s, rng.random() < now.duplicates
        if lost or not keep(i):
            continue
        arrives = at + PATH_S + jitter
        if outage and outage[0] <= at < outage[1]:
            arrives = outage[1] + PATH_S
        arrivals.append((arrives, i))
        if twice:
            arrivals.append((arrives + 0.011, i))
    arrivals.sort()
    buffer = JitterBuffer(OpusDecoder(), packet_samples)
    heard, delays, k = [], [], 0
    for tick in range(int(len(sent) * packet * clock / FRAME_SAMPLES)):
        now_s = Monotonic(tick * FRAME_S)
        while k < len(arrivals) and arrivals[k][0] <= now_s:
            i = arrivals[k][1]
            buffer.push(
                (first_sequence + i) % 2**16,
                (first_timestamp + i * packet) % 2**32,
                sent[i],
                Monotonic(arrivals[k][0]),
            )
            k += 1
        frame = buffer.pull(now_s)
        heard.append(np.zeros(FRAME_SAMPLES, np.int16) if frame is None else frame)
        delays.append(buffer.stats.delay_ms)
    return Heard(np.concatenate(heard), buffer, delays)
