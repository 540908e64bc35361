"""What we write, read back by icalendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar, Component

from rostra.units import RoomState, WallTime
from rostra.wire.calendar import calendar, local
from rostra.wire.rooms import Room

ADDRESS = "https://live.example/r/demo"
AT = datetime(2026, 3, 1, 19, 0, tzinfo=UTC).timestamp()
MADE = AT - 86_400


def room(**changes: Any) -> Room:
    made = Room("demo", "An evening", RoomState.SCHEDULED, WallTime(AT), WallTime(MADE), tz="Europe/Berlin")
    return made.with_(**changes)


def event(of: Room) -> Component:
    whole = Calendar.from_ical(calendar(of, ADDRESS, WallTime(MADE)))
    (found,) = whole.walk("VEVENT")
    return found


def test_begins_on_the_clocks_of_the_place() -> None:
    data = calendar(room(), ADDRESS, WallTime(MADE))
    assert b"DTSTART;TZID=Europe/Berlin:20260301T200000\r\n" in data
    assert b"BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n" in data
    found = event(room())
    assert found.decoded("dtstart") == datetime.fromtimestamp(AT, UTC)
    assert found.decoded("dtend") - found.decoded("dtstart") == timedelta(hours=1)
    assert found["status"] == "CONFIRMED"
    assert str(found["url"]) == ADDRESS


def test_one_event_however_often_it_is_moved() -> None:
    first, moved = event(room()), event(room(at=WallTime(AT - 3600), moved=1))
    assert first["uid"] == moved["uid"] != event(room(created=WallTime(MADE + 60)))["uid"]
    assert first["sequence"] < moved["sequence"]


def test_cancelled_is_the_last_word() -> None:
    found = event(room(state=RoomState.CANCELLED, note="The hall is flooded."))
    assert found["status"] == "CANCELLED"
    assert found["sequence"] == event(room())["sequence"] + 1
    assert "flooded" in found["description"]


def test_it_ended_when_it_ended() -> None:
    found = event(room(state=RoomState.ENDED, ended=WallTime(AT + 5400)))
    assert found.decoded("dtend") - found.decoded("dtstart") == timedelta(minutes=90)


def test_what_is_said_cannot_break_out_of_its_line() -> None:
    title = "x\r\nATTENDEE:mailto:a@b\nEND:VEVENT; , \\ \0\x1b \u2028"
    found = event(room(title=title, words="one\ntwo\r\nBEGIN:VALARM", speakers=("Ada; Grace",)))
    assert "attendee" not in found
    assert "two\nBEGIN:VALARM" in found["description"].replace("\r", "")
    assert "Ada; Grace" in found["description"]
    assert not found.subcomponents


def test_long_lines_are_folded() -> None:
    data = calendar(room(words="ä" * 2000), ADDRESS, WallTime(MADE))
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    assert "ä" * 2000 in event(room(words="ä" * 2000))["description"]


@pytest.mark.parametrize("tz", ["", "Nowhere/Town", "../../etc/passwd", "/etc/passwd", "Europe", "a\0b", "UTC"])
def test_a_zone_that_nobody_knows_is_utc(tz: str) -> None:
    assert local(WallTime(AT), tz) == datetime.fromtimestamp(AT, UTC)
    assert event(room(tz=tz)).decoded("dtstart") == datetime.fromtimestamp(AT, UTC)


@pytest.mark.parametrize("at", [-1e18, -1.0, 0.0, 1e11, 1e18, float("inf")])
def test_any_time_is_some_date(at: float) -> None:
    assert local(WallTime(at), "Europe/Berlin").year <= 9999
    calendar(room(at=WallTime(at)), ADDRESS, WallTime(at))


def test_in_the_doubled_hour_the_second_one_is_an_hour_later() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()
    offsets = [local(WallTime(first + s), "Europe/Berlin").utcoffset() for s in (0, 3600)]
    assert offsets == [timedelta(hours=2), timedelta(hours=1)]
