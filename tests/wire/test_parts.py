from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rostra.errors import WireError
from rostra.units import MediaTime, Part, PartName, Rendition, WallTime
from rostra.wire.parts import MAX_PART_BYTES, decode_part, encode_part

PART = Part(
    name=PartName(Rendition.OPUS, 3, 968),
    segment=121,
    index=0,
    time=MediaTime(2**40),
    duration=24_000,
    wall=WallTime(1.7e9),
    payload=b"payload",
    metadata=b"meta",
    init=b"init",
    discontinuity=True,
)
DATA = encode_part(PART)


@given(
    st.sampled_from(Rendition),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 7),
    st.integers(0, 2**63),
    st.binary(max_size=50),
    st.booleans(),
)
def test_a_part_comes_back(
    rendition: Rendition, generation: int, sequence: int, index: int, time: int, blob: bytes, jump: bool
) -> None:
    part = replace(
        PART,
        name=PartName(rendition, generation, sequence),
        index=index,
        time=MediaTime(time),
        payload=blob,
        metadata=blob[::-1],
        discontinuity=jump,
    )
    assert decode_part(encode_part(part)) == part


@given(st.binary(max_size=200))
@example(b"")
@example(DATA[:-1])
@example(DATA + b"\0")
@example(b"XX1" + DATA[3:])
@example(DATA[:4] + b"\x09" + DATA[5:])
@example(DATA[:5] + b"\x08" + DATA[6:])
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode_part(data)


def test_the_first_part_of_a_segment_must_bring_its_init() -> None:
    bare = encode_part(replace(PART, index=1, init=b""))
    with pytest.raises(WireError, match="init"):
        decode_part(bare[:5] + b"\0" + bare[6:])


def test_what_is_too_large_is_refused_unread() -> None:
    with pytest.raises(WireError, match="not possible"):
        decode_part(DATA + bytes(MAX_PART_BYTES))
