"""LL-HLS: playlists, parts and segments, and those who wait for one that is being made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rostra.edge.answers import (
    CACHE_BLOCKING,
    CACHE_MEDIA,
    CACHE_PLAYLIST,
    NO_STORE,
    Answer,
    encoded,
    fields_of,
    problem,
)
from rostra.edge.contracts import Playlist
from rostra.edge.conversation import HELD, Conversation, Held, Hot, HotForms, Shut, Welcome
from rostra.edge.head import Request
from rostra.edge.holds import Holds
from rostra.edge.negotiate import Encoding, byte_range
from rostra.edge.query import Directives, parse_directives, shown_pass
from rostra.edge.room import RoomOnAir
from rostra.edge.routes import Route
from rostra.errors import BadRequest, Full, Gone, NotFound, OutOfRange
from rostra.units import Rendition
from rostra.wire.playlists import BLOCK_TIMEOUT_S, MEDIA_TYPE, PLAYLIST_TYPE

NOT_MADE = "This part was not made."
ENDED = "This event has ended."

MAX_HOT = 4096
"""Request lines whose answer is at hand: 120 s of parts and segments of 7 rooms. When full, all are forgotten."""

FIRST_PART_S = 5.0
"""How long a playlist is waited for that has nothing in it yet."""

COME_BACK_S = 2.0
"""After an answer that was waited for in vain."""

Ask = tuple[str, Rendition, int, int | None]
"""A playlist that is waited for: room, rendition, segment, part."""
Named = tuple[str, Rendition, str]
"""A part that is waited for, by name."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which form of a playlist."""

    skip: bool
    encoding: Encoding
    blocking: bool


class House(Protocol):
    """Whose rooms they are."""

    hot: dict[bytes, Hot | HotForms | Welcome | Shut]
    date: bytes
    now: float
    draining: bool
    ready: deque[tuple[Conversation, Answer | Callable[[], Welcome]]]


class Hls:
    def __init__(self, house: House) -> None:
        self._house = house
        self._playlists: Holds[Ask, Conversation, _Wanted] = Holds()
        self._parts: Holds[Named, Conversation, None] = Holds()
        self._media: dict[Named, Answer] = {}
        self._lists: dict[tuple[str, Rendition, _Wanted], tuple[int, Answer]] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._playlists) + len(self._parts)

    def forget(self) -> None:
        """What is remembered only to be quick."""
        self._media.clear()
        self._lists.clear()

    def master(self, room: RoomOnAir, request: Request) -> Answer:
        playlist = room.windows.multivariant
        if playlist is None:
            if room.over:
                raise Gone(ENDED)
            raise Full("The room has no sound yet.", COME_BACK_S)
        shown = shown_pass(request.line.query) if request.line.query else ""
        if shown:
            # A player without cookies shows it with the playlist itself, which is what the door asks for.
            body = playlist.raw.replace(b".m3u8\n", f".m3u8?w={shown}\n".encode())
            return Answer(200, fields_of(PLAYLIST_TYPE, NO_STORE, cors=True), body)
        return _playlist(playlist, request.fields.encoding, CACHE_PLAYLIST, self._house.date)

    def playlist(self, route: Route, room: RoomOnAir, request: Request, conversation: Conversation) -> Answer | Held:
        directives = parse_directives(request.line.query) if request.line.query else Directives()
        room.hls_seen[conversation.fd] = self._house.now
        window = room.windows[route.rendition]
        wanted = _Wanted(directives.skip, request.fields.encoding, directives.blocking)
        if not window.ready:
            if room.over:
                raise Gone(ENDED)
            # An empty playlist would break players: the first part is waited for.
            self._playlists.hold((room.id, route.rendition, 0, 0), conversation, wanted, self._house.now + FIRST_PART_S)
            return HELD
        if directives.msn is not None:
            if window.too_far(directives.msn, directives.part):
                raise BadRequest("That part of the playlist is too far ahead.")
            if not window.has(directives.msn, directives.part):
                key = (room.id, route.rendition, directives.msn, directives.part)
                self._playlists.hold(key, conversation, wanted, self._house.now + BLOCK_TIMEOUT_S)
                return HELD
        return self._playlist_form(room, route.rendition, wanted)

    def _playlist_form(self, room: RoomOnAir, rendition: Rendition, wanted: _Wanted) -> Answer:
        """One form of the playlist as it is now, made once a part."""
        window = room.windows[rendition]
        known = self._lists.get((room.id, rendition, wanted))
        if known is None or known[0] != window.version:
            cache = CACHE_BLOCKING if wanted.blocking else CACHE_PLAYLIST
            answer = _playlist(window.playlist(skip=wanted.skip), wanted.encoding, cache, self._house.date)
            known = self._lists[room.id, rendition, wanted] = (window.version, answer)
        return known[1]

    def media(self, route: Route, room: RoomOnAir, request: Request, conversation: Conversation) -> Answer | Held:
        room.hls_seen[conversation.fd] = self._house.now
        key = (room.id, route.rendition, route.name)
        answer = self._media.get(key)
        if answer is None:
            window = room.windows[route.rendition]
            body = window.media(route.name)
            if body is None:
                if route.name != window.hint:
                    raise NotFound("There is no such part, or it is over.")
                self._parts.hold(key, conversation, None, self._house.now + BLOCK_TIMEOUT_S)
                return HELD
            answer = self._remember_media(room, key, body)
        line = request.line
        free = line.one_one and not line.query and not self._house.draining and room.free
        if free and request.method == "GET":
            # The next one who asks with these bytes is answered without all this; see Conversation._process.
            assert answer.whole is not None
            self._house.hot[b"GET %s HTTP/1.1" % line.path.encode()] = Hot(answer.whole, room.hls_seen)
        return _ranged(answer, request)

    def _remember_media(self, room: RoomOnAir, key: Named, body: bytes) -> Answer:
        if len(self._media) >= MAX_HOT or len(self._house.hot) >= MAX_HOT:
            self._media.clear()
            self._house.hot.clear()
        fields = fields_of(MEDIA_TYPE, CACHE_MEDIA, cors=True, extra="Accept-Ranges: bytes\r\n")
        answer = self._media[key] = Answer(200, fields, body, date=self._house.date)
        return answer

    def release(self, room: RoomOnAir, rendition: Rendition) -> None:
        """A part has come: whoever waited for it, or for a playlist with it, has an answer now."""
        window = room.windows[rendition]
        mine = (room.id, rendition)
        for ask, who, wanted in self._playlists.release(lambda k: k[:2] == mine and window.has(k[2], k[3])):
            del ask
            self._house.ready.append((who, _for(room, self._playlist_form(room, rendition, wanted))))
        for named, who, _ in self._parts.release(lambda k: k[:2] == mine and k[2] != window.hint):
            body = window.media(named[2])
            if body is None:  # another generation came instead, or this part was lost
                self._house.ready.append((who, problem(NotFound(NOT_MADE))))
            else:
                answer = self._media.get(named) or self._remember_media(room, named, body)
                self._house.ready.append((who, _for(room, answer)))

    def expire(self) -> None:
        """Answer those who waited in vain."""
        now, ready = self._house.now, self._house.ready
        for _, who in self._playlists.expire(now):
            ready.append((who, in_vain()))
        for _, who in self._parts.expire(now):
            ready.append((who, problem(NotFound(NOT_MADE))))

    def abandon(self, conversation: Conversation) -> None:
        self._playlists.abandon(conversation)
        self._parts.abandon(conversation)


def in_vain() -> Answer:
    """The answer to whoever waited for sound that did not come."""
    return problem(Full("No sound has come yet. Please try again.", COME_BACK_S), cache=NO_STORE)


def _for(room: RoomOnAir, answer: Answer) -> Answer:
    return answer if room.free else answer.private()


def _playlist(playlist: Playlist, encoding: Encoding, cache: str, date: bytes) -> Answer:
    """Brotli is not made for what lives for half a second: who takes it takes gzip too."""
    used = Encoding.IDENTITY if encoding is Encoding.IDENTITY else Encoding.GZIP
    body = playlist.raw if used is Encoding.IDENTITY else playlist.gzip
    return Answer(200, fields_of(PLAYLIST_TYPE, cache, cors=True, extra=encoded(used)), body, date=date)


def _ranged(answer: Answer, request: Request) -> Answer:
    """All of it, or the range that was asked for (RFC 9110, 14). There are no validators, so If-Range never matches."""
    field = request.field("range")
    if not field or request.field("if-range") or request.method != "GET":
        return answer
    size = len(answer.body)
    try:
        chosen = byte_range(field, size)
    except OutOfRange as e:
        return problem(e)
    if chosen is None:
        return answer
    first, end = chosen
    extra = f"Accept-Ranges: bytes\r\nContent-Range: bytes {first}-{end - 1}/{size}\r\n"
    return Answer(206, fields_of(MEDIA_TYPE, CACHE_MEDIA, cors=True, extra=extra), answer.body[first:end])
