"""``python -m rostra.rehearsal.solver``: solves challenges beside a generator, at low priority.

Lines in: ``NUMBER CHALLENGE-JSON``; lines out: ``NUMBER PAYLOAD`` (a dash: it could not be solved). A generator's loop
must not stand still while a phone would think.
"""

from __future__ import annotations

import os
import sys

from rostra.errors import WireError
from rostra.rehearsal.challenges import read_challenge, solve


def main() -> None:
    os.nice(5)
    for line in sys.stdin.buffer:
        number, _, body = line.partition(b" ")
        try:
            answer = solve(read_challenge(body)) or "-"
        except WireError:
            answer = "-"
        sys.stdout.write(f"{number.decode()} {answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
