"""What the limits of a machine mean for the number of listeners, in words.

:func:`machine_facts` reads them (``/proc``, ``getrlimit``); :func:`listener_capacity` is pure and says what follows.
The edge prints the tightest at its start, ``rostra doctor`` prints all.
"""

from __future__ import annotations

import contextlib
import mmap
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROCESS_BYTES = 4 * 1024
"""Memory of an edge process for one plain listener, at most (measured: benchmarks/memory)."""

KERNEL_BYTES = 6 * 1024
"""Kernel memory of one idle accepted TCP socket: struct tcp_sock (2.4 KB), inode, dentry, file and epoll entry
(1.6 KB), and the buffer of a flush that is on its way."""

FLUSH_PAGES = 2
"""Pages of ``tcp_mem`` that a listener who keeps up takes while a flush is on its way to it."""

LAGGARD_PAGES = 8
"""Pages of ``tcp_mem`` that a listener whose network stalls takes: the kernel doubles SO_SNDBUF, 16 KiB, for its own
account."""

MEMORY_SHARE = 0.8
"""Share of the memory that is free now that listeners may take; the rest is for the processes around them."""

RESERVE_DESCRIPTORS = 200
"""Open files that an edge keeps back (``front.reserve_descriptors``)."""


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """The limits of one machine, as the kernel states them. ``None`` where the kernel does not have such a limit."""

    nofile_soft: int
    nofile_hard: int
    file_max: int | None
    """Open files of the whole machine (fs.file-max)."""
    somaxconn: int
    syn_backlog: int
    ports: tuple[int, int]
    """Lowest and highest port for outgoing connections (net.ipv4.ip_local_port_range)."""
    tcp_mem: tuple[int, int, int]
    """Pages for TCP buffers, whole machine: fine below the first, pressed above the second, refused above the third."""
    page_bytes: int
    conntrack_max: int | None
    memory_bytes: int
    """Memory that is available now."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One limit and what it means. ``listeners`` is None where it does not bound how many can listen at once."""

    what: str
    value: str
    listeners: int | None
    sentence: str


def raise_open_files() -> int:
    """Raise the soft limit on open files to the hard one, which any process may; returns the limit now in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = _integer(Path("/proc/sys/fs/nr_open")) or 1_048_576
    if soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def machine_facts(proc: Path = Path("/proc")) -> MachineFacts:
    """Read the limits of this machine; where a file is missing, Linux's default stands in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    top = _integer(proc / "sys/fs/nr_open") or 1_048_576
    ports = _integers(proc / "sys/net/ipv4/ip_local_port_range")
    tcp_mem = _integers(proc / "sys/net/ipv4/tcp_mem")
    return MachineFacts(
        nofile_soft=top if soft == resource.RLIM_INFINITY else soft,
        nofile_hard=top if hard == resource.RLIM_INFINITY else hard,
        file_max=_integer(proc / "sys/fs/file-max"),
        somaxconn=_integer(proc / "sys/net/core/somaxconn") or 4096,
        syn_backlog=_integer(proc / "sys/net/ipv4/tcp_max_syn_backlog") or 1024,
        ports=(ports[0], ports[1]) if len(ports) == 2 else (32768, 60999),
        tcp_mem=(tcp_mem[0], tcp_mem[1], tcp_mem[2]) if len(tcp_mem) == 3 else (0, 0, 0),
        page_bytes=mmap.PAGESIZE,
        conntrack_max=_integer(proc / "sys/net/netfilter/nf_conntrack_max"),
        memory_bytes=_available_bytes(proc / "meminfo"),
    )


def listener_capacity(
    facts: MachineFacts, processes: int = 1, *, reserve: int = RESERVE_DESCRIPTORS, backlog: int = 4096
) -> list[Finding]:
    """What each limit means for ``processes`` edges, the tightest first, those that bound nothing last."""
    if processes < 1:
        raise ValueError("there is at least one edge process")
    findings = [
        _open_files(facts, processes, reserve),
        _memory(facts),
        _tcp_mem(facts),
        *_machine_files(facts),
        *_conntrack(facts),
        _backlog(facts, processes, backlog),
        _ports(facts),
    ]
    return sorted(findings, key=lambda f: (f.listeners is None, f.listeners or 0))


def tightest(findings: Sequence[Finding]) -> Finding | None:
    """The finding that bounds the number of listeners first."""
    bounding = [f for f in findings if f.listeners is not None]
    return min(bounding, key=lambda f: f.listeners or 0) if bounding else None


def _open_files(facts: MachineFacts, processes: int, reserve: int) -> Finding:
    each = max(0, facts.nofile_hard - reserve)
    processes_word = "one edge process" if processes == 1 else f"{processes} edge processes"
    raised = "" if facts.nofile_soft >= facts.nofile_hard else f" (raised from {facts.nofile_soft:,} at the start)"
    return Finding(
        "open files",
        f"{facts.nofile_hard:,} a process",
        each * processes,
        f"A process may have {facts.nofile_hard:,} files open{raised}; with {reserve} kept back, {processes_word} "
        f"can hold {each * processes:,} listeners. More: `ulimit -Hn`, LimitNOFILE= in the service, or more edges "
        "(--edges).",
    )


def _memory(facts: MachineFacts) -> Finding:
    listeners = int(facts.memory_bytes * MEMORY_SHARE) // (PROCESS_BYTES + KERNEL_BYTES)
    return Finding(
        "memory",
        f"{facts.memory_bytes / 2**30:.1f} GiB free",
        listeners,
        f"A listener takes about {(PROCESS_BYTES + KERNEL_BYTES) // 1024} KiB (edge and kernel together), so the "
        f"memory that is free now holds about {listeners:,}.",
    )


def _tcp_mem(facts: MachineFacts) -> Finding:
    pressed, most = facts.tcp_mem[1], facts.tcp_mem[2]
    if not most:
        return Finding("tcp_mem", "unknown", None, "The kernel does not say how much memory TCP may take.")
    mib = facts.page_bytes / 2**20
    return Finding(
        "tcp_mem",
        f"{most * mib:,.0f} MiB",
        most // FLUSH_PAGES,
        f"TCP buffers may take {most * mib:,.0f} MiB in all: enough for {most // FLUSH_PAGES:,} listeners who keep up, "
        f"or {most // LAGGARD_PAGES:,} whose networks all stall at once; from {pressed * mib:,.0f} MiB on the kernel "
        "shrinks buffers. More: sysctl net.ipv4.tcp_mem.",
    )


def _machine_files(facts: MachineFacts) -> list[Finding]:
    if facts.file_max is None or facts.file_max > 2**40:
        return []
    return [
        Finding(
            "open files, whole machine",
            f"{facts.file_max:,}",
            facts.file_max,
            f"All processes together may have {facts.file_max:,} files open. More: sysctl fs.file-max.",
        )
    ]


def _conntrack(facts: MachineFacts) -> list[Finding]:
    if facts.conntrack_max is None:
        return []
    return [
        Finding(
            "connection tracking",
            f"{facts.conntrack_max:,} entries",
            facts.conntrack_max,
            f"The firewall tracks at most {facts.conntrack_max:,} connections and then drops new ones without a word; "
            "a listener who vanished keeps its entry for days by default. More: sysctl "
            "net.netfilter.nf_conntrack_max, or exempt the front door (notrack).",
        )
    ]


def _backlog(facts: MachineFacts, processes: int, backlog: int) -> Finding:
    depth = min(facts.somaxconn, backlog)
    capped = " (capped by net.core.somaxconn)" if facts.somaxconn < backlog else ""
    return Finding(
        "backlog",
        f"{depth:,} a process",
        None,
        f"While an edge is busy the kernel keeps {depth:,} new connections waiting for it{capped}, "
        f"{depth * processes:,} in all: at 20,000 joins a second that bridges {depth * processes / 20_000:.2f} s. It "
        "does not bound how many can listen. More: sysctl net.core.somaxconn and front.backlog.",
    )


def _ports(facts: MachineFacts) -> Finding:
    low, high = facts.ports
    n = max(0, high - low + 1)
    return Finding(
        "ports",
        f"{low}-{high}",
        None,
        f"Listeners who connect directly are not bound by ports. A proxy in front, or a crowd for a test, can open "
        f"{n:,} connections from one address to one address and port of the edge: give it more addresses, or widen "
        "net.ipv4.ip_local_port_range.",
    )


def _integers(path: Path) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in path.read_text().split())
    except (OSError, ValueError):
        return ()


def _integer(path: Path) -> int | None:
    return next(iter(_integers(path)), None)


def _available_bytes(path: Path) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in path.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0
