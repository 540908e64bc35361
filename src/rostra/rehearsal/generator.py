"""The driver of a crowd: one process, one epoll, as many listeners as the limit on open files allows.

Written for speed where 60,000 listeners at a flush of two seconds are 30,000 reads a second on one core: the loop
looks a read up whole (``hearing``), tells the model player once, and does no more. Everything else takes the slow
way.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import json
import os
import random
import select
import socket
import ssl
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from rostra.errors import WireError
from rostra.rehearsal.addresses import CONNECTIONS_AN_ADDRESS, Population, loopback, packed, preamble
from rostra.rehearsal.arrivals import return_s
from rostra.rehearsal.counting import Second, bucket_of
from rostra.rehearsal.draws import draw
from rostra.rehearsal.hearing import Gulp, Head, Parser, part_span, read_head
from rostra.rehearsal.listener import Asked, HlsSession, Listener, State, read_pass, read_serving
from rostra.rehearsal.network import KINDS, Link
from rostra.rehearsal.player import Player
from rostra.rehearsal.playlist import Playlist, read_playlist
from rostra.rehearsal.scenario import CrowdPlan
from rostra.rehearsal.target import Target, tls_context
from rostra.units import SAMPLE_RATE, Rendition

READ_BYTES = 64 * 1024
"""A flush of 4 s of the largest rendition is 36 KB. Whoever has more to read is read again."""

EVENTS_AT_ONCE = 256
"""Then time is looked at, and those whose time has come are sent."""

JOINS_AT_ONCE = 32

MAX_SAMPLE_BYTES = 8 * 1024 * 1024
"""Half an hour of Opus."""

POLL_S = 4.0
"""How often somebody who waits asks whether it is their turn, if they were not told when."""

MAX_WELCOMES = 64
"""Lengths of what newcomers are sent; it changes each second and with each flush."""

MAX_PLAYLISTS = 256
MAX_SPANS = 4096
"""Parsed playlists and parts remembered; when full, all are forgotten."""

_NO_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT (linux/in.h): the port is chosen when it is known where to."""

_RESET = b"\1\0\0\0\0\0\0\0"
"""struct linger {1, 0}: closed by a reset, so that no port stays in TIME_WAIT."""


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
    ) -> None:
        """:param begin: monotonic time of the first arrival. :param told: is given each second that is over."""
        self.target, self.plan = target, plan
        self._worker, self._workers = worker, workers
        self._begin, self._told = begin, told
        self._manners = plan.manners
        self._epoll = select.epoll()
        self._table: dict[int, Listener] = {}
        self._timers: list[tuple[float, int, int, Listener, Callable[[Listener], None]]] = []
        self._order = 0
        self._impatient: deque[tuple[float, int, Listener]] = deque()
        self._second = Second()
        self._firsts: dict[int, Second] = {}
        self._arrivals = plan.arrivals.of(worker, workers)
        self._next: tuple[int, float] | None = next(self._arrivals, None)
        self._random = random.Random(plan.seed * 31 + worker)
        self._parsers = {r: Parser(r.frame_samples) for r in (Rendition.OPUS, Rendition.AAC)}
        self._population = Population(plan.prefixes, plan.seed, plan.v6, plan.behind_one) if plan.proxied else None
        self._addresses = [(a, packed(a)) for a in target.addresses]
        self._loopback = all(a.startswith("127.") for a in target.addresses)
        self._requests = {
            (Asked.LIVE, r): f"{target.path}/live" + ("" if r is Rendition.OPUS else f"?codec={r}")
            for r in self._parsers
        }
        self._tls = tls_context(target) if target.tls else None
        self._playlists: dict[bytes, Playlist] = {}
        self._spans: dict[str, tuple[int, int] | None] = {}
        self._welcomes: dict[int, list[tuple[bytes, Gulp]]] = {}
        self._source = ("", -1)
        self._solver: subprocess.Popen[bytes] | None = None
        self._solving: dict[int, Listener] = {}
        self._solver_rest = b""
        self._joined = 0
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
        poll, second_at = self._epoll.poll, self._begin + 1.0
        cpu, late_s = time.process_time(), 0.0
        while not self.over:
            self.now = now = time.monotonic()
            if now >= second_at:
                used = time.process_time()
                self._close_second(late_s, (used - cpu) / max(1e-6, now - second_at + 1.0))
                cpu, late_s = used, 0.0
                second_at = max(second_at + 1.0, now)
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
            for who in list(self._table.values()):
                self._lose(who, "cut")

    def _serve(self, events: list[tuple[int, int]]) -> None:
        table, now, read = self._table, self.now, os.read
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
                latency.counts[bucket] = latency.counts.get(bucket, 0) + 1
                latency.total += 1
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
        who.out = self._request(who, what, path, body)
        if who.fd < 0:
            self._connect(who)
        else:
            self._send(who)

    def _request(self, who: Listener, what: Asked, path: str, body: bytes | None) -> bytes:
        room, target = self.target.path, self.target
        rendition = Rendition.AAC if who.parser is self._parsers[Rendition.AAC] else Rendition.OPUS
        if what is Asked.LIVE:
            path = self._requests[what, rendition]
        elif what is Asked.PAGE:
            path = room
        elif what in (Asked.STATE, Asked.SERVING):
            path = f"{room}/state"
        elif what in (Asked.DOOR, Asked.CHALLENGE):
            path = f"{room}/door"
        elif what is Asked.PLAYLIST:
            path = f"{room}/hls/{rendition}.m3u8{path}"
        else:
            path = f"{room}/hls/{path}"
        if who.pass_ is not None and what in (Asked.LIVE, Asked.PLAYLIST):
            path += ("&" if "?" in path else "?") + f"w={who.pass_.text}"
        if body is None:
            return f"GET {path} HTTP/1.1\r\nHost: {target.netloc}\r\nUser-Agent: rostra-rehearsal\r\n\r\n".encode()
        return (
            f"POST {path} HTTP/1.1\r\nHost: {target.netloc}\r\nUser-Agent: rostra-rehearsal\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def _connect(self, who: Listener) -> None:
        address, raw = self._addresses[who.number % len(self._addresses)]
        family = socket.AF_INET6 if len(raw) == 16 else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        except OSError:
            self._fail(who, "no_descriptor")
            return
        if self._loopback:
            sock.setsockopt(socket.IPPROTO_IP, _NO_PORT, 1)
            try:  # noqa: SIM105 (a context manager takes as long as the call)
                sock.bind((self._from(), 0))
            except OSError:
                pass  # one that is bound nowhere has the address of the machine
        self._joined += 1
        error = sock.connect_ex((address, self.target.port))
        if error not in (0, errno.EINPROGRESS):
            sock.close()
            self._fail(who, "failed")
            return
        who.rest = b""
        before = b""
        if self._population is not None:
            source = self._population.address(who.number)
            before = preamble(source, 1024 + who.number % 60_000, raw, self.target.port)
        if self._tls is not None:
            who.socket = sock
            who.fd = sock.fileno()
            if before:
                who.out = before + who.out  # sent in clear before the handshake; see _connected
        else:
            who.fd = sock.detach()
            who.out = before + who.out
        self._table[who.fd] = who
        who.state = State.CONNECTING
        if self._tls is None and self._loopback:
            # On loopback the connection stands when connect() returns: one event less a join.
            try:
                if os.write(who.fd, who.out) == len(who.out):
                    who.out = b""
                    who.state = State.ASKING
                    self._epoll.register(who.fd, select.EPOLLIN)
                    return
            except BlockingIOError:
                pass
            except OSError:
                self._table.pop(who.fd)
                os.close(who.fd)
                who.fd = -1
                self._fail(who, "failed")
                return
        self._epoll.register(who.fd, select.EPOLLOUT)

    def _from(self) -> str:
        """Where the next connection comes from, on loopback."""
        source, block = self._source
        if block != self._joined // CONNECTIONS_AN_ADDRESS:
            source = loopback(self._worker, self._joined)
            self._source = (source, self._joined // CONNECTIONS_AN_ADDRESS)
        return source

    def _send(self, who: Listener) -> None:
        """The request, at once; the little that a full socket does not take is a fault of the other side."""
        try:
            sent = who.socket.send(who.out) if who.socket is not None else os.write(who.fd, who.out)
        except (OSError, ssl.SSLError):
            self._lose(who, "failed")
            return
        if sent != len(who.out):
            self._lose(who, "failed")
            return
        who.out = b""
        if who.state is not State.ASKING:
            who.state = State.ASKING
            self._epoll.modify(who.fd, select.EPOLLIN)

    def _connected(self, who: Listener) -> None:
        if self._tls is None:
            self._send(who)
            return
        if who.state is State.CONNECTING:
            if self._population is not None:
                size = 28 if who.out[13:14] == b"\x11" else 52
                with contextlib.suppress(OSError):
                    who.socket.send(who.out[:size])
                who.out = who.out[size:]
            who.socket = self._tls.wrap_socket(
                who.socket, server_hostname=self.target.host, do_handshake_on_connect=False
            )
            who.state = State.SHAKING
        try:
            who.socket.do_handshake()
        except ssl.SSLWantReadError:
            self._epoll.modify(who.fd, select.EPOLLIN)
            return
        except ssl.SSLWantWriteError:
            self._epoll.modify(who.fd, select.EPOLLOUT)
            return
        except OSError:
            self._lose(who, "failed")
            return
        who.state = State.CONNECTING
        self._send(who)

    # --- what comes ---

    def _ready(self, who: Listener, events: int) -> None:
        self.now = time.monotonic()
        if who.state in (State.CONNECTING, State.SHAKING):
            if events & (select.EPOLLERR | select.EPOLLHUP):
                self._lose(who, "failed")
            else:
                self._connected(who)
            return
        data = self._read(who)
        if data is None:
            return
        if who.state is State.LISTENING:
            self._take(who, data)
        else:
            self._answer(who, data)

    def _read(self, who: Listener) -> bytes | None:
        """None: not now. Empty: it is over."""
        try:
            if who.socket is None:
                return os.read(who.fd, READ_BYTES)
            data: bytes = who.socket.recv(READ_BYTES)
            while who.socket.pending():  # what OpenSSL holds back does not wake epoll
                data += who.socket.recv(READ_BYTES)
            return data
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError:
            return b""

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

    def _hear(self, who: Listener, gulp: Gulp, at: float) -> None:
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
            elif (bucket := self._latency_bucket(gulp.start, at)) >= 0 and gulp.inits < 2:
                second.latency.counts[bucket] = second.latency.counts.get(bucket, 0) + 1
                second.latency.total += 1
        if gulp.over:
            self._over(who)
        elif gulp.drains_s >= 0:
            self._away(who)
            self._later(who, self._random.random() * max(0.5, gulp.drains_s), self._back)

    def _first_sound(self, who: Listener, at: float) -> None:
        who.heard = True
        who.failures = 0
        second = self._second
        second.count("heard")
        took_s = at - who.began
        self._firsts.setdefault(int(who.began - self._begin), Second()).first.add(took_s)
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
        if who.asked is Asked.LIVE and not who.rest:
            for known, gulp in self._welcomes.get(len(data), ()):
                if known == data:
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
            if len(self._welcomes) >= MAX_WELCOMES:
                self._welcomes.clear()
            self._welcomes.setdefault(len(data), []).insert(0, (data, gulp))
            del self._welcomes[len(data)][4:]
        self._let_in(who, gulp)
        if who.state is State.LISTENING:
            who.rest = rest

    def _let_in(self, who: Listener, gulp: Gulp | None) -> None:
        who.state = State.LISTENING
        self._second.count("let_in")
        if gulp is not None:
            if who.sample is not None:
                who.sample += gulp.data
            at = self.now if who.link is None else who.link.arrival(self.now, len(gulp.data))
            self._hear(who, gulp, at)

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
        number = who.number
        self._solving[number] = who
        if self._solver is None:
            self._solver = subprocess.Popen(
                [sys.executable, "-m", "rostra.rehearsal.solver"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            assert self._solver.stdout
            os.set_blocking(self._solver.stdout.fileno(), False)
            self._epoll.register(self._solver.stdout.fileno(), select.EPOLLIN)
        assert self._solver.stdin
        try:
            self._solver.stdin.write(b"%d %s\n" % (number, body.replace(b"\n", b" ")))
            self._solver.stdin.flush()
        except OSError:
            self._second.count("unsolved")

    def _solved(self, fd: int) -> None:
        solver = self._solver
        if solver is None or solver.stdout is None or fd != solver.stdout.fileno():
            return
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._epoll.unregister(fd)
            return
        *lines, self._solver_rest = (self._solver_rest + data).split(b"\n")
        for line in lines:
            number, _, answer = line.partition(b" ")
            who = self._solving.pop(int(number), None)
            if who is None or who.state is State.GONE:
                continue
            if answer == b"-":
                self._second.count("unsolved")
                self._give_up(who)
                continue
            self._second.count("solved")
            who.paid = True
            self._ask(who, Asked.DOOR, body=json.dumps({"answer": answer.decode()}).encode())

    def _told_to_wait(self, who: Listener, head: Head, body: bytes) -> None:
        self._second.count("told_to_wait")
        retry_s = head.retry_s or POLL_S
        if who.asked in (Asked.LIVE, Asked.PLAYLIST) and who.pass_ is None and b"/door" in body:
            self._ask(who, Asked.DOOR, body=b"{}")
            return
        self._away(who)
        spread_s = retry_s * (0.75 + self._random.random() * 0.5)
        self._later(who, spread_s, self._look if who.pass_ is not None else self._listen)

    def _numbered(self, who: Listener, body: bytes) -> None:
        found = read_pass(body)
        if found is None:
            self._refused(who, 200)
            return
        who.pass_, serving = found
        self._second.count("numbered")
        if who.paid:
            self._listen(who)  # a challenge is paid for a way in; whether there is also a queue, the answer says
        else:
            self._look_at_serving(who, serving)

    def _look(self, who: Listener) -> None:
        self._ask(who, Asked.SERVING)

    def _look_at_serving(self, who: Listener, serving: dict[str, Any] | None) -> None:
        if not serving or (who.pass_ is not None and who.pass_.served(serving)):
            self._listen(who)
            return
        self._away(who)
        self._later(who, POLL_S * (0.5 + self._random.random()), self._look)

    # --- LL-HLS ---

    def _hls(self, who: Listener, body: bytes) -> None:
        hls = who.hls
        if hls is None:
            self._refused(who, 200)
            return
        try:
            if who.asked is Asked.PLAYLIST:
                hls.take(self._playlist(body))
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
        rendition = Rendition.AAC if who.parser is self._parsers[Rendition.AAC] else Rendition.OPUS
        playlist = hls.playlist
        assert playlist is not None
        if not hls.init and playlist.init:
            self._ask(who, Asked.INIT, _beside(rendition, playlist.init))
        elif hls.parts:
            self._ask(who, Asked.PART, _beside(rendition, hls.parts[0].uri))
        elif playlist.ended:
            self._over(who)
        else:
            self._ask(who, Asked.PLAYLIST, hls.reload())

    def _playlist(self, body: bytes) -> Playlist:
        found = self._playlists.get(body)
        if found is None:
            if len(self._playlists) >= MAX_PLAYLISTS:
                self._playlists.clear()
            found = self._playlists[body] = read_playlist(body.decode("utf-8", "replace"))
        return found

    def _heard_part(self, who: Listener, uri: str, body: bytes) -> None:
        key = f"{id(who.parser)}{uri}"
        span = self._spans.get(key)
        if span is None:
            if len(self._spans) >= MAX_SPANS:
                self._spans.clear()
            span = self._spans[key] = part_span(body, who.parser.frame_samples)
        at = self.now if who.link is None else who.link.arrival(self.now, len(body))
        if who.player.hear(span[0], span[1], at):
            self._second.count("underruns")
        if not who.heard:
            self._first_sound(who, at)
        elif (bucket := self._latency_bucket(span[0], at)) >= 0:
            self._second.latency.counts[bucket] = self._second.latency.counts.get(bucket, 0) + 1
            self._second.latency.total += 1

    # --- going ---

    def _look_away(self, who: Listener, for_s: float) -> None:
        """Reads nothing for a while: its window closes."""
        self._epoll.modify(who.fd, 0)
        self._later(who, for_s, self._look_back)

    def _look_back(self, who: Listener) -> None:
        if who.fd >= 0:
            self._epoll.modify(who.fd, select.EPOLLIN)

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
        if who.fd < 0:
            return
        self._table.pop(who.fd, None)
        with contextlib.suppress(OSError, ValueError):
            self._epoll.unregister(who.fd)
        if who.socket is not None:
            with contextlib.suppress(OSError):
                who.socket.close()
            who.socket = None
        else:
            with contextlib.suppress(OSError):
                _reset(who.fd)
        who.fd = -1

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
        for who in self._table.values():
            states[who.state] += 1
        hls_in = sum(1 for who in self._table.values() if who.hls is not None and who.heard)
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
        for who in list(self._table.values()):
            if who.heard and who.player.silent_until(now) > 0.0:
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
        if self._solver is not None:
            self._solver.kill()
            self._solver.wait()
            for pipe in (self._solver.stdin, self._solver.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        self._epoll.close()
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


def _beside(rendition: Rendition, uri: str) -> str:
    """An address in a playlist, below ``/hls/``: ours are relative to it."""
    return uri.rpartition("/hls/")[2] if "/hls/" in uri else (uri if "/" in uri else f"{rendition}/{uri}")


def _reset(fd: int) -> None:
    sock = socket.socket(fileno=fd)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()
