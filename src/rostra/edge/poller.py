"""One epoll for all connections, itself watched by the event loop.

A transport of the loop costs an object, a buffer and two handles a connection; here a connection is its descriptor
and whoever answers for it (benchmarks: memory, joins). The loop wakes us once for all that are ready.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import ssl
import time
from typing import Protocol

MAX_EVENTS = 256
"""Connections answered in one go, then the loop breathes."""

TURN_S = 0.004
"""For how long: what comes on one connection may be 16 KiB of requests that have to be looked up, 10 ms and more. After
a turn that was longer the next one takes half as many; epoll(7) goes round, so nobody is left out (benchmarks:
attacks)."""

READ_BYTES = 16 * 1024
"""Read at once: two heads of the largest size."""

READABLE = select.EPOLLIN
WRITABLE = select.EPOLLOUT
GONE = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Endpoint(Protocol):
    """Whoever answers for a descriptor. It closes no other descriptor than its own while it does: events already taken
    for another one would meet whoever got its number next.
    """

    def ready(self, fd: int, events: int) -> None: ...


class Wire(Protocol):
    """How bytes go in and out of a descriptor. Both may raise BlockingIOError, and OSError when it is broken."""

    secure: bool

    def send(self, fd: int, data: bytes | memoryview, /) -> int: ...

    def read(self, fd: int, /) -> bytes: ...

    def close(self, fd: int, /) -> None: ...


class PlainWire:
    """TCP as it is."""

    secure = False
    send = staticmethod(os.write)
    """Measured against socket.send and the loop's transport.write: docs/topics/edge.md."""

    def read(self, fd: int, /) -> bytes:
        return os.read(fd, READ_BYTES)

    def close(self, fd: int, /) -> None:
        os.close(fd)


class SecureWire:
    """TLS on the socket itself: no buffers of ours between OpenSSL and the kernel."""

    secure = True

    def __init__(self) -> None:
        self.sockets: dict[int, ssl.SSLSocket] = {}

    def send(self, fd: int, data: bytes | memoryview, /) -> int:
        try:
            return self.sockets[fd].send(data)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            raise BlockingIOError from None

    def read(self, fd: int, /) -> bytes:
        try:
            return self.sockets[fd].recv(READ_BYTES)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def close(self, fd: int, /) -> None:
        self.sockets.pop(fd).close()


class Poller:
    """The descriptors, whoever answers for each, and what it waits for."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._endpoints: dict[int, Endpoint] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._most = MAX_EVENTS

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        loop.add_reader(self._epoll.fileno(), self.turn)

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def __len__(self) -> int:
        return len(self._endpoints)

    def endpoints(self) -> list[tuple[int, Endpoint]]:
        return list(self._endpoints.items())

    def watch(self, fd: int, endpoint: Endpoint, events: int) -> None:
        """Begin to watch a descriptor."""
        self._endpoints[fd] = endpoint
        self._epoll.register(fd, events)

    def expect(self, fd: int, events: int) -> None:
        """Wait for something else from now on."""
        self._epoll.modify(fd, events)

    def end(self, fd: int) -> None:
        """As if its peer had gone: whoever answers for it closes it."""
        endpoint = self._endpoints.get(fd)
        if endpoint is not None:
            endpoint.ready(fd, select.EPOLLHUP)

    def hand_over(self, fd: int, endpoint: Endpoint) -> None:
        """Another answers for it from now on."""
        self._endpoints[fd] = endpoint

    def forget(self, fd: int) -> None:
        """No one answers for it any more; it is about to be closed, which takes it off the epoll."""
        self._endpoints.pop(fd, None)

    def turn(self) -> None:
        """Let all that are ready be answered."""
        endpoints, begun = self._endpoints, time.perf_counter()
        for fd, events in self._epoll.poll(0, self._most):
            endpoint = endpoints.get(fd)
            if endpoint is not None:
                endpoint.ready(fd, events)
        took = time.perf_counter() - begun
        if took > TURN_S:
            self._most = max(1, self._most // 2)
        elif took < TURN_S / 2 and self._most < MAX_EVENTS:
            self._most *= 2


def with_socket(fd: int) -> socket.socket:
    """A socket object for a moment; ``detach()`` it when done."""
    return socket.socket(fileno=fd)
