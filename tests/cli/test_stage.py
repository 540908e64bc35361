"""`rostra stage`: its help, and what it says when it cannot begin. On air it is in tests/processes/test_stage.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUN = [sys.executable, "-m", "rostra", "stage"]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, *words], capture_output=True, text=True, timeout=60, check=False)


def test_help_tells_what_it_is_for() -> None:
    done = run("--help")
    assert done.returncode == 0 and "ROOM" in done.stdout and "takes it over" in " ".join(done.stdout.split())


def test_without_a_bus_it_says_what_to_give(tmp_path: Path) -> None:
    done = run("evening", "--data", str(tmp_path))
    assert done.returncode == 1 and "--nats" in done.stderr and "Traceback" not in done.stderr


def test_without_keys_it_says_where_it_looked(tmp_path: Path) -> None:
    done = run("evening", "--data", str(tmp_path), "--nats", "nats://127.0.0.1:9")
    assert done.returncode == 1 and "link.pub" in done.stderr and "Traceback" not in done.stderr
