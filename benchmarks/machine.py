"""The machine, and what a process on it costs, from ``/proc``."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
from pathlib import Path
from typing import Any

import psutil

_TICKS = os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, Any]:
    """What someone needs who wants to compare: never a host name."""
    cpu = next((line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if "model name" in line), "?")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
        "open_files_a_process": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "load_before": round(os.getloadavg()[0], 2),
    }


def raise_limits() -> None:
    """As many open files as this machine allows, for us and all we start."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def family(pid: int) -> list[int]:
    """The process and its children, all generations."""
    try:
        return [pid, *(c.pid for c in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return [pid]


def cpu_s(*pids: int) -> float:
    """Seconds of CPU used so far, user and system, by all threads there are.

    From ``task/*/schedstat``, in nanoseconds; its sum is what ``stat`` tells in hundredths (proc(5), fields 14 and 15),
    which is taken where the kernel keeps no such statistics.
    """
    return sum(_exact_cpu_s(pid) or _cpu_s(pid) for pid in pids)


def _exact_cpu_s(pid: int) -> float:
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_kib(*pids: int) -> dict[str, int]:
    """Resident and proportional memory (proc(5), smaps_rollup)."""
    total = {"rss": 0, "pss": 0}
    for pid in pids:
        for line in _lines(f"/proc/{pid}/smaps_rollup"):
            key, _, rest = line.partition(":")
            if key.lower() in total:
                total[key.lower()] += int(rest.split()[0])
    return total


def kernel_drops() -> dict[str, int]:
    """Connections that the kernel's queues turned away since boot, and segments it had to send again."""
    found: dict[str, int] = {}
    for name in ("netstat", "snmp"):
        lines = _lines(f"/proc/net/{name}")
        for head, values in zip(lines[::2], lines[1::2], strict=True):
            found.update(zip(head.split()[1:], map(int, values.split()[1:]), strict=True))
    return {k: found.get(k, 0) for k in ("ListenOverflows", "ListenDrops", "RetransSegs", "TCPTimeouts")}


def idle_s() -> float:
    """Seconds all cores together have idled since boot."""
    fields = _lines("/proc/stat")[0].split()
    return (int(fields[4]) + int(fields[5])) / _TICKS


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
