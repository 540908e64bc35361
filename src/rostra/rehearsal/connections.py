"""Connections of synthetic listeners: opened, written, read and closed. The only file of a crowd that knows sockets."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import ssl

from rostra.rehearsal.addresses import LISTENERS_AN_ADDRESS, Population, attacking, loopback, packed, preamble
from rostra.rehearsal.listener import Listener, State
from rostra.rehearsal.target import Target, tls_context

READ_BYTES = 64 * 1024
"""A flush of 4 s of the largest rendition is 36 KB. Whoever has more to read is read again."""

NO_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT (linux/in.h): the port is chosen when it is known where to."""

RESET = b"\1\0\0\0\0\0\0\0"
"""struct linger {1, 0}: closed by a reset, so that no port stays in TIME_WAIT."""

_PREAMBLE_BYTES = {4: 28, 16: 52}


class Connections:
    """All of one generator, by descriptor, in one epoll."""

    def __init__(self, target: Target, population: Population | None, block: int, networks: int = 0) -> None:
        """:param block: of source addresses on loopback, another for each generator.
        :param networks: so many instead, that no listener comes from: these are bots.
        """
        self.target = target
        self.epoll = select.epoll()
        self.table: dict[int, Listener] = {}
        self._population = population
        self._block, self._networks = block, networks
        self._addresses = [(a, packed(a)) for a in target.addresses]
        self._loopback = all(a.startswith("127.") for a in target.addresses)
        self._tls = tls_context(target) if target.tls else None

    def open(self, who: Listener) -> str:
        """Begins to connect, with ``who.out`` to be sent. Why it cannot; empty: it does."""
        address, raw = self._addresses[who.number % len(self._addresses)]
        family = socket.AF_INET6 if len(raw) == 16 else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        except OSError:
            return "no_descriptor"
        if self._loopback:
            sock.setsockopt(socket.IPPROTO_IP, NO_PORT, 1)
            try:  # noqa: SIM105 (a context manager takes as long as the call)
                sock.bind((self._from(who.number), 0))
            except OSError:
                pass  # one that is bound nowhere has the address of the machine
        if sock.connect_ex((address, self.target.port)) not in (0, errno.EINPROGRESS):
            sock.close()
            return "failed"
        if self._population is not None:
            source = self._population.address(who.number)
            who.out = preamble(source, 1024 + who.number % 60_000, raw, self.target.port) + who.out
        who.rest = b""
        who.state = State.CONNECTING
        if self._tls is not None:
            who.socket = sock
            who.fd = sock.fileno()
        else:
            who.fd = sock.detach()
            if self._loopback and self._at_once(who):
                return "" if who.fd >= 0 else "failed"
        self.table[who.fd] = who
        self.epoll.register(who.fd, select.EPOLLOUT)
        return ""

    def _at_once(self, who: Listener) -> bool:
        """On loopback the connection stands when connect() returns: one event less a join. Whether that was all."""
        try:
            if os.write(who.fd, who.out) != len(who.out):
                raise OSError(errno.ENOBUFS, "a request that does not fit into a new socket")
        except BlockingIOError:
            return False
        except OSError:
            os.close(who.fd)
            who.fd = -1
            return True
        who.out = b""
        who.state = State.ASKING
        self.table[who.fd] = who
        self.epoll.register(who.fd, select.EPOLLIN)
        return True

    def _from(self, number: int) -> str:
        """Where listener ``number`` comes from, on loopback: each time from the same address, as a household does; a
        door takes the answer to a challenge only from there."""
        if self._networks:
            return attacking(number, self._networks, LISTENERS_AN_ADDRESS)
        return loopback(self._block, number)

    def send(self, who: Listener) -> bool:
        """What it asks, at once; the little that a full socket does not take is a fault of the other side."""
        try:
            sent = who.socket.send(who.out) if who.socket is not None else os.write(who.fd, who.out)
        except OSError:
            return False
        if sent != len(who.out):
            return False
        who.out = b""
        if who.state is not State.ASKING:
            who.state = State.ASKING
            self.epoll.modify(who.fd, select.EPOLLIN)
        return True

    def connected(self, who: Listener) -> bool:
        """It can be written to: what is to be sent is sent, by TLS once hands are shaken. False: it failed."""
        if self._tls is None:
            return self.send(who)
        try:
            if who.state is State.CONNECTING:
                if self._population is not None:  # in clear, before TLS begins
                    size = _PREAMBLE_BYTES[len(self._population.address(who.number))]
                    who.socket.send(who.out[:size])
                    who.out = who.out[size:]
                who.socket = self._tls.wrap_socket(
                    who.socket, server_hostname=self.target.host, do_handshake_on_connect=False
                )
                who.state = State.SHAKING
            who.socket.do_handshake()
        except ssl.SSLWantReadError:
            self.epoll.modify(who.fd, select.EPOLLIN)
            return True
        except ssl.SSLWantWriteError:
            self.epoll.modify(who.fd, select.EPOLLOUT)
            return True
        except OSError:
            return False
        who.state = State.CONNECTING
        return self.send(who)

    def read(self, who: Listener) -> bytes | None:
        """None: not now. Empty: it is over."""
        try:
            if who.socket is None:
                return os.read(who.fd, READ_BYTES)
            data: bytes = who.socket.recv(READ_BYTES)
            while who.socket.pending():  # what OpenSSL holds back does not wake epoll
                data += who.socket.recv(READ_BYTES)
            return data
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError:
            return b""

    def look_away(self, who: Listener) -> None:
        """Nothing is read, so that its window closes."""
        self.epoll.modify(who.fd, 0)

    def look_back(self, who: Listener) -> None:
        if who.fd >= 0:
            self.epoll.modify(who.fd, select.EPOLLIN)

    def close(self, who: Listener) -> None:
        if who.fd < 0:
            return
        self.table.pop(who.fd, None)
        with contextlib.suppress(OSError, ValueError):
            self.epoll.unregister(who.fd)
        with contextlib.suppress(OSError):
            if who.socket is not None:
                who.socket.close()
            else:
                reset(who.fd)
        who.socket = None
        who.fd = -1


def reset(fd: int) -> None:
    """Closes it, and leaves no port behind."""
    sock = socket.socket(fileno=fd)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()
