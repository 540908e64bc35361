"""One synthetic listener: what it is, what it has asked, and what it asks next. Pure but for the bytes it is given."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import Any

from rostra.rehearsal.hearing import Parser
from rostra.rehearsal.network import Habit, Link
from rostra.rehearsal.player import Player
from rostra.rehearsal.playlist import Listed, Playlist

ORDER = ("rsvp", "early", "late", "crowded")
"""Lines, as they are called."""

LEAST_S, MOST_S = 2.0, 60.0
"""Between two questions whose turn it is."""

NEARER = 8
"""Who waits asks so often until their time comes: the nearer, the more often."""

UNKNOWN_S = 160.0
SLOWEST_PACE = 1 / 60
"""While nobody is called no time is told: asked as if one a second were."""

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
        """:param rank: -1: it is not drawn yet."""
        self.text, self.line, self.rank = text, line, rank

    def served(self, serving: dict[str, Any]) -> bool:
        try:
            return 0 <= self.rank < int(serving[self.line])
        except (KeyError, TypeError, ValueError):
            return False


def read_pass(body: bytes) -> tuple[Pass, dict[str, Any]] | None:
    """What ``POST /r/ROOM/door`` gave, and who is served; None: something else."""
    try:
        data = json.loads(body)
        rank = -1 if data["rank"] is None else int(data["rank"])
        return Pass(str(data["pass"]), str(data["line"]), rank), dict(data.get("serving") or {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class Serving:
    """What ``/state`` says of the line (``admission.waiting.told``)."""

    serving: dict[str, Any]
    ahead: dict[str, Any] = field(default_factory=dict)
    """Empty: the answer was to somebody who took a number, and did not say."""
    pace: float = 0.0

    def ask_again_s(self, mine: Pass | None) -> float:
        """When the page would ask again (``askS``): often near the front, once a minute far from it."""
        if mine is None or not self.ahead:
            return LEAST_S
        try:
            lines = ORDER[: ORDER.index(mine.line)]
            number = float(sum(self.ahead[line][-1][1] for line in lines if self.ahead.get(line)))
            points = [(-1, 0), *self.ahead.get(mine.line, ())]
            number += next((below for rank, below in points if rank >= mine.rank), points[-1][1])
        except (ValueError, TypeError, IndexError, KeyError):
            number = UNKNOWN_S
        if self.pace < SLOWEST_PACE:
            soonest_s = min(UNKNOWN_S, number)
        else:
            soonest_s = max(0.0, number - 2 * math.sqrt(number)) / self.pace
        return min(MOST_S, max(LEAST_S, soonest_s / NEARER))


def read_serving(body: bytes) -> Serving | None:
    """Who is served by ``/state``; None: everyone, there is no waiting."""
    try:
        data = json.loads(body)
        door = data.get("door")
        serving = data.get("serving") or (door.get("serving") if isinstance(door, dict) else None)
        pace = max((float(n) for n in data.get("pace") or ()), default=0.0)
        return Serving(dict(serving), dict(data.get("ahead") or {}), pace) if serving else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
