"""The commands, one file a verb.

Each verb's module has a ``command`` and is imported only when it is asked for: ``rostra room list`` does not wait for
the media libraries, and a verb that cannot be imported on this machine takes no other with it.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from rostra import __version__
from rostra.errors import RostraError

VERBS = {
    "serve": "Everything on this machine: both doors, the bus, a stage for each room on air.",
    "demo": "Serve, with a room on air that already talks.",
    "room": "Make, list, show and end rooms.",
    "desk-token": "Print the link by which an operator signs in to the desk.",
    "publish": "Let a file, a stream or standard input speak in a room.",
    "listen": "Join a room as a listener and measure what arrives.",
    "rehearse": "Send a crowd, and attacks, to a Rostra that agreed to it.",
    "plan": "Machines, bandwidth and cost for a number of listeners.",
    "doctor": "Check what this machine can carry.",
    "edge": "Run one front door by itself (for a cluster).",
    "studio": "Run the stage door by itself (for a cluster).",
    "stage": "Run the stage of one room by itself (for a cluster).",
}
"""In the order in which a person meets them; a sentence each, so that help needs none of the modules."""

_EXAMPLE = """\b
Begin with one of these:
  rostra demo                              a room that talks, to try it out
  rostra serve                             both doors open, until Ctrl-C
  rostra room create "Evening talk"        in another terminal: prints the links
"""


class Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        try:
            command = importlib.import_module(f"rostra.cli.{cmd_name.replace('-', '_')}").command
        except ImportError as e:
            missing = e.name or str(e)
            raise click.ClickException(
                f"`rostra {cmd_name}` cannot start here: {missing} cannot be imported. Run `make setup` again."
            ) from e
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """A RostraError is a sentence for a person: it is printed as one, not as a traceback."""
        try:
            return super().invoke(ctx)
        except RostraError as e:
            click.echo(f"rostra: {e}", err=True)
            sys.exit(1)


@click.group(cls=Verbs, epilog=_EXAMPLE, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rostra")
def main() -> None:
    """Rostra, a live audio event server: a few people talk, and everyone who wants to listen gets in on time."""
