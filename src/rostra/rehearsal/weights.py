"""An attack's share of the CPU: a control group of its own where we may make one, niceness where not."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")

NICE_STEP = 1.25
"""One step of niceness changes the kernel's weight by so much (sched(7))."""


@dataclass(frozen=True, slots=True)
class Placed:
    """How it was done, in words for the report; ``folder`` is to be removed at the end."""

    sentence: str
    folder: Path | None = None

    def remove(self) -> None:
        if self.folder is not None:
            with contextlib.suppress(OSError):
                self.folder.rmdir()


def place(pid: int, weight: int, root: Path = CGROUP, proc: Path = Path("/proc")) -> Placed:
    """Gives process ``pid`` the CPU weight ``weight``; 100 is what any process has."""
    groups = _groups(pid, proc)
    for folder, file, value in (
        (root / groups.get("", "").lstrip("/"), "cpu.weight", str(weight)),
        (root / "cpu" / groups.get("cpu", "").lstrip("/"), "cpu.shares", str(max(2, weight * 1024 // 100))),
    ):
        if not (folder / file).exists() and not (folder / "cgroup.subtree_control").exists():
            continue
        own = folder / f"rostra-attack-{pid}"
        try:
            own.mkdir()
        except OSError:
            continue
        try:
            (own / file).write_text(value)
            (own / "cgroup.procs").write_text(str(pid))
        except OSError:
            with contextlib.suppress(OSError):
                own.rmdir()
            continue
        return Placed(f"CPU weight {weight} of a control group of its own ({file} = {value})", own)
    nice = max(-20, min(19, round(math.log(100 / weight) / math.log(NICE_STEP))))
    if nice:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, nice)
            return Placed(f"CPU weight {weight} by niceness {nice} (no control group can be made here)")
    return Placed(f"niceness 0, as any process (no control group can be made here; weight {weight} was asked for)")


def _groups(pid: int, proc: Path) -> dict[str, str]:
    """Path of the process by controller; the one without a name is version 2's."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        for line in (proc / str(pid) / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                found[controller] = path
    return found
