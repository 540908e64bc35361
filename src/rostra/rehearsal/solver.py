"""Challenges solved beside a generator, whose loop must not stand still while a phone would think.

``python -m rostra.rehearsal.solver`` is the process, at low priority: lines in, ``NUMBER CHALLENGE-JSON``; lines out,
``NUMBER PAYLOAD`` (a dash: it could not be solved).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections import deque

from rostra.errors import WireError
from rostra.leash import leashed
from rostra.rehearsal.challenges import read_challenge, solve

AHEAD = 8
"""Challenges in the pipe at once: more would fill it, and the generator would wait for the solver."""

MAX_QUEUED = 100_000
"""Who comes behind so many will not be solved within anyone's patience."""

LOWER = 5
"""Niceness."""


class Solver:
    """The process as its generator sees it. It is started when it is first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._queue: deque[bytes] = deque()
        self._out = 0
        self._rest = b""

    def ask(self, number: int, body: bytes) -> int:
        """The descriptor that its answers come from; -1: there are too many before it, or it cannot be started."""
        if len(self._queue) >= MAX_QUEUED:
            return -1
        if self._process is None:
            command = leashed([sys.executable, "-m", "rostra.rehearsal.solver"])
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
            self._process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
            )
            assert self._process.stdout
            os.set_blocking(self._process.stdout.fileno(), False)
        self._queue.append(b"%d %s\n" % (number, body.replace(b"\n", b" ")))
        self._feed()
        return self.fileno()

    def fileno(self) -> int:
        return self._process.stdout.fileno() if self._process and self._process.stdout else -1

    def answers(self) -> list[tuple[int, str]] | None:
        """Who was solved, and what is to be sent (empty: it cannot be solved). None: the process is gone."""
        try:
            data = os.read(self.fileno(), 65536)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._out -= len(lines)
        self._feed()
        found = (line.decode().partition(" ") for line in lines)
        return [(int(number), "" if answer == "-" else answer) for number, _, answer in found]

    def _feed(self) -> None:
        assert self._process is not None
        assert self._process.stdin
        with contextlib.suppress(OSError):  # it is gone: answers() says so
            while self._queue and self._out < AHEAD:
                self._process.stdin.write(self._queue.popleft())
                self._out += 1
            self._process.stdin.flush()

    def close(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def main() -> None:
    os.nice(LOWER)
    for line in sys.stdin.buffer:
        number, _, body = line.partition(b" ")
        try:
            answer = solve(read_challenge(body)) or "-"
        except WireError:
            answer = "-"
        sys.stdout.write(f"{number.decode()} {answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
