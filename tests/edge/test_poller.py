from __future__ import annotations

import asyncio
import os
import socket
import time

import pytest

from rostra.edge.poller import GONE, READABLE, WRITABLE, PlainWire, Poller, with_socket


class Endpoint:
    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def ready(self, fd: int, events: int) -> None:
        self.seen.append((fd, events))


async def test_the_loop_wakes_for_what_is_ready() -> None:
    poller, endpoint = Poller(), Endpoint()
    ours, theirs = socket.socketpair()
    poller.watch(ours.fileno(), endpoint, READABLE)
    poller.start(asyncio.get_running_loop())
    try:
        await asyncio.sleep(0.01)
        assert endpoint.seen == []
        theirs.send(b"x")
        await asyncio.sleep(0.01)
        assert endpoint.seen[0] == (ours.fileno(), READABLE)
        poller.expect(ours.fileno(), GONE)
        seen = len(endpoint.seen)
        await asyncio.sleep(0.01)
        assert len(endpoint.seen) == seen
        other = Endpoint()
        poller.hand_over(ours.fileno(), other)
        theirs.close()
        await asyncio.sleep(0.01)
        assert other.seen[0][1] & GONE
        assert len(poller) == 1
        poller.forget(ours.fileno())
        assert poller.endpoints() == []
    finally:
        ours.close()
        poller.stop()


def test_plain_wire() -> None:
    ours, theirs = socket.socketpair()
    wire = PlainWire()
    fd = ours.detach()
    os.set_blocking(fd, False)
    assert wire.send(fd, b"abc") == 3
    assert theirs.recv(9) == b"abc"
    with pytest.raises(BlockingIOError):
        wire.read(fd)
    theirs.send(b"def")
    assert wire.read(fd) == b"def"
    theirs.close()
    assert wire.read(fd) == b""
    with pytest.raises(OSError, match="Broken pipe"):
        wire.send(fd, b"x")
    wire.close(fd)


def test_a_socket_for_a_moment_leaves_the_descriptor_open() -> None:
    ours, theirs = socket.socketpair()
    fd = ours.detach()
    sock = with_socket(fd)
    sock.shutdown(socket.SHUT_WR)
    sock.detach()
    assert theirs.recv(1) == b""
    os.close(fd)
    theirs.close()


def test_writable_is_told() -> None:
    poller, endpoint = Poller(), Endpoint()
    ours, theirs = socket.socketpair()
    poller.watch(ours.fileno(), endpoint, WRITABLE)
    poller.turn()
    assert endpoint.seen == [(ours.fileno(), WRITABLE)]
    ours.close()
    theirs.close()
    poller.stop()


async def test_a_turn_that_took_long_is_followed_by_a_shorter_one_and_nobody_is_left_out() -> None:
    poller, served = Poller(), list[int]()

    class Slow:
        def ready(self, fd: int, events: int) -> None:
            time.sleep(0.002)
            served.append(fd)

    pairs = [socket.socketpair() for _ in range(32)]
    try:
        for ours, theirs in pairs:
            poller.watch(ours.fileno(), Slow(), READABLE)
            theirs.send(b"x")
        turns = []
        for _ in range(40):
            before = len(served)
            poller.turn()
            turns.append(len(served) - before)
        assert turns[0] == 32
        assert min(turns) <= 2
        assert max(turns[8:]) <= 4
        lately = served[-64:]
        assert len(set(lately)) > 24, "they are served one after the other"
    finally:
        for ours, theirs in pairs:
            poller.forget(ours.fileno())
            ours.close()
            theirs.close()
