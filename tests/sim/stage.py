"""A stage on the virtual clock: speakers' packets in, parts out, through the path's own cores.

``Coarse`` stands in for the codecs where hours are to pass: a frame's payload is its time. ``Fine`` has the real ones.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rostra.codecs.libopus import OpusDecoder, OpusEncoder, packet_samples
from rostra.encoding import Encoder, make_encoder
from rostra.mixing import Mixer
from rostra.mixing.clock import TickClock
from rostra.packaging import Packager
from rostra.stage.jitter import Decoder, JitterBuffer, JitterStats
from rostra.units import (
    FRAME_SAMPLES,
    SAMPLE_RATE,
    EncodedFrame,
    MediaTime,
    Monotonic,
    Part,
    Pcm,
    PcmFrame,
    Rendition,
    WallTime,
)
from rostra.wire.emsg import snapshot_emsg
from rostra.wire.listeners import Snapshot
from tests.packaging.making import CONFIGS, EPOCH

RENDITIONS = (Rendition.OPUS, Rendition.AAC)


@dataclass(frozen=True)
class Packet:
    sequence: int
    timestamp: int
    payload: bytes


class Speaker:
    """Sends packets by a clock of its own, ``off`` being 0.005 where that runs half a percent fast."""

    def __init__(self, samples: int, *, off: float = 0.0, sound: Pcm | None = None) -> None:
        self._samples, self._rate = samples, SAMPLE_RATE * (1 + off)
        self._sound = sound
        self._encoder = OpusEncoder(32_000, voice=True, expected_loss_percent=5) if sound is not None else None
        self._sent = 0

    def packets(self, now: float) -> Iterator[Packet]:
        while (self._sent + 1) * self._samples <= now * self._rate:
            at = self._sent * self._samples
            payload = b"??"
            if self._encoder is not None and self._sound is not None:
                place = at % (len(self._sound) - self._samples)
                payload = self._encoder.encode(self._sound[place : place + self._samples])
            yield Packet(self._sent & 0xFFFF, at & 0xFFFFFFFF, payload)
            self._sent += 1


class Blank:
    """A decoder that gives silence, and costs nothing."""

    _silence: Pcm = np.zeros(FRAME_SAMPLES * 6, np.int16)

    def __init__(self, samples: int) -> None:
        self._samples = samples

    def decode(self, payload: bytes) -> Pcm:
        return self._silence[: self._samples]

    def decode_fec(self, payload: bytes, samples: int) -> Pcm:
        return self._silence[:samples]

    def conceal(self, samples: int) -> Pcm:
        return self._silence[:samples]

    def reset(self) -> None:
        pass


class Sound(Protocol):
    """From what the voices say in a tick to encoded frames."""

    def buffer(self) -> JitterBuffer: ...

    def frames(self, time: MediaTime, voices: dict[str, Pcm | None]) -> Iterator[EncodedFrame]: ...

    def config(self, rendition: Rendition) -> bytes: ...


class Coarse:
    """No codec and no mix. ``samples``: of a speaker's packet."""

    def __init__(self, samples: int, base: MediaTime) -> None:
        self._samples = samples
        self._next = {r: int(base) for r in RENDITIONS}

    def buffer(self) -> JitterBuffer:
        decoder: Decoder = Blank(self._samples)
        return JitterBuffer(decoder, lambda payload: self._samples)

    def frames(self, time: MediaTime, voices: dict[str, Pcm | None]) -> Iterator[EncodedFrame]:
        end = time + FRAME_SAMPLES
        for rendition in RENDITIONS:
            while self._next[rendition] + rendition.frame_samples <= end:
                at = self._next[rendition]
                self._next[rendition] += rendition.frame_samples
                yield EncodedFrame(rendition, MediaTime(at), struct.pack(">Q", at) * (6 + at // FRAME_SAMPLES % 3))

    def config(self, rendition: Rendition) -> bytes:
        return CONFIGS[rendition]


class Fine:
    """The mixer, libopus and FFmpeg."""

    def __init__(self) -> None:
        self._mixer = Mixer()
        self._encoders: dict[Rendition, Encoder] = {r: make_encoder(r) for r in RENDITIONS}

    def buffer(self) -> JitterBuffer:
        return JitterBuffer(OpusDecoder(), packet_samples)

    def frames(self, time: MediaTime, voices: dict[str, Pcm | None]) -> Iterator[EncodedFrame]:
        mixed = self._mixer.tick(time, voices)
        for encoder in self._encoders.values():
            yield from encoder.encode(PcmFrame(time, mixed.program.samples))

    def config(self, rendition: Rendition) -> bytes:
        return self._encoders[rendition].decoder_config


class SimStage:
    """One generation. ``now`` is the world's time, which is the room's too: media time 0 is ``now`` 0."""

    def __init__(self, generation: int, sound: Sound, base: MediaTime, first: dict[Rendition, int], now: float) -> None:
        self.generation = generation
        self._sound = sound
        self._base = base
        self._clock = TickClock(Monotonic(base / SAMPLE_RATE))
        self._voices: dict[str, JitterBuffer] = {}
        self._packagers = {r: Packager(r, generation, first[r], sound.config(r)) for r in RENDITIONS}
        self.ticks = 0

    def hear(self, seat: str, packet: Packet, now: float) -> None:
        if seat not in self._voices:
            self._voices[seat] = self._sound.buffer()
        self._voices[seat].push(packet.sequence, packet.timestamp, packet.payload, Monotonic(now))

    def advance(self, now: float) -> list[Part]:
        """Every tick that is due, those that a stall has lost as silence."""
        due = self._clock.due(Monotonic(now))
        lost = self._clock.take_lost()
        first = self._clock.count - due - lost
        parts: list[Part] = []
        for tick in range(first, first + lost + due):
            time = MediaTime(self._base + tick * FRAME_SAMPLES)
            silent = tick < first + lost
            at = Monotonic((time + FRAME_SAMPLES) / SAMPLE_RATE)
            voices = {s: None if silent else v.pull(at) for s, v in self._voices.items()}
            for frame in self._sound.frames(time, voices):
                wall = WallTime(EPOCH + frame.time / SAMPLE_RATE)
                part = self._packagers[frame.rendition].add(frame, wall, self._snapshot)
                if part is not None:
                    parts.append(part)
        self.ticks += due + lost
        return parts

    @staticmethod
    def _snapshot(time: MediaTime) -> bytes:
        return snapshot_emsg(Snapshot("live", 10_000, {"a": -20}), time)

    def stats(self) -> dict[str, JitterStats]:
        return {seat: voice.stats for seat, voice in self._voices.items()}
