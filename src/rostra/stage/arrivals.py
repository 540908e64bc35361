"""How late packets come, and how much delay that asks for. Pure: it is told the time.

What a packet *needs* is how much longer it took on its way than the fastest of the last two seconds. The target is
what 97 of 100 packets of the last seconds needed (as in NetEQ, the jitter buffer of WebRTC), a tick, and one packet
more while packets get lost, so that the copy of a lost one, which the next packet carries, is there in time.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from rostra.units import FRAME_SAMPLES, SAMPLE_RATE

MS: Final = SAMPLE_RATE // 1000

FIRST_TARGET: Final = 35 * MS
"""Before anything is known of the network: a tick, and what most networks need."""

MAX_TARGET: Final = 400 * MS
"""Past that, people talk over one another; what comes later still is given up."""

SLACK: Final = 4 * MS
"""Room in the target for what is not measured: our own ticks that come late. A target that would be lower by less than
this is left as it is, for each change is heard."""

BASE_WINDOW_S: Final = 2.0
"""The fastest packet is sought among those of the last 2 s: long enough to meet one, short enough to follow a clock
that is 0.5% off (10 ms)."""

MEMORY_S: Final = 4.0
"""How long a bad moment keeps the target up."""

RECENT: Final = 50
"""Packets, about 1 s: three late ones among them raise the target at once."""

MAX_KEPT: Final = 400
"""Packets of the memory: 4 s of 10 ms, and all there is need to know of shorter ones."""


class Arrivals:
    """Of one stream. Times are in seconds; offsets and targets in samples."""

    def __init__(self) -> None:
        self._base: deque[tuple[float, float]] = deque()
        """(arrival, arrival less timestamp), rising in the second: the first is the fastest packet in the window."""
        self._needs: deque[tuple[float, float]] = deque(maxlen=MAX_KEPT)
        """(arrival, what the packet needed)."""
        self._losses: deque[float] = deque(maxlen=2)
        """When packets were found missing, the last two."""
        self._count = 0
        self.target = float(FIRST_TARGET)
        """What the delay should be."""
        self.jitter = 0.0
        """What 97 of 100 packets needed."""

    def begin(self, now: float, offset: float) -> None:
        """Another stream, whose timestamps have nothing to do with those before; what is known of the network stays."""
        self._base.clear()
        self._base.append((now, offset))

    def note(self, now: float, offset: float, packet: int) -> None:
        """A packet of ``packet`` samples has come. ``offset``: its arrival less its timestamp, in samples."""
        while self._base and self._base[-1][1] >= offset:
            self._base.pop()
        self._base.append((now, offset))
        self._needs.append((now, offset - self.fastest(now)))
        self._count += 1
        if self._count % 5 == 0 or len(self._needs) < 10:
            self._set_target(now, packet)

    def note_loss(self, now: float) -> None:
        self._losses.append(now)

    def fastest(self, now: float) -> float:
        """Offset of the fastest packet of the window. There must have been one."""
        while len(self._base) > 1 and now - self._base[0][0] > BASE_WINDOW_S:
            self._base.popleft()
        return self._base[0][1]

    def _set_target(self, now: float, packet: int) -> None:
        while self._needs and now - self._needs[0][0] > MEMORY_S:
            self._needs.popleft()
        needs = np.fromiter((need for _, need in self._needs), np.float64, len(self._needs))
        lasting = np.partition(needs, k := int(0.97 * (len(needs) - 1)))[k]
        recent = np.sort(needs[-RECENT:])[-3:].min()
        self.jitter = float(max(lasting, recent))
        lossy = len(self._losses) == 2 and now - self._losses[0] < MEMORY_S
        target = float(min(self.jitter + FRAME_SAMPLES + SLACK + (packet if lossy else 0), MAX_TARGET))
        if not 0 <= self.target - target < SLACK:
            self.target = target
