"""A listener on one connection that notes when each box came: what a fault did to it is read off its notes."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rostra.wire.emsg import read_events
from rostra.wire.listeners import EdgeNotice


@dataclass
class Listener:
    """Holds ``GET /r/ROOM/live`` open; reconnects at once when ``stubborn`` and it is dropped."""

    address: str
    stubborn: bool = False
    connections: int = 0
    parts: list[tuple[float, bytes]] = field(default_factory=list)
    """(monotonic time, moof+mdat) of each part."""
    inits: list[float] = field(default_factory=list)
    notices: list[tuple[float, str]] = field(default_factory=list)
    dropped_at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def longest_gap_s(self, since: float = 0.0) -> float:
        """Between one part and the next, and from the last until now."""
        times = [at for at, _ in self.parts if at >= since] + [time.monotonic()]
        return max((b - a for a, b in itertools.pairwise(times)), default=float("inf"))

    def first_after(self, moment: float) -> float | None:
        return next((at for at, _ in self.parts if at > moment), None)

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                self._listen()
            self.dropped_at.append(time.monotonic())
            if not self.stubborn:
                return
            time.sleep(0.1)

    def _listen(self) -> None:
        where = urlsplit(self.address)
        connection = http.client.HTTPConnection(where.hostname or "", where.port or 80, timeout=10)
        try:
            connection.request("GET", where.path)
            answer = connection.getresponse()
            if answer.status != 200:
                return
            self.connections += 1
            waiting = b""
            while not self._stop.is_set():
                data = answer.read1(65_536)
                if not data:
                    return
                waiting = self._take(waiting + data)
        finally:
            connection.close()

    def _take(self, data: bytes) -> bytes:
        """Notes every whole box and gives back what is not whole yet."""
        now, at, moof = time.monotonic(), 0, b""
        while len(data) - at >= 8:
            size = int.from_bytes(data[at : at + 4], "big")
            if len(data) - at < size or (data[at + 4 : at + 8] == b"moof" and not self._whole(data, at + size)):
                break
            box, kind, at = data[at : at + size], data[at + 4 : at + 8], at + size
            if kind == b"moov":
                self.inits.append(now)
            elif kind == b"emsg":
                self.notices += [(now, e.kind) for e in read_events(box) if isinstance(e, EdgeNotice)]
            elif kind == b"moof":
                moof = box
            elif kind == b"mdat":
                self.parts.append((now, moof + box))
        return data[at:]

    @staticmethod
    def _whole(data: bytes, at: int) -> bool:
        return len(data) - at >= 8 and len(data) - at >= int.from_bytes(data[at : at + 4], "big")
