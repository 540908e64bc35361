"""The common driver of a process, in a real one."""

import os
import select
import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import asyncio, logging, sys
from rostra.processes.child import run
from rostra.errors import NotFound

async def main(settings, stop):
    logging.getLogger("rostra.x").info("up, data in %s", settings.data)
    if settings.data == "fail":
        raise NotFound("There is no room 'x'.")
    if settings.data == "hang":
        import time; time.sleep(60)
    await stop.wait()

sys.exit(run("tester", main, loop_factory=__import__("uvloop").new_event_loop if "--uvloop" in sys.argv else None))
"""


def start(data: str, *arguments: str, beat: int | None = None) -> subprocess.Popen[str]:
    environment = {**os.environ, "ROSTRA_SETTINGS_JSON": f'{{"data":"{data}"}}'}
    if beat is not None:
        environment["ROSTRA_HEARTBEAT_FD"] = str(beat)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        pass_fds=() if beat is None else (beat,),
    )


@pytest.mark.parametrize("arguments", [(), ("--uvloop",)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_beats_logs_and_ends_when_asked(number: signal.Signals, arguments: tuple[str, ...]) -> None:
    ours, theirs = os.pipe()
    process = start("here", *arguments, beat=theirs)
    os.close(theirs)
    try:
        for _ in range(3):
            assert select.select([ours], [], [], 10)[0], "no heartbeat"
            assert os.read(ours, 1) == b"."
        process.send_signal(number)
        _, log = process.communicate(timeout=5)
    finally:
        process.kill()
        os.close(ours)
    assert process.returncode == 0
    assert "tester" in log
    assert "up, data in here" in log


def test_a_loop_that_hangs_does_not_beat() -> None:
    ours, theirs = os.pipe()
    process = start("hang", beat=theirs)
    os.close(theirs)
    try:
        assert select.select([ours], [], [], 10)[0]
        os.read(ours, 100)
        time.sleep(0.3)
        os.read(ours, 100) if select.select([ours], [], [], 0)[0] else b""
        assert not select.select([ours], [], [], 1.0)[0]
    finally:
        process.kill()
        process.communicate()
        os.close(ours)


def test_an_error_is_a_sentence_and_status_one() -> None:
    process = start("fail")
    _, log = process.communicate(timeout=10)
    assert process.returncode == 1
    assert log.endswith("rostra: There is no room 'x'.\n")
    assert "Traceback" not in log
