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


LONG = (
    "tests/benchmarks/test_quick_beside.py",
    "tests/web/test_room.py", "tests/web/test_stage_pages.py", "tests/web/test_company.py",
    "tests/web/test_waiting_whole.py", "tests/web/test_whole.py", "tests/web/test_host_page.py",
    "tests/rehearsal/test_real.py", "tests/faults/test_faults.py", "tests/processes/test_serve.py",
    "tests/processes/test_stage_door_flood.py", "tests/studio/test_every_right.py",
    "interop/test_ffmpeg.py", "interop/test_hlsjs.py", "interop/test_players.py", "interop/test_slow_http.py",
    "interop/test_nginx_cache.py",
)  # fmt: skip
"""Files that take half a minute and more, about the longest first."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, or one worker waits for the other at the end. What wants the machine for itself comes last, so
    that it is waited for only once; before it those who meet one Rostra on air, which then goes on beside all else."""
    for item in items:
        # schemathesis names its tests by operation, but not their ids: of those with one id a worker runs the first.
        if item.parent is not None and not item.nodeid.endswith(item.name):
            item._id = item.id.parse(f"{item.parent.nodeid}::{item.name}")
    if os.environ.get("PYTEST_XDIST_TESTRUNUID") is None:
        return
    root = Path(__file__).parent
    first = {root / file: n for n, file in enumerate(LONG)}
    alone = {item: item.get_closest_marker("alone") is not None for item in items}
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)

    def place(path: Path) -> tuple[int, int]:
        wanting = [alone[item] for item in files[path]]
        strangers = root / "interop" in path.parents
        return 3 if all(wanting) else 2 * strangers or int(any(wanting)), first.get(path, len(LONG))

    items[:] = [item for path in sorted(files, key=place) for item in sorted(files[path], key=alone.__getitem__)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (run := os.environ.get("PYTEST_XDIST_TESTRUNUID")) and os.environ.get("PYTEST_XDIST_WORKER") == "gw0":
        for name in ("gate", "room"):
            (Path(tempfile.gettempdir()) / f"rostra-tests-{run}.{name}").unlink(missing_ok=True)
