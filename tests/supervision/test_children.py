"""The driver with real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rostra.supervision.children import Child, environment
from rostra.supervision.watchdog import Watchdog

BEATS = """
import os, sys, time, pathlib
pathlib.Path(sys.argv[1]).open("a").write(f"{os.getpid()}\\n")
while True:
    os.write(int(os.environ["ROSTRA_HEARTBEAT_FD"]), b".")
    time.sleep(0.05)
"""
STUBBORN = """
import signal, sys, time, pathlib
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).open("a").write("up\\n")
time.sleep(60)
"""
ENDS = "import sys, pathlib; pathlib.Path(sys.argv[1]).open('a').write('x\\n'); sys.exit(int(sys.argv[2]))"


def child(program: str, notes: Path, *arguments: str, **options: object) -> Child:
    command = [sys.executable, "-c", program, str(notes), *arguments]
    return Child("tester", lambda: command, dict(os.environ), **options)  # type: ignore[arg-type]


def lives(notes: Path) -> list[str]:
    return notes.read_text().split() if notes.exists() else []


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


async def test_killed_it_is_back_and_stopped_it_is_gone(tmp_path: Path) -> None:
    kept = child(BEATS, tmp_path / "notes", watchdog=Watchdog(5.0))
    kept.start()
    await until(lambda: len(lives(tmp_path / "notes")) == 1)
    first = kept.pid
    assert first == int(lives(tmp_path / "notes")[0])
    os.kill(first, signal.SIGKILL)
    await until(lambda: len(lives(tmp_path / "notes")) == 2)
    assert gone(first)
    second = int(lives(tmp_path / "notes")[1])
    await kept.stop()
    assert gone(second)
    assert kept.pid is None


async def test_stopped_in_its_tracks_the_watchdog_ends_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = child(BEATS, tmp_path / "notes", watchdog=Watchdog(0.6))
    kept.start()
    await until(lambda: len(lives(tmp_path / "notes")) == 1)
    await asyncio.sleep(0.5)
    first = kept.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    await until(lambda: len(lives(tmp_path / "notes")) == 2)
    assert gone(first)
    assert "hangs" in caplog.text
    await kept.stop()


async def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    kept = child(STUBBORN, tmp_path / "notes", kill_after_s=0.2)
    kept.start()
    await until(lambda: lives(tmp_path / "notes") == ["up"])
    pid = kept.pid
    assert pid is not None
    await kept.stop()
    assert gone(pid)


async def test_one_that_cannot_work_is_tried_later_and_later(tmp_path: Path) -> None:
    kept = child(ENDS, tmp_path / "notes", "1")
    kept.start()
    await until(lambda: kept.restarts.failures >= 3)
    assert len(lives(tmp_path / "notes")) >= 3
    assert kept.last_status == 1
    await kept.stop()  # also while it waits for the next try
    count = len(lives(tmp_path / "notes"))
    await asyncio.sleep(0.3)
    assert len(lives(tmp_path / "notes")) == count


async def test_work_that_is_done_is_not_done_again(tmp_path: Path) -> None:
    done: list[int] = []
    kept = child(ENDS, tmp_path / "notes", "0", final=lambda status: status == 0, on_final=lambda: done.append(1))
    kept.start()
    await until(lambda: done == [1])
    assert lives(tmp_path / "notes") == ["x"]
    await kept.stop()


async def test_a_program_that_is_not_there_is_not_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = Child("ghost", lambda: ["/no/such/program"], dict(os.environ))
    kept.start()
    await until(lambda: kept.restarts.failures >= 2)
    await kept.stop()
    assert "starting it again" in caplog.text


async def test_stopping_one_that_is_just_being_started(tmp_path: Path) -> None:
    kept = child(BEATS, tmp_path / "notes", watchdog=Watchdog(5.0))
    kept.start()
    await asyncio.sleep(0)
    await kept.stop()
    assert kept.pid is None


def test_a_childs_environment_has_its_settings_and_none_of_their_sources() -> None:
    found = environment('{"a":1}', {"PATH": "/bin", "ROSTRA_FRONT_PORT": "0", "ROSTRA_SETTINGS_JSON": "old"})
    assert found == {"PATH": "/bin", "ROSTRA_SETTINGS_JSON": '{"a":1}'}
