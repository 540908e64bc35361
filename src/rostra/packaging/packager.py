"""Encoded frames to parts: the stage's side of the room.

A packager belongs to one rendition of one generation. It holds the frames of the part that is being filled (25 at
most) and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from rostra.units import PARTS_PER_SEGMENT, EncodedFrame, MediaTime, Part, PartName, Rendition, WallTime
from rostra.wire.boxes import init_segment, media_part

MP3_FRAME_BYTES = 192
"""A frame of MPEG-1 layer III at 64 kbit/s and 48 kHz, which never needs padding; 21 of them are 4,032 bytes."""

Metadata = Callable[[MediaTime], bytes]
"""Asked once a part, when it closes, with the time of its first sample; answers ``emsg`` boxes or nothing."""


def first_sequence(rendition: Rendition, generation: int, base: MediaTime, last_known: int | None) -> int:
    """The sequence number of a generation's first part; always a multiple of 8, so that it begins a segment.

    :param last_known: the highest sequence in the live window, or None where there is no window: then a number that
        no earlier generation can have reached, since each lost less than a segment at its start.
    """
    if last_known is not None:
        return (last_known // PARTS_PER_SEGMENT + 1) * PARTS_PER_SEGMENT
    segment_samples = PARTS_PER_SEGMENT * rendition.part_samples
    return PARTS_PER_SEGMENT * (-(-base // segment_samples) + generation)


class Packager:
    """Cuts frames into parts of a fixed number of frames, and parts into segments of eight."""

    def __init__(self, rendition: Rendition, generation: int, first_sequence: int, decoder_config: bytes) -> None:
        """:param decoder_config: the fields of ``dOps``, an AudioSpecificConfig, or nothing for MP3.

        :raises WireError: if the decoder configuration is not one.
        """
        if first_sequence % PARTS_PER_SEGMENT or first_sequence < 0:
            raise ValueError(f"a generation begins a segment, {first_sequence} does not")
        self.rendition = rendition
        self.generation = generation
        self.init = b"" if rendition is Rendition.MP3 else init_segment(rendition, decoder_config)
        self._first = self._sequence = first_sequence
        self._frames: list[bytes] = []
        self._time = MediaTime(0)
        self._wall = WallTime(0.0)
        self._expected: MediaTime | None = None

    @property
    def next_sequence(self) -> int:
        """Sequence number of the part that is being filled."""
        return self._sequence

    def add(self, frame: EncodedFrame, wall: WallTime, metadata: Metadata | None = None) -> Part | None:
        """Take a frame; a part comes out when the frame fills it, or when the frame leaves a hole behind the last.

        A hole (the stage was suspended, say) ends the part and its segment early and leaves time to tell the rest.

        :param wall: when the frame's first sample left the mixer.
        :raises ValueError: if the frame is of another rendition, or not after the last.
        """
        if frame.rendition is not self.rendition:
            raise ValueError(f"a {frame.rendition} frame for {self.rendition}")
        early = None
        if self._expected is not None and frame.time != self._expected:
            if frame.time < self._expected:
                raise ValueError(f"time runs backwards: {frame.time} after {self._expected}")
            early = self.close(metadata)
            self._sequence = -(-self._sequence // PARTS_PER_SEGMENT) * PARTS_PER_SEGMENT
        if not self._frames:
            self._time, self._wall = frame.time, wall
        self._frames.append(frame.payload)
        self._expected = MediaTime(frame.time + self.rendition.frame_samples)
        if len(self._frames) == self.rendition.frames_per_part:
            return self.close(metadata)
        return early

    def close(self, metadata: Metadata | None = None) -> Part | None:
        """The part of what there is, however short; None if there is nothing. Used when a room ends."""
        if not self._frames:
            return None
        frames, self._frames = self._frames, []
        index = self._sequence % PARTS_PER_SEGMENT
        part = Part(
            name=PartName(self.rendition, self.generation, self._sequence),
            segment=self._sequence // PARTS_PER_SEGMENT,
            index=index,
            time=self._time,
            duration=len(frames) * self.rendition.frame_samples,
            wall=self._wall,
            payload=self._payload(frames),
            metadata=b"" if metadata is None or self.rendition is Rendition.MP3 else metadata(self._time),
            init=self.init if index == 0 else b"",
            discontinuity=self._sequence == self._first,
        )
        self._sequence += 1
        return part

    def _payload(self, frames: list[bytes]) -> bytes:
        if self.rendition is not Rendition.MP3:
            return media_part(self._sequence, self._time, frames, self.rendition.frame_samples)
        if any(len(f) != MP3_FRAME_BYTES for f in frames):
            raise ValueError(f"an MP3 frame here has {MP3_FRAME_BYTES} bytes: ICY metadata stands between whole blocks")
        return b"".join(frames)
