import contextlib
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rostra.errors import WireError
from rostra.units import MediaTime
from rostra.wire.boxes import box, full_box, media_part, walk_boxes
from rostra.wire.emsg import EventMessage, notice_emsg, parse_emsg, read_events, snapshot_emsg, write_emsg
from rostra.wire.listeners import EDGE_SCHEME, ID3_SCHEME, EdgeNotice, SeatView, Snapshot

SNAPSHOT = Snapshot("live", 1234, {"a": -18}, (SeatView("a", "Ada", "host"), SeatView("b", "Zoë", "speaker", True)))
NOTICE = EdgeNotice("draining", {"in_s": 8.0})
TIME = MediaTime(48_000 * 3600)


def test_a_snapshot_comes_back() -> None:
    assert read_events(snapshot_emsg(SNAPSHOT, TIME)) == [SNAPSHOT]


def test_a_notice_comes_back() -> None:
    assert read_events(notice_emsg(NOTICE, TIME)) == [NOTICE]


def test_they_are_found_before_parts_in_order() -> None:
    part = media_part(1, TIME, [b"x"] * 25, 960)
    data = snapshot_emsg(SNAPSHOT, TIME) + part + notice_emsg(NOTICE, TIME) + part
    assert read_events(data) == [SNAPSHOT, NOTICE]


def test_layout_is_that_of_the_specification() -> None:
    data = notice_emsg(EdgeNotice("ended"), TIME)
    (found,) = walk_boxes(data)
    body = data[found.body : found.end]
    assert found.kind == b"emsg"
    version_flags, timescale, time, duration, ident = struct.unpack_from(">IIQII", body)
    assert (version_flags, timescale, time, duration, ident) == (1 << 24, 48_000, TIME, 0xFFFFFFFF, 3_600_000)
    assert body[24:] == EDGE_SCHEME.encode() + b"\0\0" + b'{"e":"ended"}'


def test_snapshots_ride_as_id3_in_cmaf() -> None:
    data = snapshot_emsg(SNAPSHOT, TIME)
    (found,) = walk_boxes(data)
    message = parse_emsg(data[found.body : found.end])
    assert (message.scheme, message.value, message.time) == (ID3_SCHEME, "", TIME)
    assert message.data.startswith(b"ID3\x04")


def test_what_moves_costs_little() -> None:
    assert len(snapshot_emsg(Snapshot("live", 43210, {"host": -20, "s1": -31}), TIME)) < 160


def test_messages_of_different_parts_have_different_ids() -> None:
    ids = set()
    for part in range(100):
        data = snapshot_emsg(SNAPSHOT, MediaTime(TIME + part * 24_000))
        ids.add(parse_emsg(data[8:]).id)
    assert len(ids) == 100


def test_another_timescale_is_converted() -> None:
    data = full_box(b"emsg", 1, 0, struct.pack(">IQII", 1000, 1500, 0, 7), b"urn:x\0v\0", b"data")
    assert parse_emsg(data[8:]) == EventMessage("urn:x", "v", MediaTime(72_000), 7, b"data")


def test_other_schemes_versions_and_boxes_are_passed_over() -> None:
    other = write_emsg(EventMessage("urn:other", "", TIME, 1, b"?"))
    old = full_box(b"emsg", 0, 0, b"urn:old\0\0", bytes(16))
    unknown = write_emsg(EventMessage(ID3_SCHEME, "", TIME, 1, b"ID3\x04\0\0\0\0\0\0"))
    assert read_events(box(b"styp", b"cmfc") + other + old + unknown) == []


@given(st.binary(max_size=200))
@example(full_box(b"emsg", 1, 0, struct.pack(">IQII", 0, 0, 0, 0), b"a\0b\0"))
@example(full_box(b"emsg", 1, 0, struct.pack(">IQII", 1, 0, 0, 0), b"a" * 40))
@example(full_box(b"emsg", 1, 0, struct.pack(">IQII", 1, 0, 0, 0), b"\xff\0\0"))
@example(write_emsg(EventMessage(EDGE_SCHEME, "", TIME, 1, b"[]")))
@example(write_emsg(EventMessage(ID3_SCHEME, "", TIME, 1, b"not a tag")))
def test_garbage_is_refused_or_says_nothing(data: bytes) -> None:
    with contextlib.suppress(WireError):
        assert read_events(data) == []


def test_a_message_cannot_be_built_wrong() -> None:
    with pytest.raises(ValueError, match="NUL"):
        EventMessage("a\0b", "", TIME, 1, b"")
