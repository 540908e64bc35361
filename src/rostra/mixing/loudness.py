"""Brings every voice to the same loudness, slowly, and never lifts what is not a voice.

Three questions, each answered a voice:

* *Does it say something now?* A 20 ms frame is **active** when it stands out of the voice's own noise floor, the
  quietest frame of the last 3 s. Speech dips far below itself many times in 3 s; a fan does not. It stays active for
  0.4 s more.
* *How loud is it when it speaks?* Blocks of 400 ms every 100 ms, as in ITU-R BS.1770-5, and only such as are speech;
  of the last 3 s of speech while the voice is new, growing to 20 s, so that the gain comes to rest. Pauses do not
  count, however long: whoever comes back is as loud as before.
* *What gain follows?* Towards the target within the bounds: fast (20 dB/s) during the first 3 s of speech, then slow
  (3 dB/s), and after 10 s not at all while it is right within 1.2 dB, so that nothing pumps. Someone who suddenly
  shouts is caught within a few tenths of a second. While nothing is said the gain rests, and the **gate** takes back
  what it had added and ``gate_depth_db`` more.

All of it is arithmetic on arrays with a row a voice; nothing here sees samples.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rostra.mixing.kweighting import F32, lufs
from rostra.mixing.settings import MixerSettings

Mask = NDArray[np.bool_]

FLOOR_FRAMES: Final = 150
"""3 s: long enough that speech has dipped to the room's noise, short enough to follow a fan that is switched on."""

BLOCK_FRAMES: Final = 20
"""400 ms, the gating block of BS.1770-5."""

UPDATE_FRAMES: Final = 5
"""100 ms, its step."""

NEW_BLOCKS: Final = 27
"""Blocks that make up 3 s (the first is 400 ms, each further one adds 100): until then a voice is new."""

SETTLED_BLOCKS: Final = 100
"""10 s of speech: by then its loudness is known to half a decibel."""

MAX_BLOCKS: Final = 200
"""20 s of speech: a longer memory would follow someone who leans back too late."""

_NOTHING_LUFS: Final = -85.0
"""Below this is digital silence: a muted source, not the room's noise."""
_QUIETEST_LUFS: Final = -60.0
"""Below this nobody is understood even with the greatest gain."""
_LOUDEST_FLOOR_LUFS: Final = -46.0
"""What is steady and louder than this is meant to be heard (an organ, a test tone), not a room's noise."""
_ABOVE_FLOOR_DB: Final = 9.0
_SPEECH_RANGE_DB: Final = 6.0
"""Speech moves by more than this within 400 ms; steady noise does not."""
_HOLD_FRAMES: Final = 20
_RELATIVE_GATE: Final = 0.1
"""-10 LU, BS.1770-5."""

_FAST_DB: Final = 20.0 / 50
_SLOW_DB: Final = 3.0 / 50
"""A frame."""
_AT_REST_DB: Final = 1.2
_SETTLING_DB: Final = 0.3
"""How far off a gain may be and still rest; less while there are not yet 10 s to go by."""
_ARRIVED_DB: Final = 0.1
_CHANGED_DB: Final = 5.0
"""If the last 3 s differ from the last 20 s by more, the voice is another (or stands elsewhere): it counts as new."""
_SHOUT_DB: Final = 8.0
"""Above the target, of a block, after gain: emphasis stays below."""
_GATE_OPEN_DB: Final = 40.0
_GATE_CLOSE_DB: Final = 40.0 / 50


class Leveller:
    """Loudness, gain and gate of ``rows`` voices."""

    def __init__(self, rows: int, settings: MixerSettings) -> None:
        self._settings = settings
        self._clock = 0
        self._floor_ring: F32 = np.full((rows, FLOOR_FRAMES), np.inf, np.float32)
        self._recent: F32 = np.zeros((rows, BLOCK_FRAMES), np.float32)
        self._hold = np.zeros(rows, np.int32)
        self._blocks: F32 = np.zeros((rows, MAX_BLOCKS), np.float32)
        self._count = np.zeros(rows, np.int32)
        self._passed = np.zeros((rows, NEW_BLOCKS), np.bool_)
        self._moving = np.zeros(rows, np.bool_)
        self._goal: F32 = np.zeros(rows, np.float32)
        self._step: F32 = np.zeros(rows, np.float32)
        self._order = np.arange(MAX_BLOCKS)
        self.frame_lufs: F32 = np.full(rows, -120.0, np.float32)
        """Loudness of the last frame, before gain."""
        self.speech_lufs: F32 = np.full(rows, -np.inf, np.float32)
        """Gated loudness of what was said lately, before gain; -inf before anything was."""
        self.gain_db: F32 = np.zeros(rows, np.float32)
        self.gate_db: F32 = np.full(rows, -settings.gate_depth_db, np.float32)
        """What the gate adds to the gain: 0 while open, else negative."""
        self.active = np.zeros(rows, np.bool_)
        """Whether a voice says something now or did within the last 0.4 s."""

    def reset(self, row: int) -> None:
        """A new voice takes the row."""
        self._floor_ring[row] = np.inf
        self._recent[row] = 0.0
        self._hold[row] = 0
        self._passed[row] = False
        self._forget_speech(row)
        self.frame_lufs[row] = -120.0
        self.gate_db[row] = -self._settings.gate_depth_db
        self.active[row] = False

    def discount_recent(self, row: int) -> None:
        """The last 3 s turned out not to be the voice's own (an echo): unlearn them."""
        own = self._count[row] - int(self._passed[row].sum())
        if own <= 0:
            self._forget_speech(row)
            return
        self._blocks[row, :own] = self._blocks[row, self._count[row] - own : self._count[row]]
        self._count[row] = own
        self._passed[row] = False

    def _forget_speech(self, row: int) -> None:
        self._count[row] = 0
        self._moving[row] = False
        self._goal[row] = self.gain_db[row] = 0.0
        self.speech_lufs[row] = -np.inf

    def advance(self, mean_square: F32, foreign: Mask, tainted: Mask) -> None:
        """Take one frame's K-weighted mean squares, shape (n,), for the first n voices.

        ``foreign`` marks voices in which something else is heard now than the person: it neither opens the gate nor
        counts.
        """
        n = len(mean_square)
        loudness = lufs(mean_square)
        self.frame_lufs[:n] = loudness
        self._recent[:n, self._clock % BLOCK_FRAMES] = mean_square
        floor_ring = self._floor_ring[:n]
        floor_ring[:, self._clock % FLOOR_FRAMES] = np.where(loudness > _NOTHING_LUFS, loudness, np.inf)
        floor = np.clip(floor_ring.min(axis=1), _NOTHING_LUFS, _LOUDEST_FLOOR_LUFS)
        stands_out = (loudness > np.maximum(floor + _ABOVE_FLOOR_DB, _QUIETEST_LUFS)) & ~foreign
        hold = self._hold[:n]
        np.subtract(hold, 1, out=hold)
        hold[stands_out] = _HOLD_FRAMES
        hold[foreign | (hold < 0)] = 0
        active = hold > 0
        self.active[:n] = active
        self._clock += 1
        if self._clock % UPDATE_FRAMES == 0:
            self._learn(n, active & ~tainted)
        self._move(n, active)

    def _learn(self, n: int, active: Mask) -> None:
        """Every 100 ms: the block that has just ended, and what gain follows."""
        recent = self._recent[:n]
        mean = recent.mean(axis=1)
        block = lufs(mean)
        swing = (recent.max(axis=1) + 1e-12) / (recent.min(axis=1) + 1e-12)
        speech = (block > _LOUDEST_FLOOR_LUFS + _ABOVE_FLOOR_DB) | (swing > 10 ** (_SPEECH_RANGE_DB / 10))
        passes = active & (block > _QUIETEST_LUFS) & speech
        self._passed[:n, 1:] = self._passed[:n, :-1]
        self._passed[:n, 0] = passes
        rows = np.flatnonzero(passes)
        if not len(rows):
            return
        self._blocks[rows, 1:] = self._blocks[rows, :-1]
        self._blocks[rows, 0] = mean[rows]
        self._count[rows] = np.minimum(self._count[rows] + 1, MAX_BLOCKS)

        lately = self._gated(rows, NEW_BLOCKS)
        long = self._gated(rows, MAX_BLOCKS)
        changed = np.abs(lately - long) > _CHANGED_DB
        self._count[rows[changed]] = NEW_BLOCKS
        loudness = np.where(changed, lately, long)
        self.speech_lufs[rows] = loudness

        settings = self._settings
        gain = self.gain_db[rows]
        wanted = np.clip(settings.loudness_lufs - loudness, settings.min_gain_db, settings.max_gain_db)
        off = np.abs(wanted - gain)
        new = self._count[rows] < NEW_BLOCKS
        rest = np.where(self._count[rows] < SETTLED_BLOCKS, _SETTLING_DB, _AT_REST_DB)
        moving = (off > np.where(self._moving[rows], _ARRIVED_DB, rest)) | new
        goal = np.where(moving, wanted, gain)
        step = np.where(new | changed, _FAST_DB, np.where(off > _CHANGED_DB, 2 * _SLOW_DB, _SLOW_DB))
        shout = block[rows] + gain - (settings.loudness_lufs + _SHOUT_DB)
        shouting = shout > 0
        self._moving[rows] = moving | shouting
        self._goal[rows] = np.where(shouting, np.minimum(goal, gain - shout), goal)
        self._step[rows] = np.where(shouting, _FAST_DB, step)

    def _gated(self, rows: NDArray[np.intp], newest: int) -> F32:
        """Loudness of the newest blocks of ``rows``, without those 10 LU and more below their mean (BS.1770-5)."""
        blocks = self._blocks[rows, :newest]
        count = np.minimum(self._count[rows], newest)
        valid = self._order[:newest] < count[:, np.newaxis]
        mean = np.where(valid, blocks, 0.0).sum(axis=1) / count
        valid &= blocks > (_RELATIVE_GATE * mean)[:, np.newaxis]
        loudness: F32 = lufs(np.where(valid, blocks, 0.0).sum(axis=1) / valid.sum(axis=1))
        return loudness

    def _move(self, n: int, active: Mask) -> None:
        """Every frame: the gain a step towards its goal, while the voice speaks; the gate open or closing."""
        gain, gate = self.gain_db[:n], self.gate_db[:n]
        step = np.where(active, self._step[:n], 0.0)
        gain += np.clip(self._goal[:n] - gain, -step, step)
        shut = -(np.maximum(gain, 0.0) + self._settings.gate_depth_db)
        np.copyto(
            gate, np.where(active, np.minimum(gate + _GATE_OPEN_DB, 0.0), np.maximum(gate - _GATE_CLOSE_DB, shut))
        )
