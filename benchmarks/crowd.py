"""The crowd: one or more ``c/crowd.c`` processes with one clock, and what they heard, put together."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.programs import THEIRS, compiled, has_openssl, running, start

NEVER = 0xFFFFFFFF
_COLUMNS = ("connect", "first_byte", "first_sound", "start", "underruns", "silent", "gaps", "fate")
_ARRIVAL = np.dtype([("listener", np.uint64), ("time", np.uint64), ("at_us", np.uint64)])
LISTENERS_A_PROCESS = 15_000
"""Well below 20,000 open files, the least that counts as a raised limit."""
STRIDE = 1117
"""From one address of a crowd that is spread to the next: 15,000 of them go once around 127.0.0.0/8, and no network
(/16) has more than 59 of them."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """How a crowd joins. ``rate`` is for all of it together."""

    port: int
    path: str
    listeners: int
    rate: float
    start_buffer_s: float = 0.0
    """What the model player holds before it starts: what the page starts with."""
    mpeg_bit_rate: int = 0
    """0: CMAF; else the body is bare MPEG frames of so many bits a second."""
    tls: bool = False
    samples: int = 0
    """Streams kept whole, to be decoded."""
    pinned: bool = False
    parts: bool = False
    """Whether it is kept when each listener had which part, from :meth:`Gathering.log` on."""
    processes: int = 0
    """0: as many as the limit on open files asks for."""
    world: int = 0
    """Networks that it says it comes from, by PROXY preambles; 0: it says nothing."""
    block: int = 1
    """Its first source addresses are 127.BLOCK.0.0: another for each crowd that is there at the same time."""
    niceness: int = 0
    """Less than 0 where others on its core would make it late: then it would measure itself."""
    spread: bool = False
    """Each from an address of its own, all over 127.0.0.0/8; otherwise a process has 200 side by side."""
    due: bool = False
    """Times count from when a listener was to come, though the crowd itself was late; otherwise from connecting."""

    @property
    def process_count(self) -> int:
        return self.processes or -(-self.listeners // LISTENERS_A_PROCESS)


class Gathering:
    """A crowd that has joined."""

    def __init__(self, children: list[Popen[str]], folder: Path) -> None:
        self._children = children
        self._folder = folder
        self.joined = self._read()

    def mark(self) -> dict[str, float]:
        """Counts so far, of all processes together."""
        return self._say("mark")

    def log(self) -> dict[str, float]:
        """The same, and from now on it is written down who has which part when."""
        return self._say("log")

    def _say(self, word: str) -> dict[str, float]:
        for child in self._children:
            assert child.stdin
            child.stdin.write(f"{word}\n")
            child.stdin.flush()
        return self._read()

    def finish(self) -> Heard:
        for child in self._children:
            assert child.stdin
            child.stdin.close()
        counts = self._read()
        for child in self._children:
            if child.wait(60):
                raise RuntimeError(f"the crowd ended with {child.returncode}")
        raws = [np.fromfile(f, np.uint32).reshape(-1, len(_COLUMNS)) for f in sorted(self._folder.glob("raw*"))]
        samples = [f.read_bytes() for f in sorted(self._folder.glob("*.stream"))]
        return Heard(counts, np.concatenate(raws), samples, self._arrivals([len(raw) for raw in raws]))

    def _arrivals(self, listeners: list[int]) -> NDArray[np.void]:
        """Of all processes, the listeners numbered through."""
        found = [np.zeros(0, _ARRIVAL)]
        for i, file in enumerate(sorted(self._folder.glob("parts*"))):
            found.append(np.fromfile(file, _ARRIVAL))
            found[-1]["listener"] += sum(listeners[:i])
        return np.concatenate(found)

    def _read(self) -> dict[str, float]:
        lines = []
        for child in self._children:
            assert child.stdout
            line = child.stdout.readline()
            if not line:
                raise RuntimeError(f"the crowd ended with {child.wait()}")
            lines.append(json.loads(line))
        largest = ("joining_s", "join_lag_ms", "busiest_ms", "at_s")
        return {
            key: max(x[key] for x in lines) if key in largest else sum(x[key] for x in lines)
            for key in lines[0]
            if key != "event"
        }


@dataclass(frozen=True, slots=True)
class Heard:
    """What the whole crowd heard, at the end."""

    counts: dict[str, float]
    raw: NDArray[np.uint32]
    samples: list[bytes]
    arrivals: NDArray[np.void]
    """Records of ``listener``, ``time`` (of a part's first sample) and ``at_us`` (monotonic), once it was whole."""

    def column(self, name: str) -> NDArray[np.uint32]:
        return self.raw[:, _COLUMNS.index(name)]

    @property
    def never(self) -> int:
        """Listeners who never heard anything."""
        return int((self.column("first_sound") == NEVER).sum())

    @property
    def lost(self) -> int:
        """Was in, and is not."""
        return int(self.counts["lost"])

    @property
    def torn(self) -> int:
        """Listeners whose parts did not follow one another, or came twice, or were no parts."""
        return int((self.column("gaps") > 0).sum() + self.counts["broken"])

    @property
    def underran(self) -> int:
        return int((self.column("underruns") > 0).sum())

    def latency_ms(self, name: str, quantile: float) -> float:
        """Of all who began: who never got there counts as infinitely late."""
        times = self.column(name).astype(np.float64)
        times[times == NEVER] = np.inf
        return float(np.quantile(times, quantile, method="inverted_cdf")) / 1000

    def histogram_ms(self, name: str) -> dict[str, int]:
        """Counts up to each bound in ms, for whoever wants the whole shape."""
        times = self.column(name)
        times = times[times != NEVER] / 1000
        bounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000]
        counts, _ = np.histogram(times, [0, *bounds])
        return {f"<={b}": int(n) for b, n in zip(bounds, counts, strict=True) if n}

    def summary(self) -> dict[str, Any]:
        return {
            **{k: round(v, 3) for k, v in self.counts.items() if k != "at_s"},
            "never_heard": self.never,
            "first_sound_ms": self.histogram_ms("first_sound"),
        }


@contextlib.contextmanager
def gathered(crowd: Crowd) -> Iterator[Gathering]:
    """Joins; the body begins when everyone has sound, or 10 s after the last began."""
    program = compiled("crowd")
    if crowd.tls and not has_openssl():
        raise RuntimeError("the crowd has no TLS without OpenSSL's headers (libssl-dev)")
    n = crowd.process_count
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        begin_at = time.monotonic() + 0.2 + 0.05 * n
        children = []
        for i in range(n):
            share = replace(
                crowd,
                listeners=crowd.listeners // n + (i < crowd.listeners % n),
                rate=crowd.rate / n,
                samples=crowd.samples // n + (i < crowd.samples % n),
            )
            command = _command(program, share, i, folder, begin_at + i / crowd.rate)
            child = start(command, core=THEIRS if crowd.pinned else None)
            children.append(stack.enter_context(running(child)))
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, child.pid, crowd.niceness)
        yield Gathering(children, folder)


def _command(program: Path, crowd: Crowd, number: int, folder: Path, begin_at: float) -> list[str]:
    sources, stride = (crowd.listeners, STRIDE) if crowd.spread else (max(1, min(200, crowd.listeners // 50)), 1)
    command = [
        str(program),
        *("--port", str(crowd.port), "--path", crowd.path),
        *("--listeners", str(crowd.listeners), "--rate", f"{crowd.rate:.3f}"),
        *("--from", f"127.{crowd.block + number}.0.0", "--sources", str(sources), "--stride", str(stride)),
        *("--start-buffer", f"{crowd.start_buffer_s:.3f}", "--start-at", f"{begin_at:.6f}"),
        *("--raw", str(folder / f"raw{number:03}"), "--hold", "1200"),
    ]
    if crowd.samples:
        command += ["--samples", str(crowd.samples), "--sample-dir", str(folder)]
    if crowd.parts:
        command += ["--parts", str(folder / f"parts{number:03}")]
    if crowd.world:
        command += ["--world", str(crowd.world)]
    if crowd.due:
        command += ["--due"]
    if crowd.mpeg_bit_rate:
        command += ["--mpeg", str(crowd.mpeg_bit_rate)]
    return command + (["--tls"] if crowd.tls else [])
