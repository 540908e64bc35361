"""``rostra stage``."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from rostra.config import Settings


@click.command(epilog="Example:  rostra stage evening-talk --nats nats://bus.internal:4222 --data /srv/rostra")
@click.argument("room", metavar="ROOM")
@click.option("--nats", metavar="URL", help="The bus.")
@click.option("--data", metavar="DIR", help="The data folder with the keys. Default .rostra.")
@click.option("--config", "config_file", metavar="FILE", help="Settings (TOML); see docs/settings.md.")
def command(room: str, **options: Any) -> None:
    """Run the stage of one room by itself, until the room ends or Ctrl-C.

    `rostra serve` runs one for each room on air. By itself it is for a cluster: give a room a machine of its own. A
    stage that is started for a room that has one takes it over; the other one goes.
    """
    import uvloop

    from rostra.cli.serve import serve_settings
    from rostra.processes.child import run
    from rostra.processes.stage import run_stage

    async def main(settings: Settings, stop: asyncio.Event) -> None:
        await run_stage(settings, stop, room)

    sys.exit(run(f"stage {room}", main, serve_settings(**options), uvloop.new_event_loop))
