"""What listeners are told with the sound: a full picture with each segment's first part, what moves with the others.

Pure. A change (someone comes, goes, is muted; the room is live, interrupted; a post) is told in full at the next part,
but not more often than every :data:`FULL_AT_MOST_EVERY` parts, so that the mean of
``wire.listeners.MEAN_METADATA_BYTES`` holds however people come and go.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from rostra.stage.seats import Seat, SeatState
from rostra.units import MADE_WHEN_WANTED, Monotonic, RoomState
from rostra.wire.listeners import SeatView, Snapshot
from rostra.wire.reactions import REACTIONS

FULL_AT_MOST_EVERY: Final = 4
"""Parts: twice a segment at most, beside the one that begins it."""

LEVEL_TICKS: Final = 25
"""Levels are the highest of the last half second, a part's length."""

COUNT_AGE_S: Final = 3.0
"""An edge that has not told its count for so long is gone, and its listeners with it."""

REACTIONS_AGE_S: Final = 1.0
"""An edge adds reactions up for a second and tells them with its count."""

MAX_REACTIONS_TOLD: Final = 1_000_000
"""Of a kind, a second: bounds what a count that makes no sense can say."""

LINGER_S: Final = 30.0
"""How long a rendition is made after the last edge wanted it: a listener who reconnects should find it."""

MAX_EDGES: Final = 4096
"""Bounds what is kept of edges' counts; a cluster for a million has a few hundred."""


def on_stage(seats: Iterable[Seat]) -> tuple[SeatView, ...]:
    """Whoever has a seat and has been connected; one whose network dropped keeps their place for listeners too."""
    return tuple(
        SeatView(seat.id, seat.name, seat.role.value, seat.muted)
        for seat in seats
        if seat.state is not SeatState.JOINING
    )


class News:
    """What is told of one room. One telling a rendition: each has its own rhythm of parts."""

    def __init__(self) -> None:
        self.state = RoomState.OPEN
        self.listening = 0
        self.reactions: dict[str, int] = {}
        self._board = 0
        self._stage: tuple[SeatView, ...] = ()
        self._levels: deque[Mapping[str, int]] = deque(maxlen=LEVEL_TICKS)
        self._changes = 0
        self._told: dict[str, tuple[int, int]] = {}
        """By rendition: changes that were told, and parts since the last full picture."""

    def set_stage(self, stage: tuple[SeatView, ...]) -> None:
        if stage != self._stage:
            self._stage = stage
            self._changes += 1

    def set_board(self, version: int) -> None:
        """What hosts post has this version; 0: nothing was posted yet."""
        if version != self._board:
            self._board = version
            self._changes += 1

    def set_state(self, state: RoomState) -> None:
        if state is not self.state:
            self.state = state
            self._changes += 1

    def heard(self, levels: Mapping[str, int]) -> None:
        """Levels of this tick, whole dBFS, of those who say something."""
        self._levels.append(levels)

    def snapshot(self, rendition: str, *, first: bool) -> Snapshot:
        """For the part that is closing now. ``first``: it begins a segment."""
        told, parts = self._told.get(rendition, (-1, FULL_AT_MOST_EVERY))
        full = first or (told != self._changes and parts >= FULL_AT_MOST_EVERY)
        self._told[rendition] = (self._changes, 1) if full else (told, parts + 1)
        levels: dict[str, int] = {}
        for tick in self._levels:
            for seat, level in tick.items():
                levels[seat] = max(level, levels.get(seat, -127))
        return Snapshot(
            self.state.value,
            self.listening,
            levels,
            self._stage if full else None,
            dict(self.reactions),
            self._board if full and self._board else None,
        )


class Counts:
    """What edges say of one room: how many listen, which renditions are wanted, how listeners react."""

    def __init__(self, room: str) -> None:
        self._room = room
        self._edges: dict[str, tuple[Monotonic, int]] = {}
        self._wanted: dict[str, Monotonic] = {}
        self._reactions: dict[str, tuple[Monotonic, dict[str, int]]] = {}
        """By edge, of those that told some."""

    def take(self, edge: str, count: Mapping[str, Any], now: Monotonic) -> None:
        """A count as it stands on the bus; what is malformed in it counts for nothing."""
        rooms = count.get("rooms")
        ours = rooms.get(self._room) if isinstance(rooms, Mapping) else None
        total = 0
        if isinstance(ours, Mapping):
            total = sum(n for n in ours.values() if isinstance(n, int) and not isinstance(n, bool) and n > 0)
        if edge in self._edges or len(self._edges) < MAX_EDGES:
            self._edges[edge] = (now, total)
            self._take_reactions(edge, count.get("react"), now)
        want = count.get("want")
        for item in want if isinstance(want, list) else []:
            room, _, rendition = str(item).partition("/")
            if room == self._room and rendition in MADE_WHEN_WANTED:
                self._wanted[rendition] = now

    def _take_reactions(self, edge: str, react: object, now: Monotonic) -> None:
        ours = react.get(self._room) if isinstance(react, Mapping) else None
        found: dict[str, int] = {}
        if isinstance(ours, Mapping):
            told = {kind: ours.get(kind) for kind in REACTIONS}
            found = {kind: min(n, MAX_REACTIONS_TOLD) for kind, n in told.items() if type(n) is int and n > 0}
        if found:
            self._reactions[edge] = (now, found)
        else:
            self._reactions.pop(edge, None)

    def reactions(self, now: Monotonic) -> dict[str, int]:
        """Of the last second, from all edges."""
        for edge in [e for e, (at, _) in self._reactions.items() if now - at > REACTIONS_AGE_S]:
            del self._reactions[edge]
        total: Counter[str] = Counter()
        for _, found in self._reactions.values():
            total.update(found)
        return dict(total)

    def listening(self, now: Monotonic) -> int:
        """Connections at all edges that still tell."""
        for edge in [e for e, (at, _) in self._edges.items() if now - at > COUNT_AGE_S]:
            del self._edges[edge]
        return sum(total for _, total in self._edges.values())

    def wanted(self, rendition: str, now: Monotonic) -> bool:
        """Whether someone wants it, or did until a moment ago."""
        at = self._wanted.get(rendition)
        return at is not None and now - at <= LINGER_S
