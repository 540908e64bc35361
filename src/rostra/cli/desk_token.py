"""``rostra desk-token``: the operator's way to the desk."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command(epilog="Example:  rostra desk-token")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--data", metavar="DIR", help="The data folder of the running `rostra serve`. Default .rostra.")
@click.option("--studio", metavar="URL", help="A studio elsewhere, with --token.")
@click.option("--token", metavar="TOKEN", help="Its operator's token (DATA/keys/operator-token).")
@click.option("--config", "config_file", metavar="FILE", help="Settings (TOML).")
def command(**options: Any) -> None:
    """Print the link by which an operator signs in to the desk, where all rooms are.

    Whoever has it may do everything to every room: treat it as a password.
    """
    from rostra.cli.room import desk_link

    link = desk_link(options)
    click.echo(json.dumps({"link": link}) if options["as_json"] else link)
