"""A small coverage-guided fuzzer: seeded, in one process, with nothing to install.

Inputs that reach lines of ours which no input reached before join the corpus and are mutated further. Lines are seen
through ``sys.settrace``; a function all of whose lines were seen is not traced any more, so it soon costs little.
"""

from __future__ import annotations

import hashlib
import random
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

OURS = (str(Path(__file__).parent.parent / "src" / "rostra"),)

MAX_INPUT_BYTES = 64 * 1024
"""Longest input made: past every bound of the parsers, which refuse by length before that."""

MAX_CORPUS = 300
"""Inputs mutated of one target; a corpus of parsers this small has some dozens."""

HANG_S = 2.0
"""An input that takes longer is a finding: nothing anyone sends may cost so much."""

SHRINK_S = 3.0

Target = Callable[[bytes], object]

_EDGES = (0, 1, 2, 7, 8, 9, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 32767, 32768, 65535,
          65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
_NUMBERS = (b"0", b"1", b"-1", b"4294967295", b"18446744073709551616", b"99999999999999999999999999", b"1e309", b"0x10",
            b"00", b"+1", b"\xd9\xa1", b" 1", b"1.5", b"nan")  # fmt: skip


class Hang(BaseException):
    """Not an Exception, so that no target can swallow it."""


@dataclass(frozen=True)
class Finding:
    """An input under which the invariant did not hold."""

    data: bytes
    error: str
    """The traceback."""

    @property
    def name(self) -> str:
        return hashlib.sha256(self.data).hexdigest()[:12]


@dataclass
class Outcome:
    executions: int = 0
    lines: int = 0
    corpus: list[bytes] = field(default_factory=list)
    """What was novel, seeds included."""
    finding: Finding | None = None


class Lines:
    """Which lines of code under ``roots`` ran."""

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = tuple(roots)
        self._left: dict[CodeType, set[int] | None] = {}
        self.seen = 0

    def run(self, target: Target, data: bytes) -> bool:
        """Whether a line ran that never ran before. What ``target`` raises comes through."""
        before = self.seen
        sys.settrace(self._call)
        try:
            target(data)
        finally:
            sys.settrace(None)
        return self.seen > before

    def _call(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        if code not in self._left:
            ours = code.co_filename.startswith(self._roots)
            self._left[code] = {line for _, _, line in code.co_lines() if line is not None} if ours else None
        return self._line if self._left[code] else None

    def _line(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        left = self._left[frame.f_code]
        if left and frame.f_lineno in left:
            left.discard(frame.f_lineno)
            self.seen += 1
        return self._line if left else None


def fuzz(
    target: Target,
    seeds: Sequence[bytes],
    *,
    seed: int = 1,
    seconds: float | None = None,
    executions: int | None = None,
    generate: Callable[[random.Random], bytes] | None = None,
    roots: Sequence[str] = OURS,
) -> Outcome:
    """Runs until something is found, ``seconds`` are over or ``executions`` are done. One seed, one sequence.

    :param generate: a generator of a target's own, which knows its format; it makes a third of the inputs.
    """
    rng, lines, outcome = random.Random(seed), Lines(roots), Outcome()
    mutator = Mutator(seeds, rng)
    deadline = None if seconds is None else time.monotonic() + seconds
    waiting = [b"", *seeds]
    while executions is None or outcome.executions < executions:
        if deadline is not None and time.monotonic() >= deadline and not waiting:
            break
        if waiting:
            data = waiting.pop(0)
        elif generate is not None and rng.random() < 1 / 3:
            data = generate(rng)
        else:
            data = mutator.next(outcome.corpus)
        outcome.executions += 1
        try:
            novel = _limited(lambda data=data: lines.run(target, data))  # type: ignore[misc]
        except Hang:  # each step of making it shorter would hang as long
            outcome.finding = Finding(data, traceback.format_exc())
            break
        except Exception:
            error = traceback.format_exc()
            outcome.finding = Finding(shrink(target, data), error)
            break
        if novel and len(outcome.corpus) < MAX_CORPUS:
            outcome.corpus.append(data)
    outcome.lines = lines.seen
    return outcome


class Mutator:
    """Makes inputs out of inputs."""

    def __init__(self, seeds: Sequence[bytes], rng: random.Random) -> None:
        self._rng = rng
        self._words = sorted({w for s in seeds for w in _words(s)}) or [b"\0"]

    def next(self, corpus: Sequence[bytes]) -> bytes:
        rng = self._rng
        # What was novel of late leads on: half of the time, one of the last eight.
        pool = corpus[-8:] if rng.random() < 0.5 else corpus
        data = bytearray(rng.choice(pool)) if pool else bytearray(rng.randbytes(rng.randrange(64)))
        if len(corpus) > 1 and rng.random() < 0.15:
            other = rng.choice(corpus)
            data = data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]
        for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
            data = self._mutate(data)
        return bytes(data[:MAX_INPUT_BYTES])

    def _mutate(self, data: bytearray) -> bytearray:
        rng = self._rng
        at = rng.randrange(len(data) + 1)
        match rng.randrange(11):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(data):
                common = (0, 1, 9, 10, 13, 32, 34, 44, 47, 58, 127, 128, 255)
                data[at] = rng.choice(common) if rng.random() < 0.3 else rng.randrange(256)
            case 2:
                size = rng.choice((1, 2, 4, 8))
                value = rng.choice(_EDGES) + rng.choice((-1, 0, 0, 1))
                data[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, rng.choice(("big", "little")))
            case 3:
                del data[at : at + _length(rng)]
            case 4:
                data[at:at] = data[at : at + _length(rng)]
            case 5:
                data[at:at] = rng.choice(self._words)
            case 6:
                word = rng.choice(self._words)
                data[at : at + len(word)] = word
            case 7:
                numbers = list(re.finditer(rb"[0-9]+", bytes(data)))
                if numbers:
                    found = rng.choice(numbers)
                    data[found.start() : found.end()] = rng.choice(_NUMBERS)
            case 8:
                del data[at:]
            case 9 if rng.random() < 0.2:
                byte = data[at : at + 1] or b"A"
                data[at:at] = byte * rng.choice((255, 256, 1024, 4097, 8193, 20_000))
            case _:
                data[at:at] = rng.randbytes(rng.randrange(1, 5))
        return data


def shrink(target: Target, data: bytes) -> bytes:
    """A shorter input that fails as well: pieces are left out as long as it does."""
    end, step = time.monotonic() + SHRINK_S, max(1, len(data) // 2)
    while step and time.monotonic() < end:
        at = 0
        while at < len(data) and time.monotonic() < end:
            shorter = data[:at] + data[at + step :]
            if _fails(target, shorter):
                data = shorter
            else:
                at += step
        step //= 2
    return data


def _fails(target: Target, data: bytes) -> bool:
    try:
        _limited(lambda: target(data))
    except (Exception, Hang):
        return True
    return False


def _limited(work: Callable[[], Any]) -> Any:
    """Raises Hang when it takes longer than HANG_S."""

    def ring(*_: object) -> None:
        raise Hang(f"took longer than {HANG_S} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        return work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _words(seed: bytes) -> set[bytes]:
    """What a seed seems to be made of: words, the separators between them, and four-byte codes."""
    words = set(re.findall(rb"[A-Za-z0-9_-]{2,24}", seed)) | set(re.findall(rb"[^A-Za-z0-9]{1,4}", seed))
    return words | {seed[i : i + 4] for i in range(0, min(len(seed), 256), 4)}


def _length(rng: random.Random) -> int:
    """Mostly short, now and then long."""
    return int(1 << rng.randrange(11)) if rng.random() < 0.3 else rng.randrange(1, 9)
