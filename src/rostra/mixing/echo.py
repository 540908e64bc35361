"""Finds the mix coming back through a speaker's loudspeaker, and says when it is all that is heard of them.

A guest on speakerphone sends back, some 50 to 500 ms later, what was sent to them; everyone then hears themselves. It
is found by correlating what a seat sends with what the seat was sent, **whitened** and at 3.2 kHz:

* Both are brought down to 3.2 kHz, where 250 to 1400 Hz carry a voice and little else, and kept for 2.56 s.
* A few times a second a seat that sends anything is *looked at*: the last 1.92 s against the mix-minus up to 640 ms
  before, through the Fourier transform, each spectrum divided by its own smoothed outline (Knapp and Carter 1976,
  "The generalized correlation method"). Undivided, two voices of one pitch look alike; divided, two people reach
  0.13 at most and an echo in a reverberant room 0.15 to 0.7 (``docs/topics/mixing.md``).
* Every 20 ms counts alike, however loud. One high value proves nothing; the same delay twice or more does.

Once an echo is known, each frame is compared with what the echo alone would amount to: less than that and 7.5 dB is
*echo only*, more means that the person talks over it and must be heard.

One look costs about a quarter of a millisecond, so there is one every 40 ms at most, whatever the number of seats.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rostra.mixing.kweighting import F32
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE

DECIMATION: Final = 15
RATE: Final = SAMPLE_RATE // DECIMATION
FRAME: Final = FRAME_SAMPLES // DECIMATION
"""64 samples of 3.2 kHz: a power of two, so that the windows below are too."""

WINDOW: Final = 8192
"""2.56 s of what was sent: as much as is kept of a seat, 32 KiB."""

FRAMES: Final = WINDOW // FRAME
HEARD: Final = 6144
"""1.92 s of what came back; the other 2048 samples of the window leave room for the delay."""

SHORTEST: Final = RATE * 20 // 1000
LONGEST: Final = RATE * 600 // 1000
"""20 and 600 ms: shorter than any network and sound card, and as long as jitter buffers become."""

LOOK_EVERY_FRAMES: Final = 2
"""40 ms, for all seats together."""
LOOK_AGAIN_FRAMES: Final = 12
"""240 ms for one seat: more often would look at the same sound again."""

_LOW_HZ, _HIGH_HZ = 250, 1400
_OUTLINE_BINS: Final = 64
"""25 Hz: narrower than the harmonics of a voice are apart."""

LIKELY: Final = 0.16
"""Above what two people who talk at once reach: 0.13, or 0.16 with two looks in a thousand."""
LEAST_SOUNDING: Final = 0.4
"""Share of the window in which a seat must have sent something to be worth a look: 1 s."""
PROVEN: Final = 0.8
"""Sum of such values at one delay, one after another: two clear ones or five weak ones."""
ALONE: Final = 0.3
"""Above what an echo reaches while a person talks over it as loud."""
SAME_DELAY: Final = 6
"""Samples: 1.9 ms, what a jitter buffer's resampling moves within a second."""

_QUIET: Final = 1e-7
"""-70 dBFS: below it there is nothing to find."""
_TALKS_OVER: Final = 10**0.75
"""7.5 dB above what the echo alone should be: 97 of 100 frames of mere echo stay 5 dB below it, whatever the room."""
_SHOUTS_OVER: Final = 4 * _TALKS_OVER
_TALK_FRAMES: Final = 2
"""Frames in a row that prove a person; one, if it is 6 dB above even that."""
_SLOWLY: Final = 0.9
_TALKS_ALONG: Final = 10**0.35
"""3.5 dB above, over the last 0.2 s: a person who is not louder than the echo is found by the sum of both."""
_TALK_HOLD: Final = 25
"""Half a second: from syllable to syllable."""
_TAINT_FRAMES: Final = 20
"""0.4 s, the blocks in which loudness is measured."""
_TAIL: Final = 10**-0.2
"""2 dB a frame: a room that rings for 0.6 s."""
_TAILS: Final = _TAIL ** np.arange(16, dtype=np.float32)
_GONE_FRAMES: Final = 150
"""3 s in which the echo should have been heard and was not: they have put on headphones."""


class EchoDetector:
    """Echo of ``rows`` seats. Each frame: :meth:`hear`, then :meth:`sent`, then :meth:`look`."""

    def __init__(self, rows: int) -> None:
        taps = 5 * DECIMATION
        ideal = np.sinc(2 * 1100 / SAMPLE_RATE * (np.arange(taps) - taps // 2)) * np.hamming(taps)
        # Column b holds the taps for the block of 15 samples that came b blocks ago, newest sample first.
        self._taps: F32 = (ideal / ideal.sum()).reshape(5, DECIMATION)[:, ::-1].T.astype(np.float32)
        self._before: F32 = np.zeros((rows, 4 * DECIMATION), np.float32)
        self._heard: F32 = np.zeros((rows, WINDOW), np.float32)
        self._said: F32 = np.zeros((rows, WINDOW), np.float32)
        self._mix: F32 = np.zeros(WINDOW, np.float32)
        self._power: F32 = np.zeros((rows, FRAMES), np.float32)
        self._frame = 0
        self._next_row = 0
        self._looked = np.full(rows, -LOOK_AGAIN_FRAMES, np.int64)
        self._delay = np.zeros(rows, np.int64)
        self._score = np.zeros(rows, np.float64)
        self._known: dict[int, _Echo] = {}
        self._band = slice(_LOW_HZ * WINDOW // RATE, _HIGH_HZ * WINDOW // RATE)

    def reset(self, row: int) -> None:
        """A new seat takes the row."""
        for array in (self._before, self._heard, self._said, self._power):
            array[row] = 0.0
        self._score[row] = 0.0
        self._known.pop(row, None)

    @property
    def known(self) -> dict[int, float]:
        """Rows in which the mix comes back, and how loud: dB relative to what they were sent."""
        return {row: echo.level_db for row, echo in self._known.items()}

    def delay_ms(self, row: int) -> float:
        """How long the way back takes; 0 if there is no echo."""
        echo = self._known.get(row)
        return 1000 * echo.delay / RATE if echo else 0.0

    def hear(self, wave: F32) -> tuple[list[int], list[int]]:
        """Take what the first n seats send in this frame, shape (n, 960).

        :returns: rows of which only echo is heard now, and rows that an echo makes seem louder than they are.
        """
        n = len(wave)
        at = self._at()
        low = self._decimate(wave)
        self._heard[:n, at : at + FRAME] = low
        power = np.einsum("ij,ij->i", low, low) / np.float32(FRAME)
        self._power[:n, self._frame % FRAMES] = power
        if not self._known:
            return [], []
        only: list[int] = []
        tainted: list[int] = []
        for row, echo in list(self._known.items()):
            if row >= n:
                continue
            then = (at - echo.delay + np.arange(FRAME)) % WINDOW
            reference = self._mix[then] - self._said[row, then]
            if echo.follow(float(reference @ reference) / FRAME, float(power[row])):
                only.append(row)
            if echo.tainted:
                tainted.append(row)
            if echo.missing >= _GONE_FRAMES:
                del self._known[row]
                self._score[row] = 0.0
        return only, tainted

    def sent(self, gains: F32) -> None:
        """Take the gains with which the first n seats went into the mix in this frame."""
        n, at = len(gains), self._at()
        said = self._heard[:n, at : at + FRAME] * gains[:, np.newaxis]
        self._said[:, at : at + FRAME] = 0.0
        self._said[:n, at : at + FRAME] = said
        self._mix[at : at + FRAME] = said.sum(axis=0)

    def look(self, rows: list[int]) -> int | None:
        """Look for echo in one of ``rows``, if it is time. The row in which one was just found that was not known."""
        frame = self._frame
        self._frame += 1
        if frame % LOOK_EVERY_FRAMES:
            return None
        due = [r for r in rows if frame - self._looked[r] >= LOOK_AGAIN_FRAMES]
        if not due:
            return None
        row = min(due, key=lambda r: (r - self._next_row) % len(self._looked))
        self._next_row = row + 1
        self._looked[row] = frame
        return row if self._look_at(row, frame) else None

    def _look_at(self, row: int, frame: int) -> bool:
        start = ((frame + 1) % FRAMES) * FRAME  # the oldest sample kept
        heard = _in_order(self._heard[row], start)
        reference = _in_order(self._mix, start) - _in_order(self._said[row], start)
        heard[: WINDOW - HEARD] = 0.0
        if float(heard @ heard) < HEARD * _QUIET or float(reference @ reference) < WINDOW * _QUIET:
            return False
        sounding = int(np.count_nonzero(self._power[row] > _QUIET)) / FRAMES
        if sounding < LEAST_SOUNDING:
            return False
        value, delay = self._correlate(_even(heard), _even(reference))
        # Little sound agrees with anything by chance: the value's spread falls with the root of the time.
        value *= min(1.0, sounding**0.5)
        if value < LIKELY:
            # Somebody who talks over the echo hides it: a miss says nothing about an echo that is known.
            self._score[row] = 0.0
            return False
        same = abs(delay - int(self._delay[row])) <= SAME_DELAY
        self._score[row] = value + (self._score[row] if same else 0.0)
        self._delay[row] = delay
        # One value can be as high as 1.0: a second one at the same delay is asked for all the same.
        if not same or self._score[row] < PROVEN:
            return False
        alone = value > ALONE
        level = _level(heard, reference, delay, alone=alone)
        if row in self._known:
            self._known[row].update(delay, level, alone=alone)
            return False
        self._known[row] = _Echo(delay, level)
        return True

    def _correlate(self, heard: F32, reference: F32) -> tuple[float, int]:
        """The highest whitened correlation, 0 to 1, and its delay in samples."""
        band = self._band
        a = _whitened(np.fft.rfft(heard)[band].astype(np.complex64))
        b = _whitened(np.fft.rfft(reference)[band].astype(np.complex64))
        cross = np.zeros(WINDOW // 2 + 1, np.complex64)
        cross[band] = a * np.conj(b)
        # Parseval: the energies of both waves, each half of a symmetric spectrum. Only HEARD of WINDOW can agree.
        norm = np.sqrt(float(np.vdot(a, a).real) * float(np.vdot(b, b).real) * HEARD / WINDOW) * 2 / WINDOW
        course = np.abs(np.fft.irfft(cross, WINDOW)[SHORTEST : LONGEST + 1])
        at = int(np.argmax(course))
        return float(course[at]) / max(norm, 1e-12), SHORTEST + at

    def _decimate(self, wave: F32) -> F32:
        n = len(wave)
        joined = np.concatenate((self._before[:n], wave), axis=1)
        self._before[:n] = wave[:, -4 * DECIMATION :]
        parts = joined.reshape(n, FRAME + 4, DECIMATION) @ self._taps
        low: F32 = parts[:, 4:, 0].copy()
        for back in range(1, 5):
            low += parts[:, 4 - back : FRAME + 4 - back, back]
        return low

    def _at(self) -> int:
        return (self._frame % FRAMES) * FRAME


class _Echo:
    """An echo that is known: where, how loud, and whether a person talks over it."""

    __slots__ = ("_expected", "_lingering", "_power", "_ratio", "_taint", "_talk", "_talk_hold", "delay", "missing")

    def __init__(self, delay: int, ratio: float) -> None:
        self.delay = delay
        self._ratio = ratio
        self._lingering = self._expected = self._power = 0.0
        self._taint = _TAINT_FRAMES
        self._talk = 0
        self._talk_hold = 0
        self.missing = 0
        """Frames in which the echo should have been heard and was not, less those in which it was."""

    @property
    def level_db(self) -> float:
        """Of all that comes back, the room's ringing included, relative to what was sent."""
        return 10 * float(np.log10(max(self._ratio / (1 - _TAIL), 1e-9)))

    @property
    def tainted(self) -> bool:
        """Whether the echo, within the last 0.4 s, may have been more than a third of what was heard."""
        return self._taint > 0

    def update(self, delay: int, ratio: float, *, alone: bool) -> None:
        """Take what another look at it gave."""
        self.delay = delay
        # Under somebody's talk an echo seems louder than it is.
        self._ratio += (0.25 if alone or ratio < self._ratio else 0.05) * (ratio - self._ratio)
        self.missing = 0

    def follow(self, reference: float, power: float) -> bool:
        """Take the powers of a frame: whether all that is heard is echo."""
        self._lingering = reference + self._lingering * _TAIL
        expected = self._ratio * self._lingering
        self._expected = expected + _SLOWLY * self._expected
        self._power = power + _SLOWLY * self._power
        self._taint = _TAINT_FRAMES if 3 * self._expected > self._power else max(0, self._taint - 1)
        if expected < _QUIET:
            self._talk = 0
            return False
        if self._ratio * reference > 10 * _QUIET:
            self.missing = self.missing + 1 if power < 0.03 * expected else max(0, self.missing - 2)
        self._talk = self._talk + 1 if power > _TALKS_OVER * expected else 0
        if power > _SHOUTS_OVER * expected or self._power > _TALKS_ALONG * self._expected:
            self._talk = _TALK_FRAMES
        if self._talk >= _TALK_FRAMES:
            self._talk_hold = _TALK_HOLD
        elif self._talk_hold:
            self._talk_hold -= 1
        return not self._talk_hold


def _whitened(spectrum: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Divided by its own outline, a mean over 25 Hz; what is 60 dB below the strongest stays small."""
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    total = np.zeros(len(power) + 1, np.float64)
    np.cumsum(power, out=total[1:])
    half = _OUTLINE_BINS // 2
    bins = np.arange(len(power))
    low, high = np.maximum(bins - half, 0), np.minimum(bins + half, len(power))
    outline = (total[high] - total[low]) / (high - low)
    white: NDArray[np.complex64] = (spectrum / np.sqrt(outline + 1e-6 * outline.max() + 1e-20)).astype(np.complex64)
    return white


def _even(wave: F32) -> F32:
    """Every frame about as loud as the next.

    Else two clicks, one on either side, would pass for an echo for as long as both are in the window.
    """
    frames = wave.reshape(-1, FRAME)
    power = np.einsum("ij,ij->i", frames, frames)
    even: F32 = (frames / np.sqrt(power + 0.1 * power.mean() + 1e-12)[:, np.newaxis]).reshape(-1).astype(np.float32)
    return even


def _level(heard: F32, reference: F32, delay: int, *, alone: bool) -> float:
    """How much of the power that was sent, and lingers in the room, comes back in a frame.

    If the echo is alone, of all power; else the median over the frames, as a person may talk over some.
    """
    first = WINDOW - HEARD
    back = np.square(heard[first:]).reshape(-1, FRAME).mean(axis=1)
    sent = np.square(reference[first - delay : WINDOW - delay]).reshape(-1, FRAME).mean(axis=1)
    lingering = np.convolve(sent, _TAILS)[: len(sent)]
    if alone:
        return float(back.sum() / lingering.sum())
    loud = lingering > 0.03 * lingering.mean()
    return float(np.median(back[loud] / lingering[loud]))


def _in_order(ring: F32, oldest: int) -> F32:
    return np.concatenate((ring[oldest:], ring[:oldest]))
