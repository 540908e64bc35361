import os

import pytest
from click.testing import CliRunner

from rostra.cli.serve import command, serve_settings
from rostra.errors import ConfigError


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("ROSTRA_")]:
        monkeypatch.delenv(name)


def test_help_teaches() -> None:
    shown = CliRunner().invoke(command, ["--help"]).output
    for word in ("--front", "--studio", "--source", "--edges", "--flush", "--tls-cert", "--tls-key", "--nats",
                 "--data", "--config", "Example:", "ready front=URL studio=URL"):  # fmt: skip
        assert word in shown


def test_options_win_over_file_and_environment(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    file = Path(str(tmp_path)) / "c.toml"
    file.write_text('data = "from-file"\n[front]\nport = 1\nedges = 4\n[stage]\nspeakers = 3\n')
    monkeypatch.setenv("ROSTRA_FRONT_EDGES", "5")
    found = serve_settings(front="127.0.0.1:9", config_file=str(file), flush=1.0, nats="nats://x:1", data=None)
    assert (found.front.host, found.front.port, found.front.edges, found.front.flush_s) == ("127.0.0.1", 9, 5, 1.0)
    assert (found.stage.speakers, found.bus.url, found.data) == (3, "nats://x:1", "from-file")


def test_nothing_given_is_the_defaults() -> None:
    found = serve_settings()
    assert (found.front.host, found.front.port) == ("0.0.0.0", 8080)
    assert (found.studio.port, found.source.port, found.data) == (8081, 8082, ".rostra")


def test_an_address_that_is_none() -> None:
    with pytest.raises(ConfigError, match="--studio 'x': write HOST:PORT"):
        serve_settings(studio="x")
