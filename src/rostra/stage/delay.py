"""The broadcast delay: what the stage says goes out so many seconds later, unless it is dumped meanwhile. Pure.

The line holds 20 ms a place, with what listeners are told beside them, so that a name or a state never runs ahead of
the sound. It is passed through on every tick, one in and one out, and media time goes on whatever it holds.

* *Growing* it, nothing comes out until it is filled: listeners hear quiet for as long as the difference.
* *Shrinking* it cuts the oldest: what was said first is never heard, and the rest follows at once.
* *Dumping* takes the sound out of every place, and the levels with it. The places stay: quiet is heard instead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from rostra.units import FRAME_S, Pcm, RoomState
from rostra.wire.listeners import SeatView
from rostra.wire.rooms import MAX_DELAY_S

MAX_PLACES: Final = round(MAX_DELAY_S / FRAME_S)
"""1500 of them, 1,920 bytes each: 2.9 MB where the delay is the longest there is."""


@dataclass(frozen=True, slots=True)
class Said:
    """20 ms of the stage, and what listeners are told with them."""

    pcm: Pcm | None
    """(960,) int16; None where nothing is to go out."""
    state: RoomState
    levels: Mapping[str, int] = field(default_factory=dict)
    stage: tuple[SeatView, ...] = ()


class DelayLine:
    """Between mixer and encoders."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self._places: deque[Said] = deque()
        self._sounding = 0
        """Places that hold sound."""
        self._target = 0
        self.set_delay(delay_s)

    @property
    def delay_s(self) -> float:
        """What is wished; while the line grows it holds less."""
        return self._target * FRAME_S

    @property
    def held_s(self) -> float:
        return len(self._places) * FRAME_S

    @property
    def sounding(self) -> bool:
        """Whether there is sound in it that is still to go out."""
        return self._sounding > 0

    def set_delay(self, delay_s: float) -> None:
        """From the next tick on. :raises ValueError: less than 0, or more than there may be."""
        if not 0 <= delay_s <= MAX_DELAY_S:
            raise ValueError(f"a broadcast delay is 0 to {MAX_DELAY_S:g} s, not {delay_s:g}")
        self._target = round(delay_s / FRAME_S)

    def pass_on(self, said: Said) -> Said | None:
        """What is said now goes in, what is due comes out: itself where there is no delay; None while it fills."""
        if not self._target:
            self._places.clear()
            self._sounding = 0
            return said
        if said.pcm is not None:
            said = replace(said, pcm=said.pcm.copy())  # the mixer's own array is larger, and would stay with it
            self._sounding += 1
        self._places.append(said)
        if len(self._places) <= self._target:
            return None
        while len(self._places) > self._target + 1:
            self._take()
        return self._take()

    def drain(self) -> Said | None:
        """What comes out when nothing goes in any more; None when it is empty."""
        return self._take() if self._places else None

    def dump(self) -> float:
        """Nothing that is in the line goes out. How many seconds of sound that were."""
        dumped, self._sounding = self._sounding, 0
        for n, said in enumerate(self._places):
            if said.pcm is not None:
                self._places[n] = replace(said, pcm=None, levels={})
        return dumped * FRAME_S

    def _take(self) -> Said:
        said = self._places.popleft()
        if said.pcm is not None:
            self._sounding -= 1
        return said
