"""What the processes of a rehearsal on this machine cost: CPU and memory a second, of the target's where it runs
here."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from pathlib import Path
from typing import Any

import psutil

from rostra.rehearsal.target import Target

_ROLES = ("edge", "studio", "stage", "serve", "demo")


class Processes:
    """Sampled once a second; names are roles (``edge-0``, ``stage-talk``, ``crowd-1``)."""

    def __init__(self, target: Target) -> None:
        self._known: dict[int, tuple[psutil.Process, str]] = {}
        self._cpu: dict[int, float] = {}
        self._sampled = time.monotonic()
        self.local = any(a.startswith("127.") or a == "::1" for a in target.addresses)
        if self.local:
            self._find(target.port)

    def add(self, pid: int, name: str) -> None:
        with contextlib.suppress(psutil.Error):
            self._known[pid] = (psutil.Process(pid), name)

    def edges(self) -> int:
        return sum(1 for _, name in self._known.values() if name.startswith("edge"))

    def sample(self) -> dict[str, dict[str, float]]:
        """By name: ``cpu_s`` a second since the last time, ``memory_bytes``, ``files``."""
        now = time.monotonic()
        took_s, self._sampled = max(0.1, now - self._sampled), now
        found: dict[str, dict[str, float]] = {}
        for pid, (process, name) in list(self._known.items()):
            try:
                with process.oneshot():
                    if process.status() == psutil.STATUS_ZOMBIE:  # it has ended; whoever started it will see to it
                        del self._known[pid]
                        continue
                    used = _cpu_s(process)
                    seen = found.setdefault(name, {"cpu_s": 0.0, "memory_bytes": 0.0, "files": 0.0})
                    seen["cpu_s"] += max(0.0, used - self._cpu.get(pid, used)) / took_s
                    seen["memory_bytes"] += process.memory_info().rss
                    seen["files"] += process.num_fds()
                self._cpu[pid] = used
            except psutil.Error:
                del self._known[pid]
        return found

    def _find(self, port: int) -> None:
        """The family of whoever listens on ``port``."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                words = process.cmdline()
                if not any(Path(word).name == "rostra" for word in words[:4]) or not any(
                    role in words for role in ("serve", "demo")
                ):
                    continue
                family = [process, *process.children(recursive=True)]
                if any(_listens(member, port) for member in family):
                    for member in family:
                        self._known[member.pid] = (member, _role(member))
                    return


def _cpu_s(process: psutil.Process) -> float:
    """User and system so far. ``schedstat`` of its threads is in nanoseconds (proc(5)); ``stat`` counts hundredths, too
    coarse for what an edge at rest takes in the two seconds before a rehearsal."""
    total = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):
                total += int((task / "schedstat").read_text().split()[0])
    if total:
        return total / 1e9
    times = process.cpu_times()
    return float(times.user + times.system)


def _listens(process: psutil.Process, port: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in process.net_connections(kind="tcp"))
    return False


def _role(process: psutil.Process) -> str:
    words: list[str] = process.cmdline()
    if "--name" in words[:-1] and "edge" in words:
        return words[words.index("--name") + 1]
    if "stage" in words[:-1]:
        return f"stage-{words[words.index('stage') + 1]}"
    if role := next((role for role in _ROLES if role in words), ""):
        return role
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    return module.rpartition(".")[2] if module else Path(words[0]).name if words else "?"


def facts() -> dict[str, Any]:
    """Of this machine, for whoever compares two reports."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": platform.release(),
        "cpu": _cpu_model(),
        "python": platform.python_version(),
    }


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
