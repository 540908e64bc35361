"""Twenty milliseconds from every seat in; one mix for all, and for who is heard a mix without themselves, out.

A tick goes: what each seat sends -> is it only echo? -> how loud is it, what gain follows? -> the gains, drawn as
lines over the 20 ms so that nothing clicks -> the sum -> mixes of their own for the audible -> the limiter. Whatever
the number of seats, each step is a few numpy calls on arrays with a row a seat: ``benchmarks/mixing.py`` measures it.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

import numpy as np

from rostra.mixing.audible import Audible
from rostra.mixing.echo import EchoDetector
from rostra.mixing.kweighting import F32, KWeighting
from rostra.mixing.limiter import LOOK_AHEAD_SAMPLES, Limiter
from rostra.mixing.loudness import Leveller, Mask
from rostra.mixing.settings import MixerSettings
from rostra.units import FRAME_S, FRAME_SAMPLES, MediaTime, Pcm, PcmFrame

MAX_SEATS: Final = 32
"""Seats of a stage at most (architecture, "Times, sizes and limits")."""

MIX_DELAY_SAMPLES: Final = LOOK_AHEAD_SAMPLES
"""A sample of tick t leaves the mixer this much later than t says: the limiter's look-ahead, 4 ms."""

_SILENT_LUFS: Final = -60.0
_CLIPPED: Final = np.float32(32767 / 32768)
_CLIP_MEMORY: Final = 0.99
"""A clipped frame counts for about 2 s."""
_OFTEN_CLIPPED: Final = 3.0
_FROM_INT16: Final = np.float32(1 / 32768)
_NEVER_DB: Final = -127


@dataclass(frozen=True, slots=True)
class Mixed:
    """What leaves the mixer in a tick."""

    program: PcmFrame
    """The mix that listeners and silent seats hear."""
    returns: Mapping[str, Pcm]
    """For each audible seat all but its own voice, shape (960,)."""
    levels: Mapping[str, int]
    """Whole dBFS, -127 to 0, after gain, of the seats that say something; as a meter shows it, 12 dB down a second."""
    echo: Mapping[str, float]
    """Seats whose loudspeaker sends the mix back, and how loud: dB relative to what they were sent."""
    audible: frozenset[str]
    """The seats in ``returns``."""


@dataclass(frozen=True, slots=True)
class VoiceReport:
    """What a host wants to know about a voice."""

    loudness_lufs: float
    """Of what was said lately, before gain; -inf before anything was."""
    gain_db: float
    """What the leveller adds to it."""
    clipping: bool
    """The source itself clips: they should move away from the microphone or turn it down."""
    silent_s: float
    """Seconds since anything was heard from the seat; since it joined, if nothing was."""
    echo_db: float | None
    """How loud the mix comes back from their loudspeaker, relative to what they were sent; None if it does not."""
    echo_delay_ms: float
    """How long the way back takes; 0.0 if there is none."""


class Mixer:
    """The mix of one stage. Seats come and go with the keys of ``frames``."""

    def __init__(self, settings: MixerSettings = MixerSettings()) -> None:  # noqa: B008 (frozen)
        self._settings = settings
        self._rows: dict[str, int] = {}
        self._weighting = KWeighting(MAX_SEATS)
        self._leveller = Leveller(MAX_SEATS, settings)
        self._echo = EchoDetector(MAX_SEATS)
        self._audible = Audible(MAX_SEATS, settings.audible)
        self._limiter = Limiter(1 + MAX_SEATS, settings.ceiling_dbfs)  # 0 is the program, 1 + row a seat's return
        # This tick and the one before, in turns: raw input, and input times gain.
        self._waves: tuple[F32, F32] = (_empty(), _empty())
        self._voices: tuple[F32, F32] = (_empty(), _empty())
        self._program_before: F32 = np.zeros(FRAME_SAMPLES, np.float32)
        self._gain: F32 = np.zeros(MAX_SEATS, np.float32)
        self._clips: F32 = np.zeros(MAX_SEATS, np.float32)
        self._silent_ticks = np.zeros(MAX_SEATS, np.int64)
        self._line: F32 = (np.arange(1, FRAME_SAMPLES + 1) / FRAME_SAMPLES).astype(np.float32)

    def tick(self, time: MediaTime, frames: Mapping[str, Pcm | None], muted: AbstractSet[str] = frozenset()) -> Mixed:
        """Mix 20 ms.

        A seat that is no longer among the keys of ``frames`` has left: it fades out in this tick.

        :param frames: per seat (960,) int16, or None when nothing came from it.
        :param muted: seats whose sound is not used.
        :raises ValueError: more than 32 seats, or a frame of another shape.
        """
        left = self._seat(frames)
        n = 1 + max(self._rows.values(), default=-1)
        self._waves = self._waves[::-1]
        self._voices = self._voices[::-1]
        wave, voices = self._waves[0][:n], self._voices[0][:n]
        present = self._fill(wave, frames, muted, n)

        only_echo, tainted_by_echo = self._echo.hear(wave)
        foreign, tainted = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        foreign[only_echo] = True
        tainted[tainted_by_echo] = True
        self._leveller.advance(self._weighting.mean_square(wave), foreign, tainted)
        self._watch(wave, n)
        gain = self._apply(wave, voices, present, foreign)
        self._echo.sent(gain)
        suspects = [row for row in self._rows.values() if (present[row] and self._leveller.active[row]) or foreign[row]]
        found = self._echo.look(suspects)
        if found is not None:
            self._leveller.discount_recent(found)

        program = voices.sum(axis=0)
        levels = _decibels(np.einsum("ij,ij->i", voices, voices) / np.float32(FRAME_SAMPLES))
        talks = present & self._leveller.active[:n] & ~foreign
        chosen = self._audible.choose(levels, talks, present)
        outputs = self._limit(program, voices, chosen)
        self._program_before = program
        mixed = self._mixed(time, outputs, chosen, talks)
        for seat in left:
            del self._rows[seat]
        return mixed

    def report(self) -> dict[str, VoiceReport]:
        """Measures of every seat, for the host's page. Cheap enough for once a second."""
        echo, leveller = self._echo.known, self._leveller
        return {
            seat: VoiceReport(
                loudness_lufs=float(leveller.speech_lufs[row]),
                gain_db=float(leveller.gain_db[row]),
                clipping=bool(self._clips[row] >= _OFTEN_CLIPPED),
                silent_s=float(self._silent_ticks[row]) * FRAME_S,
                echo_db=echo.get(row),
                echo_delay_ms=self._echo.delay_ms(row),
            )
            for seat, row in self._rows.items()
        }

    def _seat(self, frames: Mapping[str, Pcm | None]) -> list[str]:
        """Give new seats a row; the seats that have left keep theirs for this last tick."""
        for seat in frames:
            if seat in self._rows:
                continue
            taken = set(self._rows.values())
            row = next((r for r in range(MAX_SEATS) if r not in taken), None)
            if row is None:
                raise ValueError(f"a stage has {MAX_SEATS} seats, there is none for {seat}")
            self._rows[seat] = row
            for part in (self._weighting, self._leveller, self._echo, self._audible):
                part.reset(row)
            for array in (*self._waves, *self._voices):
                array[row] = 0.0
            self._gain[row] = self._clips[row] = 0.0
            self._silent_ticks[row] = 0
        return [seat for seat in self._rows if seat not in frames] if len(self._rows) > len(frames) else []

    def _fill(self, wave: F32, frames: Mapping[str, Pcm | None], muted: AbstractSet[str], n: int) -> Mask:
        """This tick's input, a row a seat. Rows that are to be heard."""
        present = np.zeros(n, np.bool_)
        if len(self._rows) < n:
            wave[:] = 0.0
        for seat, row in self._rows.items():
            frame = frames.get(seat)
            if frame is not None and seat not in muted:
                if frame.shape != (FRAME_SAMPLES,) or frame.dtype != np.int16:
                    raise ValueError(f"{seat}: a frame is (960,) int16, not {frame.shape} {frame.dtype}")
                np.multiply(frame, _FROM_INT16, out=wave[row])
                present[row] = True
            elif self._gain[row] > 0:
                # It stops in this tick. What it sent last, played backwards, joins on without a jump and fades out.
                wave[row] = self._waves[1][row, ::-1]
            else:
                wave[row] = 0.0
        return present

    def _watch(self, wave: F32, n: int) -> None:
        peak = np.maximum(wave.max(axis=1), -wave.min(axis=1))
        self._clips[:n] = self._clips[:n] * np.float32(_CLIP_MEMORY) + (peak >= _CLIPPED)
        silent = self._silent_ticks[:n]
        silent += 1
        silent[self._leveller.frame_lufs[:n] > _SILENT_LUFS] = 0

    def _apply(self, wave: F32, voices: F32, present: Mask, foreign: Mask) -> F32:
        """Voices with their gains; the gains at the end of the tick."""
        n = len(wave)
        decibels = self._leveller.gain_db[:n] + self._leveller.gate_db[:n]
        decibels = np.where(foreign, np.minimum(decibels, -np.float32(self._settings.echo_duck_db)), decibels)
        gain: F32 = np.where(present, 10 ** (decibels / 20), 0.0).astype(np.float32)
        before = self._gain[:n]
        change = gain - before
        if change.any():
            np.multiply(change[:, np.newaxis], self._line, out=voices)
            voices += before[:, np.newaxis]
            voices *= wave
            before[:] = gain
        else:
            np.multiply(wave, gain[:, np.newaxis], out=voices)
        return gain

    def _limit(self, program: F32, voices: F32, chosen: list[int]) -> Pcm:
        """Program, then the chosen's returns, as they leave."""
        before = self._program_before[-LOOK_AHEAD_SAMPLES:]
        wave = np.empty((1 + len(chosen), LOOK_AHEAD_SAMPLES + FRAME_SAMPLES), np.float32)
        wave[:, :LOOK_AHEAD_SAMPLES] = before
        wave[:, LOOK_AHEAD_SAMPLES:] = program
        for at, row in enumerate(chosen, start=1):
            wave[at, :LOOK_AHEAD_SAMPLES] -= self._voices[1][row, -LOOK_AHEAD_SAMPLES:]
            wave[at, LOOK_AHEAD_SAMPLES:] -= voices[row]
        for row in self._audible.newly:
            self._limiter.copy(0, 1 + row)
        pcm, _ = self._limiter.process(np.array([0, *(1 + row for row in chosen)], np.intp), wave)
        return pcm

    def _mixed(self, time: MediaTime, outputs: Pcm, chosen: list[int], talks: Mask) -> Mixed:
        seats = {row: seat for seat, row in self._rows.items()}
        returns = {seats[row]: outputs[at] for at, row in enumerate(chosen, start=1)}
        heard = np.flatnonzero(talks).tolist()
        whole = np.clip(np.rint(self._audible.level[: len(talks)]), _NEVER_DB, 0).astype(int).tolist()
        return Mixed(
            program=PcmFrame(time, outputs[0]),
            returns=returns,
            levels={seats[row]: whole[row] for row in heard},
            echo={seats[row]: level for row, level in self._echo.known.items() if row in seats},
            audible=frozenset(returns),
        )


def _empty() -> F32:
    return np.zeros((MAX_SEATS, FRAME_SAMPLES), np.float32)


def _decibels(mean_square: F32) -> F32:
    level: F32 = 10 * np.log10(np.maximum(mean_square, np.float32(1e-13)))
    return level
