"""What the edge needs of others; ``processes/edge.py`` brings them together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from rostra.units import MediaTime, Part, Rendition


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
