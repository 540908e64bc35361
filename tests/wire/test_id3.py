import contextlib
import io

import av
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rostra.errors import WireError
from rostra.wire.id3 import MAX_TAG_BYTES, read_txxx, write_txxx

TAG = write_txxx("rostra", b'{"v":1}')


@given(st.text(max_size=40).filter(lambda t: "\0" not in t), st.text(max_size=500).filter(lambda t: "\0" not in t))
def test_what_is_written_is_read(description: str, value: str) -> None:
    assert read_txxx(write_txxx(description, value.encode()), description) == value.encode()


def test_layout_is_that_of_the_specification() -> None:
    assert TAG == b"ID3\x04\x00\x00" + b"\0\0\0\x19" + b"TXXX" + b"\0\0\0\x0f" + b"\0\0" + b'\x03rostra\0{"v":1}'


def test_sizes_are_syncsafe() -> None:
    tag = write_txxx("rostra", b"x" * 200)
    assert tag[14:18] == b"\0\0\x01\x50"  # 208 = 1 * 128 + 80
    assert read_txxx(tag, "rostra") == b"x" * 200


def test_ffmpeg_reads_it() -> None:
    """A tag before MPEG audio is metadata to FFmpeg, key by description."""
    silence = bytes.fromhex("fffb54c0") + bytes(188)
    with av.open(io.BytesIO(TAG + silence * 20), format="mp3") as container:
        assert container.metadata["rostra"] == '{"v":1}'


def test_another_description_is_not_ours() -> None:
    assert read_txxx(TAG, "other") is None


def test_other_frames_and_padding_are_passed_over() -> None:
    other = b"TIT2" + b"\0\0\0\x02" + b"\0\0" + b"\x03A"
    body = other + TAG[10:] + bytes(20)
    assert read_txxx(b"ID3\x04\x00\x00" + bytes((0, 0, 0, len(body))) + body, "rostra") == b'{"v":1}'


@given(st.binary(max_size=200))
@example(TAG[:20])
@example(TAG[:3] + b"\x03" + TAG[4:])
@example(TAG[:5] + b"\x80" + TAG[6:])
@example(TAG[:6] + b"\xff" + TAG[7:])
@example(b"ID3\x04\x00\x00\0\0\0\x0a" + b"TXXX\0\0\0\x7f\0\0")
def test_garbage_is_refused_or_says_nothing(data: bytes) -> None:
    with contextlib.suppress(WireError):
        assert read_txxx(data, "rostra") is None


def test_what_cannot_be_a_tag_is_not_made() -> None:
    with pytest.raises(ValueError, match="NUL"):
        write_txxx("ros\0tra", b"")
    with pytest.raises(ValueError, match="NUL"):
        write_txxx("rostra", b"a\0b")
    with pytest.raises(ValueError, match="more than"):
        write_txxx("rostra", b"x" * MAX_TAG_BYTES)
