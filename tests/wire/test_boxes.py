"""Boxes: what is written can be read, by us and by FFmpeg; what is broken is refused, whatever it is."""

import io
import struct

import av
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rostra.errors import WireError
from rostra.units import MediaTime, Rendition
from rostra.wire.boxes import (
    MAX_DEPTH,
    PART_OVERHEAD_BYTES,
    box,
    find_box,
    full_box,
    init_segment,
    media_part,
    parse_part,
    walk_boxes,
)

DOPS = struct.pack(">BBHIhB", 0, 1, 0, 48_000, 0, 0)
ASC = b"\x11\x88\x56\xe5\x00"
CONFIGS = {Rendition.OPUS: DOPS, Rendition.AAC: ASC}
FRAMES = [bytes([i]) * (50 + i) for i in range(25)]
PART = media_part(7, MediaTime(48_000), FRAMES, 960)


@pytest.mark.parametrize(
    ("rendition", "codec", "decoder"), [(Rendition.OPUS, "opus", "libopus"), (Rendition.AAC, "aac", "aac")]
)
def test_init_tells_ffmpeg_what_is_in_it(rendition: Rendition, codec: str, decoder: str) -> None:
    data = init_segment(rendition, CONFIGS[rendition]) + media_part(0, MediaTime(0), [b"\xf8\xff\xfe"] * 2, 960)
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.codec.canonical_name == codec
        assert (stream.sample_rate, stream.channels, stream.time_base.denominator) == (48_000, 1, 48_000)
        assert bytes(stream.codec_context.extradata or b"")[: len(ASC)].startswith(
            b"OpusHead" [: len(ASC)] if rendition is Rendition.OPUS else ASC
        )  # fmt: skip


def test_init_is_small_and_always_the_same() -> None:
    for rendition, config in CONFIGS.items():
        init = init_segment(rendition, config)
        assert init == init_segment(rendition, config)
        assert len(init) < 650
        assert [b.kind for b in walk_boxes(init)] == [b"ftyp", b"moov"]


def test_init_has_what_parts_leave_to_it() -> None:
    init = init_segment(Rendition.AAC, ASC)
    trex = find_box(init, b"moov", b"mvex", b"trex")
    assert trex is not None
    _, track, description, duration, size, flags = struct.unpack(">6I", init[trex.body : trex.end])
    assert (track, description, duration, size, flags) == (1, 1, 1024, 0, 0x02000000)
    brands = init[8:32]
    assert brands[:4] == b"iso6" and b"cmfc" in brands and b"cmf2" in brands


def test_opus_init_says_how_long_a_decoder_needs_to_converge() -> None:
    init = init_segment(Rendition.OPUS, DOPS)
    sgpd = find_box(init, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"sgpd")
    assert sgpd is not None
    version, kind, length, default, count, distance = struct.unpack(">I4sIIIh", init[sgpd.body : sgpd.end])
    assert (version >> 24, kind, length, default, count, distance) == (2, b"roll", 2, 1, 1, -4)


@pytest.mark.parametrize(
    ("rendition", "config"),
    [
        (Rendition.OPUS, b""),
        (Rendition.OPUS, DOPS + b"\0"),
        (Rendition.OPUS, b"\1" + DOPS[1:]),
        (Rendition.OPUS, DOPS[:1] + b"\3" + DOPS[2:]),
        (Rendition.AAC, b"\x11"),
        (Rendition.AAC, b"\x29\x88"),  # SBR
        (Rendition.AAC, b"\x12\x08"),  # 44.1 kHz
        (Rendition.AAC, ASC + bytes(120)),
        (Rendition.MP3, b""),
    ],
)
def test_a_decoder_configuration_that_is_none_is_refused(rendition: Rendition, config: bytes) -> None:
    with pytest.raises(WireError):
        init_segment(rendition, config)


@given(
    st.integers(0, 2**33),
    st.integers(0, 2**63),
    st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=60),
)
def test_what_is_written_is_read(sequence: int, time: int, frames: list[bytes]) -> None:
    data = media_part(sequence, MediaTime(time), frames, 960)
    parsed = parse_part(data)
    assert (parsed.base_time, parsed.frames, parsed.media) == (time, frames, b"".join(frames))


def test_boxes_cost_little() -> None:
    same = [bytes(60)] * 25
    assert len(media_part(1, MediaTime(0), same, 960)) == 25 * 60 + PART_OVERHEAD_BYTES
    assert len(PART) == sum(map(len, FRAMES)) + 96 + 4 * 25


def test_other_boxes_beside_it_are_passed_over() -> None:
    data = full_box(b"emsg", 1, 0, bytes(40)) + PART + box(b"free", bytes(3))
    assert parse_part(data).frames == FRAMES


def test_sizes_may_be_64_bits_or_to_the_end() -> None:
    large = struct.pack(">I4sQ", 1, b"free", 20) + bytes(4)
    last = struct.pack(">I4s", 0, b"mdat") + b"rest"
    found = list(walk_boxes(large + last))
    assert [(b.kind, b.body - b.start, b.end - b.start) for b in found] == [(b"free", 16, 20), (b"mdat", 8, 12)]


def test_what_other_muxers_write_is_read_too() -> None:
    """trun with durations and flags beside sizes; tfhd with every field; tfdt of version 0."""
    tfhd = full_box(b"tfhd", 0, 0x02003A, struct.pack(">5I", 1, 1, 960, 3, 0))
    tfdt = full_box(b"tfdt", 0, 0, struct.pack(">I", 4800))
    rows = struct.pack(">8I", 960, 2, 0, 0, 960, 3, 0, 0)
    moof_size = 8 + 8 + len(tfhd) + len(tfdt) + 20 + len(rows)
    trun = full_box(b"trun", 0, 0x000F01, struct.pack(">II", 2, moof_size + 8), rows)
    data = box(b"moof", box(b"traf", tfhd, tfdt, trun)) + box(b"mdat", b"abcde")
    assert parse_part(data).frames == [b"ab", b"cde"]
    assert parse_part(data).base_time == 4800


@given(st.binary(max_size=400))
@example(b"")
@example(PART[:50])
@example(PART + PART)
@example(PART[:-1])
@example(box(b"moof") + box(b"mdat"))
@example(box(b"mdat") + PART)
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        parse_part(data)


@given(st.integers(0, len(PART) - 1), st.integers(0, 255))
def test_a_part_with_a_wrong_byte_is_read_or_refused(at: int, value: int) -> None:
    damaged = PART[:at] + bytes([value]) + PART[at + 1 :]
    try:
        parsed = parse_part(damaged)
    except WireError:
        return
    assert sum(parsed.sizes) == len(parsed.media) <= len(PART)


def test_a_count_of_frames_that_is_a_lie_costs_nothing() -> None:
    at = PART.index(b"trun") + 8
    with pytest.raises(WireError, match="too many"):
        parse_part(PART[:at] + b"\xff\xff\xff\xff" + PART[at + 4 :])


def test_paths_deeper_than_any_box_of_ours_are_refused() -> None:
    with pytest.raises(WireError):
        find_box(PART, *[b"moof"] * (MAX_DEPTH + 1))
    assert find_box(PART, b"moof", b"nope", b"traf") is None


def test_a_part_without_frames_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="frames"):
        media_part(1, MediaTime(0), [], 960)
    with pytest.raises(ValueError, match="negative"):
        media_part(1, MediaTime(-1), [b"x"], 960)
