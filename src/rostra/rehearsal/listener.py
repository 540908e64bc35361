"""One synthetic listener: what it is, what it has asked, and what it asks next. Pure but for the bytes it is given."""

from __future__ import annotations

import json
from enum import IntEnum, auto
from typing import Any

from rostra.rehearsal.hearing import Parser
from rostra.rehearsal.network import Habit, Link
from rostra.rehearsal.player import Player
from rostra.rehearsal.playlist import Listed, Playlist

PARTS_KEPT = 64
"""Of a playlist, not asked for yet. A player that is further behind begins anew."""


class State(IntEnum):
    CONNECTING = auto()
    SHAKING = auto()
    ASKING = auto()
    """A request is out; the answer has a length."""
    LISTENING = auto()
    """Sound is pushed to it."""
    AWAY = auto()
    """Without a connection: waiting for its turn, or gone for a while."""
    GONE = auto()


class Asked(IntEnum):
    """What the answer that comes is of."""

    LIVE = auto()
    PAGE = auto()
    STATE = auto()
    """Beside the page."""
    SERVING = auto()
    """The state, to see whose turn it is."""
    CHALLENGE = auto()
    DOOR = auto()
    PLAYLIST = auto()
    INIT = auto()
    PART = auto()


class Listener:
    """Tens of thousands a process: slots, and nothing in it that most do not need."""

    __slots__ = (
        "asked", "began", "failures", "fd", "habit", "heard", "hls", "link", "number", "out", "paid", "parser", "pass_",
        "player", "reloads", "rest", "sample", "socket", "state", "turn",
    )  # fmt: skip

    def __init__(self, number: int, player: Player, habit: Habit, parser: Parser) -> None:
        self.number = number
        self.player = player
        self.habit = habit
        self.parser = parser
        self.state = State.AWAY
        self.asked = Asked.LIVE
        self.fd = -1
        self.socket: Any = None
        """Only with TLS: what the descriptor belongs to."""
        self.rest = b""
        """Read and not used yet."""
        self.out = b""
        """To be sent once connected."""
        self.link: Link | None = None
        self.hls: HlsSession | None = None
        self.pass_: Pass | None = None
        self.reloads = habit.reloads
        self.failures = 0
        self.turn = 0
        """Counts connections: what was planned for one that is over is not done."""
        self.heard = False
        self.paid = False
        """Solved a challenge."""
        self.began = 0.0
        """When it asked in this round (it may come and go)."""
        self.sample: bytearray | None = None


class HlsSession:
    """Where an LL-HLS player is."""

    __slots__ = ("init", "parts", "playlist", "started")

    def __init__(self) -> None:
        self.parts: list[Listed] = []
        """To be asked for, in order."""
        self.playlist: Playlist | None = None
        self.init = False
        self.started = False

    def take(self, playlist: Playlist) -> None:
        """A playlist came: what is new in it is wanted."""
        before, self.playlist = self.playlist, playlist
        if before is None:
            self.parts = list(playlist.parts[playlist.first() :])
            return
        at = (before.next_msn, before.next_part)
        self.parts += [part for part in playlist.parts if (part.msn, part.index) >= at]
        del self.parts[:-PARTS_KEPT]

    def reload(self) -> str:
        """The query of the next playlist (bis 6.2.5)."""
        known = self.playlist
        return f"?_HLS_msn={known.next_msn}&_HLS_part={known.next_part}&_HLS_skip=YES" if known else ""


class Pass:
    """A place in the waiting room."""

    __slots__ = ("line", "rank", "text")

    def __init__(self, text: str, line: str, rank: int) -> None:
        self.text, self.line, self.rank = text, line, rank

    def served(self, serving: dict[str, Any]) -> bool:
        try:
            return self.rank < int(serving[self.line])
        except (KeyError, TypeError, ValueError):
            return False


def read_pass(body: bytes) -> tuple[Pass, dict[str, Any]] | None:
    """What ``POST /r/ROOM/door`` gave, and who is served; None: something else."""
    try:
        data = json.loads(body)
        return Pass(str(data["pass"]), str(data["line"]), int(data["rank"])), dict(data.get("serving") or {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def read_serving(body: bytes) -> dict[str, Any] | None:
    """Who is served by ``/state``; None: everyone, there is no waiting."""
    try:
        data = json.loads(body)
        door = data.get("door")
        serving = data.get("serving") or (door.get("serving") if isinstance(door, dict) else None)
        return dict(serving) if serving else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
