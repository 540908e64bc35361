"""Parts for tests, made by the real packager: of frames whose bytes tell where they belong, or of encoded sound."""

from __future__ import annotations

import struct

from rostra.encoding import make_encoder
from rostra.packaging import Packager
from rostra.units import SAMPLE_RATE, EncodedFrame, MediaTime, Part, Pcm, PcmFrame, Rendition, WallTime
from rostra.wire.emsg import snapshot_emsg
from rostra.wire.listeners import Snapshot
from tests.sounds import frames

DOPS = struct.pack(">BBHIhB", 0, 1, 0, 48_000, 0, 0)
ASC = b"\x11\x88\x56\xe5\x00"
CONFIGS = {Rendition.OPUS: DOPS, Rendition.AAC: ASC, Rendition.MP3: b"", Rendition.OPUS_LOW: DOPS}
EPOCH = 1_700_000_000.0
BASE = MediaTime(960 * 5000)
BOXED = [Rendition.OPUS, Rendition.AAC, Rendition.OPUS_LOW]


def wall(time: int) -> WallTime:
    return WallTime(EPOCH + time / SAMPLE_RATE)


def frame(rendition: Rendition, time: int, size: int = 0) -> EncodedFrame:
    """A frame of ``size`` bytes (by default one that varies with time; 192 for MP3) that begins with its own time."""
    size = 192 if rendition is Rendition.MP3 else size or 48 + time // rendition.frame_samples % 16
    return EncodedFrame(rendition, MediaTime(time), struct.pack(">Q", time) + bytes(size - 8))


def stream(
    seconds: float,
    rendition: Rendition = Rendition.OPUS,
    *,
    generation: int = 1,
    first: int = 8,
    base: int = 0,
    close: bool = False,
) -> list[Part]:
    """The parts of so many seconds; with ``close`` the last, short one too."""
    packager = Packager(rendition, generation, first, CONFIGS[rendition])
    parts: list[Part] = []
    for i in range(round(seconds * SAMPLE_RATE / rendition.frame_samples)):
        time = base + i * rendition.frame_samples
        part = packager.add(frame(rendition, time), wall(time))
        if part is not None:
            parts.append(part)
    if close and (last := packager.close()) is not None:
        parts.append(last)
    return parts


def packaged(rendition: Rendition, sound: Pcm, *, generation: int = 1, first: int = 8, base: int = BASE) -> list[Part]:
    """Every part with a snapshot before it."""
    encoder = make_encoder(rendition)
    packager = Packager(rendition, generation, first, encoder.decoder_config)
    parts: list[Part] = []
    for i, samples in enumerate(frames(sound)):
        time = MediaTime(base + i * 960)
        for out in encoder.encode(PcmFrame(time, samples)):
            part = packager.add(out, wall(out.time), lambda t: snapshot_emsg(Snapshot("live", 7, {"a": -20}), t))
            parts += [part] if part else []
    return parts
