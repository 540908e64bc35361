"""``rostra studio``."""

from __future__ import annotations

import sys
from typing import Any

import click


@click.command(
    epilog="Example:  rostra studio --nats nats://bus.internal:4222 --data /srv/rostra --studio 0.0.0.0:8081"
)
@click.option("--studio", metavar="HOST:PORT", help="The stage door. Default 127.0.0.1:8081.")
@click.option("--source", metavar="HOST:PORT", help="The source port. Default 127.0.0.1:8082.")
@click.option("--tls-cert", metavar="FILE", help="Certificate and chain (PEM).")
@click.option("--tls-key", metavar="FILE", help="Its private key (PEM).")
@click.option("--nats", metavar="URL", help="The bus.")
@click.option("--data", metavar="DIR", help="The data folder with the keys. Default .rostra.")
@click.option("--config", "config_file", metavar="FILE", help="Settings (TOML); see docs/settings.md.")
def command(**options: Any) -> None:
    """Run the stage door by itself, until Ctrl-C.

    `rostra serve` runs it for you. By itself it is for a cluster: any number of them share a bus and the keys.
    """
    from rostra.cli.serve import serve_settings
    from rostra.processes.child import run
    from rostra.processes.studio import studio

    sys.exit(run("studio", studio, serve_settings(**options)))
