"""Decodes what came, so that silence is told from sound."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import av
import av.error
import numpy as np

from rostra.codecs.libopus import OpusDecoder
from rostra.errors import WireError
from rostra.units import Pcm, Rendition


class Ears:
    """One decoder, kept across parts; begun anew with each init."""

    def __init__(self, rendition: Rendition) -> None:
        self._rendition = rendition
        self._opus: OpusDecoder | None = OpusDecoder() if rendition.is_opus else None
        self._context: Any = av.CodecContext.create("mp3float", "r") if rendition is Rendition.MP3 else None

    def begin(self, init: bytes) -> None:
        """A new init: its decoder configuration holds from here.

        :raises WireError: if it is none.
        """
        if self._rendition.is_opus:
            self._opus = OpusDecoder()
        elif self._rendition is Rendition.AAC:
            try:
                with av.open(io.BytesIO(init), format="mp4") as container:
                    config = container.streams.audio[0].codec_context.extradata
                self._context = av.CodecContext.create("aac", "r")
                self._context.extradata = config
            except (av.error.FFmpegError, IndexError) as e:
                raise WireError(f"not an init of AAC: {e}") from e

    def hear(self, frames: Iterable[bytes]) -> Pcm:
        """What the frames hold, mono (the first channel) at 48 kHz.

        :raises WireError: if they cannot be decoded, or no init came before them.
        """
        heard: list[Pcm] = []
        if self._opus is not None:
            heard = [self._opus.decode(frame) for frame in frames]
        elif self._context is not None:
            try:
                for frame in frames:
                    for decoded in self._context.decode(av.Packet(frame)):
                        first = decoded.to_ndarray()[0].astype(np.float64)
                        heard.append(np.clip(first * 32768, -32768, 32767).astype(np.int16))
            except av.error.FFmpegError as e:
                raise WireError(f"sound that cannot be decoded: {e}") from e
        else:
            raise WireError("sound before its init")
        return np.concatenate(heard) if heard else np.zeros(0, np.int16)


def power_and_peak(pcm: Pcm) -> tuple[float, float]:
    """Mean square, and highest sample, against full scale."""
    if not len(pcm):
        return 0.0, 0.0
    wave = pcm.astype(np.float64) / 32768
    return float(np.mean(wave**2)), float(np.max(np.abs(wave)))
