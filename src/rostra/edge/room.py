"""A room as an edge has it: its record, its windows, its feeds, and what the edge itself must say about it.

Pure: is given parts, records and ``now``. Those who listen are the driver's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rostra.edge.contracts import Notice, Windows
from rostra.edge.feed import Feed, enough_s
from rostra.errors import WireError
from rostra.life import doors_at, late
from rostra.units import MediaTime, Part, Rendition, RoomState, WallTime
from rostra.wire.boards import Board, encode_board
from rostra.wire.emsg import read_events
from rostra.wire.listeners import Snapshot
from rostra.wire.rooms import Room

SILENT_S = 2.0
"""On air without a part for so long: interrupted. Four parts; shorter would cry wolf when the bus hiccups."""

ENDING_S = 0.5
"""Between the record that says ended and the end: parts and records come by different ways, and the last part is to be
heard."""

KEPT_S = 120.0
"""After the end: whoever is behind hears the rest, as long as parts can be asked for while a room is on air. Then its
sound is let go, or an edge would grow with every event it has seen."""

FORGOTTEN_S = 6 * 3600.0
"""So long after its time a room that nobody has opened is listed no more: it would stand before tonight's for ever. Its
page goes on to say that the host is late."""

PUSHED = (Rendition.OPUS, Rendition.AAC, Rendition.OPUS_LOW)

CHOICES = (Rendition.OPUS, Rendition.AAC, Rendition.MP3)
"""What is offered. The small Opus is not: it is there while the house is nearly full, or for who asks."""


class RoomOnAir:
    def __init__(self, room_id: str, windows: Windows, notice: Notice) -> None:
        self.id = room_id
        self.windows = windows
        self.record: Room | None = None
        self.feeds = {r: Feed(r) for r in Rendition}
        self.interrupted = False
        self.over = False
        """Ended for good: windows are closed, listeners were told."""
        self.hls_seen: dict[int, float] = {}
        """When each connection last asked for a playlist or a part; connections are bounded by open files."""
        self._notice = notice
        self._last_part_at: float | None = None
        self._part_at: dict[Rendition, float] = {}
        self._ending_at: float | None = None
        self._over_at = 0.0
        self._listening = 0
        self._stage: list[dict[str, Any]] = []
        self._reactions: dict[str, int] = {}
        self.board = encode_board(Board())
        """What is posted, as ``/posts`` serves it."""
        self.board_version = 0

    # --- what comes from the bus ---

    def on_record(self, record: Room, now: float) -> None:
        """The record is new or has changed."""
        before, self.record = self.record, record
        for feed in self.feeds.values():
            feed.title = record.title
        if record.state in (RoomState.ENDED, RoomState.CANCELLED):
            if self._ending_at is None:
                self._ending_at = now + ENDING_S
        elif not self.over:
            self._ending_at = None
            if before is not None and before.on_air is not record.on_air:
                self._turned(record, now)
            self._judge(now)

    def on_part(self, part: Part, now: float) -> bool:
        """A part from the bus; False if the window does not want it."""
        if self.over or not self.windows.add(part):
            return False
        self._last_part_at = self._part_at[part.name.rendition] = now
        self._learn(part)
        self._judge(now)
        self.feeds[part.name.rendition].add(part, now)
        return True

    def on_board(self, board: Board | None, now: float) -> None:
        """What is posted has changed; listeners are told that there is something to fetch."""
        board = board or Board()
        if board.version == self.board_version:
            return
        self.board, self.board_version = encode_board(board), board.version
        if self.record is not None and self.record.on_air and not self.over:
            self.announce("posts", {"version": board.version}, now)

    def _learn(self, part: Part) -> None:
        """The edge serves in ``state`` what parts tell of the room."""
        try:
            events = read_events(part.metadata) if part.metadata else []
        except WireError:
            return  # listeners' players decide for themselves what they make of it
        for event in events:
            if isinstance(event, Snapshot):
                self._listening = event.listening
                self._reactions = event.reactions
                if event.stage is not None:
                    self._stage = [
                        {"i": s.id, "n": s.name, "r": s.role, **({"m": 1} if s.muted else {})} for s in event.stage
                    ]

    # --- what the clock says ---

    def tick(self, now: float) -> None:
        """Call it several times a second."""
        if self._ending_at is not None and now >= self._ending_at and not self.over:
            self.over, self._over_at = True, now
            self.windows.end()
            self._say("ended", {}, now)
        self._judge(now)

    def _judge(self, now: float) -> None:
        """Interrupted or not; listeners are told when it changes."""
        record = self.record
        if self.over or record is None or not record.on_air or self._last_part_at is None:
            return
        silent = now - self._last_part_at > SILENT_S
        interrupted = silent or record.state is RoomState.INTERRUPTED
        if interrupted != self.interrupted:
            self.interrupted = interrupted
            self._say("interrupted" if interrupted else "resumed", {}, now)

    def _turned(self, record: Room, now: float) -> None:
        """The doors opened; or it was moved, the stage is gone until the new time, and nothing but this will come to
        tell those who hold the stream."""
        self.interrupted, self._last_part_at, self._stage = False, None, []
        for feed in self.feeds.values():
            feed.standing = b""
        if not record.on_air:
            self.announce("moved", {"at": record.at}, now)

    def _say(self, kind: str, values: dict[str, float], now: float) -> None:
        for rendition in PUSHED:
            box = self._notice(kind, values, self.end_of(rendition))
            self.feeds[rendition].standing = box if kind == "interrupted" else b""
            self.feeds[rendition].notify(box, now)

    def announce(self, kind: str, values: dict[str, float], now: float) -> None:
        """Tell everyone to whom sound is pushed (a longer flush, draining)."""
        for rendition in PUSHED:
            self.feeds[rendition].notify(self._notice(kind, values, self.end_of(rendition)), now)

    def end_of(self, rendition: Rendition) -> MediaTime:
        last = self.windows[rendition].last
        return last.end if last else MediaTime(0)

    def thin(self, thinned: bool) -> None:
        """Whether levels and captions go out less often to those to whom sound is pushed."""
        for feed in self.feeds.values():
            feed.thinned = thinned

    def retire(self, windows: Windows, now: float) -> bool:
        """Let go of the sound of a room that ended a while ago, for ``windows`` that are empty. True when it does."""
        if not self.over or not self._over_at or now - self._over_at < KEPT_S:
            return False
        self.windows, self._over_at = windows, 0.0
        self.feeds = {r: Feed(r, self.feeds[r].title) for r in Rendition}
        return True

    # --- what is asked ---

    @property
    def free(self) -> bool:
        """Whether it takes no link to listen."""
        return self.record is not None and not self.record.invited

    def fresh(self, rendition: Rendition, now: float) -> bool:
        """Whether what was flushed last is what is live: what was said minutes ago is no way to begin."""
        at = self._part_at.get(rendition)
        return at is not None and now - at <= SILENT_S

    def at_hand(self, rendition: Rendition, flush_s: float, now: float) -> bool:
        """Whether a newcomer has as much of it at once as they should: who is given it waits for nothing."""
        return self.fresh(rendition, now) and self.feeds[rendition].flushed_s >= enough_s(flush_s)

    @property
    def state(self) -> RoomState:
        assert self.record is not None
        return RoomState.INTERRUPTED if self.interrupted and self.record.on_air else self.record.state

    @property
    def renditions(self) -> tuple[str, ...]:
        """Those that can be listened to."""
        return tuple(r.value for r in CHOICES if r is Rendition.MP3 or self.windows[r].ready)

    def late(self, wall: float) -> bool:
        """Whether listeners wait for a host who is not there."""
        return self.record is not None and late(self.state, self.record.at, WallTime(wall))

    def summary(self) -> dict[str, Any]:
        """As the list of rooms has it."""
        assert self.record is not None
        return {
            "id": self.id,
            "title": self.record.title,
            "state": self.state.value,
            "at": self.record.at,
            "listening": self._listening,
        }

    def state_json(
        self, wall: float, flush_s: float, *, lasting: bool = False, told: Mapping[str, Any] | None = None
    ) -> bytes:
        """``/state`` (docs/topics/room.md). ``lasting``: without what changes by the second; for the page, in which
        ``now`` is when it was made. ``told``: what the door says besides.
        """
        record = self.record
        assert record is not None
        body = {
            **self.summary(),
            "now": round(wall, 3),
            "epoch": record.epoch,
            "started": record.started,
            "ended": record.ended,
            "stage": self._stage,
            "flush_s": flush_s,
            "renditions": self.renditions,
            "words": record.words,
            "tz": record.tz,
            "speakers": record.speakers,
            "picture": record.picture,
            "doors": doors_at(record.at, record.doors_s),
            "go": record.go,
            "invited": record.invited,
            "posts": self.board_version,
            "late": self.late(wall),
            "moved": record.moved,
            "note": record.note,
            "delay_s": record.delay_s,
            "react": self._reactions,
        }
        if told:
            body |= told
        if lasting:
            body |= {"listening": 0, "stage": [], "react": {}}
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    def count_hls(self, now: float, within_s: float) -> int:
        """Connections that asked for a playlist or a part lately."""
        self.hls_seen = {fd: at for fd, at in self.hls_seen.items() if now - at <= within_s}
        return len(self.hls_seen)


def forgotten(record: Room, wall: float) -> bool:
    """Whether nobody came to open it."""
    return record.state is RoomState.SCHEDULED and wall - record.at > FORGOTTEN_S


def listed(rooms: Iterable[RoomOnAir], most: int, wall: float = 0.0) -> bytes:
    """``/rooms.json``: rooms on air and to come that are listed, those on air first."""
    known = [(r, r.record) for r in rooms if r.record is not None and r.record.listed]
    shown = [(r, record) for r, record in known if not (record.over or forgotten(record, wall))]
    shown.sort(key=lambda pair: (not pair[1].on_air, pair[1].at))
    found = [
        {
            **room.summary(),
            "tz": record.tz,
            "speakers": record.speakers,
            "picture": record.picture,
            "invited": record.invited,
            "late": room.late(wall),
        }
        for room, record in shown[:most]
    ]
    return json.dumps({"rooms": found}, ensure_ascii=False).encode("utf-8", "replace")
