"""All live windows of one room: what an edge keeps for it."""

from __future__ import annotations

from collections.abc import Iterable

from rostra.packaging.window import LiveWindow, Rendered
from rostra.units import SAMPLE_RATE, Part, Rendition
from rostra.wire import playlists


class RoomWindows:
    """One window a rendition, which report one another in their playlists (EXT-X-RENDITION-REPORT)."""

    def __init__(self) -> None:
        self._windows = {r: LiveWindow(r, self._reports_beside(r)) for r in Rendition}
        self._multivariant: tuple[tuple[Rendition, ...], Rendered] | None = None

    def __getitem__(self, rendition: Rendition) -> LiveWindow:
        return self._windows[rendition]

    def _reports_beside(self, rendition: Rendition) -> _Reports:
        return _Reports(self, rendition)

    def add(self, part: Part) -> bool:
        """Take a part into its window; see :meth:`LiveWindow.add`."""
        return self._windows[part.name.rendition].add(part)

    def end(self) -> None:
        """The room has ended: every playlist says so."""
        for window in self._windows.values():
            window.end()

    @property
    def multivariant(self) -> Rendered | None:
        """``main.m3u8`` of the renditions that have sound; None while there is none.

        Rendered again only when that set changes, with rates measured then: players read it once, and a playlist whose
        numbers wander would only cost caches.
        """
        there = tuple(r for r in playlists.HLS_RENDITIONS if self._windows[r].ready)
        if not there:
            return None
        if self._multivariant is None or self._multivariant[0] != there:
            variants = [_measured(self._windows[r]) for r in there]
            self._multivariant = (there, Rendered(playlists.multivariant(variants)))
        return self._multivariant[1]


class _Reports:
    """Asked by a window when it renders: the other renditions that have playlists and sound."""

    def __init__(self, room: RoomWindows, own: Rendition) -> None:
        self._room, self._own = room, own

    def __call__(self) -> Iterable[playlists.RenditionReport]:
        for rendition in playlists.HLS_RENDITIONS:
            if rendition is not self._own and (report := self._room[rendition].report()) is not None:
                yield report


def _measured(window: LiveWindow) -> playlists.Variant:
    """Rates of what is held, but at least the nominal ones: silence at the start says nothing about speech."""
    nominal = playlists.nominal_variant(window.rendition)
    parts = window.parts()
    rates = [8 * len(p.body) * SAMPLE_RATE // p.duration for p in parts]
    average = 8 * sum(len(p.body) for p in parts) * SAMPLE_RATE // max(1, sum(p.duration for p in parts))
    return playlists.Variant(window.rendition, max(nominal.bandwidth, *rates, 0), max(nominal.average, average))
