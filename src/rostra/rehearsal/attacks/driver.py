"""Carries scripts out: one epoll, as many connections at once as a plan says, until its time is over."""

from __future__ import annotations

import contextlib
import errno
import heapq
import os
import re
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from rostra.rehearsal.addresses import Population, attacking, packed, preamble
from rostra.rehearsal.attacks import SCRIPTS
from rostra.rehearsal.attacks.steps import Aim, Answer, Deaf, Pause, Send, Step
from rostra.rehearsal.connections import NO_PORT, reset
from rostra.rehearsal.counting import Second
from rostra.rehearsal.scenario import AttackPlan, Kind
from rostra.rehearsal.target import Target

READ_BYTES = 256 * 1024
OPENED_AT_ONCE = 64
EVENTS_AT_ONCE = 256
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")

MAX_OPEN = 15_000
"""Of one process, whatever the plan says: the limit on open files is 20,000."""


class _Connection:
    __slots__ = ("fd", "out", "script", "step")

    def __init__(self, fd: int, script: Iterator[Step]) -> None:
        self.fd, self.script = fd, script
        self.step: Step | None = None
        self.out = b""


class Attacker:
    """One plan, until its end."""

    def __init__(
        self, target: Target, plan: AttackPlan, begin: float, told: Callable[[Second], None], seed: int = 666
    ) -> None:
        """:param begin: monotonic time of second 0 of the rehearsal."""
        self._aim = Aim(target, plan, seed)
        self._script = SCRIPTS[plan.kind]
        self._begin, self._told = begin, told
        self._epoll = select.epoll()
        self._table: dict[int, _Connection] = {}
        self._timers: list[tuple[float, int, _Connection]] = []
        self._opened = 0
        self._second = Second()
        self._population = Population(plan.prefixes, seed) if target.proxied else None
        self._address = target.addresses[0]
        self._raw = packed(self._address)
        self.now = time.monotonic()
        self.over = False
        self.total: dict[str, int] = {}

    def run(self) -> None:
        plan = self._aim.plan
        start, end = self._begin + plan.from_s, self._begin + plan.from_s + plan.for_s
        while time.monotonic() < start and not self.over:
            time.sleep(max(0.0, min(0.1, start - time.monotonic())))
        second_at = self._begin + int(plan.from_s) + 1.0
        cpu = time.process_time()
        while not self.over:
            self.now = now = time.monotonic()
            if now >= second_at or now >= end:
                used = time.process_time()
                self._close_second(used - cpu)
                cpu, second_at = used, self._begin + int(now - self._begin) + 1.0
            if now >= end:
                break
            busy = self._open(now - start)
            while self._timers and self._timers[0][0] <= now:
                self._go_on(heapq.heappop(self._timers)[2])
            wait = 0.0 if busy else min(0.01, second_at - now)
            for fd, events in self._epoll.poll(max(0.0, wait), EVENTS_AT_ONCE):
                connection = self._table.get(fd)
                if connection is not None:
                    self._ready(connection, events)
        for connection in list(self._table.values()):
            self._close(connection)
        self._epoll.close()

    def _open(self, elapsed: float) -> bool:
        """New connections that are due. Whether there are more."""
        plan = self._aim.plan
        most = min(plan.connections, MAX_OPEN)
        for _ in range(OPENED_AT_ONCE):
            if len(self._table) >= most or (plan.rate and self._opened >= elapsed * plan.rate):
                return False
            self._connect()
        return True

    def _connect(self) -> None:
        family = socket.AF_INET6 if len(self._raw) == 16 else socket.AF_INET
        number, self._opened = self._opened, self._opened + 1
        try:
            sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        except OSError:
            self._second.count("no_descriptor")
            return
        if self._address.startswith("127."):
            sock.setsockopt(socket.IPPROTO_IP, NO_PORT, 1)
            with contextlib.suppress(OSError):
                sock.bind((attacking(number, self._aim.plan.prefixes), 0))
        if self._aim.plan.kind is Kind.SLOW_READERS:
            # A window that is as small as the kernel allows: otherwise it would take an evening of sound by itself.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
        error = sock.connect_ex((self._address, self._aim.target.port))
        if error not in (0, errno.EINPROGRESS):
            sock.close()
            self._second.count("failed")
            return
        connection = _Connection(sock.detach(), self._script(self._aim, number))
        if self._population is not None:
            source = self._population.address(number)
            connection.out = preamble(source, 1024 + number % 60_000, self._raw, self._aim.target.port)
        self._table[connection.fd] = connection
        self._epoll.register(connection.fd, select.EPOLLOUT)
        self._second.count("opened")

    def _ready(self, connection: _Connection, events: int) -> None:
        if events & select.EPOLLOUT and connection.step is None and not events & select.EPOLLERR:
            self._go_on(connection)  # it is connected
        elif events & select.EPOLLOUT and connection.out:
            if self._write(connection):
                self._go_on(connection)
        elif events & (select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP):
            self._read(connection)

    def _go_on(self, connection: _Connection) -> None:
        """To the next step that has to be waited for."""
        if self._table.get(connection.fd) is not connection:
            return
        while True:
            connection.step = step = next(connection.script, None)
            if step is None:
                self._second.count("done")
                self._close(connection)
                return
            if isinstance(step, Send):
                connection.out += step.data
                if not self._write(connection):
                    return
            elif isinstance(step, Pause):
                self._flush(connection)
                self._watch(connection, select.EPOLLIN)
                heapq.heappush(self._timers, (self.now + step.seconds, id(connection), connection))
                return
            else:
                self._flush(connection)
                self._watch(connection, 0 if isinstance(step, Deaf) else select.EPOLLIN)
                return

    def _flush(self, connection: _Connection) -> None:
        """A preamble goes out even where nothing else is said."""
        if connection.out and connection.fd >= 0:
            with contextlib.suppress(OSError):
                os.write(connection.fd, connection.out)
            connection.out = b""

    def _write(self, connection: _Connection) -> bool:
        """Whether all of it is sent."""
        try:
            connection.out = connection.out[os.write(connection.fd, connection.out) :]
        except BlockingIOError:
            pass
        except OSError:
            self._second.count("cut_off")
            self._close(connection)
            return False
        if connection.out:
            self._watch(connection, select.EPOLLOUT | select.EPOLLIN)
            return False
        if isinstance(connection.step, Send):
            self._second.count("sends")
        return True

    def _read(self, connection: _Connection) -> None:
        try:
            data = os.read(connection.fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        for status in _STATUS.findall(data):
            self._second.count(f"answer_{status.decode()}")
        if not data:
            self._second.count("cut_off")
            self._close(connection)
        elif connection.out:
            self._write(connection)
        elif isinstance(connection.step, Answer):
            self._go_on(connection)

    def _watch(self, connection: _Connection, events: int) -> None:
        if connection.fd >= 0:
            self._epoll.modify(connection.fd, events)

    def _close(self, connection: _Connection) -> None:
        self._table.pop(connection.fd, None)
        connection.script = iter(())
        reset(connection.fd)
        connection.fd = -1

    def _close_second(self, cpu_s: float) -> None:
        second, self._second = self._second, Second()
        second.gauges = {"open": len(self._table), "cpu": cpu_s}
        for name, n in second.counters.items():
            self.total[name] = self.total.get(name, 0) + n
        self._told(second)

    def finish(self) -> dict[str, Any]:
        return {"kind": self._aim.plan.kind.value, **self.total}
