"""The driver of a crowd: one process, one epoll, as many listeners as the limit on open files allows.

Written for speed where 60,000 listeners at a flush of two seconds are 30,000 reads a second on one core: the loop
looks a read up whole (``hearing``), tells the model player once, and does no more. Everything else takes the slow
way.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import select
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from rostra.errors import WireError
from rostra.rehearsal.addresses import Population
from rostra.rehearsal.arrivals import return_s
from rostra.rehearsal.connections import READ_BYTES, Connections
from rostra.rehearsal.counting import Second, bucket_of
from rostra.rehearsal.draws import draw
from rostra.rehearsal.hearing import Gulp, Head, Parser, read_head
from rostra.rehearsal.listener import Asked, HlsSession, Listener, Serving, State, read_pass, read_serving
from rostra.rehearsal.network import KINDS, Link
from rostra.rehearsal.player import Player
from rostra.rehearsal.playlist import Playlists
from rostra.rehearsal.requests import Requests
from rostra.rehearsal.scenario import CrowdPlan
from rostra.rehearsal.solver import Solver
from rostra.rehearsal.target import Target
from rostra.units import SAMPLE_RATE, Rendition

EVENTS_AT_ONCE = 256
"""Then time is looked at, and those whose time has come are sent."""

JOINS_AT_ONCE = 32

MAX_SAMPLE_BYTES = 8 * 1024 * 1024
"""Half an hour of Opus."""

POLL_S = 4.0
"""How often somebody who waits asks whether it is their turn, if they were not told when."""


class Generator:
    """Listeners ``worker``, ``worker + workers``, ... of a crowd."""

    def __init__(
        self,
        target: Target,
        plan: CrowdPlan,
        begin: float,
        told: Callable[[Second], None],
        *,
        worker: int = 0,
        workers: int = 1,
        networks: int = 0,
    ) -> None:
        """:param begin: monotonic time of the first arrival. :param told: is given each second that is over.
        :param networks: of bots, on loopback (``addresses.attacking``).
        """
        self.target, self.plan = target, plan
        self._begin, self._told = begin, told
        self._manners = plan.manners
        self._timers: list[tuple[float, int, int, Listener, Callable[[Listener], None]]] = []
        self._order = 0
        self._impatient: deque[tuple[float, int, Listener]] = deque()
        self._second = Second()
        self._firsts: dict[int, Second] = {}
        self._arrivals = plan.arrivals.of(worker, workers)
        self._next: tuple[int, float] | None = next(self._arrivals, None)
        self._random = random.Random(plan.seed * 31 + worker)
        self._parsers = {r: Parser(r.frame_samples) for r in (Rendition.OPUS, Rendition.AAC)}
        self._playlists = Playlists()
        population = Population(plan.prefixes, plan.seed, plan.v6, plan.behind_one) if plan.proxied else None
        self._connections = Connections(target, population, worker, networks)
        self._requests = Requests(target)
        self._solver = Solver()
        self._solving: dict[int, Listener] = {}
        self.everyone: list[Listener] = []
        self.epoch = 0.0
        """Wall time of media time 0, where it is known: latencies are told from then on."""
        self._wall_less_monotonic = time.time() - time.monotonic()
        self._cut_at = begin + plan.arrivals.cut_s if plan.arrivals.cut_s is not None else float("inf")
        self.now = time.monotonic()
        self.over = False

    # --- the loop ---

    def run(self, end: float) -> None:
        """Until ``end`` (monotonic), or until :attr:`over` is set by whoever is told the seconds."""
        poll, second_at = self._connections.epoll.poll, self._begin + 1.0
        cpu, late_s, began = time.process_time(), 0.0, time.monotonic()
        while not self.over:
            self.now = now = time.monotonic()
            if now >= second_at:
                used = time.process_time()
                self._close_second(late_s, (used - cpu) / max(1e-6, now - began))
                cpu, late_s, began = used, 0.0, now
                second_at = self._begin + int(now - self._begin) + 1.0
            if now >= end:
                return
            late_s = max(late_s, self._bring(now))
            self._due(now)
            events = poll(self._rest_s(now, second_at, end), EVENTS_AT_ONCE)
            self.now = time.monotonic()
            self._serve(events)

    def _rest_s(self, now: float, second_at: float, end: float) -> float:
        until = min(second_at, end)
        if self._next is not None:
            until = min(until, self._begin + self._next[1])
        if self._timers:
            until = min(until, self._timers[0][0])
        return max(0.0, until - now)

    def _bring(self, now: float) -> float:
        """Those whose time has come. Returns by how much the last of them is late."""
        late_s = 0.0
        for _ in range(JOINS_AT_ONCE):
            if self._next is None or self._begin + self._next[1] > now:
                break
            self.now = time.monotonic()
            late_s = self.now - self._begin - self._next[1]
            self._start(self._make(self._next[0], self.now))
            self._next = next(self._arrivals, None)
        return late_s

    def _due(self, now: float) -> None:
        timers = self._timers
        while timers and timers[0][0] <= now:
            _, _, turn, who, what = heapq.heappop(timers)
            if who.turn == turn and who.state is not State.GONE:
                what(who)
        if now >= self._cut_at:
            self._cut_at = float("inf")
            for who in list(self._connections.table.values()):
                self._lose(who, "cut")

    def _serve(self, events: list[tuple[int, int]]) -> None:
        table, now, read = self._connections.table, self.now, os.read
        listening, second, last, bucket, size = State.LISTENING, self._second, None, 0, 0
        latency = second.latency
        for fd, what in events:
            who = table.get(fd)
            if who is None:
                self._solved(fd)
                continue
            if (
                who.state is not listening
                or who.link is not None
                or who.rest
                or who.socket is not None
                or not who.heard
            ):
                self._ready(who, what)
                continue
            try:
                data = read(fd, READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            for gulp in who.parser.known.get(len(data), ()):
                if gulp.data == data:
                    break
            else:
                gulp = None
            if gulp is None or gulp.start < 0 or not gulp.whole or gulp.drains_s >= 0 or who.sample is not None:
                self._take(who, data)
                continue
            size += len(data)
            if gulp is not last:
                last, bucket = gulp, self._latency_bucket(gulp.start)
            if bucket >= 0:
                latency.add_to(bucket)
            if gulp.flush_s:
                who.player.flush(gulp.flush_s)
            if gulp.tally >= 0:
                second.tally[gulp.tally] = second.tally.get(gulp.tally, 0) + 1
            if who.player.hear(gulp.start, gulp.end, now):
                second.count("underruns")
            if gulp.over:
                self._over(who)
            elif who.habit.reads_every_s:
                self._look_away(who, who.habit.reads_every_s)
        if size:
            second.count("bytes", size)

    # --- coming ---

    def _make(self, number: int, now: float) -> Listener:
        plan = self.plan
        seed = plan.seed
        rendition = Rendition.AAC if plan.aac and draw(seed, number, 0) < plan.aac else Rendition.OPUS
        who = Listener(number, Player(now, plan.start_s), self._manners.habit(seed, number), self._parsers[rendition])
        if plan.hls and draw(seed, number, 1) < plan.hls:
            who.hls = HlsSession()
        if plan.networks:
            self._give_network(who, draw(seed, number, 2), now)
        if who.hls is None and number < plan.samples and rendition is Rendition.OPUS:
            who.sample = bytearray()
        who.began = now
        self.everyone.append(who)
        self._impatient.append((now + plan.patience_s, who.turn, who))
        self._second.count("asked")
        return who

    def _give_network(self, who: Listener, drawn: float, now: float) -> None:
        for name, share in self.plan.networks.items():
            if drawn < share:
                who.link = Link(KINDS[name], self.plan.seed << 32 ^ who.number, now) if name != "wire" else None
                return
            drawn -= share

    def _start(self, who: Listener) -> None:
        """From the beginning, on a new connection."""
        if who.habit.page and who.pass_ is None:
            self._ask(who, Asked.PAGE)
        else:
            self._listen(who)

    def _listen(self, who: Listener) -> None:
        if who.hls is None:
            self._ask(who, Asked.LIVE)
        else:
            who.hls = HlsSession()
            self._ask(who, Asked.PLAYLIST)

    def _ask(self, who: Listener, what: Asked, path: str = "", body: bytes | None = None) -> None:
        """On the connection there is, or on a new one."""
        who.asked = what
        pass_ = who.pass_.text if who.pass_ is not None else ""
        who.out = self._requests.make(what, self._rendition(who), path, pass_=pass_, body=body)
        if who.fd >= 0:
            if not self._connections.send(who):
                self._lose(who, "failed")
        elif why := self._connections.open(who):
            self._fail(who, why)

    def _rendition(self, who: Listener) -> Rendition:
        return Rendition.AAC if who.parser is self._parsers[Rendition.AAC] else Rendition.OPUS

    # --- what comes ---

    def _ready(self, who: Listener, events: int) -> None:
        self.now = time.monotonic()
        if who.state in (State.CONNECTING, State.SHAKING):
            if events & (select.EPOLLERR | select.EPOLLHUP) or not self._connections.connected(who):
                self._lose(who, "failed")
            return
        data = self._connections.read(who)
        if data is None:
            return
        if who.state is State.LISTENING:
            self._take(who, data)
        else:
            self._answer(who, data)

    def _take(self, who: Listener, data: bytes) -> None:
        """Pushed sound, the slow way."""
        if not data:
            self._lose(who, "lost")
            return
        self._second.count("bytes", len(data))
        at = self.now if who.link is None else who.link.arrival(self.now, len(data))
        try:
            gulp, who.rest = who.parser.chunks(who.rest + data if who.rest else data)
        except WireError:
            self._second.count("broken")
            self._lose(who, "lost")
            return
        if gulp is not None:
            if gulp.broken:
                self._second.count("broken")
            if who.sample is not None and len(who.sample) < MAX_SAMPLE_BYTES:
                who.sample += gulp.data
            self._hear(who, gulp, at)
        if who.state is not State.LISTENING:
            return
        stall_s = who.link.stall(self.now) if who.link is not None else 0.0
        if stall_s or who.habit.reads_every_s:
            self._second.count("stalls", 1 if stall_s else 0)
            self._look_away(who, max(stall_s, who.habit.reads_every_s))

    def _hear(self, who: Listener, gulp: Gulp, at: float, *, fresh: bool = True) -> None:
        """``fresh``: not the backlog that newcomers get, which is old by intention."""
        second, player = self._second, who.player
        if gulp.flush_s:
            player.flush(gulp.flush_s)
        if gulp.tally >= 0:
            second.tally[gulp.tally] = second.tally.get(gulp.tally, 0) + 1
        if gulp.start >= 0:
            first = not who.heard
            repeated = player.repeated
            for start, end in ((gulp.start, gulp.end),) if gulp.whole else gulp.parts:
                if player.hear(start, end, at):
                    second.count("underruns")
            if player.repeated > repeated:
                second.count("repeated")
            if first:
                self._first_sound(who, at)
            elif fresh and (bucket := self._latency_bucket(gulp.start, at)) >= 0:
                second.latency.add_to(bucket)
        if gulp.over:
            self._over(who)
        elif gulp.drains_s >= 0:
            self._away(who)
            self._later(who, self._random.random() * max(0.5, gulp.drains_s), self._back)

    def _first_sound(self, who: Listener, at: float) -> None:
        who.heard = True
        second = self._second
        second.count("heard")
        took_s = at - who.began
        asked_in = int(who.began - self._begin)
        firsts = self._firsts.get(asked_in)
        if firsts is None:
            firsts = self._firsts[asked_in] = Second()
        firsts.first.add(took_s)
        if who.habit.stays_s != float("inf"):
            self._later(who, who.habit.stays_s, self._go)

    def _latency_bucket(self, start: int, at: float | None = None) -> int:
        """-1: it cannot be known."""
        if not self.epoch:
            return -1
        wall = (self.now if at is None else at) + self._wall_less_monotonic
        return bucket_of(wall - self.epoch - start / SAMPLE_RATE)

    def _answer(self, who: Listener, data: bytes) -> None:
        """Of a request with an answer that has a length, or the head of a pushed stream."""
        if not data:
            self._lose(who, "lost" if who.hls is not None and who.heard else "cut_short")
            return
        self._second.count("bytes", len(data))
        if who.asked is Asked.LIVE and not who.rest and (gulp := who.parser.find_welcome(data)) is not None:
            self._let_in(who, gulp)
            return
        who.rest = data = who.rest + data if who.rest else data
        try:
            head = read_head(data)
        except WireError:
            self._lose(who, "broken")
            return
        if head is None:
            return
        if head.status == 200 and head.chunked and who.asked is Asked.LIVE:
            self._welcome(who, data, head.size)
            return
        length = max(0, head.length)
        if len(data) - head.size < length:
            return
        body = data[head.size : head.size + length]
        who.rest = b""
        if head.closes:
            self._close(who)
        self._answered(who, head, body)

    def _welcome(self, who: Listener, data: bytes, head_bytes: int) -> None:
        """The head of a stream, and perhaps sound behind it."""
        who.rest = b""
        try:
            gulp, rest = who.parser.chunks(data[head_bytes:])
        except WireError:
            self._second.count("broken")
            self._lose(who, "lost")
            return
        if gulp is not None and not rest:
            who.parser.remember_welcome(data, gulp)
        self._let_in(who, gulp)
        if who.state is State.LISTENING:
            who.rest = rest

    def _let_in(self, who: Listener, gulp: Gulp | None) -> None:
        who.state = State.LISTENING
        who.failures = 0
        self._second.count("let_in")
        if gulp is not None:
            if who.sample is not None:
                who.sample += gulp.data
            at = self.now if who.link is None else who.link.arrival(self.now, len(gulp.data))
            self._hear(who, gulp, at, fresh=False)

    def _answered(self, who: Listener, head: Head, body: bytes) -> None:
        status = head.status
        if status == 428:
            self._challenged(who, body)
        elif status in (429, 503):
            self._told_to_wait(who, head, body)
        elif status != 200:
            self._refused(who, status)
        elif who.asked is Asked.PAGE:
            if who.reloads > 0:
                self._reload(who)
            else:
                self._ask(who, Asked.STATE)
        elif who.asked is Asked.STATE:
            self._listen(who)
        elif who.asked is Asked.CHALLENGE:
            self._challenged(who, body)
        elif who.asked is Asked.DOOR:
            self._numbered(who, body)
        elif who.asked is Asked.SERVING:
            self._look_at_serving(who, read_serving(body))
        else:
            self._hls(who, body)

    def _reload(self, who: Listener) -> None:
        """Once more: a new page, a new connection, and the clock of its patience begins anew."""
        who.reloads -= 1
        self._second.count("reloads")
        self._away(who)
        self._later(who, who.habit.reload_s, self._anew)

    def _anew(self, who: Listener) -> None:
        who.began = who.player.asked = self.now
        self._impatient.append((self.now + self.plan.patience_s, who.turn + 1, who))
        self._start(who)

    # --- the door ---

    def _challenged(self, who: Listener, body: bytes) -> None:
        self._second.count("challenged")
        if who.asked not in (Asked.CHALLENGE, Asked.DOOR) and b'"parameters"' not in body:
            self._ask(who, Asked.CHALLENGE)
            return
        self._away(who)
        self._solving[who.number] = who
        known = self._solver.fileno()
        fd = self._solver.ask(who.number, body)
        if fd < 0:
            self._second.count("unsolved")
        elif known < 0:
            self._connections.epoll.register(fd, select.EPOLLIN)

    def _solved(self, fd: int) -> None:
        if fd != self._solver.fileno():
            return
        answers = self._solver.answers()
        if answers is None:
            self._connections.epoll.unregister(fd)
            return
        for number, answer in answers:
            who = self._solving.pop(number, None)
            if who is None or who.state is State.GONE:
                continue
            if not answer:
                self._second.count("unsolved")
                self._give_up(who)
                continue
            self._second.count("solved")
            who.paid = True
            self._ask(who, Asked.DOOR, body=json.dumps({"answer": answer}).encode())

    def _told_to_wait(self, who: Listener, head: Head, body: bytes) -> None:
        self._second.count("told_to_wait")
        retry_s = head.retry_s or POLL_S
        if who.asked in (Asked.LIVE, Asked.PLAYLIST) and who.pass_ is None and b"/door" in body:
            self._ask(who, Asked.DOOR, body=b"{}")
            return
        self._away(who)
        if who.pass_ is not None:  # they are told when to try again, and the page asks whose turn it is beside it
            retry_s = min(retry_s, POLL_S)
        spread_s = retry_s * (0.75 + self._random.random() * 0.5)
        self._later(who, spread_s, self._look if who.pass_ is not None else self._listen)

    def _numbered(self, who: Listener, body: bytes) -> None:
        found = read_pass(body)
        if found is None:
            self._refused(who, 200)
            return
        if who.pass_ is None:
            self._second.count("numbered")
        who.pass_, serving = found
        if who.paid:
            self._listen(who)  # a challenge is paid for a way in; whether there is also a queue, the answer says
        else:
            self._look_at_serving(who, Serving(serving) if serving else None)

    def _look(self, who: Listener) -> None:
        if who.pass_ is not None and who.pass_.rank < 0:
            self._ask(who, Asked.DOOR, body=json.dumps({"rsvp": who.pass_.text}).encode())  # by now it may be drawn
        else:
            self._ask(who, Asked.SERVING)

    def _look_at_serving(self, who: Listener, told: Serving | None) -> None:
        if told is None or (who.pass_ is not None and who.pass_.served(told.serving)):
            self._listen(who)
            return
        self._away(who)
        self._later(who, told.ask_again_s(who.pass_) * (0.75 + self._random.random() / 2), self._look)

    # --- LL-HLS ---

    def _hls(self, who: Listener, body: bytes) -> None:
        hls = who.hls
        if hls is None:
            self._refused(who, 200)
            return
        try:
            if who.asked is Asked.PLAYLIST:
                hls.take(self._playlists.read(body))
                if not hls.started:
                    hls.started = True
                    self._second.count("let_in")
            elif who.asked is Asked.INIT:
                hls.init = True
            elif hls.parts:
                self._heard_part(who, hls.parts.pop(0).uri, body)
        except WireError:
            self._second.count("broken")
            self._lose(who, "lost")
            return
        stall_s = who.link.stall(self.now) if who.link is not None else 0.0
        if who.state is State.GONE:
            return
        if stall_s:
            self._second.count("stalls")
            self._later(who, stall_s, self._go_on)
        else:
            self._go_on(who)

    def _go_on(self, who: Listener) -> None:
        """What an LL-HLS player asks for next."""
        hls = who.hls
        assert hls is not None
        playlist = hls.playlist
        assert playlist is not None
        if not hls.init and playlist.init:
            self._ask(who, Asked.INIT, playlist.init)
        elif hls.parts:
            self._ask(who, Asked.PART, hls.parts[0].uri)
        elif playlist.ended:
            self._over(who)
        else:
            self._ask(who, Asked.PLAYLIST, hls.reload())

    def _heard_part(self, who: Listener, uri: str, body: bytes) -> None:
        span = who.parser.span(uri, body)
        at = self.now if who.link is None else who.link.arrival(self.now, len(body))
        if who.player.hear(span[0], span[1], at):
            self._second.count("underruns")
        if not who.heard:
            self._first_sound(who, at)
        elif (bucket := self._latency_bucket(span[0], at)) >= 0:
            self._second.latency.add_to(bucket)

    # --- going ---

    def _look_away(self, who: Listener, for_s: float) -> None:
        """Reads nothing for a while: its window closes."""
        self._connections.look_away(who)
        self._later(who, for_s, self._connections.look_back)

    def _go(self, who: Listener) -> None:
        """By itself."""
        self._second.count("left")
        self._away(who)
        who.player.leave()
        if who.habit.away_s:
            self._later(who, who.habit.away_s, self._again)
        else:
            who.state = State.GONE

    def _again(self, who: Listener) -> None:
        """Back after having gone: a new first sound."""
        who.heard = False
        self._second.count("asked")
        self._second.count("returned")
        self._anew(who)

    def _back(self, who: Listener) -> None:
        """Back after it was cut off: what it held plays on, what it missed is a hole or an underrun like any other."""
        self._second.count("reconnects")
        self._listen(who)

    def _lose(self, who: Listener, why: str) -> None:
        """The connection is gone and nobody meant it. It comes back as our clients do."""
        self._second.count(why)
        self._away(who)
        who.failures += 1
        self._later(who, return_s(self._random.random(), who.failures - 1), self._back)

    def _fail(self, who: Listener, why: str) -> None:
        self._second.count(why)
        who.state = State.AWAY
        who.turn += 1
        who.failures += 1
        self._later(who, return_s(self._random.random(), who.failures), self._back)

    def _refused(self, who: Listener, status: int) -> None:
        self._second.count(f"refused_{status}")
        if status == 410:
            self._over(who)
            return
        self._second.count("turned_away")
        self._away(who)
        who.state = State.GONE

    def _over(self, who: Listener) -> None:
        self._second.count("ended")
        self._away(who)
        who.state = State.GONE

    def _give_up(self, who: Listener) -> None:
        self._second.count("gave_up")
        self._away(who)
        who.state = State.GONE

    def _away(self, who: Listener) -> None:
        self._close(who)
        who.state = State.AWAY

    def _close(self, who: Listener) -> None:
        who.turn += 1
        who.rest = b""
        self._connections.close(who)

    def _later(self, who: Listener, in_s: float, what: Callable[[Listener], None]) -> None:
        self._order += 1
        heapq.heappush(self._timers, (self.now + in_s, self._order, who.turn, who, what))

    # --- what is counted ---

    def _close_second(self, late_s: float, cpu_share: float) -> None:
        impatient, now = self._impatient, self.now
        while impatient and impatient[0][0] <= now:
            _, _, who = impatient.popleft()
            if not who.heard and who.state is not State.GONE and now - who.began >= self.plan.patience_s:
                self._give_up(who)
        second, self._second = self._second, Second()
        states = [0] * (max(State) + 1)
        for who in self._connections.table.values():
            states[who.state] += 1
        hls_in = sum(1 for who in self._connections.table.values() if who.hls is not None and who.heard)
        second.gauges = {
            "in": states[State.LISTENING] + hls_in,
            "connecting": states[State.CONNECTING] + states[State.SHAKING],
            "waiting": self._waiting(),
            "late_ms": late_s * 1000,
            "cpu": cpu_share,
            "parsed": sum(p.parsed for p in self._parsers.values()),
        }
        self._told(second)

    def _waiting(self) -> int:
        return sum(
            1 for who in self.everyone if who.pass_ is not None and not who.heard and who.state is not State.GONE
        )

    def firsts(self) -> dict[int, Second]:
        """First sounds by the second (after the beginning) in which they were asked for; then forgets them."""
        found, self._firsts = self._firsts, {}
        return found

    def finish(self) -> dict[str, Any]:
        """Closes everything; what each listener heard, put together."""
        now = self.now = time.monotonic()
        silent_now = 0
        for who in self.everyone:
            if who.heard and who.state is not State.GONE and who.player.silent_until(now) > 0.0:
                who.player.underruns += 1
                who.player.silent_s += who.player.silent_until(now)
                silent_now += 1
        total = _sums(self.everyone)
        total["silent_at_the_end"] = silent_now
        total["in_at_the_end"] = sum(
            1 for who in self.everyone if who.heard and who.state in (State.LISTENING, State.ASKING)
        )
        for who in self.everyone:
            self._close(who)
        self._solver.close()
        self._connections.epoll.close()
        return total


def _sums(everyone: list[Listener]) -> dict[str, Any]:
    """Of the players of a crowd."""
    players = [who.player for who in everyone]
    heard = [p for p in players if p.first_sound_s >= 0]
    return {
        "listeners": len(players),
        "heard": len(heard),
        "never_heard": sum(1 for who in everyone if who.player.first_sound_s < 0 and not who.reloads),
        "still_reloading": sum(1 for who in everyone if who.player.first_sound_s < 0 and who.reloads),
        "without_underrun": sum(1 for p in heard if not p.underruns),
        "underruns": sum(p.underruns for p in heard),
        "silent_s": round(sum(p.silent_s for p in heard), 3),
        "with_hole": sum(1 for p in heard if p.holes),
        "holes": sum(p.holes for p in heard),
        "hole_s": round(sum(p.hole_s for p in heard), 3),
        "sound_s": round(sum(p.sound_s for p in heard), 1),
    }
