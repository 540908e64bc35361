"""One rendition of one room on its way to those to whom it is pushed: when a flush is due, and what it holds.

Parts come in as they are made; a flush gathers those of ``flush_s`` seconds. At the shortest flush a part goes out as
it comes. A newcomer is given what the last two flushes held and goes on from their end, so all listeners stand at the
border of a flush and share its bytes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from rostra.edge.framing import Batch, Form, Piece, batch_of, frame, icy_title
from rostra.units import Part, Rendition

MAX_FLUSH_S = 4.0
"""The top of the ladder."""

BACKLOG_FLUSHES = 2
"""What a newcomer gets: one flush to play while the next is on its way, and one in hand."""

BACKLOG_S = BACKLOG_FLUSHES * MAX_FLUSH_S
"""Sound kept for newcomers: enough at the top of the ladder."""

SLACK_S = 0.2
"""A flush is due when it lacks no more than this: parts last 0.5 to 0.512 s, and none may wait for one too many."""

MAX_WAITING_S = 8.0
"""Sound that may gather in one flush; past it the flush is due whatever the ladder says."""


THINNED_TO = 4
"""Of so many parts one keeps what rides in front of it, while the door says so."""


@dataclass(frozen=True, slots=True)
class _Sound:
    generation: int
    data: bytes
    seconds: float


def enough_s(flush_s: float) -> float:
    """Seconds of sound that a newcomer is given."""
    return BACKLOG_FLUSHES * flush_s - SLACK_S


class Feed:
    """Pure: is given parts and notices, answers with batches. Knows no listener."""

    def __init__(self, rendition: Rendition, title: str = "") -> None:
        self.rendition = rendition
        self.title = title
        self.init = b""
        """Of the generation that was flushed last; what a newcomer begins with."""
        self.standing = b""
        """A notice that stands until it is taken back (interrupted): newcomers hear it too."""
        self.thinned = False
        """Whether levels and captions go out with every fourth part alone."""
        self.flushes = 0
        """How often it was flushed; rises whenever what a newcomer gets has changed."""
        self._generation = -1
        self._flushed: deque[_Sound] = deque()
        self._flushed_s = 0.0
        self._waiting: list[Piece] = []
        self._waiting_sound: list[_Sound] = []
        self._waiting_init = b""
        self._waiting_s = 0.0
        self._waiting_since = 0.0

    @property
    def waiting_s(self) -> float:
        """Seconds of sound that the next flush holds so far."""
        return self._waiting_s

    def add(self, part: Part, now: float) -> None:
        """Take a part that the window accepted. A new generation begins with its init."""
        if part.name.generation != self._generation and part.init:
            self._generation = part.name.generation
            self._waiting_init = part.init
            self._put(Piece(part.init), now)
        elif part.discontinuity:
            self._forget()  # it was not made for a while: what was said before is no way to begin
        seconds = part.duration / 48_000
        bare = self.rendition is Rendition.MP3 or (self.thinned and part.name.sequence % THINNED_TO)
        data = part.payload if bare else part.body
        self._put(Piece(data, seconds), now)
        self._waiting_sound.append(_Sound(part.name.generation, data, seconds))
        self._waiting_s += seconds

    def notify(self, box: bytes, now: float) -> None:
        """Take a notice of the edge's own; it goes out with the next flush, which is due now."""
        if self.rendition is not Rendition.MP3:
            self._put(Piece(box), now - MAX_WAITING_S)

    def _put(self, piece: Piece, now: float) -> None:
        if not self._waiting:
            self._waiting_since = now
        self._waiting_since = min(self._waiting_since, now)
        self._waiting.append(piece)

    def due(self, flush_s: float, now: float) -> bool:
        """Whether to flush now: it is full, or has waited for longer than it would take to fill."""
        if not self._waiting:
            return False
        return self._waiting_s >= min(flush_s - SLACK_S, MAX_WAITING_S) or now - self._waiting_since >= flush_s * 1.5

    def flush(self) -> list[Piece]:
        """What is sent to everyone, unframed. Empties what waits."""
        pieces, self._waiting = self._waiting, []
        self.flushes += 1
        if self._waiting_init:
            self.init, self._waiting_init = self._waiting_init, b""
            self._forget()  # what is of another generation needs another init
        self._flushed.extend(self._waiting_sound)
        self._flushed_s += self._waiting_s
        self._waiting_sound, self._waiting_s = [], 0.0
        while self._flushed and self._flushed_s - self._flushed[0].seconds >= BACKLOG_S:
            self._flushed_s -= self._flushed.popleft().seconds
        return pieces

    def _forget(self) -> None:
        self._flushed.clear()
        self._flushed_s = 0.0

    @property
    def has_backlog(self) -> bool:
        return bool(self._flushed)

    @property
    def flushed_s(self) -> float:
        """Seconds of sound there are for newcomers."""
        return self._flushed_s

    def backlog(self, flush_s: float, *, fresh: bool = True) -> list[Piece]:
        """Init and the sound of the last two flushes, for a newcomer; the standing notice behind them.

        Without ``fresh`` no sound: nothing has come for a while, and what was said then is over.
        """
        wanted, chosen = enough_s(flush_s) if fresh else 0.0, list[Piece]()
        seconds = 0.0
        for sound in reversed(self._flushed):
            if seconds >= wanted:
                break
            chosen.append(Piece(sound.data, sound.seconds))
            seconds += sound.seconds
        chosen.reverse()
        if self.init:
            chosen.insert(0, Piece(self.init))
        if self.standing:
            chosen.append(Piece(self.standing))
        return chosen

    def welcome(self, head: bytes, form: Form, flush_s: float, *, fresh: bool = True) -> Batch:
        """All that a newcomer is sent at once: the head of the answer, the init and the backlog."""
        framed = frame(self.backlog(flush_s, fresh=fresh), form, icy_title(self.title))
        return batch_of([Piece(head), *framed])
