"""The flush ladder: when an edge has more to do than it can, it sends less often and more at a time.

Seconds of sound that go out at once are 0.5, 1, 2 or 4: each step halves what sending costs. A step up is announced
first, and taken only when players have had the time to slow down until they hold the next flush and one second more; a
step down leaves them with more than they need, so it is announced as it is taken. Pure: is told the load and ``now``.
"""

from __future__ import annotations

from dataclasses import dataclass

STEPS_S = (0.5, 1.0, 2.0, 4.0)

BUSY_SHARE = 0.55
"""Up when sending takes more than this share of the time: beyond it, joins wait and a hiccup is not made good."""

IDLE_SHARE = 0.2
"""Down when it takes less: a step down doubles it, which must stay clear of BUSY_SHARE."""

LATE_S = 0.25
"""Up when the loop is late by this much: whatever else it does, it leaves no time for sending."""

CALM_LATE_S = 0.1

BUSY_FOR_S = 2.0
"""How long it must be busy: a burst of joins is over by then."""

IDLE_FOR_S = 20.0
"""How long it must be idle: going down and up again would be heard as a change of delay."""


@dataclass(frozen=True, slots=True)
class Load:
    """Of the latest second: the share of the time spent sending, and how late the loop was at worst, in seconds."""

    share: float
    late_s: float


@dataclass(frozen=True, slots=True)
class Announcement:
    """What listeners are told: the flush from now on, or from ``at`` on if that is later."""

    flush_s: float
    at: float


def lead_s(flush_s: float) -> float:
    """How long before it is taken a step up is announced: at 0.9 x a player gains 0.1 s a second... is too slow to
    wait for; a player that is told also rebuffers from the larger backlog. Two flushes and a second.
    """
    return 2 * flush_s + 1.0


class Ladder:
    """``fixed_s`` holds it at one step (or any other length up to 4 s) for ever."""

    def __init__(self, fixed_s: float = 0.0) -> None:
        if not 0 <= fixed_s <= STEPS_S[-1]:
            raise ValueError(f"a flush lasts up to {STEPS_S[-1]:.0f} s")
        self.fixed = fixed_s > 0
        self.flush_s = fixed_s if self.fixed else STEPS_S[0]
        self._next: Announcement | None = None
        self._busy_since: float | None = None
        self._idle_since: float | None = None

    @property
    def newcomer_s(self) -> float:
        """The flush a newcomer has to be ready for: the one announced, if it is longer."""
        return max(self.flush_s, self._next.flush_s if self._next else 0.0)

    def observe(self, load: Load, now: float) -> Announcement | None:
        """Told once a second. Returns what is to be announced, if anything."""
        if self.fixed:
            return None
        if self._next is not None:
            if now < self._next.at:
                return None
            self.flush_s, self._next = self._next.flush_s, None
            self._busy_since = self._idle_since = None
            return None
        busy = load.share > BUSY_SHARE or load.late_s > LATE_S
        idle = load.share < IDLE_SHARE and load.late_s < CALM_LATE_S
        self._busy_since = (now if self._busy_since is None else self._busy_since) if busy else None
        self._idle_since = (now if self._idle_since is None else self._idle_since) if idle else None
        step = STEPS_S.index(self.flush_s)
        if self._busy_since is not None and now - self._busy_since >= BUSY_FOR_S and step + 1 < len(STEPS_S):
            longer = STEPS_S[step + 1]
            self._next = Announcement(longer, now + lead_s(longer))
            return self._next
        if self._idle_since is not None and now - self._idle_since >= IDLE_FOR_S and step > 0:
            self.flush_s = STEPS_S[step - 1]
            self._idle_since = now
            return Announcement(self.flush_s, now)
        return None
