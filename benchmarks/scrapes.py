"""What edges say of themselves meanwhile: metrics asked for once a second, and steps of the door from their logs."""

from __future__ import annotations

import contextlib
import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

EVERY_S = 1.0

_STEP = re.compile(r"door (?:up|down) from \S+ to \S+: .*")


class Scrapes:
    """Each on a connection of its own, so that now this edge answers and now that one."""

    def __init__(self, port: int) -> None:
        self.answered = 0
        self.failed = 0
        self._address = f"http://127.0.0.1:{port}/metrics"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            try:
                with urllib.request.urlopen(self._address, timeout=5) as answer:
                    self.answered += b"rostra_door_step" in answer.read()
            except OSError:
                self.failed += 1

    def stop(self) -> None:
        self._over.set()
        self._thread.join(10)


@contextlib.contextmanager
def scraping(port: int) -> Iterator[Scrapes]:
    scrapes = Scrapes(port)
    try:
        yield scrapes
    finally:
        scrapes.stop()


def door_steps(folder: Path, port: int) -> list[str]:
    """Every step that an edge on that port took or left, as its log has it."""
    return [s for log in sorted(folder.glob(f"edge-{port}-*.log")) for s in _STEP.findall(log.read_text())]
