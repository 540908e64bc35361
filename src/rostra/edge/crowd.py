"""Those to whom sound is pushed. A listener who keeps up is a descriptor in a slice and nothing more.

A flush gives every slice a batch to send; sending goes slice by slice, and between two slices the loop looks after
those who are just joining. A slice remembers how far it is (its cursor), so a newcomer joins one that is as far as the
backlog it got, even while a flush is under way. A listener whose socket does not take all becomes a laggard with a
queue of its own, and returns to a slice when that is empty.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from rostra.edge.framing import LAST_CHUNK, Batch, Form, Piece, batch_of
from rostra.edge.poller import GONE, READABLE, WRITABLE, Poller, Wire
from rostra.edge.unsent import Unsent

SLICE_LISTENERS = 128
"""Sent to before the clock is looked at again: 1.2 ms at 9 us a listener."""

MAX_BATCHES = 64
"""Flushes kept for slices that are behind: 32 s of the shortest, far beyond the 6 s that a slice can be owed."""

MERGE_BELOW = SLICE_LISTENERS // 4
"""Slices that have shrunk below this are put together."""


@dataclass(slots=True)
class Tally:
    """What happened to listeners, for the metrics. Counted, never listed."""

    joined: int = 0
    left: int = 0
    sends: int = 0
    sent_bytes: int = 0
    laggards: int = 0
    skipped_parts: int = 0


class Slice:
    """Listeners who are equally far."""

    __slots__ = ("crowd", "cursor", "fds")

    def __init__(self, crowd: Crowd, cursor: int) -> None:
        self.crowd = crowd
        self.cursor = cursor
        self.fds = array("i")
        """Side by side, so that a flush does not fetch an object a listener from all over the memory."""

    def ready(self, fd: int, events: int) -> None:
        if events & GONE or (events & READABLE and self.crowd.said_goodbye(fd)):
            self.crowd.lose(self, fd)
        elif events & READABLE:
            # After its request a listener has nothing to say. What it says all the same stays in the kernel, which
            # tells it to stop when its buffer is full, and costs us nothing.
            self.crowd.poller.expect(fd, GONE)


class Laggard:
    """A listener with something unsent."""

    __slots__ = ("crowd", "unsent")

    def __init__(self, crowd: Crowd, unsent: Unsent) -> None:
        self.crowd = crowd
        self.unsent = unsent

    def ready(self, fd: int, events: int) -> None:
        if events & GONE:
            self.crowd.lose_laggard(self, fd)
        elif events & WRITABLE:
            self.crowd.catch_up(self, fd)


class Crowd:
    """Listeners of one feed in one form over one kind of wire."""

    def __init__(
        self, form: Form, wire: Wire, poller: Poller, tally: Tally, closed: Callable[[int], None] = lambda _: None
    ) -> None:
        """:param closed: told the descriptor of each listener who has gone."""
        self.form = form
        self.wire = wire
        self.poller = poller
        self.tally = tally
        self._closed = closed
        self._head = 0
        """Number of the next batch."""
        self._batches: deque[Batch] = deque(maxlen=MAX_BATCHES)
        """The latest, as far back as the slice that is furthest behind."""
        self._slices: list[Slice] = []
        self._behind: deque[Slice] = deque()
        self._joined: dict[int, Batch] = {}
        self._laggards: dict[int, Laggard] = {}
        self.ending = False
        """Whether its last batch was pushed."""

    def __len__(self) -> int:
        return sum(len(s.fds) for s in self._slices) + len(self._laggards)

    @property
    def busy(self) -> bool:
        """Whether some slice has not been sent all."""
        return bool(self._behind)

    @property
    def lagging(self) -> int:
        return len(self._laggards)

    # --- coming and going ---

    def join(self, fd: int, welcome: Batch, *, watched: bool) -> None:
        """Take a listener in and send it its welcome. ``watched``: the poller has the descriptor already."""
        self.tally.joined += 1
        try:
            sent = self.wire.send(fd, welcome.data)
        except BlockingIOError:
            sent = 0
        except OSError:
            if watched:
                self.poller.forget(fd)
            self._close(fd)
            return
        self._sent(sent)
        if sent == len(welcome.data):
            place = self._open_slice()
            place.fds.append(fd)
            if watched:
                self.poller.hand_over(fd, place)
            else:
                self.poller.watch(fd, place, GONE)
        else:
            if not watched:
                self.poller.watch(fd, place := self._open_slice(), GONE)
            self._lag(fd, welcome, sent)

    def _open_slice(self) -> Slice:
        """A slice with room that has been sent all there is."""
        if self._slices:
            last = self._slices[-1]
            if last.cursor == self._head and len(last.fds) < SLICE_LISTENERS:
                return last
        self._slices.append(Slice(self, self._head))
        return self._slices[-1]

    def lose(self, place: Slice, fd: int) -> None:
        """A listener of a slice has gone."""
        place.fds.remove(fd)
        self.poller.forget(fd)
        self._close(fd)

    def said_goodbye(self, fd: int) -> bool:
        """Whether what a listener said is TLS's close_notify, whose sender may wait for ours before it closes TCP."""
        if not self.wire.secure:
            return False
        try:
            return not self.wire.read(fd)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def lose_laggard(self, laggard: Laggard, fd: int) -> None:
        del self._laggards[fd]
        self.poller.forget(fd)
        self._close(fd)

    def _close(self, fd: int) -> None:
        self.tally.left += 1
        self.wire.close(fd)
        self._closed(fd)

    # --- sending ---

    def push(self, pieces: list[Piece]) -> None:
        """A flush, framed. It is sent by calling :meth:`send_slice` until no slice is left."""
        batch = batch_of(pieces)
        self._batches.append(batch)
        self._head += 1
        self._joined.clear()
        for fd, laggard in list(self._laggards.items()):
            self.tally.skipped_parts += laggard.unsent.push(batch.pieces)
            if laggard.unsent.hopeless:
                self.lose_laggard(laggard, fd)
        self._slices = [s for s in self._slices if s.fds]
        # Whoever waits longest comes first; the order is otherwise kept, so that each listener is served evenly.
        self._behind = deque(sorted(self._slices, key=lambda s: s.cursor))
        self._trim()

    def _trim(self) -> None:
        oldest = self._behind[0].cursor if self._behind else self._head
        while len(self._batches) > self._head - oldest:
            self._batches.popleft()

    def send_slice(self) -> bool:
        """Send to the next slice that is behind. False when there was none."""
        if not self._behind:
            return False
        place = self._behind.popleft()
        batch = self._batch_from(place.cursor, len(place.fds))
        place.cursor = self._head
        data, size, send = batch.data, len(batch.data), self.wire.send
        slow: list[tuple[int, int]] = []
        broken: list[int] = []
        for fd in place.fds:
            try:
                sent = send(fd, data)
            except BlockingIOError:
                slow.append((fd, 0))
            except OSError:
                broken.append(fd)
            else:
                if sent != size:
                    slow.append((fd, sent))
        self.tally.sends += len(place.fds)
        self.tally.sent_bytes += size * (len(place.fds) - len(slow) - len(broken))
        for fd in broken:
            self.lose(place, fd)
        for fd, sent in slow:
            place.fds.remove(fd)
            self.tally.sent_bytes += sent
            self._lag(fd, batch, sent)
        if not self._behind:
            self._batches.clear()
        return True

    def _batch_from(self, cursor: int, listeners: int) -> Batch:
        """What a slice at ``cursor`` has not had, joined once for all that stand there; past 6 s whole parts are
        skipped.
        """
        missing = self._head - cursor
        if missing == 1:
            return self._batches[-1]
        if cursor not in self._joined:
            unsent = Unsent(batch_of(()), 0)
            for batch in list(self._batches)[-missing:]:
                unsent.push(batch.pieces)
            self._joined[cursor] = batch_of(unsent.pieces())
        lost = sum(1 for b in list(self._batches)[-missing:] for p in b.pieces if p.seconds)
        kept = sum(1 for p in self._joined[cursor].pieces if p.seconds)
        self.tally.skipped_parts += (lost - kept) * listeners
        return self._joined[cursor]

    def _sent(self, size: int) -> None:
        self.tally.sends += 1
        self.tally.sent_bytes += size

    # --- laggards ---

    def _lag(self, fd: int, batch: Batch, sent: int) -> None:
        if self.wire.secure:
            # OpenSSL holds a record that it could not send whole, and wants the same bytes again: one piece, begun.
            batch = Batch((Piece(batch.data, batch.seconds),), batch.data)
        laggard = Laggard(self, Unsent(batch, sent))
        self._laggards[fd] = laggard
        self.tally.laggards += 1
        self.poller.hand_over(fd, laggard)
        self.poller.expect(fd, WRITABLE | GONE)

    def catch_up(self, laggard: Laggard, fd: int) -> None:
        """Its socket takes bytes again."""
        unsent = laggard.unsent
        try:
            while unsent:
                sent = self.wire.send(fd, unsent.next())
                self._sent(sent)
                unsent.advance(sent)
        except BlockingIOError:
            return
        except OSError:
            self.lose_laggard(laggard, fd)
            return
        del self._laggards[fd]
        if self.ending:
            self.poller.forget(fd)
            self._close(fd)
            return
        place = self._open_slice()
        place.fds.append(fd)
        self.poller.hand_over(fd, place)
        self.poller.expect(fd, GONE)

    # --- the end ---

    def end(self) -> None:
        """The last that is pushed: the end of the body. Listeners are closed once they have been sent it."""
        self.ending = True
        if self.form is Form.CHUNKED:
            self.push([Piece(LAST_CHUNK)])

    def close_sent(self, limit: int) -> bool:
        """After :meth:`end`: close at most ``limit`` of those who have been sent all. True when nobody is left."""
        while limit > 0 and self._slices and not self._behind:
            place = self._slices[-1]
            while place.fds and limit > 0:
                self.lose(place, place.fds[-1])
                limit -= 1
            if not place.fds:
                self._slices.pop()
        return not self._slices and not self._laggards

    def drop_all(self) -> None:
        """Close everyone now."""
        for fd, laggard in list(self._laggards.items()):
            self.lose_laggard(laggard, fd)
        for place in self._slices:
            for fd in list(place.fds):
                self.lose(place, fd)
        self._slices.clear()
        self._behind.clear()

    def tidy(self) -> None:
        """Put together slices that have shrunk. Call it now and then."""
        small = [s for s in self._slices if s.cursor == self._head and len(s.fds) < MERGE_BELOW]
        if len(small) < 2 or self._behind:
            return
        merged = Slice(self, self._head)
        for place in small:
            if len(merged.fds) + len(place.fds) > SLICE_LISTENERS:
                break
            for fd in place.fds:
                self.poller.hand_over(fd, merged)
            merged.fds.extend(place.fds)
            place.fds = array("i")
        self._slices = [s for s in self._slices if s.fds]
        self._slices.append(merged)
