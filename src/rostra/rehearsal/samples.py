"""Streams that were kept whole: decoded, and compared with one another and with the source.

All listeners of a room hear the same: the part of a media time must be the same bytes in every sample. What was
decoded must be sound: every frame decodes, and it is not silent where the source is not. With the source's own file
its loudness over time is compared as well, which finds sound of somebody else, of another time, and gaps that parts
do not show.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rostra.codecs.libopus import OpusDecoder
from rostra.errors import WireError
from rostra.units import SAMPLE_RATE
from rostra.wire.boxes import parse_part, walk_boxes

SILENT_DBFS = -60.0

WINDOW_S = 0.1
"""Of loudness over time."""

LEAST_COMPARED_S = 5.0
"""Less says nothing."""


def parts_of(stream: bytes) -> list[tuple[int, list[bytes]]]:
    """Media time and frames of each part, in order. ``stream``: HTTP chunks.

    :raises WireError: it is not what a room sends.
    """
    body, at = bytearray(), 0
    while (line := stream.find(b"\r\n", at)) > 0:
        size = int(stream[at:line].partition(b";")[0], 16)
        body += stream[line + 2 : line + 2 + size]
        at = line + 2 + size + 2
    data, parts, moof = bytes(body), [], -1
    for box in walk_boxes(data):
        if box.kind == b"moof":
            moof = box.start
        elif box.kind == b"mdat" and moof >= 0:
            part = parse_part(data[moof : box.end])
            parts.append((int(part.base_time), part.frames))
            moof = -1
    return parts


def judge(streams: list[bytes], source: NDArray[np.int16] | None = None) -> dict[str, Any]:
    """What the report says of them."""
    found: dict[str, Any] = {"streams": len(streams), "parts": 0, "differing": 0, "undecodable": 0, "sound_s": 0.0}
    seen: dict[int, bytes] = {}
    levels: list[float] = []
    for stream in streams:
        try:
            parts = parts_of(stream)
        except (WireError, ValueError):
            found["undecodable"] += 1
            continue
        for time, frames in parts:
            digest = hashlib.sha256(b"".join(frames)).digest()
            found["differing"] += seen.setdefault(time, digest) != digest
        pcm, bad = decode(parts)
        found["parts"] += len(parts)
        found["undecodable"] += bad
        found["sound_s"] += len(pcm) / SAMPLE_RATE
        if len(pcm):
            levels.append(_dbfs(float(np.mean(np.square(pcm.astype(np.float64) / 32768)))))
            if source is not None:
                found["likeness"] = max(found.get("likeness", 0.0), likeness(pcm, source))
    found["sound_s"] = round(found["sound_s"], 2)
    found["level_dbfs"] = round(max(levels), 1) if levels else None
    found["silent"] = bool(levels) and max(levels) < SILENT_DBFS
    return found


def decode(parts: list[tuple[int, list[bytes]]]) -> tuple[NDArray[np.int16], int]:
    """The sound, and how many frames did not decode."""
    decoder, pieces, bad = OpusDecoder(), [], 0
    for _, frames in parts:
        for frame in frames:
            try:
                pieces.append(decoder.decode(frame))
            except WireError:
                bad += 1
    return (np.concatenate(pieces) if pieces else np.zeros(0, np.int16)), bad


def likeness(heard: NDArray[np.int16], source: NDArray[np.int16]) -> float:
    """How well what was heard fits somewhere into the source, which may play in a loop: 1.0 is the same loudness at all
    times, 0.0 nothing alike. Encoders and levellers change samples; loudness over time they keep."""
    ours, theirs = _loudness(heard), _loudness(source)
    if len(ours) < LEAST_COMPARED_S / WINDOW_S or len(theirs) < 2:
        return 0.0
    theirs = np.resize(theirs, max(len(theirs) + len(ours), 2 * len(ours)))
    ours = (ours - ours.mean()) / (ours.std() + 1e-9)
    best = 0.0
    for at in range(len(theirs) - len(ours)):
        piece = theirs[at : at + len(ours)]
        best = max(best, float(np.mean(ours * (piece - piece.mean()) / (piece.std() + 1e-9))))
    return round(min(1.0, best), 3)


def _loudness(pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    size = int(SAMPLE_RATE * WINDOW_S)
    whole = pcm[: len(pcm) // size * size].reshape(-1, size).astype(np.float64) / 32768
    found: NDArray[np.float64] = np.maximum(-60.0, 10 * np.log10(np.mean(np.square(whole), axis=1) + 1e-9))
    return found


def _dbfs(power: float) -> float:
    return max(-127.0, 10 * float(np.log10(power))) if power > 0 else -127.0
