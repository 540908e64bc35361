"""Whether what a listener decodes is the sound that was sent: its stream decoded by FFmpeg, held against the source."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np

from rostra.units import SAMPLE_RATE, Pcm
from rostra.wire.boxes import parse_part, walk_boxes
from rostra.wire.emsg import read_events
from rostra.wire.listeners import EdgeNotice, Snapshot

SETTLE = SAMPLE_RATE // 5
"""A decoder that starts in the middle may take 80 ms to converge (RFC 7845, 4.6); 200 ms are passed over."""

WINDOW = 2 * SAMPLE_RATE
STEP = WINDOW // 2
ENOUGH = 0.9
"""Correlation of two seconds with the source: Opus at 24 kbit/s stays above 0.97 on these voices, the same sound half a
millisecond late below 0.5. In half a second there may be nothing but a sibilant, which Opus makes anew from noise."""
QUIET = 200
"""A window whose loudest sample is below this says nothing about likeness: it must be as quiet in both."""


def share_that_matches(streams: list[bytes], folder: Path, rendition: str = "opus") -> float:
    """The share of sampled streams that match ``FOLDER/RENDITION.npy``, 0 to 1."""
    source: Pcm = np.load(folder / f"{rendition}.npy")
    return sum(matches(s, source) for s in streams) / len(streams)


def matches(stream: bytes, source: Pcm) -> bool:
    """Whether every two seconds of the stream are what the source has at that media time."""
    begin, pcm = decode(stream)
    if len(pcm) < SETTLE + WINDOW:
        return False
    for at in range(SETTLE, len(pcm) - WINDOW + 1, STEP):
        got = pcm[at : at + WINDOW].astype(np.float64)
        sent = np.take(source, np.arange(begin + at, begin + at + WINDOW), mode="wrap").astype(np.float64)
        if np.abs(sent).max() < QUIET:
            if np.abs(got).max() > 10 * QUIET:
                return False
        elif got @ sent < ENOUGH * np.sqrt((got @ got) * (sent @ sent)):
            return False
    return True


def decode(stream: bytes) -> tuple[int, Pcm]:
    """Media time of the first sample, and the samples. A last part that breaks off is left out."""
    whole, begin = 0, None
    for box in _whole_boxes(stream):
        if box[0] == b"moof" and begin is None:
            begin = first_time(stream[box[1] :])
        whole = box[2] if box[0] in (b"mdat", b"moov") else whole
    if begin is None:
        return 0, np.zeros(0, np.int16)
    with av.open(io.BytesIO(stream[:whole]), "r", format="mp4") as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    samples = np.concatenate(frames, axis=1)[0]
    return begin, samples if samples.dtype == np.int16 else (samples * 32767).clip(-32768, 32767).astype(np.int16)


def whole_events(stream: bytes) -> list[Snapshot | EdgeNotice]:
    """What the boxes of a stream tell beside the sound."""
    return read_events(b"".join(stream[at:end] for kind, at, end in _whole_boxes(stream) if kind == b"emsg"))


def first_time(from_moof: bytes) -> int:
    boxes = list(walk_boxes(from_moof[: _size(from_moof, 2)]))
    return int(parse_part(from_moof[: boxes[1].end]).base_time)


def _size(data: bytes, boxes: int) -> int:
    at = 0
    for _ in range(boxes):
        at += int.from_bytes(data[at : at + 4], "big")
    return at


def _whole_boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    """Type, start and end of the boxes at the top that are all there."""
    found, at = [], 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size > len(data):
            break
        found.append((data[at + 4 : at + 8], at, at + size))
        at += size
    return found
