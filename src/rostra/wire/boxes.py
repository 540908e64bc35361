"""ISO base media file format boxes (ISO/IEC 14496-12) for CMAF audio (ISO/IEC 23000-19): written here, and read back.

Only what the path needs: one audio track of Opus ("Encapsulation of Opus in ISO Base Media File Format", 4.3) or
AAC-LC (ISO/IEC 14496-14), timescale 48,000, one ``moof`` + ``mdat`` a part. Sizes are in bytes, times in samples.

What a part costs beyond its frames is 100 bytes where they are all of one size; where they differ (a variable bit
rate) it is 96 and 4 for each: every default that can stand in the init stands there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rostra.errors import WireError
from rostra.units import SAMPLE_RATE, MediaTime, Rendition

TRACK_ID = 1

MAX_DEPTH = 8
"""Boxes within boxes that are followed: an init is six deep. Hostile nesting stops here."""

MAX_FRAMES = 4096
"""Frames of one part that are believed; ours have 25 at most."""

PART_OVERHEAD_BYTES = 100
"""``moof`` and the head of ``mdat`` where all frames are of one size."""

OPUS_PREROLL_FRAMES = 4
"""80 ms: what a decoder needs to converge after a start in the middle (RFC 7845, section 4.6)."""

_SYNC_SAMPLE = 0x02000000
"""sample_depends_on = 2 (on no other), not a non-sync sample: every audio frame (ISO 14496-12, 8.8.3.1)."""

_DOPS = struct.Struct(">BBHIhB")
"""Opus in ISOBMFF, 4.3.2: version, channels, PreSkip, input rate, gain, mapping family; big endian."""

_MATRIX = struct.pack(">9I", 0x00010000, 0, 0, 0, 0x00010000, 0, 0, 0, 0x40000000)
_CONTAINERS = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"mvex", b"moof", b"traf", b"edts"))


def box(kind: bytes, *payload: bytes) -> bytes:
    """A box (ISO 14496-12, 4.2): 32-bit size, four characters, content."""
    size = 8 + sum(map(len, payload))
    return b"".join((struct.pack(">I4s", size, kind), *payload))


def full_box(kind: bytes, version: int, flags: int, *payload: bytes) -> bytes:
    """A box with a version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *payload)


# --- init -----------------------------------------------------------------------------------------------------------


def init_segment(rendition: Rendition, decoder_config: bytes) -> bytes:
    """The CMAF header, ``ftyp`` + ``moov``, the same bytes for the same arguments.

    :param decoder_config: Opus: the fields of ``dOps`` (Opus in ISOBMFF, 4.3.2);
        AAC: an AudioSpecificConfig (ISO 14496-3, 1.6.2.1).
    :raises WireError: if the configuration is not one, or the rendition has no container.
    """
    if rendition.is_opus:
        entry, groups = _opus_entry(decoder_config), _opus_preroll()
    elif rendition is Rendition.AAC:
        entry, groups = _aac_entry(decoder_config, rendition.bit_rate), b""
    else:
        raise WireError(f"{rendition} goes out as bare frames, it has no init")
    # CMAF, 7.2: `cmfc` is the CMAF track brand, `cmf2` its stricter form; iso6 brings default-base-is-moof.
    ftyp = box(b"ftyp", b"iso6", struct.pack(">I", 0), b"iso6cmfccmf2mp41")
    empty = struct.pack(">I", 0)
    stbl = box(
        b"stbl",
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        full_box(b"stts", 0, 0, empty),
        full_box(b"stsc", 0, 0, empty),
        full_box(b"stsz", 0, 0, empty, empty),
        full_box(b"stco", 0, 0, empty),
        groups,
    )
    minf = box(
        b"minf",
        full_box(b"smhd", 0, 0, bytes(4)),
        box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1))),
        stbl,
    )
    mdia = box(
        b"mdia",
        full_box(b"mdhd", 0, 0, struct.pack(">4I2H", 0, 0, SAMPLE_RATE, 0, 0x55C4, 0)),  # language: und
        full_box(b"hdlr", 0, 0, bytes(4), b"soun", bytes(12), b"Rostra\0"),
        minf,
    )
    tkhd = full_box(
        b"tkhd", 0, 7, struct.pack(">5I8x4H", 0, 0, TRACK_ID, 0, 0, 0, 0, 0x0100, 0), _MATRIX, bytes(8)
    )  # enabled, in movie, in preview; volume 1.0
    mvhd = full_box(
        b"mvhd", 0, 0, struct.pack(">4IIH10x", 0, 0, SAMPLE_RATE, 0, 0x00010000, 0x0100), _MATRIX, bytes(24),
        struct.pack(">I", TRACK_ID + 1),
    )  # fmt: skip
    trex = full_box(b"trex", 0, 0, struct.pack(">5I", TRACK_ID, 1, rendition.frame_samples, 0, _SYNC_SAMPLE))
    return ftyp + box(b"moov", mvhd, box(b"trak", tkhd, mdia), box(b"mvex", trex))


def _audio_entry(kind: bytes, channels: int, config: bytes) -> bytes:
    """AudioSampleEntry (ISO 14496-12, 12.2.3.2); the rate is 16.16 fixed point."""
    return box(kind, bytes(6), struct.pack(">H8x2H4xI", 1, channels, 16, SAMPLE_RATE << 16), config)


def _opus_entry(config: bytes) -> bytes:
    if len(config) != _DOPS.size:
        raise WireError(f"dOps of mapping family 0 has {_DOPS.size} bytes, not {len(config)}")
    version, channels, _pre_skip, _rate, _gain, family = _DOPS.unpack(config)
    if version != 0 or channels not in (1, 2) or family != 0:
        raise WireError("only mono and stereo Opus of mapping family 0 is boxed")
    return _audio_entry(b"Opus", channels, box(b"dOps", config))


def _opus_preroll() -> bytes:
    """The ``roll`` sample group, for every sample by default (version 2), so that parts need no ``sbgp``.

    Opus in ISOBMFF, 4.3.6.2: a decoder that starts in the middle must be given 80 ms before it is to be believed.
    """
    return full_box(b"sgpd", 2, 0, b"roll", struct.pack(">IIIh", 2, 1, 1, -OPUS_PREROLL_FRAMES))


def _aac_entry(config: bytes, bit_rate: int) -> bytes:
    if not 2 <= len(config) <= 64 or config[0] >> 3 != 2:
        raise WireError("not an AudioSpecificConfig of AAC-LC (ISO 14496-3, 1.6.2.1)")
    channels = config[1] >> 3 & 0x0F
    if channels not in (1, 2) or (config[0] & 7) << 1 | config[1] >> 7 != 3:
        raise WireError("only mono and stereo AAC at 48 kHz is boxed")
    decoder = _descriptor(
        4,  # DecoderConfigDescriptor: object type 0x40 (MPEG-4 audio), stream type 5 (audio), upstream 0, reserved 1
        struct.pack(">BBBHII", 0x40, 5 << 2 | 1, 0, 0, bit_rate, bit_rate),
        _descriptor(5, config),
    )
    es = _descriptor(3, struct.pack(">HB", 0, 0), decoder, _descriptor(6, b"\x02"))
    return _audio_entry(b"mp4a", channels, full_box(b"esds", 0, 0, es))


def _descriptor(tag: int, *payload: bytes) -> bytes:
    """ISO 14496-1, 8.3.3: a tag, a size of seven bits a byte (ours fit in one), content."""
    body = b"".join(payload)
    if len(body) > 127:
        raise WireError("a decoder configuration that long is not ours")
    return bytes((tag, len(body))) + body


# --- parts ----------------------------------------------------------------------------------------------------------


def media_part(sequence: int, base_time: MediaTime, frames: Sequence[bytes], frame_samples: int) -> bytes:
    """One CMAF chunk, ``moof`` + ``mdat``. Each frame lasts ``frame_samples``, as the init's ``trex`` says.

    :param base_time: media time of the first frame: ``tfdt`` version 1, 64 bits, so that it never wraps.
    """
    if not 0 < len(frames) <= MAX_FRAMES or base_time < 0 or frame_samples <= 0:
        raise ValueError("a part has frames and a time that is not negative")
    sizes = [len(f) for f in frames]
    same = sizes.count(sizes[0]) == len(sizes)
    if same:
        # tfhd: default-base-is-moof, default-sample-size-present. trun: data-offset-present.
        tfhd = struct.pack(">I4sIII", 20, b"tfhd", 0x020010, TRACK_ID, sizes[0])
        trun_flags, listed = 0x000001, b""
    else:
        tfhd = struct.pack(">I4sII", 16, b"tfhd", 0x020000, TRACK_ID)
        trun_flags, listed = 0x000201, struct.pack(f">{len(sizes)}I", *sizes)
    traf_size = 8 + len(tfhd) + 20 + 20 + len(listed)
    moof_size = 8 + 16 + traf_size
    media = b"".join(frames)
    return b"".join(
        (
            struct.pack(">I4sI4sII", moof_size, b"moof", 16, b"mfhd", 0, sequence & 0xFFFFFFFF),
            struct.pack(">I4s", traf_size, b"traf"),
            tfhd,
            struct.pack(">I4sIQ", 20, b"tfdt", 1 << 24, base_time),
            struct.pack(">I4sIII", 20 + len(listed), b"trun", trun_flags, len(sizes), moof_size + 8),
            listed,
            struct.pack(">I4s", 8 + len(media), b"mdat"),
            media,
        )
    )


# --- reading --------------------------------------------------------------------------------------------------------


class Box(NamedTuple):
    """A box where it was found. ``start`` to ``end`` is all of it, ``body`` to ``end`` its content, in the data."""

    kind: bytes
    start: int
    body: int
    end: int


def walk_boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes that follow one another from ``start`` to ``end``, not those inside them.

    :raises WireError: if a size does not fit what is there (the boxes before it have been yielded).
    """
    at, stop = start, len(data) if end is None else end
    while at < stop:
        if stop - at < 8:
            raise WireError(f"{stop - at} bytes are left at {at}, which is no box")
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:  # ISO 14496-12, 4.2: "if size is 1 then the actual size is in the field largesize"
            if stop - at < 16:
                raise WireError(f"a box at {at} breaks off")
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        elif size == 0:  # ditto: "if size is 0, then this box ... extends to the end of the file"
            size = stop - at
        if size < head or size > stop - at:
            raise WireError(f"a box {kind!r} at {at} says {size} bytes, there are {stop - at}")
        yield Box(kind, at, at + head, at + size)
        at += size


def find_box(data: bytes, *path: bytes) -> Box | None:
    """The first box at ``path`` from the top, such as ``(b"moov", b"mvex", b"trex")``; None if there is none.

    :raises WireError: for sizes that do not fit, or a path deeper than :data:`MAX_DEPTH`.
    """
    if not 0 < len(path) <= MAX_DEPTH:
        raise WireError(f"boxes are followed {MAX_DEPTH} deep")
    start, end, found = 0, len(data), None
    for kind in path:
        found = next((b for b in walk_boxes(data, start, end) if b.kind == kind), None)
        if found is None:
            return None
        start, end = found.body, found.end
    return found


class ParsedPart(NamedTuple):
    """What a part says: when, how its frames are cut, and their bytes one after another."""

    base_time: MediaTime
    sizes: list[int]
    media: bytes

    @property
    def frames(self) -> list[bytes]:
        out, at = [], 0
        for size in self.sizes:
            out.append(self.media[at : at + size])
            at += size
        return out


def parse_part(data: bytes) -> ParsedPart:
    """Read one part as :func:`media_part` writes it; boxes beside ``moof`` and ``mdat`` (``emsg``) are passed over.

    :raises WireError: for anything else, whatever the bytes are.
    """
    moof = mdat = None
    for found in walk_boxes(data):
        if found.kind == b"moof" and moof is None:
            moof = found
        elif found.kind == b"mdat" and moof is not None and mdat is None:
            mdat = found
        elif found.kind in (b"moof", b"mdat"):
            raise WireError("more than one moof and mdat in a part")
    if moof is None or mdat is None:
        raise WireError("a part has a moof and then an mdat")
    traf = _only(data, moof, b"traf")
    default_size = _default_size(data, _only(data, traf, b"tfhd"))
    base_time = _base_time(data, _only(data, traf, b"tfdt"))
    sizes, offset = _run(data, _only(data, traf, b"trun"), default_size)
    if moof.start + offset != mdat.body or sum(sizes) != mdat.end - mdat.body:
        raise WireError("the frames of a part do not fill its mdat")
    return ParsedPart(base_time, sizes, data[mdat.body : mdat.end])


def _only(data: bytes, parent: Box, kind: bytes) -> Box:
    found = [b for b in walk_boxes(data, parent.body, parent.end) if b.kind == kind]
    if len(found) != 1:
        raise WireError(f"a {parent.kind.decode('latin-1')} has one {kind.decode()}, not {len(found)}")
    return found[0]


def _unpack(form: str, data: bytes, at: int, end: int) -> tuple[int, ...]:
    if at + struct.calcsize(form) > end:
        raise WireError("a box breaks off")
    return struct.unpack_from(form, data, at)


def _default_size(data: bytes, tfhd: Box) -> int | None:
    (flags,) = _unpack(">I", data, tfhd.body, tfhd.end)
    if flags & ~0x02003B:
        raise WireError("a tfhd with flags that are not defined")
    # The optional fields before it, in order: base-data-offset (8 bytes), description index, default duration (4).
    at = tfhd.body + 8 + 8 * (flags & 1) + 4 * (flags >> 1 & 1) + 4 * (flags >> 3 & 1)
    return _unpack(">I", data, at, tfhd.end)[0] if flags & 0x10 else None


def _base_time(data: bytes, tfdt: Box) -> MediaTime:
    (version,) = _unpack(">I", data, tfdt.body, tfdt.end)
    return MediaTime(_unpack(">Q" if version >> 24 else ">I", data, tfdt.body + 4, tfdt.end)[0])


def _run(data: bytes, trun: Box, default_size: int | None) -> tuple[list[int], int]:
    flags, count = _unpack(">II", data, trun.body, trun.end)
    flags &= 0xFFFFFF
    if not flags & 1 or count > MAX_FRAMES:
        raise WireError("a trun without a data offset, or of too many frames")
    (offset,) = _unpack(">i", data, trun.body + 8, trun.end)
    at = trun.body + 12 + 4 * (flags >> 2 & 1)
    if not flags & 0x200:
        if default_size is None:
            raise WireError("a part whose frames have no size")
        return [default_size] * count, offset
    fields = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
    rows = _unpack(f">{count * len(fields)}I", data, at, trun.end)
    return list(rows[fields.index(0x200) :: len(fields)]), offset
