"""Who knows the answers: an address and a room in, an answer, a place in a crowd, or the word that it has to be waited
for out."""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from rostra.edge.answers import (
    ALLOW,
    CACHE_BLOCKING,
    CACHE_MEDIA,
    CACHE_MISSING,
    CACHE_PLAYLIST,
    CACHE_STATE,
    NO_STORE,
    Answer,
    encoded,
    fields_of,
    preflight,
    problem,
)
from rostra.edge.contracts import Notice, Playlist, Windows
from rostra.edge.conversation import HELD, Conversation, Held, Hot, Welcome
from rostra.edge.crowd import Crowd, Tally
from rostra.edge.framing import Batch, Form
from rostra.edge.head import HeadReader, Request
from rostra.edge.holds import Holds
from rostra.edge.negotiate import Encoding, byte_range, prefers_html
from rostra.edge.pages import Pages
from rostra.edge.poller import Poller, Wire
from rostra.edge.query import Directives, parse_codec, parse_directives
from rostra.edge.room import RoomOnAir, listed
from rostra.edge.routes import Kind, Route, resolve
from rostra.errors import BadRequest, Forbidden, Full, Gone, MethodNotAllowed, NotFound, OutOfRange, RostraError
from rostra.units import Part, Rendition
from rostra.wire.playlists import BLOCK_TIMEOUT_S, MEDIA_TYPE, PLAYLIST_TYPE
from rostra.wire.rooms import Room

NOT_MADE = "This part was not made."
ENDED = "This event has ended."

MAX_ROUTES = 4096
"""Addresses whose meaning is remembered; when full, all are forgotten."""

MAX_HOT = 4096
"""Request lines whose answer is at hand: 120 s of parts and segments of 7 rooms. When full, all are forgotten."""

MAX_WELCOME_LINES = 256
"""Request lines of listeners at hand until the next flush: strangers can put anything into a query."""

MAX_LISTED_ROOMS = 200
"""Rooms in ``/rooms.json``: more is no list that a person reads."""

FIRST_PART_S = 5.0
"""How long a playlist is waited for that has nothing in it yet."""

FIRST_MP3_S = 10.0
"""How long a radio waits for MP3 to be made, which begins when someone asks for it."""

COME_BACK_S = 2.0
"""After an answer that was waited for in vain."""

HLS_WITHIN_S = 10.0
"""A connection that asked for a playlist or part within this counts as a listener."""

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


class Door:
    """Rooms, pages and the answers made of them. Is told the time by the front."""

    def __init__(
        self, poller: Poller, pages: Pages, make_windows: Callable[[], Windows], notice: Notice, tally: Tally
    ) -> None:
        self.reader = HeadReader()
        self.hot: dict[bytes, Hot | Welcome] = {}
        self.date = b""
        self.now = 0.0
        self.wall = 0.0
        self.draining = False
        self.requests = 0
        self.warm = False
        self.newcomer_s = 0.5
        """The flush that a newcomer has to be ready for."""
        self.flush_s = 0.5
        self.rooms: dict[str, RoomOnAir] = {}
        self.asked: dict[str, int] = {}
        """Requests by kind of address."""
        self.time: Callable[[Conversation], None] = lambda _: None
        """Told of a conversation whose deadline has come nearer."""
        self.metrics: Callable[[], bytes] = lambda: b""
        self.ready: deque[tuple[Conversation, Answer | Callable[[], Welcome]]] = deque()
        """Answers that were waited for and have come; the front sends them in slices. A welcome is made when it is
        sent: one that is older than the latest flush has a hole behind it."""
        self._poller = poller
        self._pages = pages
        self._make_windows = make_windows
        self._notice = notice
        self._tally = tally
        self._routes: dict[str, Route] = {}
        self._playlists: Holds[Ask, Conversation, _Wanted] = Holds()
        self._parts: Holds[Named, Conversation, None] = Holds()
        self._radios: Holds[str, Conversation, Form] = Holds()
        self._crowds: dict[tuple[str, Rendition, Form, Wire], Crowd] = {}
        self._welcome_lines: set[bytes] = set()
        self._welcomes: dict[tuple[str, Rendition, Form, bool], tuple[object, Batch]] = {}
        self._media: dict[Named, Answer] = {}
        self._lists: dict[tuple[str, Rendition, _Wanted], tuple[int, Answer]] = {}
        self._each_second: dict[tuple[str, str], dict[Encoding, Answer]] = {}
        self._preflight = preflight()

    # --- rooms ---

    def room(self, room_id: str) -> RoomOnAir:
        """The room, made if there is none: parts may come before the record does."""
        room = self.rooms.get(room_id)
        if room is None:
            room = self.rooms[room_id] = RoomOnAir(room_id, self._make_windows(), self._notice)
        return room

    def on_record(self, room_id: str, record: Room | None) -> None:
        if record is None:
            self.close_room(room_id)
        else:
            self.room(room_id).on_record(record, self.now)

    def close_room(self, room_id: str) -> None:
        """There is no such room any more."""
        self.rooms.pop(room_id, None)
        for key in [k for k in self._crowds if k[0] == room_id]:
            self._crowds.pop(key).drop_all()
        self.forget()

    def on_part(self, room_id: str, part: Part) -> bool:
        """A part from the bus. Releases those who waited for it; those to whom sound is pushed get it by
        :meth:`flush`.
        """
        room = self.room(room_id)
        if not room.on_part(part, self.now):
            return False
        self._release(room, part.name.rendition)
        return True

    def end_room(self, room: RoomOnAir) -> None:
        """It has just ended: nobody waits any longer."""
        for rendition in Rendition:
            self._release(room, rendition)
        for _, who, _ in self._radios.release(lambda k: k == room.id):
            self.ready.append((who, problem(Gone(ENDED))))

    def retire(self, room: RoomOnAir) -> None:
        """Let go of a room that ended a while ago: its page and its state stay."""
        if not room.retire(self._make_windows(), self.now):
            return
        for key in [k for k in self._crowds if k[0] == room.id]:
            self._crowds.pop(key).drop_all()
        for known in [k for k in self._welcomes if k[0] == room.id]:
            del self._welcomes[known]
        self.forget()

    def crowds(self, room: RoomOnAir, rendition: Rendition) -> list[Crowd]:
        return [c for (r, which, _, _), c in self._crowds.items() if r == room.id and which is rendition]

    def all_crowds(self) -> Iterable[Crowd]:
        return self._crowds.values()

    def forget(self) -> None:
        """What is remembered only to be quick. Once in ten seconds is often enough to keep it small."""
        self.hot.clear()
        self._media.clear()
        self._lists.clear()

    def forget_second(self) -> None:
        """A second is over: what is made once a second is made again when it is asked for."""
        self._each_second.clear()
        self.forget_welcomes()

    def forget_welcomes(self) -> None:
        """What newcomers get has changed, or the date in it."""
        for line in self._welcome_lines:
            self.hot.pop(line, None)
        self._welcome_lines.clear()

    # --- requests ---

    def answer(self, request: Request, conversation: Conversation) -> Answer | Welcome | Held:
        try:
            return self._answer(request, conversation)
        except RostraError as e:
            page = prefers_html(request.field("accept"))
            return problem(e, page=page, cache=NO_STORE if e.status >= 500 else CACHE_MISSING)

    def _answer(self, request: Request, conversation: Conversation) -> Answer | Welcome | Held:
        if request.method == "OPTIONS":
            return self._preflight
        path = request.line.path
        route = self._routes.get(path)
        if route is None:
            route = resolve(path)
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            self._routes[path] = route
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(request.method, ALLOW)
        kind = route.kind
        self.asked[kind.name] = self.asked.get(kind.name, 0) + 1
        if kind is Kind.MEDIA:
            return self._media_answer(route, request, conversation)
        if kind is Kind.PLAYLIST:
            return self._playlist_answer(route, request, conversation)
        if kind is Kind.LIVE:
            return self._live(route, request, conversation)
        if kind is Kind.MP3:
            return self._mp3(route, request, conversation)
        if kind is Kind.MASTER:
            return self._master(route, request)
        return self._document(route, request, conversation)

    def _room_of(self, route: Route) -> RoomOnAir:
        room = self.rooms.get(route.room)
        if room is None or room.record is None:
            raise NotFound(f"There is no room {route.room!r}. Is the link complete?")
        return room

    def _document(self, route: Route, request: Request, conversation: Conversation) -> Answer:
        kind, encoding = route.kind, request.fields.encoding
        if kind is Kind.HEALTH:
            return Answer(200, fields_of("text/plain", NO_STORE), b"ok\n")
        if kind is Kind.READY:
            if not self.warm or self.draining:
                raise Full("This edge is not ready for listeners.", COME_BACK_S)
            return Answer(200, fields_of("text/plain", NO_STORE), b"ready\n")
        if kind is Kind.METRICS:
            if not _from_here(request, conversation):
                raise Forbidden("Metrics are told to this machine only.")
            return Answer(200, fields_of("text/plain; version=0.0.4; charset=utf-8", NO_STORE), self.metrics())
        if kind is Kind.ASSET:
            asset = self._pages.asset(route.name, encoding)
            if asset is None:
                raise NotFound("There is nothing at this address.")
            return asset
        if kind is Kind.HOME:
            return _unless_known(self._pages.home_answers[encoding], request)
        if kind is Kind.ROOMS:
            return self._second(("", "rooms"), encoding, lambda: listed(self.rooms.values(), MAX_LISTED_ROOMS))
        room = self._room_of(route)
        if kind is Kind.STATE:
            return self._second((room.id, "state"), encoding, lambda: room.state_json(self.wall, self.flush_s))
        return _unless_known(self._page(room, encoding), request)

    def _second(self, key: tuple[str, str], encoding: Encoding, make: Callable[[], bytes]) -> Answer:
        """An answer in JSON that is made once a second."""
        forms = self._each_second.get(key)
        if forms is None:
            fields = fields_of("application/json", CACHE_STATE, cors=True)
            answer = Answer(200, fields, make(), date=self.date)
            forms = self._each_second[key] = dict.fromkeys(Encoding, answer)
        return forms[encoding]

    def _page(self, room: RoomOnAir, encoding: Encoding) -> Answer:
        forms = self._each_second.get((room.id, "page"))
        if forms is None:
            forms = self._pages.room_answers(room.state_json(self.wall, self.flush_s))
            self._each_second[room.id, "page"] = forms
        return forms[encoding]

    # --- pushed sound ---

    def _live(self, route: Route, request: Request, conversation: Conversation) -> Answer | Welcome:
        rendition = parse_codec(request.line.query)
        room = self._room_of(route)
        if room.over:
            raise Gone(ENDED)
        form = Form.CHUNKED if request.line.one_one else Form.BARE
        if request.head_only:
            return Answer(200, _live_fields(MEDIA_TYPE), length=False)
        welcome = self._welcome(room, rendition, form, conversation)
        if form is Form.CHUNKED and not conversation.wire.secure:
            # Whoever asks with the same bytes until the next flush needs no more than to be told; see greet().
            line = request.line
            raw = b"GET %s%s HTTP/1.1" % (line.path.encode(), b"?" + line.query.encode() if line.query else b"")
            if len(self._welcome_lines) < MAX_WELCOME_LINES and not self.draining:
                self._welcome_lines.add(raw)
                self.hot[raw] = welcome
        return welcome

    def _mp3(self, route: Route, request: Request, conversation: Conversation) -> Answer | Welcome | Held:
        room = self._room_of(route)
        if room.over:
            raise Gone(ENDED)
        form = Form.ICY if request.field("icy-metadata") == "1" else Form.BARE
        if request.head_only:
            return Answer(200, _mp3_fields(room, form), closes=True, length=False)
        if room.fresh(Rendition.MP3, self.now) and room.feeds[Rendition.MP3].has_backlog:
            return self._welcome(room, Rendition.MP3, form, conversation)
        self._radios.hold(room.id, conversation, form, self.now + FIRST_MP3_S)
        return HELD

    def _welcome(self, room: RoomOnAir, rendition: Rendition, form: Form, conversation: Conversation) -> Welcome:
        wire = conversation.wire
        key = (room.id, rendition, form, wire)
        crowd = self._crowds.get(key)
        if crowd is None:
            crowd = self._crowds[key] = Crowd(form, wire, self._poller, self._tally)
        feed = room.feeds[rendition]
        # The same bytes for all who come between two flushes; the date in them changes each second.
        version = (feed.flushes, feed.standing, self.date, self.newcomer_s, room.fresh(rendition, self.now))
        known = self._welcomes.get((room.id, rendition, form, wire.secure))
        if known is None or known[0] != version:
            fields = _mp3_fields(room, form) if rendition is Rendition.MP3 else _live_fields(MEDIA_TYPE)
            coding = b"Transfer-Encoding: chunked\r\n" if form is Form.CHUNKED else b"Connection: close\r\n"
            head = b"HTTP/1.1 200 OK\r\nDate: %s\r\n%s%s\r\n" % (self.date, fields, coding)
            known = (version, feed.welcome(head, form, self.newcomer_s, fresh=version[-1]))
            self._welcomes[room.id, rendition, form, wire.secure] = known
        return Welcome(crowd, known[1])

    def wanted(self) -> list[str]:
        """``ROOM/mp3`` of rooms where someone listens to MP3 or waits for it."""
        rooms = {key[0] for key, crowd in self._crowds.items() if key[1] is Rendition.MP3 and len(crowd)}
        return sorted(f"{r}/mp3" for r in rooms | set(self._radios.keys()))

    # --- LL-HLS ---

    def _master(self, route: Route, request: Request) -> Answer:
        room = self._room_of(route)
        playlist = room.windows.multivariant
        if playlist is None:
            if room.over:
                raise Gone(ENDED)
            raise Full("The room has no sound yet.", COME_BACK_S)
        return _playlist(playlist, request.fields.encoding, CACHE_PLAYLIST, self.date)

    def _playlist_answer(self, route: Route, request: Request, conversation: Conversation) -> Answer | Held:
        directives = parse_directives(request.line.query) if request.line.query else Directives()
        room = self._room_of(route)
        room.hls_seen[conversation.fd] = self.now
        window = room.windows[route.rendition]
        wanted = _Wanted(directives.skip, request.fields.encoding, directives.blocking)
        if not window.ready:
            if room.over:
                raise Gone(ENDED)
            # An empty playlist would break players: the first part is waited for.
            self._playlists.hold((room.id, route.rendition, 0, 0), conversation, wanted, self.now + FIRST_PART_S)
            return HELD
        if directives.msn is not None:
            if window.too_far(directives.msn, directives.part):
                raise BadRequest("That part of the playlist is too far ahead.")
            if not window.has(directives.msn, directives.part):
                key = (room.id, route.rendition, directives.msn, directives.part)
                self._playlists.hold(key, conversation, wanted, self.now + BLOCK_TIMEOUT_S)
                return HELD
        return self._playlist_form(room, route.rendition, wanted)

    def _playlist_form(self, room: RoomOnAir, rendition: Rendition, wanted: _Wanted) -> Answer:
        """One form of the playlist as it is now, made once a part."""
        window = room.windows[rendition]
        known = self._lists.get((room.id, rendition, wanted))
        if known is None or known[0] != window.version:
            cache = CACHE_BLOCKING if wanted.blocking else CACHE_PLAYLIST
            answer = _playlist(window.playlist(skip=wanted.skip), wanted.encoding, cache, self.date)
            known = self._lists[room.id, rendition, wanted] = (window.version, answer)
        return known[1]

    def _media_answer(self, route: Route, request: Request, conversation: Conversation) -> Answer | Held:
        room = self._room_of(route)
        room.hls_seen[conversation.fd] = self.now
        key = (room.id, route.rendition, route.name)
        answer = self._media.get(key)
        if answer is None:
            window = room.windows[route.rendition]
            body = window.media(route.name)
            if body is None:
                if route.name != window.hint:
                    raise NotFound("There is no such part, or it is over.")
                self._parts.hold(key, conversation, None, self.now + BLOCK_TIMEOUT_S)
                return HELD
            answer = self._remember_media(room, key, body)
        line = request.line
        if line.one_one and request.method == "GET" and not line.query and not self.draining:
            # The next one who asks with these bytes is answered without all this; see Conversation._process.
            assert answer.whole is not None
            self.hot[b"GET %s HTTP/1.1" % line.path.encode()] = Hot(answer.whole, room.hls_seen)
        return _ranged(answer, request)

    def _remember_media(self, room: RoomOnAir, key: Named, body: bytes) -> Answer:
        if len(self._media) >= MAX_HOT or len(self.hot) >= MAX_HOT:
            self._media.clear()
            self.hot.clear()
        fields = fields_of(MEDIA_TYPE, CACHE_MEDIA, cors=True, extra="Accept-Ranges: bytes\r\n")
        answer = self._media[key] = Answer(200, fields, body, date=self.date)
        return answer

    # --- waiting ---

    def _release(self, room: RoomOnAir, rendition: Rendition) -> None:
        """A part has come: whoever waited for it, or for a playlist with it, has an answer now."""
        window = room.windows[rendition]
        mine = (room.id, rendition)
        for ask, who, wanted in self._playlists.release(lambda k: k[:2] == mine and window.has(k[2], k[3])):
            del ask
            self.ready.append((who, self._playlist_form(room, rendition, wanted)))
        for named, who, _ in self._parts.release(lambda k: k[:2] == mine and k[2] != window.hint):
            body = window.media(named[2])
            if body is None:  # another generation came instead, or this part was lost
                self.ready.append((who, problem(NotFound(NOT_MADE))))
            else:
                self.ready.append((who, self._media.get(named) or self._remember_media(room, named, body)))

    def release_radios(self, room: RoomOnAir) -> None:
        """MP3 was flushed: radios that waited for it get their place."""
        for _, who, form in self._radios.release(lambda k: k == room.id):
            self.ready.append((who, partial(self._welcome, room, Rendition.MP3, form, who)))

    def expire(self) -> None:
        """Answer those who waited in vain."""
        for _, who in [*self._playlists.expire(self.now), *self._radios.expire(self.now)]:
            error = Full("No sound has come yet. Please try again.", COME_BACK_S)
            self.ready.append((who, problem(error, cache=NO_STORE)))
        for _, who in self._parts.expire(self.now):
            self.ready.append((who, problem(NotFound(NOT_MADE))))

    def abandon(self, conversation: Conversation) -> None:
        for holds in (self._playlists, self._parts, self._radios):
            holds.abandon(conversation)

    @property
    def held(self) -> int:
        return len(self._playlists) + len(self._parts) + len(self._radios)


def _live_fields(content_type: str) -> bytes:
    # X-Accel-Buffering: nginx in front passes on what comes as it comes.
    return fields_of(content_type, NO_STORE, cors=True, extra="X-Accel-Buffering: no\r\n")


def _mp3_fields(room: RoomOnAir, form: Form) -> bytes:
    title = "".join(c if c.isprintable() and ord(c) < 128 else "?" for c in room.record.title) if room.record else ""
    extra = f"X-Accel-Buffering: no\r\nicy-name: {title}\r\nicy-br: 64\r\nicy-pub: 0\r\n"
    if form is Form.ICY:
        extra += "icy-metaint: 4032\r\n"
    return fields_of("audio/mpeg", NO_STORE, cors=True, extra=extra)


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


def _unless_known(answer: Answer, request: Request) -> Answer:
    """304 where the browser has it already (RFC 9110, 13.1.2)."""
    known = {t.strip().removeprefix("W/") for t in request.field("if-none-match").split(",")}
    return answer.not_modified() if answer.tag and answer.tag in known else answer


def _from_here(request: Request, conversation: Conversation) -> bool:
    """Whether a loopback neighbour asks, and for itself: what a proxy passes on names whom it is for."""
    if request.field("x-forwarded-for") or request.field("forwarded"):
        return False
    try:
        address = ipaddress.ip_address(conversation.source or conversation.peer())
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
