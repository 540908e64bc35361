"""Any file, address or standard input, as frames of 20 ms."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import av
import av.error
import numpy as np

from rostra.errors import BadRequest, Unsupported
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Pcm

STANDARD_INPUT = "-"

OPEN_TIMEOUT_S = 10.0
_LIVE = {"probesize": "32768", "analyzeduration": "300000"}
"""How much FFmpeg may read of what comes as it is made, to learn what it is. By default five seconds, and so much later
everything would be heard."""

READ_TIMEOUT_S = 20.0
"""An address that sends nothing for so long counts as ended by an error."""


def frames(source: str) -> Iterator[Pcm]:
    """Decodes ``source`` (a path, an address, or ``-``) to mono frames of 960 samples; the last is filled with silence.

    Blocks while it reads. Several channels are mixed to one, other rates are resampled.

    :raises BadRequest: it is not there or cannot be read.
    :raises Unsupported: it holds no sound that can be decoded.
    """
    with _open(source) as container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            raise Unsupported(f"There is no sound in {_name(source)}.")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        rest = np.zeros(0, np.int16)
        try:
            for decoded in _decoded(container, stream):
                for piece in resampler.resample(decoded):
                    rest = np.concatenate((rest, piece.to_ndarray().reshape(-1)))
                whole = len(rest) // FRAME_SAMPLES * FRAME_SAMPLES
                yield from rest[:whole].reshape(-1, FRAME_SAMPLES)
                rest = rest[whole:]
        except (av.error.FFmpegError, OSError) as e:
            raise Unsupported(f"{_name(source)} could not be read to its end: {_reason(e)}.") from e
        if len(rest):
            yield np.pad(rest, (0, FRAME_SAMPLES - len(rest)))


def duration_s(source: str) -> float | None:
    """How long it is, where that can be known beforehand."""
    if source == STANDARD_INPUT:
        return None
    with _open(source) as container:
        return container.duration / av.time_base if container.duration else None


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Decoded frames and then ``None``, which flushes the resampler. A damaged packet is left out."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue
    yield None


def _open(source: str) -> Any:
    live = source == STANDARD_INPUT or "://" in source
    try:
        return av.open(
            _standard_input() if source == STANDARD_INPUT else source,
            "r",
            timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
            options=_LIVE if live else {},
        )
    except (av.error.FFmpegError, OSError) as e:
        if isinstance(e, av.error.InvalidDataError | av.error.EOFError):
            raise Unsupported(f"{_name(source)} is not a sound file that can be read: {_reason(e)}.") from e
        raise BadRequest(f"{_name(source)} cannot be opened: {_reason(e)}.") from e


def _standard_input() -> Any:
    """Unbuffered, where it can be: a read that waits until its buffer is full would delay all that follows."""
    return getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)


def _name(source: str) -> str:
    return "Standard input" if source == STANDARD_INPUT else source


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return str(text)
