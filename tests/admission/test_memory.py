from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MOST = 64 * 2**20
DISTINCT = 300_000
"""All tables are full long before; 10 million take half a minute and no more memory."""


def test_accounting_takes_no_more_than_it_may() -> None:
    command = [sys.executable, "-m", "tests.admission.memory", str(DISTINCT)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert int(told.stdout.split()[0]) <= MOST
