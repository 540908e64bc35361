"""``rostra demo``: serve, with a room on air that already talks."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rostra.cli.serve import serve_options, serve_settings

if TYPE_CHECKING:
    from rostra.config import Settings
    from rostra.processes.demo import OnAir


@click.command(epilog="Example:  rostra demo --play speech.flac")
@click.option("--play", metavar="FILE|URL", default="", help="Play this in a loop instead of the two voices.")
@serve_options
def command(play: str, **options: Any) -> None:
    """Serve everything on this machine, with a room on air in which two voices talk, until Ctrl-C.

    The voices are made by Rostra itself. They come in as any speaker does; open the page and you hear them about a
    second later. Takes the options of `rostra serve`.
    """
    from rostra.processes.child import run
    from rostra.processes.demo import demo
    from rostra.publishing.sound import duration_s

    settings = serve_settings(**options)
    if settings.log_level == "info":  # what happens is told below, in fewer words
        settings = settings.model_copy(update={"log_level": "warning"})
    if play and "://" not in play:
        duration_s(play)  # a file that cannot be read is said now, not after the doors are open
    began = time.monotonic()

    def tell(what: str) -> None:
        click.echo(f"rostra: {time.monotonic() - began:4.1f} s  {what}", err=True)

    async def on_air(found: OnAir) -> None:
        tell("on air")
        click.echo(_summary(found, settings, play))
        sys.stdout.flush()

    async def main(settings: Settings, stop: asyncio.Event) -> None:
        await demo(settings, stop, play, tell, on_air)
        tell("everything has ended")

    sys.exit(run("demo", main, settings))


def _summary(found: OnAir, settings: Settings, play: str) -> str:
    front, me = found.addresses.front, _as_called()
    data = "" if settings.data == ".rostra" else f" --data {settings.data}"
    rows = [
        ("listen", f"{front}/r/{found.room}"),
        ("in a player", f"{front}/r/{found.room}/live.mp3"),
        ("measure", f"{me} listen {front}/r/{found.room}"),
        ("speak yourself", found.links["host"]),
        ("another room", f'{me} room create "Evening talk"{data}'),
    ]
    head = f"On air: {play} in a loop." if play else "On air: two voices, made of numbers."
    ready = f"ready front={front} studio={found.addresses.studio}"
    first = "" if sys.stdout.isatty() else f"{ready}\n"
    return "\n".join(
        [f"{first}\n{head}\n", *(f"  {name:<15} {value}" for name, value in rows), "\nCtrl-C ends it all."]
    )


def _as_called() -> str:
    """How to call this program from here: ``rostra`` where the shell finds it, its path otherwise."""
    if shutil.which("rostra"):
        return "rostra"
    beside = Path(sys.executable).parent / "rostra"
    if not beside.exists():
        return f"{sys.executable} -m rostra"
    return str(beside.relative_to(Path.cwd())) if beside.is_relative_to(Path.cwd()) else str(beside)
