"""The Opus renditions: 24 or 16 kbit/s mono, 20 ms frames."""

from __future__ import annotations

import struct
from typing import Final

from rostra.codecs.libopus import OpusEncoder
from rostra.encoding.follow import Follow
from rostra.units import SAMPLE_RATE, EncodedFrame, MediaTime, PcmFrame, Rendition

COMPLEXITY: Final = 9
"""From 7 on, libopus analyses the sound and chooses between its speech and music modes by itself, which is what makes
music bearable at this rate; 10 adds nothing audible. 0.9% of a core."""


class OpusRendition:
    """Tuned by libopus for whatever comes, speech or music, frame by frame."""

    def __init__(self, rendition: Rendition) -> None:
        self.rendition: Final = rendition
        self._encoder = OpusEncoder(rendition.bit_rate, voice=False, complexity=COMPLEXITY)
        self._follow = Follow()

    @property
    def decoder_config(self) -> bytes:
        """The fields of ``dOps`` (Encapsulation of Opus in ISO BMFF, 4.3.2).

        PreSkip is 0 although the encoder has a lookahead: times are already moved by it, and listeners begin in the
        middle of the stream, where nothing is to be skipped.
        """
        version, channels, pre_skip, gain, mapping_family = 0, 1, 0, 0, 0
        return struct.pack(">BBHIhB", version, channels, pre_skip, SAMPLE_RATE, gain, mapping_family)

    def encode(self, frame: PcmFrame) -> list[EncodedFrame]:
        start = self._follow.accept(frame)
        payload = self._encoder.encode(frame.samples)
        time = MediaTime(frame.time - self._encoder.lookahead)
        return [EncodedFrame(self.rendition, time, payload)] if time >= start else []
