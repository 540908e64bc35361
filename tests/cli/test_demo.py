from __future__ import annotations

from pathlib import Path

import pytest

from rostra.cli.demo import _as_called, _summary
from rostra.config import load
from rostra.processes.demo import OnAir
from rostra.processes.serve import Addresses

FOUND = OnAir(
    Addresses("http://127.0.0.1:8080", "http://127.0.0.1:8081", "http://127.0.0.1:8082", "nats://127.0.0.1:1"),
    "demo",
    {"host": "http://127.0.0.1:8081/host/demo#t=T", "public": "http://127.0.0.1:8080/r/demo"},
)


def test_the_summary_has_what_there_is_to_open() -> None:
    text = _summary(FOUND, load(None, {"data": "elsewhere"}), "")
    assert "http://127.0.0.1:8080/r/demo\n" in text
    assert "http://127.0.0.1:8080/r/demo/live.mp3" in text
    assert "http://127.0.0.1:8081/host/demo#t=T" in text
    assert "--data elsewhere" in text
    assert "a.wav in a loop" in _summary(FOUND, load(), "a.wav")


def test_it_says_how_to_call_it_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    assert _as_called() == f"{tmp_path / 'bin' / 'python'} -m rostra"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "rostra").touch()
    assert _as_called() == str(tmp_path / "bin" / "rostra")
    monkeypatch.chdir(tmp_path)
    assert _as_called() == "bin/rostra"
