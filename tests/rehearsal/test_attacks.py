from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from rostra.edge.head import parse_head
from rostra.rehearsal.attacks import SCRIPTS
from rostra.rehearsal.attacks.driver import Attacker
from rostra.rehearsal.attacks.handshakes import client_hello
from rostra.rehearsal.attacks.steps import Aim, Answer, Deaf, Hold, Pause, Send, Step
from rostra.rehearsal.counting import Second
from rostra.rehearsal.scenario import AttackPlan, Kind
from rostra.rehearsal.target import Target


def aim(kind: Kind, port: int = 80, **values: float) -> Aim:
    return Aim(Target("127.0.0.1", port, False, "demo", ("127.0.0.1",)), AttackPlan(kind=kind, **values), 1)


def steps(kind: Kind, count: int = 8, number: int = 0) -> list[Step]:
    return list(itertools.islice(SCRIPTS[kind](aim(kind), number), count))


def sent(kind: Kind, count: int = 8, number: int = 0) -> bytes:
    return b"".join(step.data for step in steps(kind, count, number) if isinstance(step, Send))


def test_every_kind_but_bots_has_a_script() -> None:
    assert set(SCRIPTS) == set(Kind) - {Kind.BOTS}
    for kind in SCRIPTS:
        assert steps(kind)


def test_slow_ones_never_end_what_they_begin() -> None:
    head = sent(Kind.SLOW_HEADS, 50)
    assert head.startswith(b"GET /r/demo/live HTTP/1.1\r\n")
    assert b"\r\n\r\n" not in head
    assert sum(isinstance(s, Pause) for s in steps(Kind.SLOW_HEADS, 50)) >= 24
    whole, _, body = sent(Kind.SLOW_BODIES, 50).partition(b"\r\n\r\n")
    promised = int(whole.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert 0 < len(body) < promised


def test_silent_ones_are_silent_and_deaf_ones_deaf() -> None:
    assert steps(Kind.CONNECTIONS) == [Hold()]
    asked, deaf = steps(Kind.SLOW_READERS)
    assert isinstance(asked, Send)
    assert deaf == Deaf()


@pytest.mark.parametrize("kind", [Kind.REQUESTS, Kind.PLAYLISTS, Kind.ROOMS, Kind.REACTIONS, Kind.RSVPS])
def test_floods_are_well_formed_requests(kind: Kind) -> None:
    """What a door cannot refuse by its form."""
    first = steps(kind, 2)
    assert isinstance(first[0], Send)
    assert first[1] == Answer()
    data, requests = first[0].data, 0
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        _, fields = parse_head(head + b"\r\n\r\n")
        data = rest[fields.body_bytes :]
        requests += 1
    assert requests == {Kind.PLAYLISTS: 3, Kind.RSVPS: 1}.get(kind, 16)


def test_nothing_is_asked_for_twice_where_that_is_the_point() -> None:
    for kind in (Kind.ROOMS, Kind.PLAYLISTS):
        lines = [
            line for number in range(3) for line in sent(kind, 6, number).split(b"\r\n") if line.startswith(b"GET ")
        ]
        assert len(lines) > 20
        assert len(set(lines)) == len(lines)


def test_forged_and_replayed_tickets() -> None:
    first, second = (list(itertools.islice(SCRIPTS[Kind.TICKETS](aim(Kind.TICKETS), n), 8)) for n in (0, 1))
    told = [s.data.split(b"\r\n")[0] for s in (*first, *second) if isinstance(s, Send)]
    replayed = [line for line in told if b"/live?w=" in line]
    assert len(replayed) == 2
    assert replayed[0] == replayed[1]
    assert len(replayed[0].partition(b"w=")[2].split()[0]) == 54


def test_the_hello_is_a_hello() -> None:
    hello = client_hello("example.org")
    assert hello[:3] == b"\x16\x03\x01"
    assert hello[5] == 1, "ClientHello (RFC 8446, 4)"
    assert b"example.org" in hello


class Stub:
    """Answers each read with one response, and notes what it was sent."""

    def __init__(self, answer: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.got: list[bytes] = []
        self._answer = answer
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    self.got.append(data)
                    if self._answer:
                        connection.sendall(self._answer)
            except OSError:
                pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def stub() -> Iterator[Stub]:
    served = Stub(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    yield served
    served.close()


def run(stub: Stub, kind: Kind, proxied: bool = False, **values: float) -> tuple[dict[str, object], list[Second]]:
    target = Target("127.0.0.1", stub.port, False, "demo", ("127.0.0.1",), proxied=proxied)
    told: list[Second] = []
    plan = AttackPlan(kind=kind, **{"for_s": 0.6, "connections": 5, "pause_s": 0.05, **values})
    attacker = Attacker(target, plan, time.monotonic(), told.append)
    attacker.run()
    return attacker.finish(), told


def test_a_flood_is_carried_out_and_counted(stub: Stub) -> None:
    total, told = run(stub, Kind.REQUESTS)
    assert total["kind"] == "requests"
    assert isinstance(total["answer_404"], int)
    assert total["answer_404"] > 5
    assert stub.connections == total["opened"] == 5
    assert sum(second.counters.get("answer_404", 0) for second in told) == total["answer_404"]


def test_a_slow_one_sends_bit_by_bit(stub: Stub) -> None:
    total, _ = run(stub, Kind.SLOW_HEADS, connections=2)
    assert total["opened"] == 2
    assert len(stub.got) > 8
    assert not any(b"\r\n\r\n" in data for data in stub.got)


def test_its_rate_is_kept(stub: Stub) -> None:
    total, _ = run(stub, Kind.ROOMS, connections=100, rate=20)
    assert isinstance(total["opened"], int)
    assert 5 <= total["opened"] <= 14


def test_addresses_of_the_world_are_said(stub: Stub) -> None:
    run(stub, Kind.CONNECTIONS, proxied=True, connections=3, prefixes=2)
    time.sleep(0.05)
    assert len(stub.got) == 3
    assert all(data.startswith(b"\r\n\r\n\0\r\nQUIT\n\x21\x11") for data in stub.got)


def test_nobody_there_is_survived() -> None:
    served = Stub(b"")
    served.close()
    total, _ = run(served, Kind.REQUESTS, for_s=0.2)
    assert "answer_200" not in total
