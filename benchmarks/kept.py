"""One kept connection to each of several edges on one port, so that it can be asked what every one of them answers.

The kernel deals connections out by their addresses; whom one has reached, its process says (``/proc``).
"""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Callable

import psutil

from benchmarks.whole import Whole

POLL_S = 0.002
GATHERING_S = 20.0


class Doors:
    """Not to be left alone for longer than an edge keeps an idle connection, 15 s; :meth:`freshen` before measuring."""

    def __init__(self, whole: Whole, edges: int) -> None:
        self._whole, self._edges = whole, edges
        self._doors: dict[int, http.client.HTTPConnection] = {}

    def freshen(self) -> None:
        """:raises RuntimeError: not every edge is reached."""
        for pid, door in list(self._doors.items()):
            try:
                ask(door, "/healthz")
            except (OSError, http.client.HTTPException):
                del self._doors[pid]
        deadline = time.monotonic() + GATHERING_S
        while len(self._doors) < self._edges:
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {len(self._doors)} of {self._edges} edges are reached")
            door = http.client.HTTPConnection("127.0.0.1", self._whole.front_port, timeout=5)
            ask(door, "/healthz")
            self._doors.setdefault(self._behind(door), door)

    def until(self, path: str, seen: Callable[[int, bytes], bool], within_s: float = 10.0) -> float:
        """The monotonic time at which the last of all edges answered so that ``seen(status, body)``.

        :raises RuntimeError: one never does.
        """
        waiting, deadline = dict(self._doors), time.monotonic() + within_s
        while waiting:
            for pid, door in list(waiting.items()):
                if seen(*ask(door, path)):
                    del waiting[pid]
            if waiting and time.monotonic() > deadline:
                raise RuntimeError(f"{len(waiting)} of {self._edges} edges do not tell of it: {path}")
            if waiting:
                time.sleep(POLL_S)
        return time.monotonic()

    def any(self) -> http.client.HTTPConnection:
        return next(iter(self._doors.values()))

    def _behind(self, door: http.client.HTTPConnection) -> int:
        port = door.sock.getsockname()[1]
        for pid in self._whole.processes("edge"):
            with contextlib.suppress(psutil.Error):
                for found in psutil.Process(pid).net_connections("tcp"):
                    if found.raddr and found.raddr.port == port:
                        return pid
        raise RuntimeError("no edge has this connection")


def ask(door: http.client.HTTPConnection, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """GET, or POST if there is a body."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    door.request("GET" if body is None else "POST", path, body=body, headers=headers)
    answer = door.getresponse()
    return answer.status, answer.read()
