import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rostra.errors import WireError
from rostra.units import Role, RoomState, WallTime
from rostra.wire.rooms import ROOM_ID, Room, decode_room, encode_room

ROOM = Room("town-hall", "Town hall", RoomState.LIVE, WallTime(1.0), WallTime(2.0), WallTime(3.0), 4, WallTime(5.0))


def test_a_room_comes_back() -> None:
    assert decode_room(encode_room(ROOM)) == ROOM
    ended = ROOM.with_(state=RoomState.ENDED, title="Zoë · 日本", ended=WallTime(9.5))
    assert decode_room(encode_room(ended)) == ended


@pytest.mark.parametrize("ident", ["a", "0", "a-b", "x" * 40, "town-hall-2"])
def test_ids_that_may_be(ident: str) -> None:
    assert ROOM_ID.fullmatch(ident)
    assert ROOM.with_(id=ident).id == ident


@pytest.mark.parametrize("ident", ["", "-a", "a-", "A", "a_b", "a.b", "a/b", "ä", "x" * 41, "a\n", "a*", "a>"])
def test_ids_that_may_not_be(ident: str) -> None:
    with pytest.raises(ValueError, match="room id"):
        ROOM.with_(id=ident)


@pytest.mark.parametrize("title", ["", "x" * 201])
def test_titles_that_may_not_be(title: str) -> None:
    with pytest.raises(ValueError, match="title"):
        ROOM.with_(title=title)


@pytest.mark.parametrize("state", RoomState)
def test_what_is_on_air(state: RoomState) -> None:
    on_air = ROOM.with_(state=state).on_air
    assert on_air == (state in (RoomState.OPEN, RoomState.LIVE, RoomState.INTERRUPTED))


def changed(**changes: object) -> bytes:
    return json.dumps({**json.loads(encode_room(ROOM)), **changes}).encode()


@given(st.binary(max_size=60))
@example(b"")
@example(b"[]")
@example(b"1")
@example(b"[" * 100_000)
@example(b"{}")
@example(b'{"v":1}')
@example(b"\xff")
@example(changed(v=2))
@example(changed(state="asleep"))
@example(changed(id="A"))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode_room(data)


def test_what_a_later_version_says_besides_is_left_out() -> None:
    assert decode_room(changed(weather="fine")) == decode_room(changed())


@pytest.mark.parametrize(
    "wrong",
    [
        {"words": "x" * 2001},
        {"speakers": ["x"] * 33},
        {"speakers": [""]},
        {"picture": "../../etc/passwd"},
        {"delay_s": 31},
        {"revoked": ["x"] * 1001},
        {"issues": {"host": "x"}},
    ],
)
def test_what_is_announced_has_bounds(wrong: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        decode_room(changed(**wrong))


def test_a_link_is_good_until_it_is_taken_back() -> None:
    room = decode_room(changed(issues={"speaker": 2}, revoked=["abc"]))
    assert room.shared_identity(Role.SPEAKER) == "speaker-2"
    assert room.accepts(Role.SPEAKER, "speaker-2") and room.accepts(Role.HOST, "host")
    assert not any(room.accepts(Role.SPEAKER, old) for old in ("speaker", "speaker-1", "speaker-3", "abc"))
    assert room.accepts(Role.SPEAKER, "personal")
