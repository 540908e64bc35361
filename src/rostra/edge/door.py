"""Who knows the answers: an address and a room in, an answer, a place in a crowd, or the word that it has to be waited
for out."""

from __future__ import annotations

import ipaddress
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from rostra.edge.answers import (
    ALLOW,
    ALLOW_BOTH,
    ALLOW_POST,
    CACHE_MISSING,
    NO_STORE,
    Answer,
    fields_of,
    preflight,
    problem,
)
from rostra.edge.callers import Network, address_of, caller, household, packed
from rostra.edge.contracts import Admission, Carrier, NoCarrier, Notice, OpenHouse, Want, Windows
from rostra.edge.conversation import HELD, Conversation, Held, Hot, HotForms, Shut, Welcome
from rostra.edge.crowd import Crowd, Tally
from rostra.edge.documents import Documents, Forms, Moment
from rostra.edge.entrance import Entrance
from rostra.edge.errands import Errands
from rostra.edge.framing import Batch, Form
from rostra.edge.gallery import Gallery
from rostra.edge.guests import Guests, KeySource, still_welcome
from rostra.edge.head import HeadReader, Request
from rostra.edge.hls import COME_BACK_S, MAX_HOT, Hls, in_vain
from rostra.edge.holds import Holds
from rostra.edge.negotiate import prefers_html
from rostra.edge.numbers import Numbers
from rostra.edge.pages import Pages
from rostra.edge.poller import Poller, Wire
from rostra.edge.postbox import ENDED, THANKS, Postbox, Sent
from rostra.edge.query import cookie_name, parse_codec, pass_of, token_in_cookies, token_of
from rostra.edge.quota import Quota, Rate
from rostra.edge.rehearsals import Rehearsals
from rostra.edge.room import RoomOnAir
from rostra.edge.routes import POSTED, Kind, Route, resolve
from rostra.edge.shelf import Shelf
from rostra.errors import Forbidden, Full, Gone, MethodNotAllowed, NotFound, RostraError, WorkFirst
from rostra.units import MADE_WHEN_WANTED, Part, Rendition
from rostra.wire.boards import Board
from rostra.wire.door import Outcome
from rostra.wire.playlists import MEDIA_TYPE
from rostra.wire.rooms import Room

TAKEN_BACK = "This link was taken back. Ask the host for a new one."

MAX_ROUTES = 4096
"""Addresses whose meaning is remembered; when full, all are forgotten."""

MAX_WELCOME_LINES = 256
"""Request lines of listeners at hand until the next flush: strangers can put anything into a query."""

GUESSES = Rate(20, 20)
"""Links that are not valid, a household. Somebody with a damaged link tries three times."""

_NO_QUERY = frozenset({Kind.MEDIA, Kind.STATE, Kind.POSTS, Kind.MASTER, Kind.ROOMS, Kind.ASSET, Kind.PICTURE})
"""Addresses whose query changes nothing: whoever adds one, other than a link or a pass, walks around caches."""

COOKIE_S = 24 * 3600
"""How long a browser keeps the link of a room that takes one. The link itself says how long it is good."""

FIRST_MADE_S = 10.0
"""How long somebody waits for a rendition to be made that is made when someone asks for it."""

HLS_WITHIN_S = 10.0
"""A connection that asked for a playlist or part within this counts as a listener."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, and the bytes in which it came."""

    request: Request
    conversation: Conversation
    head: bytes
    body: bytes
    guest: str = ""
    """By which link, in a room that takes one."""


class Door:
    """Rooms, pages and the answers made of them. Is told the time by the front."""

    def __init__(
        self,
        poller: Poller,
        pages: Pages,
        make_windows: Callable[[], Windows],
        notice: Notice,
        tally: Tally,
        *,
        carrier: Carrier | None = None,
        key: KeySource = lambda: None,
        admission: Admission | None = None,
    ) -> None:
        """:param key: what links are checked with; None where there is no key. :param admission: None: everyone comes
        in."""
        self.reader = HeadReader()
        self.admission = admission or OpenHouse()
        self.entrance = Entrance(self, self.admission, poller)
        self.numbers = Numbers(self, self.admission, self.entrance)
        self.hot: dict[bytes, Hot | HotForms | Welcome | Shut] = {}
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
        self.wake: Callable[[], None] = lambda: None
        """Told that there is something in ``ready``."""
        self.trusted: tuple[Network, ...] = ()
        """Proxies whose word on who asks is believed."""
        self.documents = Documents(pages)
        self.errands = Errands(self._came)
        carrier = carrier or NoCarrier()
        self.postbox = Postbox(carrier, self.errands)
        self.claps = self.postbox.applause.known
        self.thanks = b""
        self.gallery = Gallery(carrier, self.errands, Shelf())
        self.hls = Hls(self)
        self.guests = Guests(key, Quota(GUESSES, secrets.token_bytes(16)))
        self.rehearsals = Rehearsals(key)
        self._poller = poller
        self._make_windows = make_windows
        self._notice = notice
        self._tally = tally
        self._routes: dict[str, Route] = {}
        self._awaiting: Holds[tuple[str, Rendition], Conversation, tuple[Form, str]] = Holds()
        """Who asked for a rendition that is not made yet."""
        self._crowds: dict[tuple[str, Rendition, Form, Wire, str], Crowd] = {}
        """The last is the link by which they came (``guests``), empty in rooms that take none."""
        self._second_lines: set[bytes] = set()
        self._welcome_lines: set[bytes] = set()
        self._welcomes: dict[tuple[str, Rendition, Form, bool], tuple[object, Batch]] = {}
        self._preflight = preflight()

    # --- rooms ---

    def room(self, room_id: str) -> RoomOnAir:
        """The room, made if there is none: parts may come before the record does."""
        room = self.rooms.get(room_id)
        if room is None:
            room = self.rooms[room_id] = RoomOnAir(room_id, self._make_windows(), self._notice)
        return room

    def on_record(self, room_id: str, record: Room | None) -> None:
        self.documents.forget_room(room_id)
        self.forget_lines()
        self.postbox.applause.forget()
        if record is None:
            self.close_room(room_id)
            return
        room = self.room(room_id)
        before = room.record
        room.on_record(record, self.now)
        if record.invited:
            self._let_go(record)
            if before is None or not before.invited:
                self.forget()

    def _let_go(self, record: Room) -> None:
        """Whoever listens by a link that is no longer good, or came when it took none, listens no more."""
        for key in [k for k in self._crowds if k[0] == record.id and not still_welcome(record, k[4])]:
            self._crowds.pop(key).drop_all()

    def on_board(self, room_id: str, board: Board | None) -> None:
        self.room(room_id).on_board(board, self.now)
        self.forget_lines()

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
        self.hls.release(room, part.name.rendition)
        return True

    def end_room(self, room: RoomOnAir) -> None:
        """It has just ended: nobody waits any longer."""
        for rendition in Rendition:
            self.hls.release(room, rendition)
        for _, who, _ in self._awaiting.release(lambda k: k[0] == room.id):
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
        return [c for (r, which, _, _, _), c in self._crowds.items() if r == room.id and which is rendition]

    def all_crowds(self) -> Iterable[Crowd]:
        return self._crowds.values()

    def forget(self) -> None:
        """What is remembered only to be quick. Once in ten seconds is often enough to keep it small."""
        self.hot.clear()
        self.hls.forget()
        for key in [k for k, crowd in self._crowds.items() if k[4] and not len(crowd) and not crowd.busy]:
            del self._crowds[key]

    def forget_second(self) -> None:
        """A second is over: what is made once a second is made again when it is asked for."""
        self.documents.forget_second()
        self.entrance.tidy()
        self.numbers.second()
        self.forget_lines()
        self.postbox.applause.second()
        self.thanks = THANKS.render(self.date)
        self.forget_welcomes()

    def forget_lines(self) -> None:
        """What is told of a room may have changed, or the date in it."""
        for line in self._second_lines:
            self.hot.pop(line, None)
        self._second_lines.clear()

    def forget_welcomes(self) -> None:
        """What newcomers get has changed, or the date in it."""
        for line in self._welcome_lines:
            self.hot.pop(line, None)
        self._welcome_lines.clear()

    def turned(self) -> None:
        """A step of the ladder was taken or left: what was prepared for newcomers is not true any more."""
        self.entrance.turned()
        self.forget_welcomes()
        self.documents.forget_second()
        self.forget_lines()
        self.postbox.applause.thinned = self.admission.thinned
        for room in self.rooms.values():
            room.thin(self.admission.thinned)

    # --- requests ---

    def answer(self, request: Request, conversation: Conversation, head: bytes, body: bytes) -> Answer | Welcome | Held:
        """``head`` and ``body``: the request as it came."""
        try:
            return self._answer(request, conversation, head, body)
        except RostraError as e:
            if (outcome := self._outcome(e, request)) is not None:
                self.admission.note(outcome, conversation.address or packed(self._caller(request, conversation)))
            # Whoever has just come and is refused shall not hold a place by it.
            closes = conversation.fresh and request.method == "GET" and isinstance(e, Full | WorkFirst)
            believed = e.status < 500 and e.status not in (401, 403, 428, 429) and request.method != "POST"
            cache = CACHE_MISSING if believed else NO_STORE
            extra = self.documents.pages.transport
            return problem(e, page=_wants_page(request), cache=cache, extra=extra, closes=closes)

    def _outcome(self, e: RostraError, request: Request) -> Outcome | None:
        """What is counted of somebody who is refused so."""
        if e.status == 429:
            return Outcome.REFUSED_RATE
        route = self._routes.get(request.line.path)
        known = None if route is None else self.rooms.get(route.room)
        if e.status == 404 and (route is None or (route.room and (known is None or known.record is None))):
            return Outcome.UNKNOWN_ROOM
        return Outcome.BAD_LINK if e.status == 403 and route is not None and route.room else None

    def _answer(
        self, request: Request, conversation: Conversation, head: bytes, body: bytes
    ) -> Answer | Welcome | Held:
        if request.method == "OPTIONS":
            return self._preflight
        path = request.line.path
        route = self._routes.get(path)
        if route is None:
            route = resolve(path)
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            self._routes[path] = route
        kind = route.kind
        posted = kind in POSTED or (kind is Kind.DOOR and request.method == "POST")
        if kind is Kind.DOOR and request.method not in ("GET", "HEAD", "POST"):
            raise MethodNotAllowed(request.method, ALLOW_BOTH)
        if request.method not in (("POST",) if posted else ("GET", "HEAD")):
            raise MethodNotAllowed(request.method, ALLOW_POST if posted else ALLOW)
        self.asked[kind.name] = self.asked.get(kind.name, 0) + 1
        if request.line.query and kind in _NO_QUERY and request.line.query[:2] not in ("t=", "w="):
            self.admission.note(Outcome.CACHE_BUST, conversation.address)
        if not route.room:
            if kind is Kind.REHEARSAL:
                return self.rehearsals.answer(body, self.wall)
            return self._common(route, request, conversation)
        room, record = self._room_of(route)
        if not record.invited:
            return self._in_room(route, room, _Asked(request, conversation, head, body))
        try:
            guest = self._admit(record, request, conversation)
        except Forbidden:
            threshold = self.documents.pages.threshold
            if threshold is None or kind is not Kind.PAGE or not _wants_page(request) or token_of(request.line.query):
                raise
            return threshold[request.fields.encoding]
        outcome = self._in_room(route, room, _Asked(request, conversation, head, body, guest))
        return outcome.private() if isinstance(outcome, Answer) else outcome

    def _in_room(self, route: Route, room: RoomOnAir, asked: _Asked) -> Answer | Welcome | Held:
        kind, request, conversation = route.kind, asked.request, asked.conversation
        if kind is Kind.MEDIA:
            return self.hls.media(route, room, request, conversation)
        if kind is Kind.DOOR:
            if request.method == "POST":
                return self.numbers.number(room, request, conversation, asked.body)
            return self.numbers.challenge(room, request, conversation)
        if kind is Kind.PLAYLIST:
            if not room.over:
                self.entrance.pieces(room, request, conversation)
            return self.hls.playlist(route, room, request, conversation)
        if kind is Kind.LIVE:
            return self._live(room, request, conversation, asked.guest)
        if kind is Kind.MP3:
            return self._mp3(room, request, conversation, asked.guest)
        if kind is Kind.MASTER:
            return self.hls.master(room, request)
        if kind in POSTED:
            return self._posted(kind, room, asked)
        return self._document(route, room, request, conversation)

    def _room_of(self, route: Route) -> tuple[RoomOnAir, Room]:
        room = self.rooms.get(route.room)
        if room is None or room.record is None:
            raise NotFound(f"There is no room {route.room!r}. Is the link complete?")
        return room, room.record

    def _admit(self, record: Room, request: Request, conversation: Conversation) -> str:
        """By which link somebody comes into a room that takes one. :raises Forbidden: it is not good."""
        token = token_of(request.line.query) or token_in_cookies(request.field("cookie"), record.id)
        return self.guests.admit(
            record, token, lambda: household(self._caller(request, conversation)), self.wall, self.now
        )

    def _caller(self, request: Request, conversation: Conversation) -> str:
        """The address of the client."""
        peer = conversation.source or conversation.peer()
        return caller(peer, request.field("x-forwarded-for"), self.trusted, request.field("forwarded"))

    def direct(self, address: str) -> bytes:
        """Of whom a connection comes, packed; empty: of a proxy that is trusted, whose requests say for whom."""
        if self.trusted and (found := address_of(address)) is not None and any(found in n for n in self.trusted):
            return b""
        return packed(address)

    def came_by_proxy(self, source: str) -> bytes:
        address = self.direct(source)
        if address:
            self.admission.came(address)
        return address

    def address_of(self, request: Request, conversation: Conversation) -> bytes:
        """Packed, of the client. Those of a proxy are counted here: its connections are nobody's."""
        if conversation.address:
            return conversation.address
        caller = self._caller(request, conversation)
        address = packed(caller)
        if address:
            self.admission.came(address)
        if (request.field("x-forwarded-for") or request.field("forwarded")) and not self.direct(caller):
            self.admission.note(Outcome.BAD_PROXY, address)
        return address

    def _posted(self, kind: Kind, room: RoomOnAir, asked: _Asked) -> Answer | Held:
        record, request = room.record, asked.request
        assert record is not None
        sent = self._sent(request, asked.conversation, asked.body)
        if kind is Kind.REACT:
            same = request.keep_alive and request.line.one_one and not (record.invited or self.draining)
            return self.postbox.react(record, sent, asked.head + asked.body if same else b"")
        if isinstance(self.admission, OpenHouse):
            return self.postbox.take(kind, record, sent)
        return self.postbox.take(kind, record, sent, partial(self.numbers.promise, room, request, asked.conversation))

    def _sent(self, request: Request, conversation: Conversation, body: bytes = b"") -> Sent:
        address = partial(self._caller, request, conversation)
        return Sent(body, request.field("content-type"), conversation, address, self.now, self.wall)

    def _common(self, route: Route, request: Request, conversation: Conversation) -> Answer | Held:
        """What is of no room."""
        kind, encoding = route.kind, request.fields.encoding
        if kind is Kind.PICTURE:
            return self.gallery.answer(route.name, conversation, self.now)
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
            asset = self.documents.pages.asset(route.name, encoding)
            if asset is None:
                raise NotFound("There is nothing at this address.")
            return asset
        if kind is Kind.HOME:
            return self._shared(self.documents.pages.home_answers, request)
        if kind is Kind.ALL_FEED:
            return self._shared(self.documents.all_feed(self.rooms.values(), self._moment), request)
        return self._shared(self.documents.rooms(self.rooms.values(), self._moment), request)

    def _document(self, route: Route, room: RoomOnAir, request: Request, conversation: Conversation) -> Answer | Held:
        kind, documents, moment = route.kind, self.documents, self._moment
        assert room.record is not None
        invited = room.record.invited
        if kind is Kind.HAND_ANSWER:
            return self.postbox.hand_answer(room.record, route.name, self._sent(request, conversation))
        if kind is Kind.STATE:
            told = self.admission.told(room.id)
            return self._shared(documents.state(room, moment, told), request, hot=not invited)
        if kind is Kind.POSTS:
            return self._shared(documents.posts(room), request, hot=not invited)
        if kind is Kind.CALENDAR:
            if invited and (token := token_of(request.line.query)):
                return documents.calendar_of_invited(room, token, moment)
            return documents.calendar(room, moment)
        if kind is Kind.FEED:
            if invited:
                token = token_of(request.line.query)
                return documents.feed_of_invited(room, f"?t={token}" if token else "", moment)
            return self._shared(documents.feed(room, moment), request)
        page = self._shared(documents.page(room, moment), request, hot=not invited)
        token = token_of(request.line.query) if invited else ""
        return page.with_fields(_cookie(room.id, token, self._secure(conversation))) if token else page

    def _secure(self, conversation: Conversation) -> bool:
        """Whether browsers come by TLS, ours or a proxy's."""
        return conversation.wire.secure or self.documents.front_url.startswith("https:")

    @property
    def _moment(self) -> Moment:
        return Moment(self.wall, self.date, self.flush_s)

    def _shared(self, forms: Forms, request: Request, *, hot: bool = True) -> Answer:
        """The form that is asked for; from then on it is at hand for a second (benchmarks: page)."""
        line = request.line
        if hot and line.one_one and request.method == "GET" and not line.query and not self.draining:
            raw = b"GET %s HTTP/1.1" % line.path.encode()
            if raw not in self.hot and len(self.hot) < MAX_HOT:
                self._second_lines.add(raw)
                self.hot[raw] = HotForms({e: answer.render(self.date) for e, answer in forms.items()})
        return _unless_known(forms[request.fields.encoding], request)

    # --- pushed sound ---

    def _live(
        self, room: RoomOnAir, request: Request, conversation: Conversation, guest: str
    ) -> Answer | Welcome | Held:
        named = parse_codec(request.line.query)
        if room.over:
            raise Gone(ENDED)
        form = Form.CHUNKED if request.line.one_one else Form.BARE
        if request.head_only:
            return Answer(200, _live_fields(MEDIA_TYPE), length=False)
        self._let_in(Want.LIVE, room, request, conversation, guest)
        at_hand = named is not Rendition.OPUS_LOW or room.at_hand(named, self.newcomer_s, self.now)
        if named and not at_hand and room.fresh(Rendition.OPUS, self.now):
            return self._await(room, named, form, guest, conversation)
        rendition = named or self._unnamed(room)
        welcome = self._welcome(room, rendition, form, guest, conversation)
        if form is Form.CHUNKED and not conversation.wire.secure and not guest:
            # Whoever asks with the same bytes until the next flush needs no more than to be told; see greet().
            self._remember(request, welcome)
        return welcome

    def _unnamed(self, room: RoomOnAir) -> Rendition:
        """For who does not say what they want. They wait for nothing: it is the small one where there is one."""
        small = self.admission.small and room.at_hand(Rendition.OPUS_LOW, self.newcomer_s, self.now)
        return Rendition.OPUS_LOW if small else Rendition.OPUS

    def _let_in(self, want: Want, room: RoomOnAir, request: Request, conversation: Conversation, guest: str) -> None:
        """:raises RostraError: they may not have sound now."""
        try:
            self.entrance.stream(want, room, request, conversation)
        except RostraError:
            shown = pass_of(request.line.query, request.field("cookie"), room.id)
            alike = not shown and not guest and request.line.one_one and request.method == "GET"
            if self.admission.shut and alike and not (want is Want.MP3 and self.entrance.may_take_over(room.id)):
                # The next one who asks with the same bytes is told so at once; see greet().
                self._remember(request, self.entrance.shut(room.id))
            raise

    def _remember(self, request: Request, answer: Welcome | Shut) -> None:
        line = request.line
        raw = b"GET %s%s HTTP/1.1" % (line.path.encode(), b"?" + line.query.encode() if line.query else b"")
        if len(self._welcome_lines) < MAX_WELCOME_LINES and not self.draining:
            self._welcome_lines.add(raw)
            self.hot[raw] = answer

    def _mp3(
        self, room: RoomOnAir, request: Request, conversation: Conversation, guest: str
    ) -> Answer | Welcome | Held:
        if room.over:
            raise Gone(ENDED)
        form = Form.ICY if request.field("icy-metadata") == "1" else Form.BARE
        if request.head_only:
            return Answer(200, _mp3_fields(room, form), closes=True, length=False)
        self._let_in(Want.MP3, room, request, conversation, guest)
        if room.fresh(Rendition.MP3, self.now) and room.feeds[Rendition.MP3].has_backlog:
            return self._welcome(room, Rendition.MP3, form, guest, conversation)
        return self._await(room, Rendition.MP3, form, guest, conversation)

    def _await(self, room: RoomOnAir, rendition: Rendition, form: Form, guest: str, conversation: Conversation) -> Held:
        self._awaiting.hold((room.id, rendition), conversation, (form, guest), self.now + FIRST_MADE_S)
        return HELD

    def _welcome(
        self, room: RoomOnAir, rendition: Rendition, form: Form, guest: str, conversation: Conversation
    ) -> Welcome:
        wire = conversation.wire
        key = (room.id, rendition, form, wire, guest)
        crowd = self._crowds.get(key)
        if crowd is None:
            crowd = self._crowds[key] = Crowd(form, wire, self._poller, self._tally, self.entrance.gone)
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
        """``ROOM/RENDITION`` of what is made only while it is wanted: someone listens to it or waits for it, or will be
        given it."""
        found = {key[:2] for key, crowd in self._crowds.items() if key[1] in MADE_WHEN_WANTED and len(crowd)}
        found.update(self._awaiting.keys())
        if self.admission.small:
            on_air = (r for r in self.rooms.values() if r.record is not None and r.record.on_air and not r.over)
            found.update((room.id, Rendition.OPUS_LOW) for room in on_air)
        return sorted(f"{room}/{rendition}" for room, rendition in found)

    # --- waiting ---

    def release_awaiting(self, room: RoomOnAir, rendition: Rendition) -> None:
        """It was flushed: who waited for it gets their place."""
        for _, who, (form, guest) in self._awaiting.release(lambda k: k == (room.id, rendition)):
            if room.record is not None and still_welcome(room.record, guest):
                self.ready.append((who, partial(self._welcome, room, rendition, form, guest, who)))
            else:
                self.ready.append((who, problem(Forbidden(TAKEN_BACK), cache=NO_STORE)))

    def expire(self) -> None:
        """Answer those who waited in vain."""
        self.hls.expire()
        for _, who in self._awaiting.expire(self.now):
            self.entrance.gone(who.fd)
            self.ready.append((who, in_vain()))

    def abandon(self, conversation: Conversation) -> None:
        for holds in (self.hls, self._awaiting, self.gallery):
            holds.abandon(conversation)
        self.entrance.gone(conversation.fd)

    def _came(self, conversation: Conversation, answer: Answer) -> None:
        """What an errand brought."""
        self.ready.append((conversation, answer))
        self.wake()

    @property
    def held(self) -> int:
        return len(self.hls) + len(self._awaiting) + len(self.gallery)


def _cookie(room_id: str, token: str, secure: bool) -> str:
    """RFC 6265, 4.1: the browser sends it to the addresses of this room alone, and no script sees it."""
    flags = "; Secure" if secure else ""
    return (
        f"Set-Cookie: {cookie_name(room_id)}={token}; Path=/r/{room_id}; Max-Age={COOKIE_S}; "
        f"HttpOnly; SameSite=Lax{flags}\r\n"
    )


def _live_fields(content_type: str) -> bytes:
    # X-Accel-Buffering: nginx in front passes on what comes as it comes.
    return fields_of(content_type, NO_STORE, cors=True, extra="X-Accel-Buffering: no\r\n")


def _mp3_fields(room: RoomOnAir, form: Form) -> bytes:
    title = "".join(c if c.isprintable() and ord(c) < 128 else "?" for c in room.record.title) if room.record else ""
    extra = f"X-Accel-Buffering: no\r\nicy-name: {title}\r\nicy-br: 64\r\nicy-pub: 0\r\n"
    if form is Form.ICY:
        extra += "icy-metaint: 4032\r\n"
    return fields_of("audio/mpeg", NO_STORE, cors=True, extra=extra)


def _wants_page(request: Request) -> bool:
    return prefers_html(request.field("accept")) and request.method != "POST"


def _unless_known(answer: Answer, request: Request) -> Answer:
    """304 where the browser has it already (RFC 9110, 13.1.2)."""
    known = {t.strip().removeprefix("W/") for t in request.field("if-none-match").split(",")}
    return answer.not_modified() if answer.tag and answer.tag.removeprefix("W/") in known else answer


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
