"""The pages' pure modules, by node's own test runner; their types, by tsc."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _script(name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "hatch_build.py", name], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )


def test_pure_modules() -> None:
    done = _script("test")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    ran = re.search(r"^ℹ pass (\d+)$", done.stdout, re.MULTILINE)
    assert ran and int(ran.group(1)) >= 40, "the tests did not run"


def test_types() -> None:
    done = _script("check")
    assert done.returncode == 0, done.stdout + done.stderr
