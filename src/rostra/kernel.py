"""What the kernel counts of connections that never reach us: full backlogs, SYN cookies, drops.

A flood that the kernel holds off, or loses, leaves no trace in any edge. Its counters show it: :func:`read_kernel`
takes them from ``/proc/net``, :func:`parse_kernel` is pure, :meth:`KernelCounters.since` says what a second brought.

They count everything in one *network namespace* (network_namespaces(7)): all programs on the machine that share it, and
nothing of a container that has its own. An edge in a container sees its container's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

FILES = ("netstat", "snmp", "sockstat", "sockstat6")


@dataclass(frozen=True, slots=True)
class KernelCounters:
    """Counted since the machine (or the namespace) began, but for the last five, which are what is there now.

    0 where a kernel does not have one.
    """

    listen_overflows: int = 0
    """Connections that were ready and found the backlog of the listening socket full."""
    listen_drops: int = 0
    """SYNs and connections dropped at listening sockets for any reason, those included."""
    syn_cookies_sent: int = 0
    """SYNs answered without keeping anything, because too many were on their way."""
    syn_cookies_received: int = 0
    """Of those, handshakes that were finished: people, or floods that do not forge their address."""
    syn_cookies_failed: int = 0
    """ACKs that fitted no cookie."""
    requests_dropped: int = 0
    """SYNs dropped because too many were on their way and cookies are off (net.ipv4.tcp_syncookies)."""
    requests_cookied: int = 0
    """SYNs answered with a cookie because too many were on their way."""
    aborted_on_memory: int = 0
    """Connections given up because TCP had no memory left (net.ipv4.tcp_mem)."""
    backlog_dropped: int = 0
    """Segments dropped because a socket's own backlog was full."""
    receive_pruned: int = 0
    """Received bytes thrown away for want of memory."""
    segments_retransmitted: int = 0
    sockets_in_use: int = 0
    sockets_orphaned: int = 0
    """Closed by their program, and not by the kernel yet."""
    sockets_time_wait: int = 0
    sockets_allocated: int = 0
    memory_pages: int = 0
    """Of TCP buffers; the limits are net.ipv4.tcp_mem."""

    def since(self, before: Self) -> Self:
        """What was counted between ``before`` and this; what is there now stays what it is. A counter that began anew
        counts from nothing."""
        changed = {}
        for field in fields(self):
            now = getattr(self, field.name)
            if field.name not in NOW:
                then = getattr(before, field.name)
                now = now - then if now >= then else now
            changed[field.name] = now
        return type(self)(**changed)

    @property
    def sentence(self) -> str | None:
        """What an operator should know of these (of a second, see :meth:`since`); None: nothing."""
        said = []
        if self.listen_overflows:
            said.append(
                f"{self.listen_overflows:,} connections found the backlog full (front.backlog, net.core.somaxconn, or "
                "more edges)"
            )
        if self.requests_dropped:
            said.append(f"{self.requests_dropped:,} SYNs were dropped: turn on net.ipv4.tcp_syncookies")
        if self.syn_cookies_sent:
            said.append(f"{self.syn_cookies_sent:,} SYNs were answered with cookies: a flood, or a very large crowd")
        if self.aborted_on_memory:
            said.append(f"{self.aborted_on_memory:,} connections were given up for want of net.ipv4.tcp_mem")
        return f"The kernel: {'; '.join(said)}." if said else None


NOW = ("sockets_in_use", "sockets_orphaned", "sockets_time_wait", "sockets_allocated", "memory_pages")

_SOURCES = {
    "listen_overflows": ("TcpExt", "ListenOverflows"),
    "listen_drops": ("TcpExt", "ListenDrops"),
    "syn_cookies_sent": ("TcpExt", "SyncookiesSent"),
    "syn_cookies_received": ("TcpExt", "SyncookiesRecv"),
    "syn_cookies_failed": ("TcpExt", "SyncookiesFailed"),
    "requests_dropped": ("TcpExt", "TCPReqQFullDrop"),
    "requests_cookied": ("TcpExt", "TCPReqQFullDoCookies"),
    "aborted_on_memory": ("TcpExt", "TCPAbortOnMemory"),
    "backlog_dropped": ("TcpExt", "TCPBacklogDrop"),
    "receive_pruned": ("TcpExt", "RcvPruned"),
    "segments_retransmitted": ("Tcp", "RetransSegs"),
    "sockets_in_use": ("TCP", "inuse"),
    "sockets_orphaned": ("TCP", "orphan"),
    "sockets_time_wait": ("TCP", "tw"),
    "sockets_allocated": ("TCP", "alloc"),
    "memory_pages": ("TCP", "mem"),
}


def read_kernel(proc: Path = Path("/proc")) -> KernelCounters:
    """The counters of our network namespace; all 0 where there is no such file."""
    return parse_kernel(*(_text(proc / "net" / name) for name in FILES))


def parse_kernel(netstat: str, snmp: str, sockstat: str, sockstat6: str = "") -> KernelCounters:
    """What these files of ``/proc/net`` say (proc_pid_net(5)). What cannot be read is 0."""
    found = dict(_titled(netstat))
    found.update(_titled(snmp))
    found.update(_paired(sockstat))
    six = dict(_paired(sockstat6))
    found["TCP", "inuse"] = found.get(("TCP", "inuse"), 0) + six.get(("TCP6", "inuse"), 0)
    return KernelCounters(**{name: found.get(source, 0) for name, source in _SOURCES.items()})


def _titled(text: str) -> Iterator[tuple[tuple[str, str], int]]:
    """Two lines a protocol: its names, and its values in the same order."""
    lines = [line.partition(":") for line in text.splitlines()]
    for (protocol, _, names), (again, _, values) in zip(lines[::2], lines[1::2], strict=False):
        if protocol == again:
            for name, value in zip(names.split(), values.split(), strict=False):
                if value.isdecimal():
                    yield (protocol, name), int(value)


def _paired(text: str) -> Iterator[tuple[tuple[str, str], int]]:
    """A line a protocol: name, value, name, value."""
    for line in text.splitlines():
        protocol, _, rest = line.partition(":")
        words = rest.split()
        for name, value in zip(words[::2], words[1::2], strict=False):
            if value.isdecimal():
                yield (protocol, name), int(value)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
