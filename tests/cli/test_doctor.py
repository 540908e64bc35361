from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from rostra.cli import main


def config(tmp_path: Path) -> str:
    """Doors that are free whatever else runs here."""
    file = tmp_path / "rostra.toml"
    doors = "".join(f'[{door}]\nhost = "127.0.0.1"\nport = 0\n' for door in ("front", "studio", "source"))
    file.write_text(f'data = "{tmp_path / "data"}"\n{doors}')
    return str(file)


def test_json(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["doctor", "--json", "--config", config(tmp_path)])
    body = json.loads(result.output)
    whats = [c["what"] for c in body["checks"]]
    assert {"open files", "backlog", "tcp_mem", "memory", "time", "codecs", "bus", "WebRTC (UDP)", "pages"} <= set(
        whats
    )
    assert body["ok"] == (result.exit_code == 0)
    assert all(c.keys() == {"what", "verdict", "value", "means", "todo", "listeners"} for c in body["checks"])
    assert "edge process" in body["conclusion"]


def test_more_than_any_machine_can_hold_fails(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["doctor", "--listeners", "2000000000", "--config", config(tmp_path)])
    assert result.exit_code == 1
    assert "fail" in result.output
    assert "-> More:" in result.output
