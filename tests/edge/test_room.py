from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rostra.edge.framing import Piece
from rostra.edge.room import ENDING_S, FORGOTTEN_S, KEPT_S, SILENT_S, RoomOnAir, listed
from rostra.packaging import RoomWindows
from rostra.processes.edge import notice
from rostra.units import MediaTime, Rendition, RoomState, WallTime
from rostra.wire.boards import Board, decode_board
from rostra.wire.emsg import read_events, snapshot_emsg
from rostra.wire.listeners import EdgeNotice, Snapshot
from tests.edge.making import STAGE, room, stream


def on_air(state: RoomState = RoomState.LIVE) -> RoomOnAir:
    made = RoomOnAir("demo", RoomWindows(), notice)
    made.on_record(room(state), 0.0)
    return made


def said(made: RoomOnAir, rendition: Rendition = Rendition.OPUS) -> list[str]:
    """Kinds of the notices that wait to be flushed."""
    boxes = [p.data for p in made.feeds[rendition].flush() if not p.seconds]
    return [e.kind for box in boxes for e in read_events(box) if isinstance(e, EdgeNotice)]


def test_silence_is_interrupted_once_and_resumed_before_the_next_part() -> None:
    made, parts = on_air(), stream(4)
    made.on_part(parts[0], 1.0)
    made.tick(1.0 + SILENT_S)
    assert not made.interrupted
    said(made)
    for now in (3.1, 3.2, 60.0):
        made.tick(now)
    assert (made.interrupted, made.state) == (True, RoomState.INTERRUPTED)
    assert said(made) == ["interrupted"]
    assert made.feeds[Rendition.OPUS].standing
    made.on_part(parts[1], 60.0)
    pieces = made.feeds[Rendition.OPUS].flush()
    assert [e.kind for e in read_events(pieces[0].data) if isinstance(e, EdgeNotice)] == ["resumed"]
    assert pieces[1] == Piece(parts[1].body, 0.5)
    assert not made.feeds[Rendition.OPUS].standing


def test_the_record_may_say_so_too() -> None:
    made = on_air()
    made.on_part(stream(0.5)[0], 1.0)
    made.on_record(room(RoomState.INTERRUPTED), 1.1)
    assert said(made) == ["interrupted"]
    made.on_record(room(RoomState.LIVE), 1.2)
    assert said(made) == ["resumed"]


@pytest.mark.parametrize("state", [RoomState.SCHEDULED, RoomState.ENDED, RoomState.CANCELLED])
def test_a_room_that_is_not_on_air_is_not_interrupted(state: RoomState) -> None:
    made = on_air(state)
    made.tick(0.1)
    made.on_part(stream(0.5)[0], 0.2)
    made.tick(100.0)
    assert not made.interrupted
    assert said(made) == ([] if state is RoomState.SCHEDULED else ["ended"])


def test_a_room_that_is_moved_says_so_once_and_begins_anew() -> None:
    made = on_air(RoomState.OPEN)
    made.on_part(stream(0.5)[0], 1.0)
    made.tick(10.0)
    assert said(made) == ["interrupted"]
    later = room(RoomState.SCHEDULED, moved=1)
    for now in (11.0, 12.0):
        made.on_record(later, now)
    assert said(made) == ["moved"]
    assert (made.interrupted, made.feeds[Rendition.OPUS].standing) == (False, b"")
    assert json.loads(made.state_json(1_700_000_000.0, 0.5))["stage"] == []
    made.on_record(room(RoomState.OPEN, moved=1), 5000.0)
    made.tick(5000.5)
    assert (said(made), made.state) == ([], RoomState.OPEN)


def test_a_room_without_a_part_yet_is_not_interrupted() -> None:
    made = on_air(RoomState.OPEN)
    made.tick(100.0)
    assert made.state is RoomState.OPEN


def test_ended_after_the_last_part() -> None:
    made, parts = on_air(), stream(4)
    made.on_part(parts[0], 1.0)
    made.on_record(room(RoomState.ENDED), 1.1)
    assert made.on_part(parts[1], 1.3)
    made.tick(1.1 + ENDING_S - 0.01)
    assert not made.over
    made.tick(1.1 + ENDING_S)
    assert made.over
    assert said(made) == ["ended"]
    assert b"#EXT-X-ENDLIST" in made.windows[Rendition.OPUS].playlist().raw
    assert not made.on_part(parts[2], 2.0)
    made.tick(50.0)
    assert said(made) == []


def test_what_is_over_is_let_go_after_a_while() -> None:
    made, empty = on_air(), RoomWindows()
    made.on_part(stream(0.5)[0], 1.0)
    assert not made.retire(empty, 1000.0)
    made.on_record(room(RoomState.ENDED), 2.0)
    made.tick(3.0)
    assert not made.retire(empty, 3.0 + KEPT_S - 1)
    assert made.retire(empty, 3.0 + KEPT_S)
    assert made.windows is empty
    assert not made.retire(RoomWindows(), 9000.0)
    assert made.state is RoomState.ENDED


def test_a_lower_generation_is_fenced_off() -> None:
    made = on_air()
    assert made.on_part(stream(4, generation=2, first=16, base=960 * 300)[0], 1.0)
    assert not made.on_part(stream(4)[3], 1.1)
    assert not made.on_part(stream(4, generation=2, first=16, base=960 * 300)[0], 1.2)


def test_state_tells_what_parts_told() -> None:
    made = on_air()
    made.on_part(stream(0.5)[0], 1.0)
    state = json.loads(made.state_json(1_700_000_100.0, 2.0))
    assert state == {
        "id": "demo",
        "title": "An <evening>",
        "state": "live",
        "at": 1_700_000_000.0,
        "now": 1_700_000_100.0,
        "epoch": 1_700_000_000.0,
        "started": 1_700_000_000.0,
        "ended": 0.0,
        "listening": 42,
        "stage": [{"i": "s1", "n": "Ada", "r": "host"}, {"i": "s2", "n": "Grace", "r": "speaker", "m": 1}],
        "flush_s": 2.0,
        "renditions": ["opus", "mp3"],
        "words": "",
        "tz": "UTC",
        "speakers": [],
        "picture": "",
        "doors": 1_699_999_100.0,
        "go": False,
        "invited": False,
        "posts": 0,
        "late": False,
        "moved": 0,
        "note": "",
        "delay_s": 0.0,
        "react": {},
    }


def test_what_lasts_has_nothing_of_the_second() -> None:
    made = on_air()
    before = made.state_json(1_700_000_100.0, 2.0, lasting=True)
    made.on_record(made.record or room(), 0.5)
    told = snapshot_emsg(Snapshot("live", 7, {}, STAGE, {"❤": 3}), MediaTime(0))
    made.on_part(replace(stream(0.5)[0], metadata=told), 1.0)
    after = json.loads(made.state_json(1_700_000_100.0, 2.0, lasting=True))
    assert {**after, "renditions": ["mp3"]} == json.loads(before)
    state = json.loads(made.state_json(1_700_000_100.0, 2.0))
    assert (state["listening"], state["react"]) == (7, {"❤": 3})


def test_late_is_when_the_minute_is_over_and_nobody_began() -> None:
    made = on_air(RoomState.OPEN)
    assert [made.late(1_700_000_000.0 + s) for s in (-1.0, 0.0, 600.0)] == [False, True, True]
    assert not on_air(RoomState.LIVE).late(1_800_000_000.0)


def test_a_board_is_told_once_and_only_while_someone_may_listen() -> None:
    made = on_air()
    made.on_board(Board(4), 1.0)
    made.on_board(Board(4), 1.1)
    assert said(made) == ["posts"]
    assert decode_board(made.board).version == made.board_version == 4
    made.on_board(None, 1.2)
    assert (said(made), made.board_version) == (["posts"], 0)
    quiet = on_air(RoomState.SCHEDULED)
    quiet.on_board(Board(4), 1.0)
    assert said(quiet) == []


def test_metadata_that_cannot_be_read_is_passed_on() -> None:
    made = on_air()
    part = replace(stream(0.5)[0], metadata=b"\0\0\0\x20emsg\x01")
    assert made.on_part(part, 1.0)
    assert made.feeds[Rendition.OPUS].flush()[1].data == part.body


def test_fresh_is_by_rendition() -> None:
    made = on_air()
    made.on_part(stream(0.5)[0], 1.0)
    assert made.fresh(Rendition.OPUS, 1.0 + SILENT_S)
    assert not made.fresh(Rendition.OPUS, 1.1 + SILENT_S)
    assert not made.fresh(Rendition.MP3, 1.0)


def test_hls_connections_are_counted_while_they_ask() -> None:
    made = on_air()
    made.hls_seen.update({4: 0.0, 5: 8.0, 6: 10.0})
    assert made.count_hls(10.5, 10.0) == 2
    assert made.count_hls(30.0, 10.0) == 0


def test_list_of_rooms() -> None:
    rooms = []
    for name, state, at in (
        ("late", RoomState.SCHEDULED, 9.0),
        ("gone", RoomState.ENDED, 1.0),
        ("on", RoomState.LIVE, 8.0),
        ("soon", RoomState.SCHEDULED, 5.0),
    ):
        made = RoomOnAir(name, RoomWindows(), notice)
        made.on_record(replace(room(state, name), at=WallTime(at)), 0.0)
        rooms.append(made)
    rooms.append(RoomOnAir("unknown", RoomWindows(), notice))
    assert [r["id"] for r in json.loads(listed(rooms, 10))["rooms"]] == ["on", "soon", "late"]
    assert [r["id"] for r in json.loads(listed(rooms, 1))["rooms"]] == ["on"]
    seen = [json.loads(listed(rooms, 10, 5.0 + FORGOTTEN_S + late))["rooms"] for late in (0.0, 1.0)]
    assert [[r["id"] for r in found] for found in seen] == [["on", "soon", "late"], ["on", "late"]]
    hidden = RoomOnAir("hidden", RoomWindows(), notice)
    hidden.on_record(room(RoomState.LIVE, "hidden", listed=False), 0.0)
    assert "hidden" not in {r["id"] for r in json.loads(listed([hidden, *rooms], 10))["rooms"]}
