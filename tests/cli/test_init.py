import sys
import types

import click
import pytest
from click.testing import CliRunner

from rostra import cli
from rostra.errors import NotFound


def test_help_names_every_verb_and_an_example_without_importing_any() -> None:
    before = set(sys.modules)
    shown = CliRunner().invoke(cli.main, ["--help"])
    assert shown.exit_code == 0
    for verb in ("serve", "edge", "studio", "stage", "demo", "publish", "listen", "doctor", "room"):
        assert verb in shown.output
    assert "rostra room create" in shown.output
    assert not {m for m in set(sys.modules) - before if m.startswith("rostra.")}


def test_version() -> None:
    assert CliRunner().invoke(cli.main, ["--version"]).output.startswith("rostra, version ")


def test_an_unknown_verb_is_a_usage_error() -> None:
    shown = CliRunner().invoke(cli.main, ["sing"])
    assert shown.exit_code == 2
    assert "No such command 'sing'" in shown.output


def test_a_verb_that_cannot_be_imported_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rostra.cli.listen", None)
    shown = CliRunner().invoke(cli.main, ["listen", "x"])
    assert shown.exit_code == 1
    assert "rostra listen" in shown.output
    assert CliRunner().invoke(cli.main, ["--help"]).exit_code == 0


def test_our_errors_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("rostra.cli.listen")

    @click.command()
    def command() -> None:
        raise NotFound("There is no room 'x'.")

    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rostra.cli.listen", module)
    shown = CliRunner().invoke(cli.main, ["listen"])
    assert shown.exit_code == 1
    assert shown.output == "rostra: There is no room 'x'.\n"
