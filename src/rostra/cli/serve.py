"""``rostra serve``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from rostra import config
from rostra.config import Settings

F = TypeVar("F", bound=Callable[..., Any])


def serve_options(command: F) -> F:
    """The options of `rostra serve`; its function gets them as keywords for :func:`serve_settings`."""
    options = [
        click.option("--front", metavar="HOST:PORT", help="The front door, for the public. Default 0.0.0.0:8080."),
        click.option("--studio", metavar="HOST:PORT", help="The stage door, for hosts and speakers: 127.0.0.1:8081."),
        click.option("--source", metavar="HOST:PORT", help="The source port, for encoders: 127.0.0.1:8082."),
        click.option(
            "--edges", type=click.IntRange(0, 256), help="Edge processes. Default: one a core and one to spare."
        ),
        click.option(
            "--flush",
            type=click.FloatRange(0.5, 4.0),
            metavar="S",
            help="Seconds of sound sent at once: 0.5, 1, 2 or 4. Default: rises with load.",
        ),
        click.option("--tls-cert", metavar="FILE", help="Certificate and chain (PEM), for both doors."),
        click.option("--tls-key", metavar="FILE", help="Its private key (PEM)."),
        click.option("--nats", metavar="URL", help="A NATS server or cluster to use instead of one of our own."),
        click.option("--data", metavar="DIR", help="The data folder: keys and rooms. Default .rostra."),
        click.option("--config", "config_file", metavar="FILE", help="Settings (TOML); see docs/settings.md."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def serve_settings(**options: Any) -> Settings:
    """Settings from the options of :func:`serve_options` over those from the file and the environment.

    :raises ConfigError: if one of them makes no sense.
    """
    from rostra.supervision.ports import parse_address

    overrides: dict[str, Any] = {}

    def put(section: str, key: str, value: Any) -> None:
        if value is not None:
            overrides.setdefault(section, {})[key] = value

    for door in ("front", "studio", "source"):
        if options.get(door) is not None:
            host, port = parse_address(options[door], f"--{door}")
            put(door, "host", host)
            put(door, "port", port)
    put("front", "edges", options.get("edges"))
    put("front", "flush_s", options.get("flush"))
    put("tls", "cert", options.get("tls_cert"))
    put("tls", "key", options.get("tls_key"))
    put("bus", "url", options.get("nats"))
    if options.get("data") is not None:
        overrides["data"] = options["data"]
    return config.load(options.get("config_file"), overrides)


@click.command(epilog="Example:  rostra serve --front 127.0.0.1:8080 --data /srv/rostra")
@serve_options
def command(**options: Any) -> None:
    """Serve everything on this machine, until Ctrl-C.

    Starts the bus, the front door's processes, the stage door, and a stage for each room that goes on air; starts
    again what crashes and ends what hangs. Prints one line, `ready front=URL studio=URL`, when both doors answer; what
    happens is told on standard error.
    """
    from rostra.processes.child import run
    from rostra.processes.serve import Addresses, serve

    settings = serve_settings(**options)

    async def on_ready(addresses: Addresses) -> None:
        print(f"ready front={addresses.front} studio={addresses.studio}", flush=True)

    async def main(settings: Settings, stop: asyncio.Event) -> None:
        await serve(settings, stop, on_ready)

    sys.exit(run("serve", main, settings))
