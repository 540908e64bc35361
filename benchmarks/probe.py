"""A few listeners who write down when each part came, so that a click can be timed at the ear."""

from __future__ import annotations

import bisect
import contextlib
import random
import selectors
import socket
import threading
import time
from dataclasses import dataclass, field

from benchmarks.clicks import find
from benchmarks.heard import decode, first_time
from rostra.units import SAMPLE_RATE

READ_BYTES = 64 * 1024


@dataclass(slots=True)
class Ear:
    """One listener: the body as it came, and how much of it there was when."""

    sock: socket.socket
    head: bytearray = field(default_factory=bytearray)
    raw: bytearray = field(default_factory=bytearray)
    body: bytearray = field(default_factory=bytearray)
    arrivals: list[tuple[int, float]] = field(default_factory=list)
    """Bytes of body so far, wall time."""
    started: bool = False

    def take(self, data: bytes, now: float) -> None:
        self.raw += data
        if not self.started:
            head, found, rest = bytes(self.raw).partition(b"\r\n\r\n")
            if not found:
                return
            if b" 200 " not in head or b"chunked" not in head.lower():
                raise RuntimeError(f"the edge answers {head[:200]!r}")
            self.started, self.raw = True, bytearray(rest)
        while True:  # RFC 9112, 7.1
            line, found, rest = bytes(self.raw[:64]).partition(b"\r\n")
            size = int(line.split(b";")[0], 16) if found else 0
            begin = len(line) + 2
            if not size or len(self.raw) < begin + size + 2:
                break
            self.body += self.raw[begin : begin + size]
            del self.raw[: begin + size + 2]
        if not self.arrivals or self.arrivals[-1][0] != len(self.body):
            self.arrivals.append((len(self.body), now))

    def clicks(self) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
        """(kind, wall time) of every click, as it was received and as a player would let it be heard.

        The player starts with what the first bytes bring and plays in real time.
        """
        parts = self.parts()
        begin, pcm = decode(bytes(self.body))
        times = [at for at, _ in parts]
        play_from = self.arrivals[0][1]
        received, heard = [], []
        for click in find(pcm):
            media = begin + click.at
            received.append((click.kind, parts[bisect.bisect_right(times, media) - 1][1]))
            heard.append((click.kind, play_from + click.at / SAMPLE_RATE))
        # The backlog was said before we came: how long that took says nothing.
        live = [i for i, (_, at) in enumerate(received) if at > play_from]
        return [received[i] for i in live], [heard[i] for i in live]

    def parts(self) -> list[tuple[int, float]]:
        """(media time of its first sample, wall time when its last byte was in) of each whole part."""
        found, at, moof = [], 0, 0
        ends = [size for size, _ in self.arrivals]
        while at + 8 <= len(self.body):
            size = int.from_bytes(self.body[at : at + 4], "big")
            if at + size > len(self.body):
                break
            if self.body[at + 4 : at + 8] == b"moof":
                moof = at
            elif self.body[at + 4 : at + 8] == b"mdat":
                came = self.arrivals[bisect.bisect_left(ends, at + size)][1]
                found.append((first_time(bytes(self.body[moof : at + size])), came))
            at += size
        return found


class Ears:
    """``count`` listeners in a thread of their own, joining at random moments of ``over_s``."""

    def __init__(self, port: int, path: str, count: int, over_s: float) -> None:
        self._port, self._path, self._count, self._over_s = port, path, count, over_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.ears: list[Ear] = []
        self.fault: Exception | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> list[Ear]:
        self._over.set()
        self._thread.join(10)
        if self.fault:
            raise self.fault
        return self.ears

    def _run(self) -> None:
        rng = random.Random(1)
        due = sorted(time.monotonic() + rng.random() * self._over_s for _ in range(self._count))
        try:
            with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
                while not self._over.is_set():
                    if due and time.monotonic() >= due[0]:
                        due.pop(0)
                        stack.enter_context(self._join(selector))
                    for key, _ in selector.select(0.01):
                        data = key.data.sock.recv(READ_BYTES)
                        if not data:
                            raise RuntimeError("the edge closed a listener's connection")
                        key.data.take(data, time.time())
        except Exception as e:
            self.fault = e

    def _join(self, selector: selectors.BaseSelector) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._port), 5)
        sock.sendall(f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        ear = Ear(sock)
        self.ears.append(ear)
        selector.register(sock, selectors.EVENT_READ, ear)
        return sock
