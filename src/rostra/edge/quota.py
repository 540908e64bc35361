"""How often something may be done from one place, in memory of a fixed size. Pure: is told the time.

The generic cell rate algorithm (ITU-T I.371, A.1): of each place only the moment is kept at which it would have used
what it was given. Places are hashed into slots, two rows of them with different hashes, and what both rows refuse is
refused: whoever shares a slot with somebody greedy shares the other one with somebody else. A place costs nothing, so a
million of them cost what one does.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from hashlib import blake2b

SLOTS = 1 << 16
"""A row: 512 KiB of moments. 10,000 places a minute meet another one in both rows 2% of the time."""


@dataclass(frozen=True, slots=True)
class Rate:
    a_minute: float
    """How often for ever."""
    burst: int
    """How often at once."""

    @property
    def every_s(self) -> float:
        return 60.0 / self.a_minute


class Quota:
    def __init__(self, rate: Rate, salt: bytes, slots: int = SLOTS) -> None:
        """:param salt: keeps strangers from choosing whose slot they share."""
        self.rate = rate
        self._salt = salt
        self._slots = slots
        self._rows = (array("d", bytes(8 * slots)), array("d", bytes(8 * slots)))
        self.refused = 0

    def take(self, place: bytes, now: float) -> float:
        """0.0: it may be done, and counts. Otherwise seconds until it may."""
        wait = self.wait(place, now)
        if wait > 0:
            self.refused += 1
            return wait
        places = list(zip(self._rows, self._places(place), strict=True))
        used = max(min(row[slot] for row, slot in places), now) + self.rate.every_s
        for row, slot in places:
            row[slot] = max(row[slot], used)  # a slot that is ahead is somebody else's doing
        return 0.0

    def wait(self, place: bytes, now: float) -> float:
        """Seconds until it may be done; 0.0: now. Counts nothing."""
        allowed_s = self.rate.every_s * (self.rate.burst - 1)
        waits = [row[slot] - now - allowed_s for row, slot in zip(self._rows, self._places(place), strict=True)]
        return max(0.0, min(waits))

    def _places(self, place: bytes) -> tuple[int, int]:
        digest = blake2b(place, digest_size=8, key=self._salt).digest()
        return (
            int.from_bytes(digest[:4], "big") % self._slots,
            int.from_bytes(digest[4:], "big") % self._slots,
        )
