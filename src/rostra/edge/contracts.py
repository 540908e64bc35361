"""What the edge needs of others; ``processes/edge.py`` brings them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from rostra.errors import RostraError, Unavailable
from rostra.units import MediaTime, Part, Rendition, WallTime
from rostra.wire.door import Outcome, Outcomes
from rostra.wire.hands import Hand
from rostra.wire.inbox import Letter


class Playlist(Protocol):
    @property
    def raw(self) -> bytes: ...

    @property
    def gzip(self) -> bytes: ...


class Window(Protocol):
    """The live window of one rendition (``packaging.LiveWindow``)."""

    @property
    def ready(self) -> bool: ...

    @property
    def version(self) -> int: ...

    @property
    def last(self) -> Part | None: ...

    @property
    def hint(self) -> str | None: ...

    def media(self, name: str) -> bytes | None: ...

    def has(self, msn: int, part: int | None) -> bool: ...

    def too_far(self, msn: int, part: int | None) -> bool: ...

    def playlist(self, *, skip: bool = False) -> Playlist: ...


class Windows(Protocol):
    """All windows of a room (``packaging.RoomWindows``)."""

    def __getitem__(self, rendition: Rendition) -> Window: ...

    def add(self, part: Part) -> bool: ...

    def end(self) -> None: ...

    @property
    def multivariant(self) -> Playlist | None: ...


Notice = Callable[[str, dict[str, float], MediaTime], bytes]
"""Makes the box that says something between two parts: kind, values, media time."""

PublishCount = Callable[[dict[str, Any]], None]


class Want(Enum):
    """What somebody at the door wants."""

    LIVE = auto()
    MP3 = auto()
    PLAYLIST = auto()
    NUMBER = auto()
    """A place in the line."""
    RSVP = auto()
    """A place in the line of those who say beforehand that they will come."""
    CHALLENGE = auto()


Seat = tuple[str, bytes]
"""What is held by a pass: room, and whose it is."""


@dataclass(frozen=True, slots=True)
class Knock:
    """Somebody at the door, and what they show."""

    room: str
    want: Want
    address: bytes
    """Packed; empty: unknown."""
    opened: WallTime
    """When the doors of the room opened; 0.0: they have not."""
    pass_: str = ""
    answer: str = ""
    """To a challenge."""
    inside: int = 0
    """What those inside were told a moment ago (the notice ``door``)."""


@dataclass(frozen=True, slots=True)
class Entered:
    seat: Seat | None = None


@dataclass(frozen=True, slots=True)
class Numbered:
    """A place in the line."""

    body: dict[str, Any]
    """As the address of the door answers."""
    called: bool


class Admission(Protocol):
    """Who decides who gets in (``admission.Usher``, behind ``processes/admitting.py``). Never waits, and is told the
    time."""

    @property
    def came(self) -> Callable[[bytes], None]:
        """To be told of a connection from a packed address: by the accept loop, for each."""

    @property
    def waves_through(self) -> bool:
        """Nobody is asked: everyone is let in, and :meth:`entered` is called for each."""

    @property
    def shut(self) -> bool:
        """Whoever shows no pass is refused, with :meth:`refusal`, which is as good for all."""

    @property
    def step(self) -> str:
        """Of the ladder; empty: nothing gives way."""

    @property
    def small(self) -> bool: ...

    @property
    def thinned(self) -> bool: ...

    def entered(self, address: bytes) -> None: ...

    def lets_in(self, address: bytes, now: float) -> bool:
        """Whether somebody who shows no pass comes in without more ado: then they are in. Otherwise :meth:`ask`."""

    def refusal(self, room: str) -> tuple[RostraError, Outcome]:
        """For one who shows no pass while the door is shut; one after the other may say another time."""

    def ask(self, knock: Knock, now: float, wall: WallTime) -> Entered | Numbered:
        """Whether somebody may have sound; a number is for who paid for it here.

        :raises RostraError: they may not. It says when to come back.
        """

    def number(self, knock: Knock, now: float, wall: WallTime) -> Numbered:
        """:raises RostraError: WorkFirst: with a challenge. BadAnswer. Full."""

    def inside(self, room: str, wall: WallTime) -> str:
        """A pass for somebody who is in without one; empty: there were enough."""

    def left(self, seat: Seat) -> None:
        """Whoever came in by a pass is gone."""

    def told(self, room: str) -> Mapping[str, Any]:
        """What ``/state`` says of the line, and of the door."""

    def note(self, outcome: Outcome, address: bytes) -> None:
        """What the edge itself made of somebody."""

    @property
    def outcomes(self) -> Outcomes: ...


class OpenHouse:
    """:class:`Admission` where nobody is counted: everyone comes in until there are no open files left."""

    waves_through = True
    shut = small = thinned = False
    step = ""

    def __init__(self) -> None:
        self.outcomes: Outcomes = {}

    def came(self, address: bytes) -> None:
        """Nothing is counted."""

    def entered(self, address: bytes) -> None:
        """Nor here."""

    def lets_in(self, address: bytes, now: float) -> bool:
        return True

    def refusal(self, room: str) -> tuple[RostraError, Outcome]:
        raise AssertionError("this door is never shut: nobody is refused at it")

    def ask(self, knock: Knock, now: float, wall: WallTime) -> Entered | Numbered:
        return Entered()

    def number(self, knock: Knock, now: float, wall: WallTime) -> Numbered:
        raise Unavailable("There is no line at this edge: everyone comes in at once.")

    def inside(self, room: str, wall: WallTime) -> str:
        return ""

    def left(self, seat: Seat) -> None:
        """Nobody has one."""

    def told(self, room: str) -> Mapping[str, Any]:
        return {}

    def note(self, outcome: Outcome, address: bytes) -> None:
        """Nothing is counted."""


class Carrier(Protocol):
    """Who takes away what listeners send, and brings what is kept elsewhere. Each returns when it is done for good:
    what was taken is stored.

    :raises RostraError: it could not be done; the sentence is the listener's answer.
    """

    async def raise_hand(self, hand: Hand) -> None: ...

    async def hand(self, room: str, ticket: str) -> Hand:
        """The hand as it is. :raises NotFound: there is none."""

    async def withdraw_hand(self, room: str, ticket: str) -> Hand:
        """The hand as it is then. :raises NotFound: there is none."""

    async def leave_letter(self, letter: Letter) -> None: ...

    async def picture(self, name: str) -> bytes:
        """:raises NotFound: there is none of that name."""


class NoCarrier:
    """For an edge that only sends sound."""

    async def raise_hand(self, hand: Hand) -> None:
        raise self._nobody()

    async def hand(self, room: str, ticket: str) -> Hand:
        raise self._nobody()

    async def withdraw_hand(self, room: str, ticket: str) -> Hand:
        raise self._nobody()

    async def leave_letter(self, letter: Letter) -> None:
        raise self._nobody()

    async def picture(self, name: str) -> bytes:
        raise self._nobody()

    def _nobody(self) -> Unavailable:
        return Unavailable("This edge has no bus behind it. Please try another one.")
