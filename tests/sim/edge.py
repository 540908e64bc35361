"""An edge on the virtual clock: the room, its windows, feeds and ladder, and who listens there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from rostra.edge.ladder import Ladder, Load
from rostra.edge.room import RoomOnAir
from rostra.packaging import LiveWindow, RoomWindows
from rostra.units import MediaTime, Part, Rendition, RoomState, WallTime
from rostra.wire.emsg import notice_emsg
from rostra.wire.listeners import EdgeNotice
from rostra.wire.playlists import part_name
from rostra.wire.rooms import Room
from tests.packaging.making import EPOCH
from tests.sim.crowd import Crowd

RECORD = Room("sim", "Two hours", RoomState.LIVE, WallTime(EPOCH), WallTime(EPOCH), WallTime(EPOCH), 1, WallTime(EPOCH))


def _notice(kind: str, values: dict[str, float], time: MediaTime) -> bytes:
    return notice_emsg(EdgeNotice(kind, values), time)


class HlsClient:
    """Follows a window as a low-latency client does: asks for the next part, gets a delta, fetches what is new."""

    def __init__(self, window: LiveWindow) -> None:
        self._window = window
        self.fetched: dict[str, bytes] = {}
        self.order: list[str] = []
        self.refused: list[str] = []
        self._next: tuple[int, int] | None = None

    def look(self) -> None:
        """The window has changed: is what I wait for there?"""
        window = self._window
        if self._next is None:
            position = window.position
            if position is not None:
                self._next = position
            return
        if window.too_far(*self._next):
            self.refused.append(f"too far: {self._next}")
        if not window.has(*self._next):
            return
        text = window.playlist(skip=True).raw.decode()
        for uri in re.findall(r'#EXT-X-PART:DURATION=[0-9.]+,INDEPENDENT=YES,URI="opus/([^"]+)"', text):
            if uri not in self.fetched:
                body = window.media(uri)
                if body is None:
                    self.refused.append(f"listed and not there: {uri}")
                    continue
                self.fetched[uri] = body
                self.order.append(uri)
        last = window.position
        assert last is not None
        self._next = (last[0], last[1] + 1)


class SimEdge:
    def __init__(self, name: str, crowd: Crowd, load: Callable[[float], float]) -> None:
        self.name = name
        self.windows = RoomWindows()
        self.room = RoomOnAir("sim", self.windows, _notice)
        self.room.on_record(RECORD, 0.0)
        self.ladder = Ladder()
        self.crowd = crowd
        self.client = HlsClient(self.windows[Rendition.OPUS])
        self.steps: list[tuple[float, float]] = [(0.0, self.ladder.flush_s)]
        self.dropped: list[Part] = []
        self.ends: list[int] = []
        """Media time at the end of each Opus part that was taken in."""
        self._load = load
        self._told_flush_s = self.ladder.flush_s
        self.excused = False

    def on_part(self, part: Part, now: float) -> None:
        if not self.room.on_part(part, now):
            self.dropped.append(part)
            return
        if part.name.rendition is Rendition.OPUS:
            self.ends.append(part.end)
            self.client.look()
        self._flush_if_due(now)

    def tick(self, now: float) -> None:
        self.crowd.join(self._backlog_s(now), now)
        self.room.tick(now)
        self._flush_if_due(now)

    def second(self, now: float) -> None:
        before = self.ladder.flush_s
        announced = self.ladder.observe(Load(self._load(now), 0.001), now)
        if self.ladder.flush_s != before:
            self.steps.append((now, self.ladder.flush_s))
        if announced is not None:
            self._told_flush_s = announced.flush_s
            self.room.announce("flush", {"flush_s": announced.flush_s}, now)
            self._flush_if_due(now)

    def _backlog_s(self, now: float) -> float:
        feed = self.room.feeds[Rendition.OPUS]
        fresh = self.room.fresh(Rendition.OPUS, now)
        return sum(p.seconds for p in feed.backlog(self.ladder.newcomer_s, fresh=fresh))

    def _flush_if_due(self, now: float) -> None:
        for rendition, feed in self.room.feeds.items():
            if not feed.due(self.ladder.flush_s, now):
                continue
            if rendition is Rendition.OPUS:
                self.crowd.join(self._backlog_s(now), now)
            pieces = feed.flush()
            if rendition is Rendition.OPUS:
                seconds = sum(p.seconds for p in pieces)
                self.crowd.receive(seconds, self._told_flush_s, now, excused=self.excused)

    def digests(self, rendition: Rendition) -> dict[str, str]:
        """What each name means here, now."""
        window = self.windows[rendition]
        names = [part_name(p.name) for p in window.parts()]
        text = window.playlist().raw.decode() if window.ready else ""
        names += re.findall(rf"^{rendition}/(g\S+)$", text, re.MULTILINE) + re.findall(r"/(g\d+-init\.mp4)", text)
        found = {n: window.media(n) for n in names}
        return {n: hashlib.sha1(b).hexdigest() for n, b in found.items() if b is not None}
