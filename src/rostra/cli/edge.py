"""``rostra edge``."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from rostra.config import Settings


@click.command(epilog="Example:  rostra edge --nats nats://bus.internal:4222 --front 0.0.0.0:8080")
@click.option("--front", metavar="HOST:PORT", help="Where to listen. Default 0.0.0.0:8080; port 0 takes a free one.")
@click.option(
    "--flush",
    type=click.FloatRange(0.5, 4.0),
    metavar="S",
    help="Seconds of sound sent at once: 0.5, 1, 2 or 4. Default: rises with load.",
)
@click.option("--nats", metavar="URL", help="The bus.")
@click.option("--tls-cert", metavar="FILE", help="Certificate and chain (PEM).")
@click.option("--tls-key", metavar="FILE", help="Its private key (PEM).")
@click.option("--name", metavar="WORD", help="What the edge is called on the bus. Default: made from host and process.")
@click.option("--data", metavar="DIR", help="The data folder. Default .rostra.")
@click.option("--config", "config_file", metavar="FILE", help="Settings (TOML); see docs/settings.md.")
def command(name: str | None, **options: Any) -> None:
    """Run one front door by itself, until Ctrl-C.

    `rostra serve` runs as many as this machine wants. By itself it is for a cluster: any number of edges share a bus,
    and those on one machine share a port. Prints `edge listening on HOST:PORT` when it serves.
    """
    import uvloop

    from rostra.cli.serve import serve_settings
    from rostra.processes.child import run
    from rostra.processes.edge import run_edge

    async def main(settings: Settings, stop: asyncio.Event) -> None:
        await run_edge(settings, stop, name)

    sys.exit(run(name or "edge", main, serve_settings(**options), uvloop.new_event_loop))
