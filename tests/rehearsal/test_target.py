"""A rehearsal cannot be turned on a stranger: what servers that did not agree get is one request, and no more."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rostra.edge.rehearsals import Rehearsals
from rostra.errors import BadRequest, BadToken, EnvironmentFault, RostraError, Unavailable
from rostra.rehearsal.target import Refusal, ask_consent, check_token, read_target
from rostra.units import WallTime
from rostra.wire.rehearsals import Granted, grant, read_token

KEY = Ed25519PrivateKey.generate()
NOW = WallTime(time.time())

Answer = Callable[[bytes], tuple[int, bytes]]


@contextmanager
def server(answer: Answer) -> Iterator[tuple[int, list[bytes]]]:
    """Port, and what it was sent. ``answer``: body to status and body."""
    listener = socket.create_server(("127.0.0.1", 0))
    got: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                data = connection.recv(65536)
                while b"\r\n\r\n" in data and len(data) < data.find(b"\r\n\r\n") + 4 + _length(data):
                    data += connection.recv(65536)
                got.append(data)
                status, body = answer(data.partition(b"\r\n\r\n")[2])
                connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], got
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _length(data: bytes) -> int:
    return int(data.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)


def granted_for(port: int, key: Ed25519PrivateKey = KEY, until: float = 600) -> Granted:
    return grant("abcdefghijklmnop", f"http://127.0.0.1:{port}", int(NOW + until), key)


def edge(granted: Granted, key: Ed25519PrivateKey = KEY) -> Answer:
    """An edge with the key of its operator, and what it was told by the bus."""
    rehearsals = Rehearsals(key.public_key)
    rehearsals.on_consent("abcdefghijklmnop", granted, NOW)

    def answer(body: bytes) -> tuple[int, bytes]:
        try:
            made = rehearsals.answer(body, NOW)
        except RostraError as e:
            return e.status, b"{}"
        return made.status, made.body

    return answer


def by(holder: list[Answer]) -> Answer:
    """Whoever is put there once the port is known."""

    def answer(body: bytes) -> tuple[int, bytes]:
        return holder[0](body)

    return answer


def ask(port: int, token: str) -> None:
    target = read_target(f"http://127.0.0.1:{port}/r/demo")
    ask_consent(target, check_token(token, target, NOW))


def test_who_agreed_is_rehearsed() -> None:
    holder: list[Answer] = []
    with server(by(holder)) as (port, got):
        granted = granted_for(port)
        holder.append(edge(granted))
        ask(port, granted.token)
    assert len(got) == 1


def echo(body: bytes) -> tuple[int, bytes]:
    return 200, json.dumps({"signature": json.loads(body)["nonce"], **json.loads(body)}).encode()


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param(lambda body: (404, b"{}"), id="nothing there"),
        pytest.param(lambda body: (200, b"<html>welcome</html>"), id="a website"),
        pytest.param(echo, id="an echo"),
        pytest.param(lambda body: (200, b'{"signature": "' + b"A" * 86 + b'"}'), id="a recording"),
        pytest.param(lambda body: (302, b"{}"), id="a redirect"),
        pytest.param(lambda body: (200, b'{"signature": ["x"]}'), id="nonsense"),
    ],
)
def test_a_stranger_gets_one_request_and_no_more(stranger: Answer) -> None:
    with server(stranger) as (port, got):
        granted = granted_for(port)
        with pytest.raises(Refusal, match="did not agree"):
            ask(port, granted.token)
    assert len(got) == 1
    assert got[0].startswith(b"POST /rehearsal HTTP/1.1\r\n")


def test_a_rostra_of_somebody_else_refuses() -> None:
    """It has a key of its own, and whoever could write to its bus could not make it sign for ours."""
    other = Ed25519PrivateKey.generate()
    holder: list[Answer] = []
    with server(by(holder)) as (port, _):
        granted = granted_for(port)
        holder.append(edge(granted, other))
        with pytest.raises(Refusal):
            ask(port, granted.token)


def test_a_recorded_answer_is_worth_nothing() -> None:
    recorded: list[tuple[int, bytes]] = []
    holder: list[Answer] = []

    def replay(body: bytes) -> tuple[int, bytes]:
        if not recorded:
            recorded.append(holder[0](body))
        return recorded[0]

    with server(replay) as (port, _):
        granted = granted_for(port)
        holder.append(edge(granted))
        ask(port, granted.token)
        with pytest.raises(Refusal):
            ask(port, granted.token)


def test_a_token_is_for_its_origin_and_its_time() -> None:
    target = read_target("http://127.0.0.1:8080/r/demo")
    with pytest.raises(BadToken, match=r"is for http://127\.0\.0\.1:9999, not for http://127\.0\.0\.1:8080"):
        check_token(granted_for(9999).token, target, NOW)
    with pytest.raises(BadToken, match="expired"):
        check_token(granted_for(8080, until=-1).token, target, NOW)
    with pytest.raises(BadToken, match="not a rehearsal token"):
        check_token("nonsense", target, NOW)


def test_a_token_that_was_changed_is_none() -> None:
    token = granted_for(8080).token
    payload, signature, public = token.split(".")
    for bad in (f"{payload[:-2]}xx.{signature}.{public}", f"{payload}.{signature}", token + "x", "", "a" * 5000):
        with pytest.raises(BadToken):
            read_token(bad)


def test_nobody_there_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match="does not answer"):
        ask(port, granted_for(port).token)


def test_addresses_of_rooms() -> None:
    target = read_target("http://127.0.0.1:8080/before/r/demo/live")
    assert (target.before, target.room, target.path) == ("/before", "demo", "/before/r/demo")
    assert target.origin == "http://127.0.0.1:8080"
    for bad in ("127.0.0.1", "ftp://x/r/demo", "http://127.0.0.1/", "http://127.0.0.1/r/", "http://127.0.0.1/r/UP"):
        with pytest.raises(BadRequest):
            read_target(bad)
    with pytest.raises(EnvironmentFault, match="no host"):
        read_target("http://no-such-host.invalid/r/demo")
