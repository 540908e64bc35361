"""The listening socket: what accepted sockets inherit from it, and how connections are taken, many at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import time
from collections.abc import Callable

from rostra.edge.poller import GONE, READABLE, WRITABLE, Poller, SecureWire
from rostra.edge.proxy_preamble import read_preamble
from rostra.errors import EnvironmentFault, PortInUse, Refused

SEND_BUFFER_BYTES = 16 * 1024
"""Architecture, "Times, sizes and limits": the kernel must not hide minutes of sound."""

RECEIVE_BUFFER_BYTES = 16 * 1024
"""Two heads of the largest size: what a stranger sends and nobody reads costs no more."""

UNSENT_LOW_WATER_BYTES = 16 * 1024
"""TCP_NOTSENT_LOWAT: a socket with so much that has not left yet takes no more."""

USER_TIMEOUT_S = 15.0
"""TCP_USER_TIMEOUT. It counts from the first send that is not acknowledged, which is up to a flush, 4 s, after a
listener vanished: so whoever vanishes is gone within the 20 s that the architecture gives."""

KEEPALIVE = (10, 3, 2)
"""Idle seconds, seconds between probes, probes: a room that is interrupted sends nothing, and whoever vanishes from it
is gone in 10 + 2 x 3 s all the same."""

LOOKED_AT_EVERY = 4
"""Connections between two looks at the clock."""

HANDSHAKE_TIMEOUT_S = 5.0
"""As long as a head has."""

ACCEPTED_AT_ONCE = 128
"""Connections taken in one go, before the loop looks after others: 4 ms at 30 us each."""

ACCEPTING_S = 0.006
"""And no longer than this: TLS takes ten times as long as a plain connection (benchmarks: attacks)."""


def open_listener(host: str, port: int, backlog: int) -> socket.socket:
    """A listening socket that shares its port with siblings (SO_REUSEPORT).

    :raises PortInUse: if another program has it. :raises EnvironmentFault: if the address cannot be had.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as e:
        raise EnvironmentFault(f"{host!r} is not an address of this machine: {e.strerror}.") from e
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Accepted sockets inherit all of these (Linux, inet_csk_clone_lock), which saves five calls a listener.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_LOW_WATER_BYTES)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(USER_TIMEOUT_S * 1000))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in zip(
            (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT), KEEPALIVE, strict=True
        ):
            listener.setsockopt(socket.IPPROTO_TCP, option, value)
        listener.setblocking(False)
        listener.bind(address)
        listener.listen(backlog)
    except OSError as e:
        listener.close()
        if e.errno == errno.EADDRINUSE:
            raise PortInUse(host, port, "--front") from e
        raise EnvironmentFault(f"The front door cannot open on {host}:{port}: {e.strerror}.") from e
    return listener


class Acceptor:
    """Answers for the listening socket: hands each connection on as a descriptor that does not block."""

    def __init__(
        self,
        listener: socket.socket,
        poller: Poller,
        taken: Callable[[int, str], None],
        exhausted: Callable[[], None],
    ) -> None:
        """:param taken: called with descriptor and peer address. :param exhausted: called when no descriptor is
        left.
        """
        self.listener = listener
        self._poller = poller
        self._taken = taken
        self._exhausted = exhausted
        self.accepted = 0
        self.crowded = False
        """Whether more were waiting than were taken when it was last looked."""

    def start(self) -> None:
        self._poller.watch(self.listener.fileno(), self, READABLE)

    def pause(self) -> None:
        self._poller.expect(self.listener.fileno(), 0)

    def resume(self) -> None:
        self._poller.expect(self.listener.fileno(), READABLE)

    def ready(self, fd: int, events: int) -> None:
        self.crowded = self.accept(ACCEPTED_AT_ONCE)

    def accept(self, most: int) -> bool:
        """Take at most ``most`` connections, for a moment. False when no more are waiting."""
        # What socket.accept() itself calls, without an object a connection that lives for a moment (benchmarks: joins).
        take = self.listener._accept  # type: ignore[attr-defined]
        until = time.perf_counter() + ACCEPTING_S
        for n in range(1, most + 1):
            if not n % LOOKED_AT_EVERY and time.perf_counter() > until:
                return True
            try:
                fd, address = take()
            except BlockingIOError:
                return False
            except OSError as e:
                if e.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._exhausted()
                    return False
                continue  # the peer has gone already (accept(2), "Error handling")
            os.set_blocking(fd, False)
            self.accepted += 1
            self._taken(fd, address[0])
        return True

    def close(self) -> None:
        """Accept until nobody waits, then close: whoever is in the queue when it closes would be reset."""
        while self.accept(ACCEPTED_AT_ONCE):
            pass
        self._poller.forget(self.listener.fileno())
        self.listener.close()


def secure_context(cert: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 for the front door, with session tickets.

    :raises EnvironmentFault: if certificate and key cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.num_tickets = 1  # who comes back shows one; the second would be bytes for nothing, times a crowd
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.load_cert_chain(cert, key or None)
    except (OSError, ssl.SSLError) as e:
        raise EnvironmentFault(f"The certificate {cert} with the key {key} cannot be used: {e}.") from e
    return context


class Handshake:
    """Answers for a connection until TLS stands; a PROXY preamble comes before it, in the clear."""

    __slots__ = (
        "_address",
        "_context",
        "_done",
        "_failed",
        "_lied",
        "_poller",
        "_preamble",
        "_secure",
        "_since",
        "_sock",
        "_source",
        "over",
    )

    def __init__(
        self,
        fd: int,
        context: ssl.SSLContext,
        secure: SecureWire,
        poller: Poller,
        *,
        now: float,
        done: Callable[[int, str | None, bytes], None],
        preamble: bool,
        address: bytes = b"",
        failed: Callable[[bytes], None] = lambda _: None,
        lied: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        """:param done: called with the descriptor, the source that a preamble named, and ``address``, once TLS stands.
        :param failed: called with ``address`` if it will not stand. :param lied: ... if the preamble is none.
        """
        self._sock: socket.socket | ssl.SSLSocket = socket.socket(fileno=fd)
        self._sock.setblocking(False)
        self._context = context
        self._secure = secure
        self._poller = poller
        self._since = now
        self._done = done
        self._failed = failed
        self._lied = lied
        self._address = address
        self._preamble = preamble
        self._source: str | None = None
        self.over = False
        poller.watch(fd, self, READABLE)

    def deadline(self) -> float:
        return self._since + HANDSHAKE_TIMEOUT_S

    @property
    def asks(self) -> bool:
        return False

    def expire(self) -> None:
        self._failed(self._address)
        self.close()

    def give_way(self) -> None:
        self.expire()

    def drain(self) -> None:
        self.close()

    def ready(self, fd: int, events: int) -> None:
        if events & GONE and not events & READABLE:
            self.close()
            return
        try:
            if self._preamble and not self._read_preamble():
                return
            if not isinstance(self._sock, ssl.SSLSocket):
                self._sock = self._context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
            self._sock.do_handshake()
        except (ssl.SSLWantReadError, BlockingIOError):
            self._poller.expect(fd, READABLE)
        except ssl.SSLWantWriteError:
            self._poller.expect(fd, WRITABLE)
        except Refused:
            self._lied(self._address)
            self.close()
        except (OSError, ValueError):
            self._failed(self._address)
            self.close()
        else:
            assert isinstance(self._sock, ssl.SSLSocket)
            self._secure.sockets[fd] = self._sock
            self.over = True
            self._done(fd, self._source, self._address)

    def _read_preamble(self) -> bool:
        data = self._sock.recv(4096, socket.MSG_PEEK)
        if not data:
            raise ConnectionResetError
        preamble = read_preamble(data)
        if preamble is None:
            return False
        self._sock.recv(preamble.size)
        self._source, self._preamble = preamble.source, False
        return True

    def close(self) -> None:
        if self.over:
            return
        self.over = True
        self._poller.forget(self._sock.fileno())
        with contextlib.suppress(OSError):
            self._sock.close()


def close_quietly(fd: int) -> None:
    with contextlib.suppress(OSError):
        os.close(fd)
