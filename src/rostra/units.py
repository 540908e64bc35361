"""The values that travel the path of the sound.

Three kinds of time are three types, because mixing them up is the classic bug of a media server:

* :data:`MediaTime`: samples at 48 kHz since the room's epoch. Never runs backwards, whatever any clock does.
* :data:`WallTime`: seconds since 1970 in UTC, for people and playlists. May step.
* :data:`Monotonic`: seconds of a clock that never steps, for deadlines and durations. Means nothing in another process.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 48_000
"""Samples a second on the whole path."""

FRAME_SAMPLES = 960
"""Samples of one 20 ms frame, the tick of stage and mixer."""

FRAME_S = FRAME_SAMPLES / SAMPLE_RATE

PARTS_PER_SEGMENT = 8

LIVE_WINDOW_S = 60.0

MediaTime = NewType("MediaTime", int)
WallTime = NewType("WallTime", float)
Monotonic = NewType("Monotonic", float)

Pcm = NDArray[np.int16]
"""Mono samples, shape (n,), s16 at 48 kHz."""


class Rendition(StrEnum):
    """What a listener can choose from: the same sound in several encodings."""

    OPUS = "opus"
    AAC = "aac"
    MP3 = "mp3"
    OPUS_LOW = "opus16"
    """What newcomers get at a house that is nearly full: two thirds of the bits of :attr:`OPUS`."""

    @property
    def frame_samples(self) -> int:
        """Samples in one encoded frame: Opus 20 ms, AAC-LC 1024 (ISO 14496-3), MPEG-1 layer III 1152."""
        return _FRAME_SAMPLES[self]

    @property
    def frames_per_part(self) -> int:
        """Encoded frames in one part: 0.5 s of Opus, 0.512 s of AAC, 0.504 s of MP3."""
        return _FRAMES_PER_PART[self]

    @property
    def part_samples(self) -> int:
        return self.frame_samples * self.frames_per_part

    @property
    def part_s(self) -> float:
        return self.part_samples / SAMPLE_RATE

    @property
    def segment_s(self) -> float:
        return self.part_s * PARTS_PER_SEGMENT

    @property
    def bit_rate(self) -> int:
        """Bits a second of the encoded sound, without the container."""
        return _BIT_RATE[self]

    @property
    def codec(self) -> str:
        """The RFC 6381 codecs parameter."""
        return _CODEC[self]

    @property
    def is_opus(self) -> bool:
        """Frames are Opus packets, boxed and decoded alike whatever their rate."""
        return self in (Rendition.OPUS, Rendition.OPUS_LOW)


_FRAME_SAMPLES = {
    Rendition.OPUS: FRAME_SAMPLES,
    Rendition.AAC: 1024,
    Rendition.MP3: 1152,
    Rendition.OPUS_LOW: FRAME_SAMPLES,
}
_FRAMES_PER_PART = {Rendition.OPUS: 25, Rendition.AAC: 24, Rendition.MP3: 21, Rendition.OPUS_LOW: 25}
_BIT_RATE = {Rendition.OPUS: 24_000, Rendition.AAC: 64_000, Rendition.MP3: 64_000, Rendition.OPUS_LOW: 16_000}
_CODEC = {Rendition.OPUS: "opus", Rendition.AAC: "mp4a.40.2", Rendition.MP3: "mp3", Rendition.OPUS_LOW: "opus"}

ALWAYS_MADE = (Rendition.OPUS, Rendition.AAC)
"""Made while a room is on air, whether or not someone listens to them."""

MADE_WHEN_WANTED = (Rendition.MP3, Rendition.OPUS_LOW)
"""Made while an edge wants them; nothing of them costs anything before."""


@dataclass(frozen=True, slots=True)
class PcmFrame:
    """20 ms of sound. ``samples`` has shape (960,), s16, mono, 48 kHz."""

    time: MediaTime
    samples: Pcm

    def __post_init__(self) -> None:
        if self.samples.shape != (FRAME_SAMPLES,) or self.samples.dtype != np.int16:
            raise ValueError(f"a frame is (960,) int16, not {self.samples.shape} {self.samples.dtype}")


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One codec frame. ``time`` is the media time of the first sample that comes out when it is decoded."""

    rendition: Rendition
    time: MediaTime
    payload: bytes


@dataclass(frozen=True, slots=True, order=True)
class PartName:
    """What a part is called, for ever: a name never means two things.

    ``generation`` is the fencing number of the stage process that made the part; it rises whenever a stage takes
    the room up. ``sequence`` counts parts of the rendition over the whole life of the room, across generations.
    """

    rendition: Rendition
    generation: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Part:
    """About half a second of encoded sound, boxed once and then only passed on.

    ``payload`` is ``moof`` + ``mdat`` (ISO 14496-12; CMAF, ISO 23000-19), or 21 bare MPEG frames for MP3: what is
    hashed, recorded and proven. ``metadata`` is zero or more ``emsg`` boxes that ride in front of it. ``init`` is
    ``ftyp`` + ``moov``, present on the first part of each segment so that whoever starts there needs nothing else.
    """

    name: PartName
    segment: int
    """Media sequence number (rfc8216bis 4.4.3.2) of the segment this part belongs to."""
    index: int
    """Place in that segment, 0 to 7."""
    time: MediaTime
    duration: int
    """Samples at 48 kHz."""
    wall: WallTime
    """When its first sample left the mixer."""
    payload: bytes
    metadata: bytes = b""
    init: bytes = b""
    discontinuity: bool = False
    """True on the first part of a generation: timestamps and init may not continue those before."""

    def __post_init__(self) -> None:
        if not 0 <= self.index < PARTS_PER_SEGMENT:
            raise ValueError(f"a segment has {PARTS_PER_SEGMENT} parts, there is no part {self.index}")
        if self.index == 0 and not self.init and self.name.rendition is not Rendition.MP3:
            raise ValueError("the first part of a segment carries the init")

    @property
    def end(self) -> MediaTime:
        return MediaTime(self.time + self.duration)

    @property
    def body(self) -> bytes:
        """What goes over the wire for this part: metadata, then media."""
        return self.metadata + self.payload


class RoomState(StrEnum):
    """Where a room is in its life. *Interrupted* is not *ended*: the place is kept."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    ENDED = "ended"
    CANCELLED = "cancelled"


class Role(StrEnum):
    """What the holder of a link may do."""

    HOST = "host"
    COHOST = "cohost"
    SPEAKER = "speaker"
    LISTENER = "listener"
