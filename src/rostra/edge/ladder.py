"""The flush ladder: when an edge has more to do than it can, it sends less often and more at a time.

Seconds of sound that go out at once are 0.5, 1, 2 or 4: each step halves what sending costs. A step up is announced
first, and taken when players that slow down so little that nobody hears it hold enough for the longer flush; if the
load cannot wait for that, sooner. A step down leaves players with more than they need, so it is announced as it is
taken.

Pure: is told the load once a second, and ``now``.
"""

from __future__ import annotations

from dataclasses import dataclass

STEPS_S = (0.5, 1.0, 2.0, 4.0)

BUSY_SHARE = 0.55
"""Up when sending takes more than this share of the time: beyond it, joins wait and a hiccup is not made good."""

IDLE_SHARE = 0.2
"""Down when it takes less: a step down doubles it, which must stay well clear of BUSY_SHARE."""

LATE_S = 0.25
"""Up when the loop was late by so much: whatever else it does, it leaves no time for sending."""

CALM_LATE_S = 0.1

BUSY_FOR_S = 2.0
"""How long it must be busy: a burst of joins is over by then."""

IDLE_FOR_S = 20.0
"""How long it must be idle: down and up again would move everyone's delay to and fro."""

URGENT_SHARE = 0.9
URGENT_LATE_S = 1.0
"""Past these a step that was announced is not waited for any longer than MIN_LEAD: sound would be late anyway."""

SLOWEST = 0.97
"""The lowest speed at which the page plays while it gathers sound; less would be heard
(web/src/listen/controller.ts)."""

MARGIN_S = 0.25
"""What a player must hold beyond the longer flush when it begins: the jitter of a network."""


@dataclass(frozen=True, slots=True)
class Load:
    """Of the latest second: the share of the time spent sending, and how late the loop was at worst, in seconds."""

    share: float
    late_s: float

    @property
    def busy(self) -> bool:
        return self.share > BUSY_SHARE or self.late_s > LATE_S

    @property
    def idle(self) -> bool:
        return self.share < IDLE_SHARE and self.late_s < CALM_LATE_S

    @property
    def urgent(self) -> bool:
        return self.share > URGENT_SHARE or self.late_s > URGENT_LATE_S


@dataclass(frozen=True, slots=True)
class Announcement:
    """What listeners are told at ``made``: the flush that is taken at ``at``."""

    flush_s: float
    made: float
    at: float


def held_s(flush_s: float) -> float:
    """What a player holds right after a flush: as much, and as much again but 1 s at most."""
    return flush_s + min(1.0, flush_s)


def min_lead_s(longer_s: float) -> float:
    """Two of the longer flushes and a second: a backlog of that length has reached everyone by then."""
    return 2 * longer_s + 1.0


def lead_s(flush_s: float, longer_s: float, held: float | None = None) -> float:
    """How long before it is taken a step up is announced: until a player at SLOWEST holds the longer flush and a
    margin.

    :param held: what players hold now, if they have not had the time to gather ``held_s(flush_s)``.
    """
    held = held_s(flush_s) if held is None else held
    return max(min_lead_s(longer_s), (longer_s + MARGIN_S - held) / (1 - SLOWEST))


class Ladder:
    """``fixed_s`` holds it at one length, of up to 4 s, for ever."""

    def __init__(self, fixed_s: float = 0.0) -> None:
        if not 0 <= fixed_s <= STEPS_S[-1]:
            raise ValueError(f"a flush lasts up to {STEPS_S[-1]:.0f} s")
        self.fixed = fixed_s > 0
        self.flush_s = fixed_s if self.fixed else STEPS_S[0]
        self._next: Announcement | None = None
        self._climbed_at: float | None = None
        """When the present step was taken, if from below."""
        self._busy_since: float | None = None
        self._idle_since: float | None = None

    @property
    def newcomer_s(self) -> float:
        """The flush a newcomer has to be ready for: the one announced, if there is one."""
        return self._next.flush_s if self._next else self.flush_s

    def observe(self, load: Load, now: float) -> Announcement | None:
        """Told once a second. Returns what is to be announced, if anything."""
        if self.fixed:
            return None
        if self._next is not None:
            self._climb(self._next, load, now)
            return None
        self._busy_since = (now if self._busy_since is None else self._busy_since) if load.busy else None
        self._idle_since = (now if self._idle_since is None else self._idle_since) if load.idle else None
        step = STEPS_S.index(self.flush_s)
        if self._busy_since is not None and now - self._busy_since >= BUSY_FOR_S and step + 1 < len(STEPS_S):
            longer = STEPS_S[step + 1]
            self._next = Announcement(longer, now, now + lead_s(self.flush_s, longer, self._held(now)))
            return self._next
        if self._idle_since is not None and now - self._idle_since >= IDLE_FOR_S and step > 0:
            self.flush_s = STEPS_S[step - 1]
            self._idle_since = now
            self._climbed_at = None
            return Announcement(self.flush_s, now, now)
        return None

    def _held(self, now: float) -> float:
        """What players hold at least. The step before was taken when they held just enough for it (``tests/sim``: one
        step right after another left some of them dry)."""
        if self._climbed_at is None:
            return held_s(self.flush_s)
        return min(held_s(self.flush_s), self.flush_s + MARGIN_S + (1 - SLOWEST) * (now - self._climbed_at))

    def _climb(self, announced: Announcement, load: Load, now: float) -> None:
        """Take the step that was announced when its time has come."""
        soonest = announced.made + min_lead_s(announced.flush_s)
        if now >= announced.at or (load.urgent and now >= soonest):
            self.flush_s, self._next = announced.flush_s, None
            self._climbed_at = now
            self._busy_since = self._idle_since = None
