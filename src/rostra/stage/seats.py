"""Who may speak: the seats of a room and every change they can go through. Pure: no clock, no network.

Theory of operation
-------------------
A *seat* belongs to a person (the key: the link's token, and which of several people behind one link). It is kept by
exactly one *link* at a time: a WHIP session or a source client. What happens to links drives the table below; what
a link says that no longer keeps its seat is ignored, so a stale goodbye cannot hurt the newcomer.

* A person takes a seat (``CLAIM``) and is *joining* until sound or silence flows (``CONNECT``): then *here*.
* The network drops (``DROP``): *away*, and the seat is kept for the grace. The network comes back on the same link
  (``CONNECT``), or the same person with another (``CLAIM`` again), to the same seat, muted if it was muted. The grace
  passes (``EXPIRE``): the seat is free.
* A second link of the same person: the later wins, the earlier is told. That is ``CLAIM`` on a seat that is taken.
* A person leaves (``LEAVE``): the seat is free at once.

Seats are numbered in the order they are taken, and a number is not used again while this stage runs, so that
listeners, tracks and levels never mix up two people.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Final

from rostra.errors import Forbidden, Full, NotFound
from rostra.units import Monotonic, Role

MAX_SEATS: Final = 32
"""Of all roles together; a stage is sized for that many voices (architecture, "Times, sizes and limits")."""

MAX_KEY_CHARS: Final = 128
"""Of what tells people apart; longer keys are cut, for they come from outside."""

RETRY_FULL_S: Final = 30.0
"""When someone who found no seat should ask again: by then a grace has usually passed."""


class SeatState(Enum):
    FREE = auto()
    JOINING = auto()
    HERE = auto()
    AWAY = auto()


class SeatEvent(Enum):
    CLAIM = auto()
    CONNECT = auto()
    DROP = auto()
    LEAVE = auto()
    EXPIRE = auto()


_S, _E = SeatState, SeatEvent

TRANSITIONS: Final[dict[tuple[SeatState, SeatEvent], SeatState]] = {
    (_S.FREE, _E.CLAIM): _S.JOINING,
    (_S.JOINING, _E.CLAIM): _S.JOINING,
    (_S.JOINING, _E.CONNECT): _S.HERE,
    (_S.JOINING, _E.DROP): _S.AWAY,
    (_S.JOINING, _E.LEAVE): _S.FREE,
    (_S.HERE, _E.CLAIM): _S.JOINING,
    (_S.HERE, _E.DROP): _S.AWAY,
    (_S.HERE, _E.LEAVE): _S.FREE,
    (_S.AWAY, _E.CLAIM): _S.JOINING,
    (_S.AWAY, _E.CONNECT): _S.HERE,
    (_S.AWAY, _E.LEAVE): _S.FREE,
    (_S.AWAY, _E.EXPIRE): _S.FREE,
}
"""Every change there is. A pair that is missing cannot happen: asking for it is our own mistake (``ValueError``)."""


def advance(state: SeatState, event: SeatEvent) -> SeatState:
    """:raises ValueError: if that event cannot befall a seat in that state."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ValueError(f"{event.name} cannot befall a seat that is {state.name}") from None


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat as it stands now."""

    id: str
    key: str
    name: str
    role: Role
    state: SeatState
    link: str
    """The link that keeps it, or kept it last."""
    muted: bool = False
    deadline: Monotonic | None = None
    """When the grace ends; only while away."""

    def __post_init__(self) -> None:
        if (self.deadline is not None) != (self.state is SeatState.AWAY):
            raise ValueError("a seat has a deadline exactly while its speaker is away")


@dataclass(frozen=True, slots=True)
class Claim:
    """What came of taking a seat."""

    seat: Seat
    ousted: str | None = None
    """The earlier link, which is to be closed and told if it is still open."""
    returned: bool = False
    """Whether the person comes back to a seat that was kept."""


@dataclass(slots=True)
class Seats:
    """All seats of a room.

    ``limits``: seats a role, from :class:`rostra.config.StageSettings`; a role that is missing may not speak.
    ``grace_s``: how long a seat is kept for whom the network dropped.
    """

    limits: dict[Role, int]
    grace_s: float
    _seats: dict[str, Seat] = field(default_factory=dict)
    _by_key: dict[str, str] = field(default_factory=dict)
    _by_link: dict[str, str] = field(default_factory=dict)
    _numbered: int = 0

    def all(self) -> list[Seat]:
        """Every seat that is not free, in the order they were taken."""
        return list(self._seats.values())

    def get(self, seat_id: str) -> Seat:
        """:raises NotFound: if nobody has that seat."""
        try:
            return self._seats[seat_id]
        except KeyError:
            raise NotFound(f"Nobody has the seat {seat_id[:20]!r}.") from None

    def has(self, seat_id: str) -> bool:
        """Whether somebody has that seat."""
        return seat_id in self._seats

    def has_place(self, role: Role) -> bool:
        """Whether one more may have that role."""
        return sum(seat.role is role for seat in self._seats.values()) < self.limits.get(role, 0)

    def places(self, role: Role) -> int:
        """How many more of that role find a seat."""
        taken = sum(seat.role is role for seat in self._seats.values())
        return max(0, min(self.limits.get(role, 0) - taken, MAX_SEATS - len(self._seats)))

    def of_key(self, key: str) -> Seat | None:
        seat_id = self._by_key.get(key[:MAX_KEY_CHARS])
        return self._seats[seat_id] if seat_id else None

    def of_link(self, link: str) -> Seat | None:
        """The seat that this link keeps, or kept last; None for a link that was ousted or never had one."""
        seat_id = self._by_link.get(link)
        return self._seats[seat_id] if seat_id else None

    def claim(self, key: str, role: Role, name: str, link: str) -> Claim:
        """Take a seat for a person, or the one the person has already.

        :raises Forbidden: if that role may not speak.
        :raises Full: if all seats of the role, or of the room, are taken.
        """
        key = key[:MAX_KEY_CHARS]
        if self.limits.get(role, 0) <= 0:
            raise Forbidden(f"A link for a {role} does not let you speak.")
        before = self.of_key(key)
        if before is not None:
            self._by_link.pop(before.link, None)
            seat = replace(before, state=advance(before.state, SeatEvent.CLAIM), link=link, name=name, deadline=None)
            return Claim(self._put(seat), ousted=before.link, returned=True)
        if not self.has_place(role):
            raise Full(f"All {self.limits[role]} seats for a {role} are taken.", RETRY_FULL_S)
        if len(self._seats) >= MAX_SEATS:
            raise Full(f"All {MAX_SEATS} seats are taken.", RETRY_FULL_S)
        self._numbered += 1
        seat = Seat(f"s{self._numbered}", key, name, role, advance(SeatState.FREE, SeatEvent.CLAIM), link)
        return Claim(self._put(seat))

    def connected(self, link: str) -> Seat | None:
        """Media flows on a link. None if it does not keep a seat, or is known to be here."""
        seat = self.of_link(link)
        if seat is None or seat.state is SeatState.HERE:
            return None
        return self._put(replace(seat, state=advance(seat.state, SeatEvent.CONNECT), deadline=None))

    def dropped(self, link: str, now: Monotonic) -> Seat | None:
        """The network of a link is gone: its seat is kept until the grace has passed. None if that is known."""
        seat = self.of_link(link)
        if seat is None or seat.state is SeatState.AWAY:
            return None
        deadline = Monotonic(now + self.grace_s)
        return self._put(replace(seat, state=advance(seat.state, SeatEvent.DROP), deadline=deadline))

    def left(self, link: str) -> Seat | None:
        """The person behind a link leaves for good: the seat is free at once."""
        seat = self.of_link(link)
        return None if seat is None else self.free(seat.id)

    def free(self, seat_id: str) -> Seat:
        """Free a seat whatever its state.

        :raises NotFound: if nobody has that seat.
        """
        seat = self.get(seat_id)
        advance(seat.state, SeatEvent.LEAVE)
        return self._remove(seat)

    def expire(self, now: Monotonic) -> list[Seat]:
        """Free the seats whose grace has passed, and say which they were."""
        over = [seat for seat in self._seats.values() if seat.deadline is not None and seat.deadline <= now]
        for seat in over:
            advance(seat.state, SeatEvent.EXPIRE)
            self._remove(seat)
        return over

    def give(self, seat_id: str, role: Role) -> Seat:
        """Another role, on the same seat. :raises NotFound: if nobody has that seat."""
        seat = replace(self.get(seat_id), role=role)
        self._seats[seat_id] = seat
        return seat

    def rekey(self, seat_id: str, key: str) -> Seat:
        """The same person, who is known by another key from now on. :raises NotFound: if nobody has that seat."""
        before = self.get(seat_id)
        del self._by_key[before.key]
        return self._put(replace(before, key=key[:MAX_KEY_CHARS]))

    def mute(self, seat_id: str, muted: bool) -> Seat:
        """:raises NotFound: if nobody has that seat."""
        seat = replace(self.get(seat_id), muted=muted)
        self._seats[seat_id] = seat
        return seat

    @property
    def muted(self) -> frozenset[str]:
        return frozenset(seat.id for seat in self._seats.values() if seat.muted)

    def next_deadline(self) -> Monotonic | None:
        """When :meth:`expire` will next have something to do."""
        return min((seat.deadline for seat in self._seats.values() if seat.deadline is not None), default=None)

    def _put(self, seat: Seat) -> Seat:
        self._seats[seat.id] = seat
        self._by_key[seat.key] = seat.id
        self._by_link[seat.link] = seat.id
        return seat

    def _remove(self, seat: Seat) -> Seat:
        del self._seats[seat.id]
        del self._by_key[seat.key]
        self._by_link.pop(seat.link, None)
        return seat
