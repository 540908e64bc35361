"""One HTTP/1 connection until it closes or is handed to a crowd: requests in, answers out, one after the other.

Answers to pipelined requests leave in one write. A request whose answer has to be waited for stops the reading of those
behind it, and so does a peer that does not read what it was sent: nothing queues up here beyond the bounds below.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from rostra.edge.answers import Answer, problem
from rostra.edge.applause import Clap
from rostra.edge.contracts import Admission
from rostra.edge.crowd import Crowd
from rostra.edge.framing import Batch, Piece
from rostra.edge.head import MAX_HEAD_BYTES, Fields, HeadReader, Request, check_beginning
from rostra.edge.negotiate import Encoding
from rostra.edge.poller import GONE, READABLE, WRITABLE, Poller, Wire, with_socket
from rostra.edge.proxy_preamble import read_preamble
from rostra.errors import Refused, TooMany, TooSlow
from rostra.wire.door import Outcome

HEAD_TIMEOUT_S = 5.0
"""From the first byte of a head (or from the connection) to its end: architecture, "Times, sizes and limits"."""

IDLE_TIMEOUT_S = 15.0
"""Between two requests. LL-HLS players ask twice a second; more would only keep descriptors for those who left."""

IDLE_AT_FULL_HOUSE_S = 4.0
"""The same while the door is shut: those who wait ask every few seconds, and shall not hold the places that they wait
for. LL-HLS players ask twice a second even then."""

REQUESTS_S = 200.0
REQUESTS_AT_ONCE = 400.0
"""Of one connection, whose answer is not at hand (50 to 500 us each; what is at hand costs 10 us, and is not counted).
A page with all its files takes 40, a player of LL-HLS 5 a second. What a trusted proxy brings is of many."""

WRITE_TIMEOUT_S = 20.0
"""Without a byte taken by a peer that has something to read."""

LINGER_S = 1.0
"""After a refusal: what the peer still sends is read away, or the reset would take the answer with it (RFC 9112,
9.6)."""

MAX_UNREAD_BYTES = 2 * MAX_HEAD_BYTES
"""Pipelined bytes kept while an answer is waited for."""

MAX_UNSENT_BYTES = 256 * 1024
"""Answers to pipelined requests gathered in one write: a window of segments."""

MAX_LINGER_BYTES = 64 * 1024
"""Read away after a refusal, at most."""


@dataclass(slots=True)
class Hot:
    """A part or segment that was asked for before, ready to be sent."""

    whole: bytes
    seen: dict[int, float]
    """When each connection last asked for something of that room."""

    def taken(self, fd: int, now: float, encoding: Encoding) -> bytes:
        self.seen[fd] = now
        return self.whole


@dataclass(slots=True)
class HotForms:
    """A page, or what else has several encodings, ready to be sent."""

    wholes: dict[Encoding, bytes]

    def taken(self, fd: int, now: float, encoding: Encoding) -> bytes:
        return self.wholes[encoding]


@dataclass(slots=True)
class Shut:
    """The refusal of those who show no pass, several of them: each says another time to come back."""

    wholes: tuple[bytes, ...]
    closing: tuple[bytes, ...]
    """For a connection that has just come: it shall not hold a place."""
    turned: Callable[[bytes], None]
    """Told the address."""
    turn: int = 0

    def next(self, wholes: tuple[bytes, ...], address: bytes) -> bytes:
        self.turned(address)
        self.turn += 1
        return wholes[self.turn % len(wholes)]


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer is a place in a crowd."""

    crowd: Crowd
    batch: Batch


class Held:
    """The answer is waited for; whoever holds it calls :meth:`Conversation.release`."""

    __slots__ = ()


HELD = Held()


class Door(Protocol):
    """Who knows the answers."""

    reader: HeadReader
    admission: Admission
    hot: dict[bytes, Hot | HotForms | Welcome | Shut]
    """Answers that are found by the bytes of a request line, if nothing in the fields changes them (Fields.plain)."""
    claps: dict[bytes, Clap]
    """Reactions that are found by all bytes of the request."""
    thanks: bytes
    """What is answered to a reaction."""
    date: bytes
    now: float
    """Monotonic, as of the latest turn of the loop."""
    draining: bool
    requests: int

    def answer(
        self, request: Request, conversation: Conversation, head: bytes, body: bytes
    ) -> Answer | Welcome | Held: ...

    @property
    def time(self) -> Callable[[Conversation], None]:
        """To be told of a conversation whose deadline has come nearer."""

    def abandon(self, conversation: Conversation) -> None:
        """A conversation that waits for an answer is over."""

    def came_by_proxy(self, source: str) -> bytes:
        """A PROXY preamble has named the source: its packed address, if it is the client's own."""


def greet(door: Door, poller: Poller, wire: Wire, fd: int, address: bytes = b"") -> Conversation | None:
    """Answer a connection that was just accepted. None if nothing is left to talk about: it has its place in a crowd,
    or is closed.

    ``address``: of the client, packed; empty where only the request says it.

    Most listeners' requests are there already, and look like others': they are answered before a conversation is made
    (benchmarks: joins).
    """
    try:
        data = wire.read(fd)
    except BlockingIOError:
        data = b""
    except OSError:
        wire.close(fd)
        return None
    else:
        if not data:
            wire.close(fd)
            return None
        eol = data.find(b"\r\n")
        hot = door.hot.get(data[:eol])
        if isinstance(hot, Welcome):
            fields = door.reader.block(data[eol:])
            if fields is not None and fields.plain and address and _lets_in(door, fields, data, eol, address):
                door.requests += 1
                hot.crowd.join(fd, hot.batch, watched=False)
                return None
        elif isinstance(hot, Shut) and address and not wire.secure:
            fields = door.reader.block(data[eol:])
            if fields is not None and fields.plain and not fields.shows_pass:
                door.requests += 1
                with contextlib.suppress(OSError):
                    wire.send(fd, hot.next(hot.closing, address))
                wire.close(fd)
                return None
    conversation = Conversation(door, poller, wire, fd, address=address)
    conversation.begin(data)
    return None if conversation.over else conversation


def _lets_in(door: Door, fields: Fields, data: bytes, eol: int, address: bytes) -> bool:
    """Whether whoever asks for sound with what others asked with comes in as they did: then they are in."""
    admission = door.admission
    if admission.waves_through:
        admission.entered(address)
        return True
    shows_pass = fields.shows_pass or data.find(b"w=", 0, eol) >= 0
    return not shows_pass and admission.lets_in(address, door.now)


class _Closing(Enum):
    NO = auto()
    AT_ONCE = auto()
    """When all is sent."""
    LINGERING = auto()
    """Then, and what still comes is read away for a moment."""


class Conversation:
    """Answers for its descriptor until it is closed or handed over."""

    __slots__ = (
        "_answered",
        "_asked",
        "_asked_at",
        "_closing",
        "_events",
        "_in",
        "_lingered",
        "_out",
        "_request",
        "_since",
        "address",
        "door",
        "fd",
        "over",
        "owed",
        "poller",
        "preamble",
        "source",
        "wire",
    )

    def __init__(
        self,
        door: Door,
        poller: Poller,
        wire: Wire,
        fd: int,
        *,
        preamble: bool = False,
        watched: bool = False,
        address: bytes = b"",
    ) -> None:
        """:param watched: the poller has the descriptor already. :param address: of the client, packed; empty: only
        the request, or a preamble, says it."""
        self.door = door
        self.poller = poller
        self.wire = wire
        self.fd = fd
        self.preamble = preamble
        """Whether the connection still owes its PROXY protocol preamble."""
        self.source: str | None = None
        """The address that a preamble named."""
        self.address = address
        self.owed = ""
        """Field lines for the next answer, which is theirs alone then."""
        self.over = False
        """Closed, or handed to a crowd."""
        self._in = b""
        self._out: memoryview | bytes = b""
        self._request: Request | None = None
        """The one whose answer is waited for."""
        self._answered = False
        """Whether anything was; until then a connection has no more time than a head has."""
        self._asked = 0.0
        """Requests that were not at hand, lately (REQUESTS_S)."""
        self._asked_at = door.now
        self._closing = _Closing.NO
        self._lingered = -1
        """Bytes read away after a refusal; -1: not lingering."""
        self._since = door.now
        self._events = 0
        if watched:
            self._events = READABLE
            poller.hand_over(fd, self)
            poller.expect(fd, READABLE)
        """What the poller waits for; 0: it does not have the descriptor yet."""

    @property
    def fresh(self) -> bool:
        """Nothing was answered yet: whoever is refused now shall not hold a place by it."""
        return not self._answered

    @property
    def asks(self) -> bool:
        return self._request is not None or bool(self._out) or self._lingered >= 0

    # --- what the poller and the clock say ---

    def begin(self, data: bytes = b"") -> None:
        """Right after the connection was accepted. ``data``: what :func:`greet` has read from it."""
        if data:
            self._process(data)
        elif self._events:
            self._read()
        if not self.over and not self._events:
            self._expect(READABLE)

    def turn_away(self, answer: Answer) -> None:
        """There is no place: say so without waiting for the request."""
        self._closing = _Closing.LINGERING
        self._settle([answer.render(self.door.date, close=True)])

    def ready(self, fd: int, events: int) -> None:
        if events & WRITABLE and self._out:
            self._write_on()
        elif events & READABLE:
            self._read()
        elif events & GONE:
            self.close()

    def deadline(self) -> float:
        """When :meth:`expire` is to be called if nothing happens until then."""
        if self._lingered >= 0:
            return self._since + LINGER_S
        if self._out:
            return self._since + WRITE_TIMEOUT_S
        if self._request is not None:
            return self.door.now + IDLE_TIMEOUT_S  # whoever holds it has a deadline for it
        idle_s = IDLE_AT_FULL_HOUSE_S if self.door.admission.shut else IDLE_TIMEOUT_S
        return self._since + (idle_s if self._answered and not self._in else HEAD_TIMEOUT_S)

    def expire(self) -> None:
        """The deadline is over. A head that began gets an answer; to silence none is due (RFC 9110, 15.5.9)."""
        if self._in and not self._out and self._lingered < 0:
            whole_head = b"\r\n\r\n" in self._in and not self.preamble
            self._note(Outcome.SLOW_BODY if whole_head else Outcome.SLOW_HEAD)
            self._refuse([], TooSlow(f"A request has to arrive within {HEAD_TIMEOUT_S:.0f} s."))
            return
        if self._out:
            self._note(Outcome.SLOW_READER)
        elif not self._answered:
            self._note(Outcome.IDLE)
        self.close()

    def give_way(self) -> None:
        """The place is needed for somebody who says what they want."""
        if not self._answered:
            self._note(Outcome.SLOW_HEAD if self._in else Outcome.IDLE)
        self.close()

    def _note(self, outcome: Outcome) -> None:
        self.door.admission.note(outcome, self.address)

    def _expect(self, events: int) -> None:
        if not self._events:
            self.poller.watch(self.fd, self, events)
        elif events != self._events:
            self.poller.expect(self.fd, events)
        self._events = events

    # --- in ---

    def _read(self) -> None:
        try:
            data = self.wire.read(self.fd)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            self.close()
        elif self._lingered >= 0:
            self._lingered += len(data)
            if self._lingered > MAX_LINGER_BYTES:
                self.close()
        elif self._request is not None:
            self._in += data
            if len(self._in) > MAX_UNREAD_BYTES:
                self._expect(GONE)
        elif self._in:
            self._process(self._in + data)
        elif self.preamble or not self._answer_hot(data):
            self._process(data)

    def _answer_hot(self, data: bytes) -> bool:
        """Answer the one request that ``data`` is, if it is for a part or page that was asked for before, or a reaction
        whose bytes are known (benchmarks: hls, page).

        False if it is something else, and nothing was done.
        """
        door = self.door
        eol = data.find(b"\r\n")
        hot = door.hot.get(data[:eol])
        if hot is None:
            clap = door.claps.get(data)
            if clap is None:
                return False
            clap.count(self.fd)
            whole = door.thanks
        elif isinstance(hot, Welcome) or (fields := door.reader.block(data[eol:])) is None or not fields.plain:
            return False
        elif isinstance(hot, Shut):
            if not self.address or fields.shows_pass:
                return False
            whole = self._shut_out(hot)
        else:
            whole = hot.taken(self.fd, door.now, fields.encoding)
        door.requests += 1
        if self._closing is _Closing.NO:
            self._since = door.now
            self._answered = True
            self._send([whole])
        else:
            self._settle([whole])
        return True

    def _shut_out(self, shut: Shut) -> bytes:
        """The refusal that is at hand. A connection that has just come is closed after it."""
        if self._answered:
            return shut.next(shut.wholes, self.address)
        self._closing = _Closing.AT_ONCE
        return shut.next(shut.closing, self.address)

    def _process(self, data: bytes) -> None:
        """Answer what is in ``data`` and keep the rest."""
        out, size, at = list[bytes](), 0, 0
        if self.preamble and (at := self._read_preamble(data)) < 0:
            return
        begun = bool(self._in)
        try:
            while at < len(data) and self._closing is _Closing.NO and self._request is None:
                at = _skip_empty_lines(data, at)
                end = data.find(b"\r\n\r\n", at) + 4
                if end < 4 or end - at > MAX_HEAD_BYTES:
                    check_beginning(data[at:])
                    break
                answer, end = self._answer(data, at, end)
                if answer is None:
                    break
                at = end
                if isinstance(answer, Welcome):
                    self._join(answer, out)
                    return
                if isinstance(answer, bytes):
                    out.append(answer)
                    size += len(answer)
                if size > MAX_UNSENT_BYTES:
                    self._in = data[at:]
                    if not self._send(out) or self.over:
                        return
                    out, size = [], 0
        except Refused as refusal:
            self._in = b""
            self._note(_REFUSED.get(refusal.status, Outcome.BAD_HEAD))
            self._refuse(out, refusal)
            return
        self._in = data[at:]
        if self._in and not begun:
            self._since = self.door.now
        if self._closing is _Closing.AT_ONCE and self._in:
            self._closing = _Closing.LINGERING
        self._settle(out)

    def _answer(self, data: bytes, at: int, end: int) -> tuple[bytes | Welcome | Held | None, int]:
        """The answer to the request whose head is ``data[at:end]``, and where the next one begins; None if its body is
        not here yet.
        """
        door, raw = self.door, data[at:end]
        eol = raw.find(b"\r\n")
        hot, fields = door.hot.get(raw[:eol]), door.reader.block(raw[eol:])
        if hot is not None and fields is not None and fields.plain:
            if isinstance(hot, Hot | HotForms):
                door.requests += 1
                return hot.taken(self.fd, door.now, fields.encoding), end
            if isinstance(hot, Welcome) and self.address and _lets_in(door, fields, raw, eol, self.address):
                door.requests += 1
                return hot, end
            if isinstance(hot, Shut) and self.address and not fields.shows_pass:
                door.requests += 1
                return self._shut_out(hot), end
        if fields is not None and fields.body_bytes and (clap := door.claps.get(data[at : end + fields.body_bytes])):
            door.requests += 1  # one of several that came at once (benchmarks: reactions)
            clap.count(self.fd)
            return door.thanks, end + fields.body_bytes
        request = door.reader.read(raw)
        body_at, end = end, end + request.fields.body_bytes
        if len(data) < end:
            return None, end
        door.requests += 1
        self._count()
        outcome = door.answer(request, self, raw, data[body_at:end])
        if isinstance(outcome, Answer):
            return self._render(outcome, request), end
        if isinstance(outcome, Held):
            self._request = request
        return outcome, end

    def _count(self) -> None:
        """:raises TooMany: there were too many requests on this connection."""
        if not self.address:
            return  # of a proxy, or unknown
        now = self.door.now
        self._asked = max(0.0, self._asked - (now - self._asked_at) * REQUESTS_S) + 1
        self._asked_at = now
        if self._asked > REQUESTS_AT_ONCE:
            raise TooMany("That were too many requests on one connection. Please ask less often.", 2.0)

    def _read_preamble(self, data: bytes) -> int:
        """Where HTTP begins in ``data``; -1 if the preamble is not whole, or was none and the connection is closed."""
        try:
            preamble = read_preamble(data)
        except Refused:
            self._note(Outcome.BAD_PROXY)
            self.close()
            return -1
        if preamble is None:
            self._in = data
            return -1
        self.preamble = False
        self.source = preamble.source
        if preamble.source:
            self.address = self.door.came_by_proxy(preamble.source)
        return preamble.size

    def _render(self, answer: Answer, request: Request) -> bytes:
        if self.owed:
            answer, self.owed = answer.private().with_fields(self.owed), ""
        close = answer.closes or self.door.draining or not request.keep_alive
        if close:
            self._closing = _Closing.AT_ONCE
        return answer.render(self.door.date, one_one=request.line.one_one, close=close, head_only=request.head_only)

    def _join(self, welcome: Welcome, out: list[bytes]) -> None:
        batch = welcome.batch
        if out:
            before = Piece(b"".join(out))
            batch = Batch((before, *batch.pieces), before.data + batch.data)
        self.over = True
        welcome.crowd.join(self.fd, batch, watched=bool(self._events))

    # --- out ---

    def peer(self) -> str:
        """The address of the other end, as the kernel has it; empty if it has gone."""
        sock = with_socket(self.fd)
        try:
            return str(sock.getpeername()[0])
        except OSError:
            return ""
        finally:
            sock.detach()

    def release(self, answer: Answer | Welcome) -> None:
        """The answer that was waited for."""
        request, self._request = self._request, None
        if request is None or self.over:
            return
        if isinstance(answer, Welcome):
            self._join(answer, [])
            return
        self._settle([self._render(answer, request)])
        if not self.over and not self._out and self._in and self._closing is _Closing.NO:
            self._since = self.door.now
            self._process(self._in)

    def _refuse(self, out: list[bytes], refusal: Refused) -> None:
        answer = problem(refusal, closes=True)
        self._closing = _Closing.LINGERING
        self._settle([*out, answer.render(self.door.date, close=True)])

    def _settle(self, out: list[bytes]) -> None:
        """Send ``out`` and see what comes next."""
        if out:
            self._answered = True
            self._since = self.door.now
            if not self._send(out):
                return
        if self._closing is not _Closing.NO:
            self._finish()
        elif self._events or self._in:
            self._expect(READABLE)

    def _send(self, out: list[bytes]) -> bool:
        """True if all of it went."""
        data = out[0] if len(out) == 1 else b"".join(out)
        try:
            sent = self.wire.send(self.fd, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return False
        if sent == len(data):
            return True
        self._out = memoryview(data)[sent:]
        self._expect(WRITABLE)
        return False

    def _write_on(self) -> None:
        try:
            sent = self.wire.send(self.fd, self._out)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._since = self.door.now
        self._out = self._out[sent:]
        if self._out:
            return
        self._out = b""
        if self._closing is not _Closing.NO:
            self._finish()
            return
        self._expect(READABLE)
        if self._in and self._request is None:
            self._process(self._in)

    # --- the end ---

    def _finish(self) -> None:
        """All was sent and nothing more will be."""
        if self._closing is not _Closing.LINGERING or self.wire.secure:
            self.close()
            return
        self._lingered, self._in, self._since = 0, b"", self.door.now
        sock = with_socket(self.fd)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        sock.detach()
        self._expect(READABLE)
        self.door.time(self)

    def drain(self) -> None:
        """The edge is going: whoever is between two requests is closed now, the others after their answer."""
        if self._request is None and not self._in and not self._out and self._lingered < 0:
            self.close()

    def close(self) -> None:
        if self.over:
            return
        self.over = True
        self._in = self._out = b""  # the timers know us for a while yet
        if self._request is not None:
            self._request = None
            self.door.abandon(self)
        if self._events:
            self.poller.forget(self.fd)
        self.wire.close(self.fd)


_REFUSED = {411: Outcome.BAD_BODY, 413: Outcome.BAD_BODY, 429: Outcome.TOO_MANY_REQUESTS}
"""What is counted of those who are refused before anybody looks at what they want."""


def _skip_empty_lines(data: bytes, at: int) -> int:
    """RFC 9112, 2.2: "a server that is expecting to receive and parse a request-line SHOULD ignore at least one empty
    line (CRLF) received prior to the request-line".
    """
    while data.startswith(b"\r\n", at):
        at += 2
    return at
