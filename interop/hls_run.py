"""Eighty seconds of a room as clients of an edge see them, on a virtual clock: every playlist and all media.

What happens: two renditions; a part lost on the way to the edge at 25 s; the stage dies at 40 s, a second one without a
word, a third takes over at 46 s; the room ends at 80 s.
"""

from __future__ import annotations

from interop.hls_text import Fetched, Run, Seen
from rostra.packaging import RoomWindows, first_sequence
from rostra.units import SAMPLE_RATE, MediaTime, Part, Rendition
from rostra.wire.playlists import HLS_RENDITIONS
from tests.packaging.making import stream

CRASH_S, BACK_S, END_S = 40.3, 46.0, 80.2
LOST_AT_S = 25.0
FETCH_EVERY_S = 2.0
"""How often everything that was ever listed is fetched again, to see how long it stays."""


def parts_of(rendition: Rendition) -> list[Part]:
    one = stream(CRASH_S, rendition, generation=1, first=8)
    lost = next(i for i, p in enumerate(one) if p.end > LOST_AT_S * SAMPLE_RATE and p.index in (2, 3, 4))
    del one[lost]
    base = MediaTime(round(BACK_S * SAMPLE_RATE))
    first = first_sequence(rendition, 3, base, one[-1].name.sequence)
    two = stream(END_S - BACK_S, rendition, generation=3, first=first, base=base, close=True)
    return one + two


def simulated_run() -> Run:
    room = RoomWindows()
    seen: list[Seen] = []
    fetched: list[Fetched] = []
    ever: dict[str, Rendition] = {}
    next_fetch = 0.0
    coming = sorted((p for r in HLS_RENDITIONS for p in parts_of(r)), key=lambda p: (p.end, p.name.rendition))
    for i, part in enumerate(coming):
        now = part.end / SAMPLE_RATE
        assert room.add(part)
        rendition = part.name.rendition
        seen += _look(room, rendition, now, (part.segment, part.index))
        new = _listed(seen[-2], rendition)
        fetched += [_fetch(room, uri, r, now) for uri, r in new.items() if uri not in ever]
        ever |= new
        if now >= next_fetch or i == len(coming) - 1:
            next_fetch = now + FETCH_EVERY_S
            fetched += [_fetch(room, uri, r, now) for uri, r in ever.items()]
    room.end()
    for rendition in HLS_RENDITIONS:
        seen += _look(room, rendition, END_S + 0.1, None)
        fetched += [_fetch(room, uri, r, END_S + 0.1) for uri, r in _listed(seen[-2], rendition).items()]
    assert room.multivariant is not None
    pauses = [(CRASH_S - 1.0, BACK_S + 5.0), (LOST_AT_S - 1.0, LOST_AT_S + 3.0), (END_S - 1.0, END_S + 1.0)]
    return Run(room.multivariant.raw, seen, fetched, pauses)


def _look(room: RoomWindows, rendition: Rendition, now: float, asked: tuple[int, int] | None) -> list[Seen]:
    """Whole and as a delta, as the answer to a blocked request for that part."""
    window = room[rendition]
    msn, part = asked or (None, None)
    return [
        Seen(now, str(rendition), window.playlist(skip=skip).raw, msn, part, skip) for skip in (False, True)
    ]  # fmt: skip


def _listed(seen: Seen, rendition: Rendition) -> dict[str, Rendition]:
    p = seen.playlist
    uris = [x.uri for x in p.parts] + [s.uri or "" for s in p.whole] + [s.map_uri or "" for s in p.segments]
    return {uri: rendition for uri in uris if uri and "/gap-" not in uri}


def _fetch(room: RoomWindows, uri: str, rendition: Rendition, now: float) -> Fetched:
    return Fetched(now, uri, room[rendition].media(uri.rpartition("/")[2]))
