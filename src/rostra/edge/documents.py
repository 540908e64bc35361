"""What is told of rooms, as bytes that everyone shares: pages, state, posts, calendars, feeds.

Each is made when it is asked for and what it tells has changed: state and lists once a second at most, a page when its
record does. A million people who press reload a minute before the start get the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from rostra.edge.announcing import head_of, title_of
from rostra.edge.answers import CACHE_PAGE, CACHE_STATE, NO_STORE, Answer, encoded, fields_of
from rostra.edge.negotiate import Encoding
from rostra.edge.pages import BROTLI_LIVE_QUALITY, Pages, encodings
from rostra.edge.room import RoomOnAir, forgotten, listed
from rostra.units import RoomState, WallTime
from rostra.wire.calendar import calendar
from rostra.wire.feeds import RSS_TYPE, room_feed, rooms_feed
from rostra.wire.rooms import Room

Forms = dict[Encoding, Answer]

MAX_LISTED_ROOMS = 200
"""Rooms in ``/rooms.json`` and ``/feed.xml``: more is no list that a person reads."""

CANCELLED_S = 24 * 3600.0
"""So long a room that was called off stands in the feed as ended: podcast apps that were told that it will be look
again within a day."""

CALENDAR_TYPE = "text/calendar; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Moment:
    """What an answer depends on besides rooms."""

    wall: float
    date: bytes
    flush_s: float


class Documents:
    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.front_url = ""
        """The public address of the front door, without a slash at the end."""
        self._each_second: dict[tuple[str, str], Forms] = {}
        self._kept: dict[tuple[str, str], tuple[object, Forms]] = {}
        """By room and what it is: what it was made of, and what was made."""

    def forget_second(self) -> None:
        self._each_second.clear()

    def forget_room(self, room_id: str) -> None:
        """Its record has changed, or it is gone."""
        for key in [k for k in self._kept if k[0] == room_id]:
            del self._kept[key]
        self._each_second.clear()

    # --- once a second ---

    def rooms(self, rooms: Iterable[RoomOnAir], moment: Moment) -> Forms:
        fields = fields_of("application/json", CACHE_STATE, cors=True)
        return self._second(("", "rooms"), fields, lambda: listed(rooms, MAX_LISTED_ROOMS, moment.wall), moment)

    def state(self, room: RoomOnAir, moment: Moment, told: Mapping[str, Any] | None = None) -> Forms:
        """:param told: what the door says besides."""
        fields = fields_of("application/json", CACHE_STATE, cors=True)
        return self._second(
            (room.id, "state"), fields, lambda: room.state_json(moment.wall, moment.flush_s, told=told), moment
        )

    def all_feed(self, rooms: Iterable[RoomOnAir], moment: Moment) -> Forms:
        def make() -> Forms:
            shown = [r.record for r in rooms if r.record and _in_feed(r.record, moment.wall)]
            shown.sort(key=lambda record: record.at, reverse=True)
            body = rooms_feed(shown[:MAX_LISTED_ROOMS], self.front_url, WallTime(moment.wall))
            return _coded(body, RSS_TYPE, CACHE_PAGE)

        forms = self._each_second.get(("", "feed"))
        if forms is None:
            forms = self._each_second["", "feed"] = make()
        return forms

    def _second(self, key: tuple[str, str], fields: bytes, make: Callable[[], bytes], moment: Moment) -> Forms:
        forms = self._each_second.get(key)
        if forms is None:
            answer = Answer(200, fields, make(), date=moment.date)
            forms = self._each_second[key] = dict.fromkeys(Encoding, answer)
        return forms

    # --- when it has changed ---

    def page(self, room: RoomOnAir, moment: Moment) -> Forms:
        record = room.record
        assert record is not None
        made_of = (record, room.state, room.renditions, room.board_version, room.late(moment.wall), moment.flush_s)

        def make() -> Forms:
            state = room.state_json(moment.wall, moment.flush_s, lasting=True)
            lasting = repr(made_of).encode()
            return self.pages.room_answers(state, head_of(record, self.front_url), title_of(record), lasting)

        return self._keep((room.id, "page"), made_of, make)

    def posts(self, room: RoomOnAir) -> Forms:
        return self._keep(
            (room.id, "posts"),
            room.board_version,
            lambda: _coded(room.board, "application/json", CACHE_STATE, cors=True),
        )

    def calendar(self, room: RoomOnAir, moment: Moment) -> Answer:
        record = room.record
        assert record is not None

        def make() -> Forms:
            return dict.fromkeys(Encoding, self._calendar(record, self._address(record), moment, CACHE_PAGE))

        return self._keep((room.id, "calendar"), record, make)[Encoding.IDENTITY]

    def calendar_of_invited(self, room: RoomOnAir, token: str, moment: Moment) -> Answer:
        """For one calendar: its entry opens the room, days after the page's cookie is gone."""
        assert room.record is not None
        address = f"{self._address(room.record)}#t={quote(token, safe='')}"
        return self._calendar(room.record, address, moment, NO_STORE)

    def _calendar(self, record: Room, address: str, moment: Moment, cache: str) -> Answer:
        extra = f'Content-Disposition: inline; filename="{record.id}.ics"\r\n'
        fields = fields_of(CALENDAR_TYPE, cache, cors=True, extra=extra)
        return Answer(200, fields, calendar(record, address, WallTime(moment.wall)))

    def feed(self, room: RoomOnAir, moment: Moment) -> Forms:
        record = room.record
        assert record is not None
        return self._keep(
            (room.id, "feed"),
            record,
            lambda: _coded(room_feed(record, self.front_url, WallTime(moment.wall)), RSS_TYPE, CACHE_PAGE),
        )

    def feed_of_invited(self, room: RoomOnAir, query: str, moment: Moment) -> Answer:
        """For one podcast app: the addresses in it carry its link."""
        assert room.record is not None
        body = room_feed(room.record, self.front_url, WallTime(moment.wall), query)
        return Answer(200, fields_of(RSS_TYPE, NO_STORE), body)

    def _keep(self, key: tuple[str, str], made_of: object, make: Callable[[], Forms]) -> Forms:
        known = self._kept.get(key)
        if known is None or known[0] != made_of:
            known = self._kept[key] = (made_of, make())
        return known[1]

    def _address(self, record: Room) -> str:
        return f"{self.front_url}/r/{record.id}"


def _in_feed(record: Room, wall: float) -> bool:
    if record.state is RoomState.CANCELLED and wall - record.ended > CANCELLED_S:
        return False
    return record.listed and not record.invited and not forgotten(record, wall)


def _coded(body: bytes, content_type: str, cache: str, *, cors: bool = False) -> Forms:
    return {
        encoding: Answer(200, fields_of(content_type, cache, cors=cors, extra=encoded(encoding)), data)
        for encoding, data in encodings(body, BROTLI_LIVE_QUALITY).items()
    }
