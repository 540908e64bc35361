"""The short forms of benchmarks that hold out beside another test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.benchmarks.test_quick import BESIDE, it_works_and_nobody_is_lost

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(not shutil.which("cc"), reason="left out: cc is not installed, and the crowd is written in C"),
]


@pytest.mark.parametrize("name", BESIDE)
def test_it_works(name: str, tmp_path: Path) -> None:
    it_works_and_nobody_is_lost(name, tmp_path)
