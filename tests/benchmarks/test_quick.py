"""Every benchmark in its short form: the tool works, nobody is lost at a small size. Times are not judged here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import NAMES
from benchmarks.programs import ROOT

BESIDE = ("plan", "generator", "announce", "hands", "guess", "threefold", "bots")
"""Those that hold out beside another test: ``test_quick_beside.py``."""

pytestmark = [
    pytest.mark.alone,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not shutil.which("cc"), reason="left out: cc is not installed, and the crowd is written in C"),
]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BESIDE])
def test_it_works_and_nobody_is_lost(name: str, tmp_path: Path) -> None:
    it_works_and_nobody_is_lost(name, tmp_path)


def it_works_and_nobody_is_lost(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--quick", "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=220, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    if f"{name} ...\n  left out: " in done.stdout and not list(tmp_path.iterdir()):
        pytest.skip(done.stdout.splitlines()[1].strip())
    result = json.loads((tmp_path / f"{name}.json").read_text())
    assert result["quick"] is True
    assert result["figures"]
    assert all(len(f["values"]) == 1 for f in result["figures"])
    losses = [f for f in result["figures"] if "lost" in f["what"] or "never" in f["what"]]
    assert all(f["max"] == 0 for f in losses if "edge" in f["of"])
