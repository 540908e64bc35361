"""The driver of the edge: the loop, the timers, the listening socket, and the pump that sends in slices.

Everything here runs on one event loop and is told the time once a turn. What is decided is decided in the pure cores.
"""

from __future__ import annotations

import asyncio
import heapq
import ipaddress
import itertools
import logging
import ssl
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from rostra.config import local_url
from rostra.edge.accepting import Acceptor, Handshake, close_quietly, open_listener
from rostra.edge.answers import Answer, http_date, problem
from rostra.edge.contracts import Admission, Carrier, Notice, Windows
from rostra.edge.conversation import Conversation, greet
from rostra.edge.crowd import Crowd, Tally
from rostra.edge.door import HLS_WITHIN_S, Door
from rostra.edge.framing import Form, frame, icy_title
from rostra.edge.guests import KeySource
from rostra.edge.ladder import Announcement, Ladder, Load
from rostra.edge.metrics import Labels, Metric, one, render
from rostra.edge.pages import Pages
from rostra.edge.poller import PlainWire, Poller, SecureWire
from rostra.edge.room import PUSHED, RoomOnAir
from rostra.errors import Full
from rostra.units import MADE_WHEN_WANTED, Part, Rendition
from rostra.wire.boards import Board
from rostra.wire.door import Outcome
from rostra.wire.hands import Hand
from rostra.wire.rehearsals import Granted
from rostra.wire.rooms import Room

log = logging.getLogger("rostra.edge")

TICK_S = 0.1
"""How often timers are looked at. Times at the edge are seconds; a tenth is close enough."""

SLICE_S = 0.002
"""Sending at a time, then the loop looks after those who are just joining."""

CROWDED_SLICE_S = 0.0005
"""The same while more are joining than are let in at once: whoever listens already has sound in hand."""

LATE_SHARE = 0.5
"""Of a flush: those who are still not sent theirs after so much of it are in danger of hearing it."""

LATE_SLICE_S = 0.02
"""So much longer is a slice when a whole flush has passed: whoever is in comes before those who come, and before those
who only ask (benchmarks: attacks)."""

TURNED_AWAY = 8
"""Different waiting times told to those who find the edge full, so that they do not come back together."""

COME_BACK_FROM_S = 3.0

LOOK_S = 0.01
"""While draining: how often it is looked whether all have gone."""

PAUSE_S = 0.1
"""After the system refused a descriptor."""

GIVE_WAY_AT_ONCE = 64
"""Connections that are let go of when a place is needed, so that not everyone who comes has to look for one."""

LOOKED_AT_FOR_ROOM = 512
"""... of so many that are looked at: half a millisecond, every :data:`LOOK_AGAIN_S` at most if there is nobody."""

LOOK_AGAIN_S = 0.05

EXHAUSTED = "no descriptor is left: new listeners wait in the kernel's queue"


class _Timed(Protocol):
    """A connection that is not in a crowd."""

    over: bool

    @property
    def asks(self) -> bool:
        """Something is owed to it: an answer that is held, or bytes of one."""

    def deadline(self) -> float: ...

    def give_way(self) -> None: ...

    def expire(self) -> None: ...

    def drain(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FrontOptions:
    host: str = "127.0.0.1"
    port: int = 0
    backlog: int = 4096
    flush_s: float = 0.0
    """0: the ladder."""
    trusted_proxies: tuple[str, ...] = ()
    proxy_protocol: bool = False
    max_open: int = 19_800
    """Connections; the rest of the limit on open files is the reserve."""
    reserve: int = 200
    tls: ssl.SSLContext | None = None
    edge_id: str = "edge"
    public_url: str = ""
    """Where listeners find the front door; empty: where it listens. What a request calls it is never believed."""
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        networks = tuple(ipaddress.ip_network(n, strict=False) for n in self.trusted_proxies)
        object.__setattr__(self, "networks", networks)


class Front:
    """One edge. Give it parts and records, and it serves them."""

    def __init__(
        self,
        options: FrontOptions,
        pages: Pages,
        make_windows: Callable[[], Windows],
        notice: Notice,
        *,
        carrier: Carrier | None = None,
        key: KeySource = lambda: None,
        admission: Admission | None = None,
    ) -> None:
        """:param carrier: the bus; without it nothing is taken of listeners.
        :param key: what links are checked with. :param admission: who decides who gets in; None: everyone.
        """
        self.options = options
        self.tally = Tally()
        self.poller = Poller()
        self._doorway = Poller()
        """The listening socket alone: who comes does not stand in line behind those who keep asking."""
        self.door = Door(
            self.poller, pages, make_windows, notice, self.tally, carrier=carrier, key=key, admission=admission
        )
        self.door.metrics = self.metrics
        self._came = self.door.admission.came
        self.door.time = self._time
        self.door.entrance.wake = self._pump_soon
        self.door.wake = self._pump_soon
        self.door.trusted = options.networks
        self.ladder = Ladder(options.flush_s)
        self._plain = PlainWire()
        self._secure = SecureWire()
        self._acceptor: Acceptor | None = None
        self._busy: deque[Crowd] = deque()
        self._busy_since = 0.0
        """Since when somebody waits for a flush."""
        self._pumping = False
        self._timed: list[tuple[float, int, _Timed]] = []
        self._order = itertools.count()
        self._told_titles: dict[str, str] = {}
        self._tick_handle: asyncio.TimerHandle | None = None
        self._next_tick = 0.0
        self._next_second = 0.0
        self._next_forget = 0.0
        self._sending_s = 0.0
        self._sending_cpu_s = 0.0
        self.sending_share = 0.0
        """Of a core, what sending took in the latest second: less than ``load.share`` if others have the core, too."""
        self._late_s = 0.0
        self.load = Load(0.0, 0.0)
        self._turned_away = 0
        self._gave_way = 0
        self._look_again = 0.0
        self._was_shut = False
        self.more_metrics: Callable[[], list[Metric]] = list
        """Those of the door."""
        self._full_answers = [
            problem(
                Full("This edge has no place left. Please come back in a moment.", COME_BACK_FROM_S + i), closes=True
            )
            for i in range(TURNED_AWAY)
        ]

    # --- the life of it ---

    def start(self) -> tuple[str, int]:
        """Open the door; returns host and port. Parts and records may be given before.

        :raises PortInUse: if another program has the port.
        """
        self._loop = asyncio.get_running_loop()
        self._look_at_clock()
        listener = open_listener(self.options.host, self.options.port, self.options.backlog)
        self._acceptor = Acceptor(listener, self._doorway, self._taken, self._exhausted)
        self._acceptor.start()
        self._doorway.start(self._loop)
        self.poller.start(self._loop)
        self._next_tick = self.door.now
        self._tick()
        host, port = listener.getsockname()[:2]
        scheme = "https" if self.options.tls else "http"
        self.door.documents.front_url = self.options.public_url or local_url(scheme, str(host), int(port))
        return str(host), int(port)

    async def drain(self, within_s: float) -> None:
        """Take whoever waits, then no one else; tell everyone to go elsewhere, spread over the time; close whoever is
        left.
        """
        door, begun = self.door, time.monotonic()
        if self._acceptor is None:
            return
        self._acceptor.close()
        self._acceptor = None
        door.draining = True
        door.hot.clear()
        door.claps.clear()
        spread_s = max(0.0, within_s * 0.6)
        for room in door.rooms.values():
            room.announce("draining", {"in_s": round(spread_s, 2)}, door.now)
        for _, endpoint in self.poller.endpoints():
            if isinstance(endpoint, Conversation | Handshake):
                endpoint.drain()
        await self._until_empty(begun + within_s * 0.75, lambda: None)
        for crowd in door.all_crowds():
            crowd.end()
            self._send(crowd)
        await self._until_empty(begun + within_s, self._close_sent)

    async def _until_empty(self, until: float, step: Callable[[], None]) -> None:
        for _ in range(round(60 / LOOK_S)):
            if not len(self.poller) or time.monotonic() >= until:
                return
            step()
            await asyncio.sleep(LOOK_S)

    def _close_sent(self) -> None:
        for crowd in self.door.all_crowds():
            crowd.close_sent(1000)

    def stop(self) -> None:
        """Close everything now."""
        if self._tick_handle is not None:
            self._tick_handle.cancel()
        if self._acceptor is not None:
            self._acceptor.listener.close()
            self._acceptor = None
        self.door.errands.stop()
        for crowd in self.door.all_crowds():
            crowd.drop_all()
        for _, endpoint in self.poller.endpoints():
            if isinstance(endpoint, Conversation | Handshake):
                endpoint.close()
        self.poller.stop()
        self._doorway.stop()

    # --- what comes from the bus ---

    def on_part(self, room_id: str, part: Part) -> None:
        self._look_at_clock()
        if self.door.on_part(room_id, part):
            self._flush_if_due(self.door.rooms[room_id], part.name.rendition)
            self._pump_soon()

    def on_record(self, room_id: str, record: Room | None) -> None:
        self._look_at_clock()
        self.door.on_record(room_id, record)

    def on_board(self, room_id: str, board: Board | None) -> None:
        self._look_at_clock()
        self.door.on_board(room_id, board)

    def on_hand(self, key: str, hand: Hand | None) -> None:
        self.door.postbox.on_hand(key, hand)

    def on_hands_lost(self) -> None:
        """News of hands may have been missed."""
        self.door.postbox.on_hands_lost()

    def on_consent(self, identity: str, granted: Granted | None) -> None:
        self.door.rehearsals.on_consent(identity, granted, time.time())

    # --- connections ---

    def _taken(self, fd: int, address: str) -> None:
        options = self.options
        client = self.door.direct(address)
        if len(self.poller) + len(self._doorway) >= options.max_open and not self._make_room():
            self._turn_away(fd, client)
            return
        if client:
            self._came(client)
        preamble = options.proxy_protocol and not client
        if options.tls is not None:
            handshake = Handshake(
                fd,
                options.tls,
                self._secure,
                self.poller,
                now=self.door.now,
                done=self._secured,
                failed=partial(self.door.admission.note, Outcome.TLS_FAILED),
                lied=partial(self.door.admission.note, Outcome.BAD_PROXY),
                preamble=preamble,
                address=client,
            )
            self._time(handshake)
            handshake.ready(fd, 1)
            return
        if preamble:
            self._converse(Conversation(self.door, self.poller, self._plain, fd, preamble=True), first=True)
        elif (conversation := greet(self.door, self.poller, self._plain, fd, client)) is not None:
            self._time(conversation)

    def _secured(self, fd: int, source: str | None, client: bytes) -> None:
        address = self.door.came_by_proxy(source) if source else client
        conversation = Conversation(self.door, self.poller, self._secure, fd, watched=True, address=address)
        conversation.source = source
        self._converse(conversation)

    def _converse(self, conversation: Conversation, *, first: bool = False) -> None:
        """``first``: the connection was just accepted, and most have said what they want already."""
        data = b""
        if first:
            try:
                data = self._plain.read(conversation.fd)
            except BlockingIOError:
                pass
            except OSError:
                conversation.close()
                return
        conversation.begin(data)
        if not conversation.over:
            self._time(conversation)

    def _turn_away(self, fd: int, client: bytes) -> None:
        """Full: say when to come back, as long as the reserve lasts."""
        self._turned_away += 1
        self.door.admission.note(Outcome.REFUSED_FULL, client)
        if self.options.tls is not None or len(self.poller) >= self.options.max_open + self.options.reserve // 2:
            close_quietly(fd)
            return
        conversation = Conversation(self.door, self.poller, self._plain, fd)
        conversation.turn_away(self._full_answers[self._turned_away % TURNED_AWAY])
        if not conversation.over:
            self._time(conversation)

    def _make_room(self) -> bool:
        """Whoever says nothing, or has not said what they want, keeps nobody out: those whose time is over first go."""
        now = self._loop.time()
        if now < self._look_again:
            return False
        gone, timed = 0, self._timed
        for _ in range(min(LOOKED_AT_FOR_ROOM, len(timed))):
            stood, order, who = heapq.heappop(timed)
            if who.over:
                continue
            if (due := who.deadline()) > stood or who.asks:
                heapq.heappush(timed, (due, order, who))
                continue
            who.give_way()
            gone += 1
            if gone == GIVE_WAY_AT_ONCE:
                break
        self._gave_way += gone
        if not gone:
            self._look_again = now + LOOK_AGAIN_S
        return gone > 0

    @property
    def idle(self) -> int:
        """Connections to which nothing is owed, and that are let go of when their place is needed."""
        return sum(not who.over and not who.asks for _, _, who in self._timed)

    def _exhausted(self) -> None:
        if self._acceptor is not None:
            log.warning(EXHAUSTED)
            self._acceptor.pause()
            self._loop.call_later(PAUSE_S, self._accept_again)

    def _accept_again(self) -> None:
        if self._acceptor is not None:
            self._acceptor.resume()

    def _time(self, timed: _Timed) -> None:
        heapq.heappush(self._timed, (timed.deadline(), next(self._order), timed))

    def _time_anew(self) -> None:
        """Whoever is between two requests has less time while the door is shut, and more when it is open."""
        self._timed = [(who.deadline(), order, who) for _, order, who in self._timed if not who.over]
        heapq.heapify(self._timed)

    # --- sending ---

    def _flush_if_due(self, room: RoomOnAir, rendition: Rendition) -> None:
        feed = room.feeds[rendition]
        if not feed.due(self.ladder.flush_s, self.door.now):
            return
        pieces = feed.flush()
        self.door.forget_welcomes()
        crowds = self.door.crowds(room, rendition)
        block = b"\0"
        if rendition is Rendition.MP3 and self._told_titles.get(room.id) != feed.title:
            self._told_titles[room.id] = feed.title
            block = icy_title(feed.title)
        if rendition in MADE_WHEN_WANTED and feed.has_backlog:
            self.door.release_awaiting(room, rendition)
        framed = {form: frame(pieces, form, block) for form in {c.form for c in crowds}}
        for crowd in crowds:
            crowd.push(framed[crowd.form])
            self._send(crowd)

    def _send(self, crowd: Crowd) -> None:
        if crowd.busy and crowd not in self._busy:
            if not self._busy:
                self._busy_since = time.perf_counter()
            self._busy.append(crowd)
        self._pump_soon()

    def _pump_soon(self) -> None:
        if not self._pumping and (self._busy or self.door.ready or self.door.entrance.replaced):
            self._pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Send for SLICE_S, answers that were waited for first; then let the loop breathe."""
        self._pumping = False
        self._look_at_clock()
        begun, cpu_s = time.perf_counter(), time.thread_time()
        crowded = self._acceptor is not None and self._acceptor.crowded
        slice_s = CROWDED_SLICE_S if crowded else SLICE_S
        if self._busy and (late := (begun - self._busy_since) / self.ladder.flush_s - LATE_SHARE) > 0:
            slice_s += min(1.0, late / (1 - LATE_SHARE)) * LATE_SLICE_S
        until, now = begun + slice_s, begun
        ready, busy = self.door.ready, self._busy
        if self.door.entrance.replaced:
            self.door.entrance.end_replaced()
        while now < until:
            if ready:
                conversation, answer = ready.popleft()
                conversation.release(answer if isinstance(answer, Answer) else answer())
            elif busy:
                crowd = busy.popleft()
                crowd.send_slice()
                if crowd.busy:
                    busy.append(crowd)
            else:
                break
            now = time.perf_counter()
        self._sending_s += now - begun
        self._sending_cpu_s += time.thread_time() - cpu_s
        self._pump_soon()

    # --- the clock ---

    def _look_at_clock(self) -> None:
        self.door.now = time.monotonic()

    def _tick(self) -> None:
        self._look_at_clock()
        door, now = self.door, self.door.now
        self._late_s = max(self._late_s, now - self._next_tick)
        self._next_tick = max(self._next_tick + TICK_S, now)
        self._tick_handle = self._loop.call_at(self._loop.time() + self._next_tick - now, self._tick)
        for room in door.rooms.values():
            was_over = room.over
            room.tick(now)
            if room.over and not was_over:
                door.end_room(room)
            for rendition in Rendition:
                self._flush_if_due(room, rendition)
            if room.over:
                self._close_over(room)
        door.expire()
        self._expire_timed(now)
        if now >= self._next_second:
            self._second(now)
        self._pump_soon()

    def _close_over(self, room: RoomOnAir) -> None:
        """The event has ended: whoever was sent all is closed, some at a time."""
        for crowd in [c for r in Rendition for c in self.door.crowds(room, r)]:
            if not crowd.ending:
                crowd.end()
                self._send(crowd)
            elif not crowd.busy:
                crowd.close_sent(1000)
        self.door.retire(room)

    def _expire_timed(self, now: float) -> None:
        timed = self._timed
        while timed and timed[0][0] <= now:
            _, order, who = heapq.heappop(timed)
            if who.over:
                continue
            if who.deadline() <= now:
                who.expire()
            if not who.over:
                heapq.heappush(timed, (max(who.deadline(), now + TICK_S), order, who))

    def _second(self, now: float) -> None:
        door = self.door
        self._next_second = now + 1.0
        door.wall = time.time()
        door.date = http_date(door.wall)
        door.forget_second()
        self.load, self.sending_share = Load(self._sending_s, self._late_s), self._sending_cpu_s
        self._sending_s = self._sending_cpu_s = self._late_s = 0.0
        announcement = self.ladder.observe(self.load, now)
        door.newcomer_s, door.flush_s = self.ladder.newcomer_s, self.ladder.flush_s
        if announcement is not None:
            self._announce(announcement)
        for crowd in door.all_crowds():
            crowd.tidy()
        if now >= self._next_forget:
            self._next_forget = now + 10.0
            door.forget()

    def _announce(self, announcement: Announcement) -> None:
        log.info("flush %.1f s from now on (load %.0f%%)", announcement.flush_s, 100 * self.load.share)
        for room in self.door.rooms.values():
            room.announce("flush", {"flush_s": announcement.flush_s}, self.door.now)

    # --- the door ---

    def turned(self, step: int | None = None) -> None:
        """Who gets in is decided another way from now on. ``step``: of the ladder, to be told to all who are in."""
        self._look_at_clock()
        self.door.turned()
        if self._was_shut is not (shut := self.door.admission.shut):
            self._was_shut = shut
            self._time_anew()
        if step is not None:
            for room in self.door.rooms.values():
                room.announce("door", {"step": step}, self.door.now)
        self._pump_soon()

    def listeners(self, room: RoomOnAir) -> int:
        """To whom its sound is pushed, and who takes it in pieces."""
        pushed = sum(len(c) for rendition in Rendition for c in self.door.crowds(room, rendition))
        return pushed + len(room.hls_seen)

    # --- what is counted ---

    def counts(self) -> dict[str, Any]:
        """The count of this second (docs/topics/path.md)."""
        rooms: dict[str, dict[str, int]] = {}
        for room in self.door.rooms.values():
            mp3 = sum(len(c) for c in self.door.crowds(room, Rendition.MP3))
            push = sum(len(c) for r in PUSHED for c in self.door.crowds(room, r))
            count = {"push": push, "mp3": mp3, "hls": room.count_hls(self.door.now, HLS_WITHIN_S)}
            if any(count.values()):
                rooms[room.id] = count
        counts: dict[str, Any] = {"edge": self.options.edge_id, "rooms": rooms, "want": self.door.wanted()}
        if reactions := self.door.postbox.applause.take():
            counts["react"] = reactions
        return counts

    def metrics(self) -> bytes:
        tally, door = self.tally, self.door
        listeners: dict[Labels, float] = {}
        lagging = 0
        for room in door.rooms.values():
            for rendition in Rendition:
                for crowd in door.crowds(room, rendition):
                    form = "icy" if crowd.form is Form.ICY else "chunked" if crowd.form is Form.CHUNKED else "bare"
                    tls = "yes" if crowd.wire.secure else "no"
                    labels = (("room", room.id), ("rendition", rendition.value), ("form", form), ("tls", tls))
                    listeners[labels] = len(crowd)
                    lagging += crowd.lagging
        asked: dict[Labels, float] = {(("kind", kind.lower()),): float(n) for kind, n in door.asked.items()}
        quotas = door.postbox.quotas.items()
        refused: dict[Labels, float] = {(("kind", kind.name.lower()),): float(q.refused) for kind, q in quotas}
        applause, errands = door.postbox.applause, door.errands
        hls: dict[Labels, float] = {(("room", r.id),): float(len(r.hls_seen)) for r in door.rooms.values()}
        return render(
            [
                Metric("rostra_edge_listeners", "gauge", "Listeners to whom sound is pushed.", listeners),
                Metric("rostra_edge_hls_connections", "gauge", "Connections that asked for LL-HLS lately.", hls),
                one("rostra_edge_connections", "gauge", "Open connections.", len(self.poller)),
                one("rostra_edge_held", "gauge", "Requests whose answer is waited for.", door.held),
                one("rostra_edge_lagging", "gauge", "Listeners with something unsent.", lagging),
                one("rostra_edge_flush_seconds", "gauge", "Seconds of sound sent at once.", self.ladder.flush_s),
                one("rostra_edge_sending_share", "gauge", "Share of the last second spent sending.", self.load.share),
                one("rostra_edge_late_seconds", "gauge", "How late the loop was at worst.", self.load.late_s),
                one("rostra_edge_joined_total", "counter", "Listeners who joined.", tally.joined),
                one("rostra_edge_left_total", "counter", "Listeners who left.", tally.left),
                one("rostra_edge_sends_total", "counter", "Sends to listeners.", tally.sends),
                one("rostra_edge_sent_bytes_total", "counter", "Bytes pushed to listeners.", tally.sent_bytes),
                one("rostra_edge_laggards_total", "counter", "Times a socket did not take all.", tally.laggards),
                one("rostra_edge_skipped_parts_total", "counter", "Parts skipped for laggards.", tally.skipped_parts),
                one("rostra_edge_requests_total", "counter", "Requests.", door.requests),
                Metric("rostra_edge_asked_total", "counter", "Requests that were looked up, by kind.", asked),
                one("rostra_edge_errands", "gauge", "Things sent that the bus has yet to store.", len(errands)),
                one("rostra_edge_errands_given_up_total", "counter", "Those that took too long.", errands.given_up),
                Metric("rostra_edge_too_often_total", "counter", "Things sent, refused as too many.", refused),
                one("rostra_edge_hands", "gauge", "Hands whose answer is at hand.", len(door.postbox.hands)),
                one("rostra_edge_reactions_total", "counter", "Reactions.", applause.total),
                one("rostra_edge_reactions_unread_total", "counter", "Reactions counted unread.", applause.skipped),
                one("rostra_edge_reactions_ignored_total", "counter", "Too many of one connection.", applause.ignored),
                one("rostra_edge_pictures_bytes", "gauge", "Pictures at hand.", door.gallery.shelf.size_bytes),
                one("rostra_edge_turned_away_total", "counter", "Connections that found no place.", self._turned_away),
                one("rostra_edge_gave_way_total", "counter", "Idle ones let go of for others.", self._gave_way),
                one("rostra_edge_in_pieces", "gauge", "Let in to take the sound in pieces.", door.entrance.in_pieces),
                *self.more_metrics(),
            ]
        )
