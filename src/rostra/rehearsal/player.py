"""What one listener would have heard. Pure: is told what came and when.

A model of the page's player: it starts with what it holds once that is ``start_s`` of sound, goes silent when it
runs dry (an *underrun*) and starts again with :data:`REBUFFER_S` in hand, and slows down by :data:`SLOWER` when a
longer flush is announced until it holds that and 1 s more. *Hole*: media time that never came. There are tens of
thousands of these in a process, so it has slots and takes a whole flush in one step.
"""

from __future__ import annotations

from rostra.units import SAMPLE_RATE

SLOWER = 0.03
"""How much slower the page plays while it gathers sound (edge/ladder.py, SLOWEST)."""

REBUFFER_S = 0.5
"""What a player that ran dry waits for, so that it does not run dry again at once."""


class Player:
    """Times are monotonic seconds; media time is in samples at 48 kHz."""

    __slots__ = (
        "asked", "end", "first_sound_s", "hole_s", "holes", "play_from", "repeated", "silent_s", "sound_s", "start_s",
        "underruns", "wanted_s",
    )  # fmt: skip

    def __init__(self, asked: float, start_s: float = 0.0) -> None:
        self.asked = asked
        """When sound was first asked for. Queues and challenges count: people wait in them."""
        self.start_s = start_s
        self.first_sound_s = -1.0
        """From asking to the first sound; -1: none yet."""
        self.end = -1
        """Media time up to which sound has come; -1: none."""
        self.play_from = -1.0
        """When media time 0 plays; -1: it does not play yet."""
        self.wanted_s = 0.0
        self.sound_s = 0.0
        self.underruns = 0
        self.silent_s = 0.0
        self.holes = 0
        self.hole_s = 0.0
        self.repeated = 0

    def hear(self, start: int, end: int, now: float) -> bool:
        """Sound from ``start`` to ``end`` without a hole. Returns whether it was silent before it came."""
        known = self.end
        if known < 0:
            self.first_sound_s = now - self.asked
        elif start > known:
            self.holes += 1
            self.hole_s += (start - known) / SAMPLE_RATE
        elif start < known:
            if end <= known:
                self.repeated += 1
                return False
            start = known
        self.end = end
        sound_s = (end - start) / SAMPLE_RATE
        self.sound_s += sound_s
        if self.play_from < 0:
            if self.sound_s >= self.start_s:
                self.play_from = now - (end / SAMPLE_RATE - self.sound_s)
            return False
        position_s = now - self.play_from
        if known >= 0 and position_s > known / SAMPLE_RATE:
            self.underruns += 1
            self.silent_s += position_s - known / SAMPLE_RATE + REBUFFER_S
            self.play_from = now - start / SAMPLE_RATE + REBUFFER_S
            return True
        if self.wanted_s and (lacks_s := self.wanted_s - (end / SAMPLE_RATE - position_s)) > 0:
            self.play_from += min(lacks_s, SLOWER * sound_s)
        return False

    def flush(self, flush_s: float) -> None:
        """The edge announced how much comes at once from now on."""
        self.wanted_s = flush_s + 1.0

    def silent_until(self, now: float) -> float:
        """Seconds of silence that it is in by ``now``, if it ran dry and nothing came since."""
        if self.play_from < 0 or self.end < 0:
            return 0.0
        return max(0.0, now - self.play_from - self.end / SAMPLE_RATE)

    def leave(self) -> None:
        """It went by itself: when it comes back it begins anew, and what it missed is nobody's fault."""
        self.end = -1
        self.play_from = -1.0
        self.wanted_s = 0.0
        self.sound_s = 0.0
