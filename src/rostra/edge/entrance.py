"""Where the edge asks who may have sound, and keeps whom it let in by a pass, or by a playlist.

Who holds the stream is in for as long as it lasts. Who takes the sound in pieces (LL-HLS) has no connection that lasts:
they are in while they ask, on whatever connection. Players and radios can be told nothing, and keep no pass: whoever
comes from the address of one whose connection was lost takes over that place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rostra.edge.answers import NO_STORE, problem
from rostra.edge.contracts import Admission, Entered, Knock, Numbered, Seat, Want
from rostra.edge.conversation import Conversation, Shut
from rostra.edge.head import Request
from rostra.edge.poller import Poller
from rostra.edge.query import pass_of
from rostra.edge.room import RoomOnAir
from rostra.errors import InLine, RostraError
from rostra.units import WallTime
from rostra.wire.door import Outcome

PIECES_S = 15.0
"""Who took no playlist for so long is gone, as a connection between two requests is."""

TAKEN_OVER_S = 30.0
"""So long the place of somebody whose connection was lost may be taken over from their address."""

CONNECTIONS_A_SEAT = 8
"""On which playlists are taken by one pass: players use two or three."""

MAX_TAKEN_OVER = 65_536
"""Such places; 200 bytes each. The oldest go first."""

TOO_MANY_S = 2.0

PASS_S = 24 * 3600

REFUSALS = 16
"""Different waiting times told by one refusal that is at hand."""


class House(Protocol):
    date: bytes
    now: float
    wall: float

    def address_of(self, request: Request, conversation: Conversation) -> bytes:
        """Packed, of the client."""

    def forget_welcomes(self) -> None:
        """What is at hand for newcomers is not true any more."""


@dataclass(slots=True)
class _InPieces:
    """Somebody who takes the sound in pieces."""

    room: str
    address: bytes
    seen: float
    seat: Seat | None
    given: bool = False
    """A pass, since the door was shut."""


@dataclass(slots=True)
class _Sitting:
    """A pass by which playlists are taken."""

    seen: float = 0.0
    connections: int = 0


class Entrance:
    def __init__(self, house: House, admission: Admission, poller: Poller) -> None:
        self.admission = admission
        self._house = house
        self._poller = poller
        self._fds: dict[int, Seat] = {}
        """Who holds a stream by a pass, by connection."""
        self._seats: dict[Seat, int] = {}
        self._radios: dict[int, tuple[str, bytes]] = {}
        """Room and address of who takes MP3 without a pass, by connection."""
        self._pieces: dict[Conversation, _InPieces] = {}
        self._pieces_seats: dict[Seat, _Sitting] = {}
        self._ending: dict[int, Seat] = {}
        """Streams to be ended: not in the middle of somebody else's request (``poller.Endpoint``)."""
        self._lost: dict[tuple[str, bytes], deque[float]] = {}
        """When places were lost that may be taken over, by room and address."""
        self._lost_in: dict[str, int] = {}
        """How many, by room."""
        self._losses: deque[tuple[float, tuple[str, bytes]]] = deque()
        self._shut: dict[str, Shut] = {}
        self.joined_in_pieces = 0
        self.wake: Callable[[], None] = lambda: None
        """Told that there are sessions to be ended."""

    @property
    def in_pieces(self) -> int:
        """How many take the sound in pieces."""
        return len(self._pieces_seats) + sum(one.seat is None for one in self._pieces.values())

    # --- sound ---

    def stream(self, want: Want, room: RoomOnAir, request: Request, conversation: Conversation) -> Entered:
        """Lets somebody in to whom sound is to be pushed. :raises RostraError: they may not."""
        address = self._house.address_of(request, conversation)
        radio = want is Want.MP3
        if self.admission.waves_through:
            self.admission.entered(address)
            entered = Entered()
        elif radio and self._take_over(room.id, address):
            entered = Entered()
        else:
            entered = self._ask(want, room, request, address)
        if entered.seat is not None:
            self._take(entered.seat, conversation.fd)
        elif radio:
            self._radios[conversation.fd] = (room.id, address)
        return entered

    def pieces(self, room: RoomOnAir, request: Request, conversation: Conversation) -> None:
        """Lets somebody in who asks for a playlist. :raises RostraError: they may not."""
        now = self._house.now
        known = self._pieces.get(conversation)
        if known is not None and known.room == room.id:
            known.seen = now
            if known.seat is None and not known.given and self.admission.shut:
                # They came when nobody was asked: from now on they have something to show on any connection.
                known.given = True
                if text := self.admission.inside(room.id, WallTime(self._house.wall)):
                    conversation.owed = pass_cookie(room.id, text, conversation.wire.secure)
            if known.seat is not None and (sitting := self._pieces_seats.get(known.seat)) is not None:
                sitting.seen = now
            return
        address = self._house.address_of(request, conversation)
        seat: Seat | None = None
        if self.admission.waves_through:
            self.admission.entered(address)
            self.joined_in_pieces += 1
        elif not self._take_over(room.id, address):
            seat = self._ask(Want.PLAYLIST, room, request, address).seat
            if seat is None:
                self.joined_in_pieces += 1
            else:
                self._sit_in_pieces(seat, now)
        self._pieces[conversation] = _InPieces(room.id, address, now, seat)

    def _sit_in_pieces(self, seat: Seat, now: float) -> None:
        sitting = self._pieces_seats.get(seat)
        if sitting is None:
            self.joined_in_pieces += 1
            self._drop_stream(seat)
            sitting = self._pieces_seats[seat] = _Sitting()
        elif sitting.connections >= CONNECTIONS_A_SEAT:
            raise InLine(door_of(seat[0]), TOO_MANY_S, called=True)
        sitting.seen = now
        sitting.connections += 1

    def shut(self, room: str) -> Shut:
        """What whoever shows no pass is told as long as the door is shut as it is. The date in it is of this second."""
        if (known := self._shut.get(room)) is not None:
            return known
        found: list[RostraError] = []
        outcome = Outcome.WAITING
        for _ in range(REFUSALS):
            error, outcome = self.admission.refusal(room)
            found.append(error)
        answers = [problem(error, cache=NO_STORE) for error in found]
        date = self._house.date
        wholes, closing = (tuple(a.render(date, close=close) for a in answers) for close in (False, True))
        self._shut[room] = Shut(wholes, closing, self._noting(outcome))
        return self._shut[room]

    def turned(self) -> None:
        """The door is shut in another way, or open."""
        self._shut.clear()

    def _noting(self, outcome: Outcome) -> Callable[[bytes], None]:
        return lambda address: self.admission.note(outcome, address)

    def _ask(self, want: Want, room: RoomOnAir, request: Request, address: bytes) -> Entered:
        shown = pass_of(request.line.query, request.field("cookie"), room.id)
        if not shown and self.admission.shut:
            error, outcome = self.admission.refusal(room.id)
            self.admission.note(outcome, address)
            raise error
        asked = self.knock(want, room, address, pass_=shown)
        found = self.admission.ask(asked, self._house.now, WallTime(self._house.wall))
        if isinstance(found, Numbered):
            raise InLine(door_of(room.id), 1.0, called=found.called)
        return found

    def knock(
        self, want: Want, room: RoomOnAir, address: bytes, *, pass_: str = "", answer: str = "", inside: int = 0
    ) -> Knock:
        assert room.record is not None
        return Knock(room.id, want, address, room.record.epoch, pass_, answer, inside)

    # --- who goes ---

    def gone(self, fd: int) -> None:
        """A connection is over."""
        self._ending.pop(fd, None)
        if (place := self._radios.pop(fd, None)) is not None:
            self._let_go(place)
            if self.admission.shut:
                self._house.forget_welcomes()
        seat = self._fds.pop(fd, None)
        if seat is not None and self._seats.get(seat) == fd:
            del self._seats[seat]
            self.admission.left(seat)

    def end(self, seat: Seat) -> None:
        """Their pass was seated at another edge."""
        self._drop_stream(seat)
        self._drop_pieces(seat)

    def _drop_pieces(self, seat: Seat) -> None:
        if self._pieces_seats.pop(seat, None) is not None:
            for conversation, one in list(self._pieces.items()):
                if one.seat == seat:
                    del self._pieces[conversation]

    def tidy(self) -> None:
        """Once a second: who takes no playlist any more is gone, and may come back for a while."""
        self._shut.clear()
        now, house = self._house.now, self._pieces
        over = [c for c, one in house.items() if c.over or now - one.seen > PIECES_S]
        for conversation in over:
            one = house.pop(conversation)
            if one.seat is None:
                self._let_go((one.room, one.address))
            elif (sitting := self._pieces_seats.get(one.seat)) is not None:
                sitting.connections -= 1
        for seat in [s for s, sitting in self._pieces_seats.items() if now - sitting.seen > PIECES_S]:
            del self._pieces_seats[seat]
            self.admission.left(seat)
        while self._losses and (now - self._losses[0][0] > TAKEN_OVER_S or len(self._losses) > MAX_TAKEN_OVER):
            at, place = self._losses.popleft()
            if (times := self._lost.get(place)) and times[0] <= at:
                self._take_one(place, times)

    @property
    def replaced(self) -> bool:
        """Whether there are sessions that :meth:`end_replaced` is to end."""
        return bool(self._ending)

    def end_replaced(self) -> None:
        """Ends the older sessions of passes that have a newer one. Between two turns of the poller."""
        ending, self._ending = self._ending, {}
        for fd, seat in ending.items():
            if self._fds.get(fd) == seat:
                self._poller.end(fd)

    def _take(self, seat: Seat, fd: int) -> None:
        self._drop_stream(seat)
        self._drop_pieces(seat)
        self._seats[seat] = fd
        self._fds[fd] = seat

    def _drop_stream(self, seat: Seat) -> None:
        """One pass holds one session: the older one ends."""
        fd = self._seats.pop(seat, None)
        if fd is not None:
            self._ending[fd] = seat
            self.wake()

    def may_take_over(self, room: str) -> bool:
        """Whether there are places in it that somebody may take over."""
        return room in self._lost_in

    def _let_go(self, place: tuple[str, bytes]) -> None:
        now = self._house.now
        self._lost.setdefault(place, deque()).append(now)
        self._lost_in[place[0]] = self._lost_in.get(place[0], 0) + 1
        self._losses.append((now, place))

    def _take_over(self, room: str, address: bytes) -> bool:
        place = (room, address)
        times = self._lost.get(place)
        if not times or not address:
            return False
        self._take_one(place, times)
        return True

    def _take_one(self, place: tuple[str, bytes], times: deque[float]) -> None:
        times.popleft()
        if not times:
            del self._lost[place]
        self._lost_in[place[0]] -= 1
        if not self._lost_in[place[0]]:
            del self._lost_in[place[0]]


def pass_cookie(room: str, text: str, secure: bool) -> str:
    """As the page sets it itself (``listen/waiting.ts``): it reads it, too."""
    flags = "; Secure" if secure else ""
    return f"Set-Cookie: w-{room}={text}; Path=/r/{room}; Max-Age={PASS_S}; SameSite=Lax{flags}\r\n"


def door_of(room: str) -> str:
    """The address of the waiting room."""
    return f"/r/{room}/door"
