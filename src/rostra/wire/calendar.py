"""A room as an event in a calendar (RFC 5545), for "add to calendar" and for calendars that look again now and then."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from rostra.units import RoomState, WallTime
from rostra.wire.rooms import Room

PRODUCT = "-//Rostra//Rostra//EN"

EXPECTED = timedelta(hours=1)
"""What a calendar keeps free for an event whose end nobody has announced."""

REFRESH = timedelta(minutes=15)
"""How often a calendar that subscribed may look whether it was moved (RFC 7986, 5.7)."""

LATEST_S = 221_845_392_000.0
"""The year 9000 begins: what lies beyond, and the search for changes of the clock around it, is past any library's
dates."""

_STATUS = {RoomState.CANCELLED: "CANCELLED"}


def local(at: WallTime, tz: str) -> datetime:
    """``at`` on the clocks of ``tz``; on those of UTC if nobody knows such a zone."""
    moment = datetime.fromtimestamp(min(max(at, 0.0), LATEST_S), UTC).replace(microsecond=0)
    try:
        return moment.astimezone(ZoneInfo(tz))
    except (KeyError, ValueError, OSError):
        return moment


def sequence(room: Room) -> int:
    """Which revision of the event this is. RFC 5545, 3.8.7.4: it is "monotonically incremented"."""
    return room.moved + (room.state is RoomState.CANCELLED)


def calendar(room: Room, address: str, stamp: WallTime) -> bytes:
    """The file. ``address``: of the room's page; ``stamp``: when it was last looked at (DTSTAMP)."""
    begins = local(room.at, room.tz)
    ends = local(room.ended, room.tz) if room.ended > room.at else begins + EXPECTED
    event = Event()
    # 3.8.4.7: "globally unique"; a room of the same name made anew is another event.
    event.add("uid", f"{room.id}-{int(min(max(room.created, 0.0), LATEST_S))}@rostra")
    event.add("dtstamp", local(stamp, "UTC"))
    event.add("dtstart", begins)
    event.add("dtend", ends)
    event.add("summary", _plain(room.title))
    if text := _description(room, address):
        event.add("description", text)
    event.add("url", address)
    event.add("location", address)
    event.add("status", _STATUS.get(room.state, "CONFIRMED"))
    event.add("sequence", sequence(room))
    whole = Calendar()
    whole.add("prodid", PRODUCT)
    whole.add("version", "2.0")
    whole.add("calscale", "GREGORIAN")
    whole.add("method", "PUBLISH")
    whole.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    whole.add_component(event)
    # 3.2.19: "The VTIMEZONE calendar component MUST be specified" for each TZID that is used.
    whole.add_missing_timezones(date(begins.year - 1, 1, 1), date(ends.year + 1, 12, 31))
    return bytes(whole.to_ical())


def _description(room: Room, address: str) -> str:
    parts = [room.note, room.words, ", ".join(room.speakers), address]
    return "\n\n".join(_plain(part) for part in parts if part)


def _plain(text: str) -> str:
    """Without control characters, which a line of the file must not have (3.1: CONTROL)."""
    return "".join(c for c in text if c in "\n\t" or (c >= " " and c != "\x7f"))
