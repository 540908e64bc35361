"""The driver against a door of a few lines that does what doors do."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rostra.rehearsal.counting import Second
from rostra.rehearsal.generator import Generator
from rostra.rehearsal.scenario import CrowdPlan
from rostra.rehearsal.target import Target
from tests.rehearsal import making
from tests.rehearsal.test_challenges import made
from tests.rehearsal.test_playlist import text

FLUSH_S = 0.1


class FakeDoor:
    """``answer(method, path)`` gives status and body; a 200 for ``/live`` is a stream that goes on."""

    def __init__(self, answer: Callable[[str, str], tuple[int, bytes]]) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.asked: list[str] = []
        self.sources: list[bytes] = []
        self.streams = 0
        self.cut_after: float | None = None
        self._over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        data = b""
        with connection:
            try:
                while True:
                    while b"\r\n\r\n" not in data.removeprefix(b"\r\n\r\n"):
                        more = connection.recv(65536)
                        if not more:
                            return
                        data += more
                    if data.startswith(b"\r\n\r\n\0\r\nQUIT\n"):
                        self.sources.append(data[16:20])
                        data = data[28:]
                        continue
                    head, _, data = data.partition(b"\r\n\r\n")
                    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                    while len(data) < length:
                        data += connection.recv(65536)
                    data = data[length:]
                    method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
                    self.asked.append(f"{method} {path}")
                    status, body = self._answer(method, path)
                    if status == 200 and path.partition("?")[0].endswith("/live"):
                        self._stream(connection)
                        return
                    answer = f"HTTP/1.1 {status} X\r\nRetry-After: 1\r\nContent-Length: {len(body)}\r\n\r\n"
                    connection.sendall(answer.encode() + body)
            except OSError:
                pass

    def _stream(self, connection: socket.socket) -> None:
        self.streams += 1
        begun, part = time.monotonic(), 4
        connection.sendall(making.HEAD + making.chunk(making.init()) + making.flush(0, 4))
        while not self._over.wait(FLUSH_S):
            if self.cut_after is not None and time.monotonic() - begun > self.cut_after:
                self.cut_after = None
                return
            connection.sendall(making.flush(part, 1, tally=7))
            part += 1
        connection.sendall(making.LAST_CHUNK)

    def close(self) -> None:
        if self._over.is_set():
            return
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


Door = Callable[[Callable[[str, str], tuple[int, bytes]]], FakeDoor]


@pytest.fixture
def door() -> Iterator[Door]:
    doors: list[FakeDoor] = []

    def make(answer: Callable[[str, str], tuple[int, bytes]]) -> FakeDoor:
        doors.append(FakeDoor(answer))
        return doors[-1]

    yield make
    for one in doors:
        one.close()


def run(door: FakeDoor, seconds: float, proxied: bool = False, **plan: Any) -> tuple[dict[str, Any], dict[str, int]]:
    """What its players heard, and what was counted."""
    target = Target("127.0.0.1", door.port, False, "demo", ("127.0.0.1",), proxied=proxied)
    told: list[Second] = []
    begin = time.monotonic()
    crowd = CrowdPlan(**{"listeners": 3, "over_s": 0.0, "proxied": proxied, **plan})
    generator = Generator(target, crowd, begin, told.append)
    generator.run(begin + seconds)
    generator._close_second(0.0, 0.0)
    counters: dict[str, int] = {}
    for second in told:
        for name, n in second.counters.items():
            counters[name] = counters.get(name, 0) + n
    return generator.finish(), counters


def test_sound_that_is_pushed_is_heard(door: Door) -> None:
    served = door(lambda method, path: (200, b""))
    total, counters = run(served, 1.2)
    assert (total["heard"], total["never_heard"], total["holes"], total["underruns"]) == (3, 0, 0, 0)
    assert counters["heard"] == counters["asked"] == counters["let_in"] == 3
    assert counters["bytes"] > 3 * 4 * 1500
    assert served.asked == ["GET /r/demo/live"] * 3


def test_the_page_comes_first_and_is_loaded_again(door: Door) -> None:
    served = door(lambda method, path: (200, b"{}"))
    total, counters = run(served, 6.0, listeners=2, reload=1.0, seed=5)
    assert total["heard"] >= 1
    assert counters["reloads"] >= 1
    assert served.asked.count("GET /r/demo") >= counters["reloads"] + 1
    assert (
        served.asked.index("GET /r/demo")
        < served.asked.index("GET /r/demo/state")
        < served.asked.index("GET /r/demo/live")
    )


def test_addresses_of_the_world(door: Door) -> None:
    served = door(lambda method, path: (200, b""))
    total, _ = run(served, 0.8, proxied=True, listeners=20, prefixes=5)
    assert total["heard"] == 20
    assert len(served.sources) == 20
    assert 2 <= len({source[:3] for source in served.sources}) <= 5


def test_a_challenge_is_solved_and_the_pass_shown(door: Door) -> None:
    def answer(method: str, path: str) -> tuple[int, bytes]:
        if path.endswith("/door"):
            return 200, json.dumps({"pass": "P" * 54, "line": "late", "rank": 5, "serving": {"late": 0}}).encode()
        return (200, b"") if "w=" in path else (428, made(11))

    served = door(answer)
    total, counters = run(served, 5.0, listeners=2)
    assert total["heard"] == 2
    assert counters["challenged"] == counters["solved"] == counters["numbered"] == 2
    assert served.asked.count("POST /r/demo/door") == 2
    assert served.asked.count(f"GET /r/demo/live?w={'P' * 54}") == 2


def test_who_is_told_to_wait_takes_a_number_and_comes_when_it_is_called(door: Door) -> None:
    begun = time.monotonic()

    def serving() -> int:
        return 6 if time.monotonic() - begun > 1.0 else 0

    def answer(method: str, path: str) -> tuple[int, bytes]:
        if path.endswith("/door"):
            body = {"pass": "P" * 54, "line": "late", "rank": 5, "serving": {"late": serving()}}
            return 200, json.dumps(body).encode()
        if path.endswith("/state"):
            return 200, json.dumps({"serving": {"late": serving()}, "ahead": {"late": [[9, 2]]}}).encode()
        return (200, b"") if "w=" in path and serving() else (503, b'{"waiting": "/r/demo/door"}')

    served = door(answer)
    total, counters = run(served, 8.0, listeners=2)
    assert total["heard"] == 2
    assert counters["numbered"] == 2
    assert served.asked.count("POST /r/demo/door") == 2, "a number is taken once"
    assert not any("live?w=" in a for a in served.asked[:4]), "and not shown before its turn"


def test_who_is_refused_goes_and_who_waits_in_vain_gives_up(door: Door) -> None:
    total, counters = run(door(lambda m, p: (404, b"{}")), 0.5)
    assert (total["heard"], total["never_heard"], counters["turned_away"], counters["refused_404"]) == (0, 3, 3, 3)
    _, counters = run(door(lambda m, p: (503, b"{}")), 3.5, patience_s=1.0)
    assert counters["gave_up"] == 3


def test_who_is_cut_off_comes_back(door: Door) -> None:
    served = door(lambda m, p: (200, b""))
    served.cut_after = 0.3
    total, counters = run(served, 2.0, listeners=1)
    assert counters["lost"] == 1
    assert counters["reconnects"] == 1
    assert served.streams == 2
    assert total["in_at_the_end"] == 1


def test_nobody_there_is_survived(door: Door) -> None:
    served = door(lambda m, p: (200, b""))
    served.close()
    total, counters = run(served, 0.5)
    assert total["never_heard"] == 3
    assert counters["failed"] >= 3


def test_nonsense_is_counted(door: Door) -> None:
    class Mad(FakeDoor):
        def _stream(self, connection: socket.socket) -> None:
            connection.sendall(making.HEAD + b"this is no chunk at all, and never will be\r\n")
            connection.recv(1)

    served = Mad(lambda m, p: (200, b""))
    try:
        _, counters = run(served, 0.6, listeners=1)
    finally:
        served.close()
    assert counters["broken"] >= 1
    assert counters["lost"] >= 1


def test_low_latency_hls(door: Door) -> None:
    begun = time.monotonic()

    def answer(method: str, path: str) -> tuple[int, bytes]:
        if ".m3u8" in path:
            time.sleep(0.05)
            return 200, text(0, 3, min(8, int((time.monotonic() - begun) * 8))).encode()
        if path.endswith("init.mp4"):
            return 200, making.init()
        number = int(path.rpartition("-p")[2].removesuffix(".m4s"))
        return 200, making.part(number)

    served = door(answer)
    total, counters = run(served, 1.2, listeners=2, hls=1.0)
    assert (total["heard"], total["holes"], total["underruns"]) == (2, 0, 0)
    assert counters["let_in"] == 2
    assert served.asked[0] == "GET /r/demo/hls/opus.m3u8"
    assert any("_HLS_msn=3&_HLS_part=" in a and "_HLS_skip=YES" in a for a in served.asked)
    assert "GET /r/demo/hls/opus/g1-init.mp4" in served.asked


def test_stalls_stop_the_reading(door: Door) -> None:
    served = door(lambda m, p: (200, b""))
    total, counters = run(served, 3.0, listeners=4, background=1.0)
    assert total["heard"] == 4
    assert counters.get("broken", 0) == 0
    assert total["holes"] == 0
