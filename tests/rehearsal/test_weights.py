from __future__ import annotations

import os
from pathlib import Path

import pytest

from rostra.rehearsal.weights import place


def proc(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "proc" / str(os.getpid())
    folder.mkdir(parents=True)
    (folder / "cgroup").write_text(text)
    return tmp_path / "proc"


def test_a_group_of_its_own_where_there_are_groups(tmp_path: Path) -> None:
    own = tmp_path / "cgroup" / "service"
    own.mkdir(parents=True)
    (own / "cgroup.subtree_control").write_text("cpu")
    placed = place(os.getpid(), 50, tmp_path / "cgroup", proc(tmp_path, "0::/service\n"))
    folder = own / f"rostra-attack-{os.getpid()}"
    assert (folder / "cpu.weight").read_text() == "50"
    assert (folder / "cgroup.procs").read_text() == str(os.getpid())
    assert "control group" in placed.sentence


def test_groups_of_version_1(tmp_path: Path) -> None:
    own = tmp_path / "cgroup" / "cpu" / "a"
    own.mkdir(parents=True)
    (own / "cpu.shares").write_text("1024")
    placed = place(os.getpid(), 200, tmp_path / "cgroup", proc(tmp_path, "1:cpu,cpuacct:/a\n"))
    assert (own / f"rostra-attack-{os.getpid()}" / "cpu.shares").read_text() == "2048"
    assert "cpu.shares = 2048" in placed.sentence


def test_niceness_where_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "setpriority", lambda which, pid, nice: asked.append(nice))
    placed = place(os.getpid(), 50, tmp_path, proc(tmp_path, ""))
    assert asked == [3]
    assert "niceness 3" in placed.sentence
    assert "niceness 0" in place(os.getpid(), 100, tmp_path, tmp_path / "proc").sentence
