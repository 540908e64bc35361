"""Reactions of listeners, added up. Pure: is told the second.

What comes as bytes that were understood before is counted each time, which costs a look into a dictionary. What has to
be read first is read :data:`READ_A_SECOND` times a second, by no room more than half of what the others leave; of what
comes beyond that only the number is kept, and the sums of those that were read are scaled up by it, in as far as they
were reactions. Nobody is told: an emoji more or less is not worth a refusal, and the sound comes first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

READ_A_SECOND = 3000
"""At about 10 us each: 3% of a core."""

A_CONNECTION = 100
"""Counted of one in a second. A page sends three (listen/counting.ts); a proxy in front brings those of a crowd on
each of its connections, of which it has dozens."""

THINNED_TO = 8
"""While the door says so, so much less is counted, and scaled up."""

MAX_KNOWN = 4096
"""Whole requests remembered, of :data:`MAX_KNOWN_BYTES` at most. A crowd of one page sends a few hundred: eight a
browser. When full, all are forgotten."""

MAX_KNOWN_BYTES = 1024


@dataclass(slots=True)
class _Sums:
    known: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    looked: int = 0
    """How many were read, whatever they were."""
    offered: int = 0
    """How many would have had to be read."""


class Applause:
    def __init__(self) -> None:
        self.known: dict[bytes, Clap] = {}
        """Whole requests that were read before."""
        self.thinned = False
        """Whether one of :data:`THINNED_TO` counts for all."""
        self._turn = 0
        self.total = 0
        self.skipped = 0
        self.ignored = 0
        self._rooms: dict[str, _Sums] = {}
        self._read: dict[str, int] = {}
        """Read in this second, by room."""
        self._all_read = 0
        self._came: dict[int, int] = {}
        """In this second, by connection."""

    def may_read(self, room: str, fd: int) -> bool:
        """Whether one that is offered should be read; it counts as offered either way, if its connection has not had
        too many."""
        if not self._may_count(fd) or (self.thinned and not self._weight()):
            return False
        sums, read = self._sums(room), self._read.get(room, 0)
        sums.offered += 1
        self.total += 1
        if 2 * read >= READ_A_SECOND - (self._all_read - read):
            self.skipped += 1
            return False
        self._read[room] = read + 1
        self._all_read += 1
        sums.looked += 1
        return True

    def _weight(self) -> int:
        """For how many this one counts; 0: for none."""
        self._turn = (self._turn + 1) % THINNED_TO
        return 0 if self._turn else THINNED_TO

    def _may_count(self, fd: int) -> bool:
        came = self._came.get(fd, 0)
        if came >= A_CONNECTION:
            self.ignored += 1
            return False
        self._came[fd] = came + 1
        return True

    def unread(self, room: str) -> None:
        """What was read is no reaction."""
        self.total -= 1

    def add(self, room: str, kind: str) -> None:
        """One that was read."""
        read = self._sums(room).read
        read[kind] = read.get(kind, 0) + (THINNED_TO if self.thinned else 1)

    def remember(self, whole: bytes, room: str, kind: str) -> None:
        """The request ``whole`` means ``kind`` in ``room`` from now on."""
        if len(whole) > MAX_KNOWN_BYTES:
            return
        if len(self.known) >= MAX_KNOWN:
            self.known.clear()
        self.known[whole] = Clap(self, room, kind)

    def clap(self, room: str, kind: str, fd: int) -> None:
        """One whose bytes are known."""
        if not self._may_count(fd):
            return
        weight = self._weight() if self.thinned else 1
        if not weight:
            return
        self.total += weight
        known = self._sums(room).known
        known[kind] = known.get(kind, 0) + weight

    def second(self) -> None:
        """A second is over: there is time to read again."""
        self._read.clear()
        self._all_read = 0
        self._came.clear()

    def forget(self) -> None:
        """What the bytes of a request mean may have changed: a room is over, or takes a link now."""
        self.known.clear()

    def take(self) -> dict[str, dict[str, int]]:
        """By room and kind, what came since it was last asked."""
        rooms, self._rooms = self._rooms, {}
        return {room: sums for room, counted in rooms.items() if (sums := _added(counted))}

    def _sums(self, room: str) -> _Sums:
        found = self._rooms.get(room)
        if found is None:
            found = self._rooms[room] = _Sums()
        return found


@dataclass(frozen=True, slots=True)
class Clap:
    """A request that needs no reading."""

    applause: Applause
    room: str
    kind: str

    def count(self, fd: int) -> None:
        self.applause.clap(self.room, self.kind, fd)


def _added(sums: _Sums) -> dict[str, int]:
    weight = sums.offered / sums.looked if sums.looked else 0.0
    added = dict(sums.known)
    for kind, n in sums.read.items():
        added[kind] = added.get(kind, 0) + round(n * weight)
    return added
