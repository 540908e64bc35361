"""Two tests at a time (pytest-xdist, a file is one worker's), and those that need the machine to themselves alone.

Most of this waits: for sound in real time, for browsers, for processes. What is marked ``alone`` measures or plays so
much at once that another beside it would be heard.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest


@contextmanager
def _held(path: Path, how: int) -> Generator[None]:
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Outside the time that a test may take: it may have to wait for another one."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return (yield)
    gate, room = (Path(tempfile.gettempdir()) / f"rostra-tests-{run}.{name}" for name in ("gate", "room"))
    with ExitStack() as stack:
        # Whoever waits for the room to be empty keeps the gate shut, or there would always be somebody in it.
        with _held(gate, fcntl.LOCK_EX):
            stack.enter_context(_held(room, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH))
        return (yield)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (run := os.environ.get("PYTEST_XDIST_TESTRUNUID")) and os.environ.get("PYTEST_XDIST_WORKER") == "gw0":
        for name in ("gate", "room"):
            (Path(tempfile.gettempdir()) / f"rostra-tests-{run}.{name}").unlink(missing_ok=True)
