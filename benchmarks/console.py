"""A host's console: it asks the stage door so many times a second, whatever the answers take, and writes down how long
they took."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.whole import Whole


class Console:
    """``asks``: addresses in turn, each given the body of the answer before. In a thread of its own, one kept
    connection."""

    def __init__(self, whole: Whole, role: str, asks: Sequence[Callable[[bytes], str]], a_second: float) -> None:
        self._door = http.client.HTTPConnection("127.0.0.1", whole.studio_port, timeout=30)
        self._fields = {"Authorization": f"Bearer {whole.token(role)}"}
        self._asks, self._every_s = asks, 1 / a_second
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._took: list[float] = []
        self.last = b""
        """The latest answer."""
        self.fault: Exception | None = None

    def __enter__(self) -> Console:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join(30)
        self._door.close()

    def take_ms(self) -> list[float]:
        """What answers took since it was last asked, from when they were due. :raises Exception: one was refused."""
        if self.fault:
            raise self.fault
        took, self._took = self._took, []
        return took

    def _run(self) -> None:
        due = time.monotonic()
        try:
            for ask in itertools.cycle(self._asks):
                if self._over.wait(max(0.0, due - time.monotonic())):
                    return
                self.last = self._get(ask(self.last))
                self._took.append(1000 * (time.monotonic() - due))
                due += self._every_s
        except Exception as e:
            self.fault = e

    def _get(self, path: str) -> bytes:
        try:
            self._door.request("GET", path, headers=self._fields)
            answer = self._door.getresponse()
        except (http.client.HTTPException, ConnectionError):  # the server keeps no idle connection for ever
            self._door.close()
            self._door.request("GET", path, headers=self._fields)
            answer = self._door.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the console is answered {answer.status} at {path}: {body[:200]!r}")
        return body


def quantiles(values: list[float]) -> tuple[float, float, float]:
    """p50, p99, worst. :raises RuntimeError: there is none."""
    if not values:
        raise RuntimeError("the console was not answered at all")
    return float(np.quantile(values, 0.5)), float(np.quantile(values, 0.99)), max(values)
