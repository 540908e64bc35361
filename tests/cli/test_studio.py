from click.testing import CliRunner

from rostra.cli.studio import command


def test_help_teaches() -> None:
    shown = CliRunner().invoke(command, ["--help"]).output
    for word in ("--studio", "--source", "--nats", "--data", "Example:", "cluster"):
        assert word in shown
