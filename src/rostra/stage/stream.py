"""A stream with a clock of its own, pulled by ours: the buffer between a decoder and the ticks. Pure: no thread, no
clock; a tick is a call of :meth:`StreamBuffer.pull`.

A source client sends in bursts: a network's, an encoder's block of half a second, or a whole file as fast as it can.
So what counts is not how full the buffer is but its *reserve*, the least it held in the last four seconds. Playing
begins the target's time after the first sound has come: of a source that keeps time, that is the reserve from then on,
however large its bursts. Within a band around the target the reserve is left alone; when it leaves the band it is
brought back by playing up to 1% faster or slower, so that a clock that is 0.5% off is followed for hours. When the
buffer runs dry there is silence, then a new beginning, and the target is raised.

A source that is always ready to send more (a file, unpaced) fills the buffer to the brim. Then the brim is what paces
it, its clock is ours, and it is played at its own speed.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from rostra.stage.resample import Resampler
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Pcm

MS: Final = SAMPLE_RATE // 1000

CAPACITY: Final = 5 * SAMPLE_RATE
"""5 s, 480 kB: what servers send at once to a new listener, for a relay may be our source. More waits in its socket."""

FIRST_TARGET: Final = 400 * MS
"""The reserve to begin with: a TCP retransmission, twice. Whoever wants less delay speaks by WebRTC."""

MAX_TARGET: Final = 1500 * MS
"""A source that stalls for longer is heard to stall."""

WINDOW_TICKS: Final = 200
"""4 s: longer than any encoder's burst."""

MAX_STEP: Final = 10
"""Samples a frame: 1%, a sixth of a semitone."""

ABOVE: Final = 400 * MS
BELOW: Final = 80 * MS
"""The band around the target: an encoder's bursts make the reserve move without any clock being off."""

CLOSE: Final = 20 * MS
"""So near the target is on target: the reserve tells what was up to four seconds ago."""

QUIET_EXCESS: Final = 300 * MS
QUIET_CUT: Final = 10 * MS
QUIET_PEAK: Final = 180
"""As in the jitter buffer: pauses are shortened while the reserve is this much above its target."""

FADE: Final = 240
"""5 ms at either end of a hole."""


class StreamBuffer:
    """One source's sound, 48 kHz mono."""

    def __init__(self) -> None:
        self._resampler = Resampler()
        self._pieces: deque[Pcm] = deque()
        self._fill = 0
        self._playing = False
        self._ended = False
        self._brim = False
        self._target = FIRST_TARGET
        self._direction = 0
        self._least: deque[tuple[int, int]] = deque()
        """(tick, fill), rising in the second: the first is the least of the window."""
        self._tick = 0
        self._begun = 0
        """The tick at which playing began."""
        self._since = 0
        """The tick at which there was sound again, while nothing is played; 0: there was none."""
        self.stalls = 0
        """How often it ran dry while it was playing."""
        self.longest_gap_ticks = 0
        self._gap_ticks = 0
        self.cut = 0
        """Samples left out of pauses."""

    @property
    def fill(self) -> int:
        return self._fill

    @property
    def full(self) -> bool:
        """Whether more should wait."""
        return self._fill >= CAPACITY

    @property
    def target(self) -> int:
        return self._target

    @property
    def finished(self) -> bool:
        """The source has ended and everything was played."""
        return self._ended and self._fill == 0

    def push(self, pcm: Pcm) -> None:
        """More sound, shape (n,), s16. It is taken even if :attr:`full`, so push in small pieces."""
        if len(pcm):
            self._pieces.append(pcm)
            self._fill += len(pcm)
            if self.full:
                self._brim = True

    def end(self) -> None:
        """No more will come; what there is will be played."""
        self._ended = True

    def pull(self) -> Pcm | None:
        """The next 20 ms: shape (960,), s16. None while there is nothing."""
        self._tick += 1
        if not self._playing:
            if self._fill and not self._since:
                self._since = self._tick
            waited = (self._tick - self._since) * FRAME_SAMPLES if self._since else 0
            if self._fill == 0 or (waited < self._target and not self._ended):
                self._gap_ticks += 1
                return None
            return self._begin()
        self._note_fill()
        reserve = self._least[0][1]
        if self._brim and max(self._fill, reserve) < CAPACITY - SAMPLE_RATE:
            self._brim = False  # it could not keep the buffer full, so it has a clock of its own
        excess = 0 if self._brim or self._ended else reserve - self._target
        if self._tick - self._begun < WINDOW_TICKS:
            excess = min(excess, 0)  # the least is not known yet
        take = FRAME_SAMPLES + self._step(excess)
        if self._fill < take:
            return self._run_dry()
        if excess > QUIET_EXCESS:
            self._shorten_pause(take)
        return self._resampler.frame(self._take(take))

    def _step(self, excess: int) -> int:
        """Samples more (or less, negative) for this frame; proportional, so that what is known late does no harm."""
        if self._direction * excess <= CLOSE:
            self._direction = 1 if excess > ABOVE else -1 if excess < -BELOW else 0
        return self._direction * min(MAX_STEP, 2 + abs(excess) // (2 * WINDOW_TICKS))

    def _begin(self) -> Pcm:
        self._playing = True
        self._begun, self._since = self._tick, 0
        self.longest_gap_ticks = max(self.longest_gap_ticks, self._gap_ticks if self.stalls else 0)
        self._gap_ticks = 0
        self._least.clear()
        first = self._take(min(FRAME_SAMPLES, self._fill))
        whole = np.concatenate((first, np.zeros(FRAME_SAMPLES - len(first), np.int16)))
        whole[:FADE] = whole[:FADE] * np.linspace(0, 1, FADE)
        return self._resampler.frame(whole)

    def _run_dry(self) -> Pcm:
        rest = self._take(self._fill)
        whole = np.concatenate((rest, np.zeros(max(0, FRAME_SAMPLES - len(rest)), np.int16)))[:FRAME_SAMPLES]
        at = max(0, min(len(rest), FRAME_SAMPLES) - FADE)
        whole[at : at + FADE] = whole[at : at + FADE] * np.linspace(1, 0, FADE)
        self._playing = False
        if not self._ended:
            self.stalls += 1
            self._target = min(MAX_TARGET, self._target * 3 // 2)
        return self._resampler.frame(whole)

    def _note_fill(self) -> None:
        while self._least and self._least[-1][1] >= self._fill:
            self._least.pop()
        self._least.append((self._tick, self._fill))
        while self._least[0][0] <= self._tick - WINDOW_TICKS:
            self._least.popleft()

    def _take(self, samples: int) -> Pcm:
        """``samples`` from the front; there must be as many."""
        self._fill -= samples
        taken = []
        while samples:
            piece = self._pieces.popleft()
            if len(piece) > samples:
                self._pieces.appendleft(piece[samples:])
                piece = piece[:samples]
            taken.append(piece)
            samples -= len(piece)
        return np.concatenate(taken) if taken else np.zeros(0, np.int16)

    def _shorten_pause(self, take: int) -> None:
        """Leave out 10 ms of what comes next if nobody speaks there."""
        wanted = take + QUIET_CUT
        if self._fill < wanted:
            return
        ahead = self._take(wanted)
        self._fill += wanted
        if np.abs(ahead.astype(np.int32)).max() <= QUIET_PEAK:
            half = take // 2  # at that level two pieces of a room's noise need no fade between them
            ahead = np.concatenate((ahead[:half], ahead[half + QUIET_CUT :]))
            self._fill -= QUIET_CUT
            self.cut += QUIET_CUT
        self._pieces.appendleft(ahead)
