from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rostra.limits import MachineFacts, listener_capacity, machine_facts, raise_open_files, tightest

FACTS = MachineFacts(
    nofile_soft=1024,
    nofile_hard=20_000,
    file_max=2_000_000,
    somaxconn=4096,
    syn_backlog=4096,
    ports=(32768, 60999),
    tcp_mem=(287_901, 383_869, 575_802),
    page_bytes=4096,
    conntrack_max=262_144,
    memory_bytes=16 * 2**30,
)


def test_open_files_bound_first_and_count_for_each_process() -> None:
    findings = listener_capacity(FACTS, 3)
    assert findings[0].what == "open files"
    assert findings[0].listeners == 3 * (20_000 - 200)
    assert "59,400 listeners" in findings[0].sentence
    assert "raised from 1,024" in findings[0].sentence


def test_tightest_moves_with_the_facts() -> None:
    def first(facts: MachineFacts) -> str:
        found = tightest(listener_capacity(facts, 1))
        assert found is not None
        return found.what

    assert first(replace(FACTS, nofile_hard=1_048_576)) == "connection tracking"
    assert first(replace(FACTS, memory_bytes=64 * 2**20)) == "memory"
    assert first(replace(FACTS, tcp_mem=(1000, 2000, 3000))) == "tcp_mem"


def test_backlog_and_ports_bound_no_number() -> None:
    findings = {f.what: f for f in listener_capacity(replace(FACTS, somaxconn=128), 2)}
    assert findings["backlog"].listeners is None
    assert "capped" in findings["backlog"].sentence
    assert findings["ports"].listeners is None
    assert "28,232" in findings["ports"].sentence


def test_a_kernel_without_conntrack_is_not_asked_about_it() -> None:
    facts = replace(FACTS, conntrack_max=None, file_max=None, tcp_mem=(0, 0, 0))
    assert {f.what for f in listener_capacity(facts, 1)} == {"open files", "memory", "tcp_mem", "backlog", "ports"}


def test_processes_are_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least one"):
        listener_capacity(FACTS, 0)


def test_facts_of_this_machine_and_of_an_empty_proc(tmp_path: Path) -> None:
    here = machine_facts()
    assert here.nofile_hard >= here.nofile_soft > 0
    assert here.memory_bytes > 0
    bare = machine_facts(tmp_path)
    assert (bare.somaxconn, bare.ports, bare.conntrack_max, bare.memory_bytes) == (4096, (32768, 60999), None, 0)


def test_soft_limit_rises_to_hard() -> None:
    assert raise_open_files() == machine_facts().nofile_hard
