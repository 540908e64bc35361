"""When to come back after a connection was lost, so that thousands who lost theirs at once come spread out. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_S = 1.0
"""Half of those who were dropped are back within half a second, all within one."""

LONGEST_S = 15.0


@dataclass(slots=True)
class Backoff:
    """Full jitter: each wait is drawn evenly from nothing to a bound that doubles with every failure."""

    failures: int = 0

    def wait_s(self, draw: float, *, spread_s: float = 0.0) -> float:
        """Seconds until the next try. ``draw``: a random number in [0, 1). ``spread_s``: what the server asked for
        (``draining``, ``Retry-After``); it counts where it is longer."""
        bound = min(LONGEST_S, FIRST_S * float(1 << min(self.failures, 10)))
        self.failures += 1
        return max(bound, spread_s) * draw

    def succeeded(self) -> None:
        self.failures = 0
