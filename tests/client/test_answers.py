from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from rostra.client.answers import Links, Me, Room, Stage, read
from rostra.errors import WireError
from tests.client.conftest import ROOM


def test_what_is_not_known_is_kept_raw_and_what_is_missing_has_a_default() -> None:
    found = {**ROOM, "speakers": ["Ann", "Ben"], "started": None, "of_tomorrow": {"x": 1}}
    room = read(Room, found)
    assert (room.id, room.at, room.speakers) == ("talk", datetime(2030, 5, 1, 17, 30, tzinfo=UTC), ("Ann", "Ben"))
    assert (room.started, room.doors_s, room.links) == (None, 900.0, {})
    assert room.raw == found


def test_answers_do_not_change() -> None:
    room = read(Room, ROOM)
    with pytest.raises(FrozenInstanceError):
        room.title = "Another"  # type: ignore[misc]
    assert room == read(Room, {**ROOM, "more": 1})


def test_what_is_in_lists_has_its_raw_too() -> None:
    seat = {"id": "s1", "name": "Ann", "level": -20.5, "jitter_ms": 3}
    stage = read(Stage, {"seats": [seat], "state": "live", "listening": 12})
    assert (stage.seats[0].name, stage.seats[0].level, stage.seats[0].raw["jitter_ms"]) == ("Ann", -20.5, 3)
    assert read(Me, {"seat": seat, "notes": [{"n": 1, "kind": "muted"}], "state": "live"}).seat == stage.seats[0]
    assert read(Me, {"seat": None, "notes": [], "state": "open"}).seat is None
    link = {"identity": "i", "role": "speaker", "name": "Ann", "at": "2030-05-01T17:30:00Z", "revoked": None}
    links = read(Links, {"items": [link], "next": None, "shared": {"host": "h"}, "complete": True})
    assert links.items[0].raw == link


@pytest.mark.parametrize(
    "found", [{}, {**ROOM, "at": "soon"}, {**ROOM, "links": 3}, {**ROOM, "speakers": "Ann"}, {**ROOM, "id": None}]
)
def test_an_odd_answer_is_a_sentence(found: dict[str, object]) -> None:
    with pytest.raises(WireError, match=r"is not understood: .* of another version"):
        read(Room, found)
