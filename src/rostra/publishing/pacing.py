"""When the next frame of a file is due, so that it plays in real time. Pure: it is told the time."""

from __future__ import annotations

from dataclasses import dataclass

from rostra.units import FRAME_S, FRAME_SAMPLES, Monotonic

LATEST_S = 0.2
"""A frame later than this is not followed by a burst that makes up for it: the listener's jitter buffer would only
grow. The clock is set anew, and the time stamps jump by as much, which a receiver takes for silence."""


@dataclass(slots=True)
class Pacer:
    """Frame ``n`` is due at ``start + n * 20 ms``. The schedule counts from one origin, so that rounding and late
    wake-ups never add up; it moves only when the source itself stalled."""

    origin: Monotonic
    """When tick 0 is due."""
    tick: int = 0
    """Ticks of 20 ms since the origin at which the next frame stands; frames sent, and stalls."""
    stalls: int = 0
    """How often the source could not keep up."""
    stalled_s: float = 0.0

    def due(self) -> Monotonic:
        """When the next frame should leave."""
        return Monotonic(self.origin + self.tick * FRAME_S)

    def stamp(self, now: Monotonic) -> int:
        """Takes the next frame at ``now`` and gives its time stamp in samples since the origin."""
        late = now - self.due()
        if late > LATEST_S:
            self.stalls += 1
            self.stalled_s += late
            self.tick += round(late / FRAME_S)
        stamp = self.tick * FRAME_SAMPLES
        self.tick += 1
        return stamp
