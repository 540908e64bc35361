"""A leashed child ends with its parent, even one that is killed with -9."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rostra.leash import ORPHANED, leashed

PARENT = """
import subprocess, sys, time
from rostra.leash import leashed
child = subprocess.Popen(leashed([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]))
print(child.pid, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_kill_9_of_the_parent_ends_the_child() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    lines = {parent.stdout.readline().strip(), parent.stdout.readline().strip()}
    pid = int((lines - {"up"}).pop())
    assert "up" in lines
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(5)
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while not gone(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_command_runs_with_its_arguments_and_status() -> None:
    done = subprocess.run(
        leashed([sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(3)", "a b", "--c"]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "['a b', '--c']\n")


def test_a_child_whose_parent_is_gone_already_does_not_start() -> None:
    done = subprocess.run(leashed([sys.executable, "-c", "print('ran')"], parent=1), capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (ORPHANED, b"")
