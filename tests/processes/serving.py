"""`rostra serve` as anyone would start it, and what is under it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

RUN = [sys.executable, "-m", "rostra"]

ANY_PORTS = ("--front", "127.0.0.1:0", "--studio", "127.0.0.1:0", "--source", "127.0.0.1:0")


def until(true: Callable[[], bool], within_s: float = 20.0, what: str = "it") -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"{what}: not so within {within_s} s"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether there is a process of that number that is more than a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class Serving:
    process: subprocess.Popen[str]
    data: Path
    log: Path
    ready: str

    @property
    def addresses(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.data / "run" / "serve.json").read_text())
        return found

    @property
    def front(self) -> str:
        return self.addresses["front"]

    @property
    def studio(self) -> str:
        return self.addresses["studio"]

    def pids(self, role: str) -> list[int]:
        """Those that run as ``role`` by now: a word of their command line, past the leash."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                words = child.cmdline()
                if words and not any("leash" in w for w in words) and (role in words or Path(words[0]).name == role):
                    found.append(child.pid)
        return found

    def everyone(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def room(self, *words: str) -> Any:
        done = subprocess.run(
            [*RUN, "room", *words, "--json", "--data", str(self.data)],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


@contextlib.contextmanager
def serving(data: Path, *options: str, edges: int = 2, environment: dict[str, str] | None = None) -> Iterator[Serving]:
    log = data.parent / f"{data.name}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*RUN, "serve", *ANY_PORTS, "--edges", str(edges), "--data", str(data), *options],
            stdout=subprocess.PIPE, stderr=out, text=True, env={**os.environ, **(environment or {})},
        )  # fmt: skip
    assert process.stdout
    try:
        ready = process.stdout.readline()
        assert ready.startswith("ready "), (ready, log.read_text())
        yield Serving(process, data, log, ready)
    finally:
        below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        try:
            process.wait(10)
        finally:
            process.kill()
            process.stdout.close()
            for child in below:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
