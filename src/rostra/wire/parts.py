"""A part as one bus message, and back.

Layout (big endian): magic ``RP1``, flags (1 bit: discontinuity), rendition code, index, generation u32, sequence u64,
segment u64, time u64, duration u32, wall f64, three lengths u32 (init, metadata, payload), then those bytes.
"""

from __future__ import annotations

import struct

from rostra.errors import WireError
from rostra.units import MediaTime, Part, PartName, Rendition, WallTime

_HEAD = struct.Struct(">3sBBBIQQQIdIII")
_MAGIC = b"RP1"
_CODES = {Rendition.OPUS: 1, Rendition.AAC: 2, Rendition.MP3: 3, Rendition.OPUS_LOW: 4}
_RENDITIONS = {code: rendition for rendition, code in _CODES.items()}

MAX_PART_BYTES = 256 * 1024
"""A part is a few kilobytes; anything near this is not a part."""


def encode_part(part: Part) -> bytes:
    name = part.name
    head = _HEAD.pack(
        _MAGIC,
        1 if part.discontinuity else 0,
        _CODES[name.rendition],
        part.index,
        name.generation,
        name.sequence,
        part.segment,
        part.time,
        part.duration,
        part.wall,
        len(part.init),
        len(part.metadata),
        len(part.payload),
    )
    return b"".join((head, part.init, part.metadata, part.payload))


def decode_part(data: bytes) -> Part:
    """:raises WireError: if the bytes are not a whole part."""
    if not _HEAD.size <= len(data) <= MAX_PART_BYTES:
        raise WireError(f"a part message of {len(data)} bytes is not possible")
    (
        magic, flags, code, index, generation, sequence, segment, time, duration, wall, n_init, n_meta, n_payload,
    ) = _HEAD.unpack_from(data)  # fmt: skip
    if magic != _MAGIC or code not in _RENDITIONS:
        raise WireError("not a part message")
    if len(data) != _HEAD.size + n_init + n_meta + n_payload:
        raise WireError("a part message whose lengths do not add up")
    at = _HEAD.size
    init, at = data[at : at + n_init], at + n_init
    metadata, at = data[at : at + n_meta], at + n_meta
    try:
        return Part(
            name=PartName(_RENDITIONS[code], generation, sequence),
            segment=segment,
            index=index,
            time=MediaTime(time),
            duration=duration,
            wall=WallTime(wall),
            payload=data[at:],
            metadata=metadata,
            init=init,
            discontinuity=bool(flags & 1),
        )
    except ValueError as e:
        raise WireError(str(e)) from e
