from __future__ import annotations

import itertools
import random

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.errors import WireError
from rostra.listening.stream import BoxStream, Init, Item, Mp3Stream, Sound, Words, part_items
from rostra.units import SAMPLE_RATE, MediaTime
from rostra.wire.emsg import notice_emsg, snapshot_emsg
from rostra.wire.listeners import EdgeNotice, Snapshot
from tests.listening.front import INIT, PART_SAMPLES, opus_parts
from tests.sounds import voice

SNAPSHOT = Snapshot(state="live", listening=12, levels={"host-1": -20})
NOTICE = EdgeNotice("flush", {"flush_s": 1.0})
PARTS = opus_parts(voice(1.5, seed=1), start=48_000)
STREAM = (
    INIT
    + snapshot_emsg(SNAPSHOT, MediaTime(48_000))
    + PARTS[0]
    + PARTS[1]
    + notice_emsg(NOTICE, MediaTime(96_000))
    + PARTS[2]
)


def check(items: list[Item]) -> None:
    kinds = [type(i) for i in items]
    assert kinds == [Init, Words, Sound, Sound, Words, Sound]
    assert items[0] == Init(INIT)
    assert items[1] == Words((SNAPSHOT,))
    assert items[4] == Words((NOTICE,))
    sounds = [i for i in items if isinstance(i, Sound)]
    assert [s.time for s in sounds] == [48_000, 48_000 + PART_SAMPLES, 48_000 + 2 * PART_SAMPLES]
    assert all(s.duration == PART_SAMPLES and len(s.frames) == 25 for s in sounds)
    assert [s.data for s in sounds] == PARTS


def test_whole() -> None:
    check(BoxStream(960).feed(STREAM))


def test_byte_by_byte() -> None:
    stream = BoxStream(960)
    check([item for i in range(len(STREAM)) for item in stream.feed(STREAM[i : i + 1])])


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_cut_anywhere(cuts: list[int]) -> None:
    stream, edges = BoxStream(960), [0, *sorted(cuts), len(STREAM)]
    check([item for a, b in itertools.pairwise(edges) for item in stream.feed(STREAM[a:b])])


def test_a_part_as_hls_serves_it() -> None:
    items = part_items(snapshot_emsg(SNAPSHOT, MediaTime(0)) + PARTS[0], 960)
    assert [type(i) for i in items] == [Words, Sound]


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 200 OK\r\n\r\n", b"\0\0\0\0moof", b"\xff\xff\xff\xffmdat", b"\0\0\0\x07free"]
)
def test_what_is_no_box_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(WireError):
        BoxStream(960).feed(data)


def test_an_mdat_without_its_moof_is_refused() -> None:
    with pytest.raises(WireError):
        BoxStream(960).feed(b"\0\0\0\x0cmdat1234")


def mp3(seconds: float) -> bytes:
    encoder = av.CodecContext.create("libmp3lame", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = SAMPLE_RATE, "mono", "s16p", 64_000
    out, sound = b"", voice(seconds, seed=4)
    for at in range(0, len(sound) - 1151, 1152):
        frame = av.AudioFrame.from_ndarray(sound[at : at + 1152].reshape(1, -1), format="s16p", layout="mono")
        frame.rate, frame.pts = SAMPLE_RATE, at
        out += b"".join(bytes(p) for p in encoder.encode(frame))
    return out + b"".join(bytes(p) for p in encoder.encode(None))


def test_mp3_frames_are_found_in_pieces_of_any_size() -> None:
    data, rng, stream = mp3(1.0), random.Random(5), Mp3Stream()
    items: list[Item] = []
    at = 0
    while at < len(data):
        size = rng.randint(1, 700)
        items += stream.feed(data[at : at + size])
        at += size
    sounds = [i for i in items if isinstance(i, Sound)]
    assert len(sounds) == pytest.approx(42, abs=2)
    assert b"".join(s.data for s in sounds) == data[: sum(len(s.data) for s in sounds)]
    assert np.all(np.diff([s.time for s in sounds]) == 1152)
    assert stream.skipped == 0


def test_mp3_rubbish_is_passed_over() -> None:
    stream = Mp3Stream()
    items = stream.feed(b"ICY rubbish\xff\xff" + mp3(0.3))
    assert len(items) > 8
    assert 12 <= stream.skipped <= 14
