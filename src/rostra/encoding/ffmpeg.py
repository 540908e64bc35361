"""The AAC and MP3 renditions, by FFmpeg's encoders through PyAV."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from av.error import FFmpegError

from rostra.encoding.follow import Follow
from rostra.errors import MissingTool
from rostra.units import SAMPLE_RATE, EncodedFrame, MediaTime, Pcm, PcmFrame, Rendition

MP3_FRAME_BYTES: Final = 192
"""64 kbit/s at 48 kHz: 144 * 64000 / 48000, without padding (ISO 11172-3, 2.4.3.1). 21 of them are a block of 4,032."""

_TIME_BASE = Fraction(1, SAMPLE_RATE)
_TO_FLOAT = np.float32(1 / 32768)


class FfmpegRendition:
    """One FFmpeg encoder, fed with exactly its own frame size."""

    def __init__(self, rendition: Rendition, codec: str, sample_format: str, options: dict[str, str]) -> None:
        """:raises MissingTool: if this FFmpeg was built without ``codec``."""
        self.rendition: Final = rendition
        try:
            context: Any = av.CodecContext.create(codec, "w")
            context.sample_rate, context.layout, context.format = SAMPLE_RATE, "mono", sample_format
            context.bit_rate = rendition.bit_rate
            context.time_base = _TIME_BASE
            context.options = options
            context.open()
        except (FFmpegError, ValueError) as e:
            raise MissingTool(f"The FFmpeg inside PyAV has no encoder {codec}: install PyAV's own wheel ({e}).") from e
        if context.frame_size != rendition.frame_samples:
            raise MissingTool(f"FFmpeg's {codec} has frames of {context.frame_size}, not {rendition.frame_samples}")
        self._context = context
        self._sample_format = sample_format
        self._follow = Follow()
        self._rest: Pcm = np.zeros(0, np.int16)
        self._taken = 0

    @property
    def decoder_config(self) -> bytes:
        """AAC: ``AudioSpecificConfig`` (ISO 14496-3, 1.6.2.1); MP3: nothing."""
        return bytes(self._context.extradata or b"")

    def encode(self, frame: PcmFrame) -> list[EncodedFrame]:
        start = self._follow.accept(frame)
        size = self.rendition.frame_samples
        # Less than a codec frame is ever kept: 1151 samples at most.
        samples = np.concatenate((self._rest, frame.samples))
        whole = len(samples) // size * size
        self._rest = samples[whole:]
        frames: list[EncodedFrame] = []
        for at in range(0, whole, size):
            frames += self._encode(start, samples[at : at + size])
        return frames

    def _encode(self, start: MediaTime, block: Pcm) -> list[EncodedFrame]:
        samples = block * _TO_FLOAT if self._sample_format == "fltp" else block
        audio = av.AudioFrame.from_ndarray(samples[np.newaxis], format=self._sample_format, layout="mono")
        audio.sample_rate, audio.time_base, audio.pts = SAMPLE_RATE, _TIME_BASE, self._taken
        self._taken += len(block)
        # FFmpeg has taken the codec's delay out of a packet's pts; before 0 it holds what was before the first sample.
        return [
            EncodedFrame(self.rendition, MediaTime(start + packet.pts), bytes(packet))
            for packet in self._context.encode(audio)
            if packet.pts >= 0
        ]


def make_aac() -> FfmpegRendition:
    """AAC-LC, 64 kbit/s mono; about 1.2% of a core.

    :raises MissingTool: if this FFmpeg has no AAC encoder.
    """
    return FfmpegRendition(Rendition.AAC, "aac", "fltp", {})


def make_mp3() -> FfmpegRendition:
    """MPEG-1 layer III, 64 kbit/s CBR mono; about 2.5% of a core, only while somebody listens to it.

    The bit reservoir is off: a frame's data then lies in that frame alone, so listeners may begin at any (ISO 11172-3,
    2.4.3.4, ``main_data_begin`` 0).

    :raises MissingTool: if this FFmpeg was built without LAME.
    """
    return FfmpegRendition(Rendition.MP3, "libmp3lame", "s16p", {"reservoir": "0"})
