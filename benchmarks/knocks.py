"""Visitors who ask for something small, from many addresses: ``c/knock.c`` processes with one clock, put together."""

from __future__ import annotations

import contextlib
import json
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.programs import THEIRS, compiled, running, start

PATIENCE_S = 20.0
"""After all should be over."""


@dataclass(frozen=True, slots=True)
class Knocks:
    """What is asked. ``rate`` (a second), ``visitors`` and ``addresses`` are of all processes together."""

    port: int
    requests: Sequence[bytes]
    """Whole, as they go over the wire; again and again."""
    rate: float
    seconds: float
    visitors: int
    addresses: int
    bundle: int = 1
    """Requests that a visitor sends at a time."""
    deep: int = 1
    """Requests of a visitor that may be unanswered."""
    once: bool = False
    """A connection for each request; otherwise each visitor keeps one."""
    processes: int = 1
    pinned: bool = False
    greeting: bytes = b""
    """What each connection asks for first, and gets; it is not counted."""


@dataclass(frozen=True, slots=True)
class Answered:
    due: int
    """By the clock, whatever became of them."""
    sent: int
    counts: dict[int, int]
    """Answers by status."""
    broken: int
    """Sent, and the connection was closed or never opened."""
    took_s: float
    """From the first due to the last answer, or to when the rest was given up."""
    lag_ms: float
    """How far the visitors themselves fell behind the clock at worst."""
    cpu_s: float
    raw: NDArray[np.uint32]

    def of(self, *statuses: int) -> int:
        return sum(self.counts.get(status, 0) for status in statuses)

    @property
    def answered(self) -> int:
        return sum(self.counts.values())

    def latency_ms(self, quantile: float) -> float:
        """From when a request was due to its answer, of those that were answered."""
        return float(np.quantile(self.raw[:, 1], quantile)) / 1000 if len(self.raw) else float("nan")

    def summary(self) -> dict[str, Any]:
        counts = {str(status): n for status, n in sorted(self.counts.items())}
        told = {name: getattr(self, name) for name in ("due", "sent", "broken", "took_s", "lag_ms", "cpu_s")}
        return {**told, "answers": counts, "p50_ms": self.latency_ms(0.5), "p99_ms": self.latency_ms(0.99)}


class Knocking:
    """Under way."""

    def __init__(self, children: list[Popen[str]], folder: Path, begin_at: float) -> None:
        self._children, self._folder, self._begin_at = children, folder, begin_at

    def marks(self) -> dict[str, float]:
        """Counts so far: ``due``, ``sent``, ``answered``."""
        for child in self._children:
            assert child.stdin
            child.stdin.write("mark\n")
            child.stdin.flush()
        lines = self._read()
        return {key: sum(line[key] for line in lines) for key in ("due", "sent", "answered")}

    def stop(self) -> None:
        """What is due and not answered is given up now."""
        for child in self._children:
            assert child.stdin
            child.stdin.close()

    def finish(self) -> Answered:
        """When all that was due is answered, or given up."""
        lines = self._read()
        for child in self._children:
            if child.wait(PATIENCE_S):
                raise RuntimeError(f"the visitors ended with {child.returncode}")
        counts: Counter[int] = Counter()
        for line in lines:
            counts.update({int(status): n for status, n in line["statuses"].items()})
        raw = [np.fromfile(f, np.uint32).reshape(-1, 2) for f in sorted(self._folder.glob("raw*"))]
        total = {key: sum(line[key] for line in lines) for key in ("due", "sent", "broken", "cpu_s")}
        took_s = max(line["at_s"] for line in lines) - self._begin_at
        return Answered(
            total["due"], total["sent"], dict(counts), total["broken"], took_s,
            max(line["lag_ms"] for line in lines), total["cpu_s"], np.concatenate(raw),
        )  # fmt: skip

    def _read(self) -> list[dict[str, Any]]:
        lines = []
        for child in self._children:
            assert child.stdout
            line = child.stdout.readline()
            if not line:
                raise RuntimeError(f"the visitors ended with {child.wait()}")
            lines.append(json.loads(line))
        return lines


@contextlib.contextmanager
def knocking(knocks: Knocks) -> Iterator[Knocking]:
    """The body runs while they ask; they end by themselves."""
    program, n = compiled("knock"), knocks.processes
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        asked = [*([knocks.greeting] if knocks.greeting else []), *knocks.requests]
        (folder / "requests").write_bytes(b"".join(struct.pack("<I", len(r)) + r for r in asked))
        begin_at = time.monotonic() + 0.2 + 0.05 * n
        children = []
        for i in range(n):
            command = [
                str(program), "--port", str(knocks.port), "--requests", str(folder / "requests"),
                "--rate", f"{knocks.rate / n:.6f}", "--seconds", f"{knocks.seconds:.3f}",
                "--visitors", str(max(1, knocks.visitors // n)), "--addresses", str(max(1, knocks.addresses // n)),
                "--from", f"127.{64 + i}.0.0", "--bundle", str(knocks.bundle), "--deep", str(knocks.deep),
                "--start-at", f"{begin_at + i / knocks.rate:.6f}", "--raw", str(folder / f"raw{i:03}"),
            ]  # fmt: skip
            command += [*(["--once"] if knocks.once else []), *(["--greet"] if knocks.greeting else [])]
            children.append(stack.enter_context(running(start(command, core=THEIRS if knocks.pinned else None))))
        yield Knocking(children, folder, begin_at)


def request(
    method: str, path: str, body: bytes = b"", *, content_type: str = "application/json", **fields: str
) -> bytes:
    """As a browser sends it. ``fields``: more of them, ``user_agent`` is ``User-Agent``."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in fields.items()]
    if body:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body
