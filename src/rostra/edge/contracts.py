"""What the edge needs of others; ``processes/edge.py`` brings them together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from rostra.errors import Unavailable
from rostra.units import MediaTime, Part, Rendition
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
