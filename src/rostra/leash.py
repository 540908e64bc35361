"""A child that cannot outlive its parent, however the parent dies.

Linux sends a process the signal it asked for when its parent ends (prctl(2), PR_SET_PDEATHSIG), ``kill -9`` of the
parent included; the setting survives execve(2). So a child is started as ``leashed([...])``: a few milliseconds of a
bare interpreter that asks for the signal and becomes the program. A ``preexec_fn`` would run between fork and exec in
a process that has threads, where only async-signal-safe calls are allowed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
"""linux/prctl.h."""

ORPHANED = 75
"""Exit status of a child whose parent was gone before it could be put on the leash (EX_TEMPFAIL, sysexits.h)."""


def leashed(command: Sequence[str], parent: int | None = None) -> list[str]:
    """The command that runs ``command`` (an absolute path first) on a leash held by ``parent``, by default us.

    The signal comes when the *thread* that started the child ends, so start children from one that stays.
    """
    return [sys.executable, "-I", "-S", __file__, str(parent or os.getpid()), *command]


def _main(arguments: list[str]) -> None:
    import ctypes
    import signal

    parent, command = int(arguments[0]), arguments[1:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call above: nobody would ever tell us
        sys.exit(ORPHANED)
    os.execv(command[0], command)  # noqa: S606 (no shell is the point)


if __name__ == "__main__":
    _main(sys.argv[1:])
