from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rostra.kernel import KernelCounters, parse_kernel, read_kernel

NETSTAT = """\
TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned ListenOverflows ListenDrops \
TCPAbortOnMemory TCPBacklogDrop TCPReqQFullDoCookies TCPReqQFullDrop
TcpExt: 11 7 2 0 0 5 120 131 3 4 11 9
IpExt: InNoRoutes InTruncatedPkts
IpExt: 0 0
"""
SNMP = """\
Ip: Forwarding DefaultTTL
Ip: 2 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs \
RetransSegs InErrs OutRsts InCsumErrors
Tcp: 1 200 120000 -1 10 2000 1 0 4 152027 151669 315 0 12 0
"""
SOCKSTAT = """\
sockets: used 99
TCP: inuse 6 orphan 2 tw 24 alloc 8 mem 17
UDP: inuse 0 mem 0
"""
SOCKSTAT6 = "TCP6: inuse 5\nUDP6: inuse 0\n"

FULL = KernelCounters(
    listen_overflows=120,
    listen_drops=131,
    syn_cookies_sent=11,
    syn_cookies_received=7,
    syn_cookies_failed=2,
    requests_dropped=9,
    requests_cookied=11,
    aborted_on_memory=3,
    backlog_dropped=4,
    receive_pruned=5,
    segments_retransmitted=315,
    sockets_in_use=11,
    sockets_orphaned=2,
    sockets_time_wait=24,
    sockets_allocated=8,
    memory_pages=17,
)


def test_everything_is_read() -> None:
    assert parse_kernel(NETSTAT, SNMP, SOCKSTAT, SOCKSTAT6) == FULL


def test_what_is_not_there_is_nothing() -> None:
    assert parse_kernel("", "", "") == KernelCounters()
    assert parse_kernel("TcpExt: ListenDrops\n", "Tcp:\nUdp: 4\n", "TCP: inuse\nTCP") == KernelCounters()
    assert parse_kernel("TcpExt: ListenDrops\nTcpExt: many\n", SNMP, "").segments_retransmitted == 315


def test_of_a_second() -> None:
    later = replace(FULL, listen_overflows=125, sockets_in_use=3, syn_cookies_sent=4)
    passed = later.since(FULL)
    assert (passed.listen_overflows, passed.listen_drops) == (5, 0)
    assert passed.sockets_in_use == 3
    assert passed.syn_cookies_sent == 4  # the namespace began anew


def test_what_an_operator_should_know() -> None:
    assert KernelCounters(listen_drops=4, sockets_in_use=9).sentence is None
    told = FULL.sentence or ""
    assert "backlog full" in told
    assert "tcp_syncookies" in told
    assert "tcp_mem" in told


def test_of_this_machine(tmp_path: Path) -> None:
    assert read_kernel(tmp_path) == KernelCounters()
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "netstat").write_text(NETSTAT)
    assert read_kernel(tmp_path).listen_drops == 131
    assert read_kernel().since(KernelCounters()).listen_drops >= 0
