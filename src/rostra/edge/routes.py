"""What an address means. Names only: whether there is such a room or part, others know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from rostra.errors import NotFound
from rostra.units import Rendition
from rostra.wire.hands import TICKET
from rostra.wire.playlists import is_media_name
from rostra.wire.rooms import PICTURE, ROOM_ID


class Kind(Enum):
    HOME = auto()
    ASSET = auto()
    HEALTH = auto()
    READY = auto()
    METRICS = auto()
    ROOMS = auto()
    PAGE = auto()
    LIVE = auto()
    MP3 = auto()
    STATE = auto()
    MASTER = auto()
    PLAYLIST = auto()
    MEDIA = auto()
    POSTS = auto()
    CALENDAR = auto()
    FEED = auto()
    ALL_FEED = auto()
    PICTURE = auto()
    HAND = auto()
    HAND_ANSWER = auto()
    RSVP = auto()
    REACT = auto()
    REPORT = auto()
    REHEARSAL = auto()
    DOOR = auto()
    """A place in the line: GET for a challenge, POST for a number."""


POSTED = frozenset({Kind.HAND, Kind.RSVP, Kind.REACT, Kind.REPORT, Kind.REHEARSAL})
"""Where something is sent; there is nothing to get."""


@dataclass(frozen=True, slots=True)
class Route:
    kind: Kind
    room: str = ""
    rendition: Rendition = Rendition.OPUS
    name: str = ""
    """Of a file: the address of an asset, or the last step of a part's, segment's, init's or picture's address; a
    hand's ticket."""


_FIXED = {
    "/": Route(Kind.HOME),
    "/healthz": Route(Kind.HEALTH),
    "/readyz": Route(Kind.READY),
    "/metrics": Route(Kind.METRICS),
    "/rooms.json": Route(Kind.ROOMS),
    "/feed.xml": Route(Kind.ALL_FEED),
    "/rehearsal": Route(Kind.REHEARSAL),
}
_IN_ROOM = {
    "": Kind.PAGE,
    "live": Kind.LIVE,
    "live.mp3": Kind.MP3,
    "state": Kind.STATE,
    "hls/main.m3u8": Kind.MASTER,
    "posts": Kind.POSTS,
    "calendar.ics": Kind.CALENDAR,
    "feed.xml": Kind.FEED,
    "hand": Kind.HAND,
    "rsvp": Kind.RSVP,
    "react": Kind.REACT,
    "report-abuse": Kind.REPORT,
    "door": Kind.DOOR,
}
_ROOM = re.compile(r"/r/([^/]+)(?:/(.*))?")
_PLAYLIST = re.compile(r"hls/(opus|aac)\.m3u8")
_MEDIA = re.compile(r"hls/(opus|aac)/([^/]{1,60})")
_HAND = re.compile(rf"hand/({TICKET.pattern})")
_PICTURE = re.compile(rf"/p/({PICTURE.pattern})")
_ASSET = re.compile(r"/(?:assets/[A-Za-z0-9._-]{1,120}|[a-z0-9-]{1,40}\.(?:ico|svg|png|txt|webmanifest))")


def resolve(path: str) -> Route:
    """:raises NotFound: if the address means nothing."""
    if path in _FIXED:
        return _FIXED[path]
    room = _ROOM.fullmatch(path)
    if room and ROOM_ID.fullmatch(room.group(1)):
        return _in_room(room.group(1), room.group(2) or "")
    if picture := _PICTURE.fullmatch(path):
        return Route(Kind.PICTURE, name=picture.group(1))
    if _ASSET.fullmatch(path):
        return Route(Kind.ASSET, name=path)
    raise NotFound("There is nothing at this address.")


def _in_room(room: str, rest: str) -> Route:
    if rest in _IN_ROOM:
        return Route(_IN_ROOM[rest], room)
    if playlist := _PLAYLIST.fullmatch(rest):
        return Route(Kind.PLAYLIST, room, Rendition(playlist.group(1)))
    if (media := _MEDIA.fullmatch(rest)) and is_media_name(media.group(2)):
        return Route(Kind.MEDIA, room, Rendition(media.group(1)), media.group(2))
    if hand := _HAND.fullmatch(rest):
        return Route(Kind.HAND_ANSWER, room, name=hand.group(1))
    raise NotFound("There is nothing at this address.")
