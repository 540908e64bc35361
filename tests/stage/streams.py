"""Streams as source clients send them, made with FFmpeg through PyAV."""

from __future__ import annotations

import fractions
import io

import av
import numpy as np

from rostra.units import SAMPLE_RATE, Pcm

FORMATS = {
    "opus": ("ogg", "libopus", 48_000),
    "vorbis": ("ogg", "vorbis", 44_100),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "aac": ("adts", "aac", 44_100),
    "flac": ("flac", "flac", 48_000),
    "wav": ("wav", "pcm_s16le", 48_000),
}


def make_stream(sound: Pcm, kind: str, rate: int = 0, channels: int = 1) -> bytes:
    """``sound`` (48 kHz mono) as a stream of ``kind``, a key of :data:`FORMATS`."""
    muxer, codec, usual = FORMATS[kind]
    rate = rate or usual
    if kind == "vorbis":
        channels = 2  # FFmpeg's own encoder knows nothing else
    layout = "mono" if channels == 1 else "stereo"
    out = io.BytesIO()
    with av.open(out, "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if not codec.startswith("pcm"):
            stream.bit_rate = 128_000
        if kind == "vorbis":
            stream.codec_context.options = {"strict": "experimental"}
        resampler = av.AudioResampler(
            format=stream.codec_context.format.name, layout=layout, rate=rate, frame_size=stream.frame_size or 0
        )
        frame = av.AudioFrame.from_ndarray(np.repeat(sound, channels).reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, fractions.Fraction(1, SAMPLE_RATE)
        for made in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(made))
        container.mux(stream.encode(None))
    return out.getvalue()
