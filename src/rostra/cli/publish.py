"""``rostra publish``: a file, an address or standard input takes a seat and speaks."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rostra.cli._foreground import LiveLine, bar, clock, run_until_told

if TYPE_CHECKING:
    from rostra.publishing.link import SeatLink

_MORE = """\b
Examples:
  rostra publish 'http://localhost:8081/speak/talk#t=...' speech.flac
  rostra publish LINK music.mp3 --loop
  ffmpeg -f alsa -i default -f wav - | rostra publish LINK -

The link is a host or speaker link, as `rostra room create` prints them; put it in quotes. A file that ends leaves the
seat. A connection that drops is taken up again, on the same seat, for half a minute."""


@click.command(epilog=_MORE)
@click.argument("link", metavar="ROOM-LINK")
@click.argument("source", metavar="FILE|URL|-")
@click.option("--loop", is_flag=True, help="Begin again at the end, until Ctrl-C.")
@click.option("--name", default="", metavar="NAME", help="What listeners see beside the voice.")
@click.option(
    "--seat", default="", metavar="SEAT", help="Come back to a seat of this name, taken through the same link."
)
@click.option("--insecure", is_flag=True, help="Do not check the server's certificate (for one you signed yourself).")
@click.option("--quiet", is_flag=True, help="No progress line.")
def command(link: str, source: str, loop: bool, **options: Any) -> None:
    """Play a file, an address or standard input into a room, in real time, from a seat of its own.

    Whatever FFmpeg reads will do; channels are mixed to one. Standard input may hold any container, WAV included.
    """
    from rostra.errors import BadRequest
    from rostra.publishing.link import read_seat_link
    from rostra.publishing.sound import STANDARD_INPUT

    where = read_seat_link(link)
    if loop and source == STANDARD_INPUT:
        raise BadRequest("Standard input cannot be played again: leave --loop away.")
    run_until_told(_publish(where, source, loop, **options))


async def _publish(
    where: SeatLink, source: str, loop: bool, *, name: str, seat: str, insecure: bool, quiet: bool
) -> None:
    from rostra.publishing.feed import Feed
    from rostra.publishing.link import Presence
    from rostra.publishing.publisher import Progress, Publisher, publish
    from rostra.publishing.sound import duration_s, frames

    length = None if "://" in source else duration_s(source)
    of = f" of {clock(length)}" if length else ""
    shown = source if "://" in source or source == "-" else Path(source).name
    # Behind a speaker's link each program is a person of its own; a host's link has one seat.
    who = Presence(seat or (f"p{secrets.token_hex(6)}" if where.shared else ""), name)
    publisher = Publisher(where, Feed(lambda: frames(source), repeat=loop), who=who, verify=not insecure)
    with LiveLine(quiet=quiet) as line:

        def report(progress: Progress) -> None:
            position = progress.position_s % length if loop and length else progress.position_s
            parts = [f"{clock(position)}{of}", bar(progress.level_dbfs)]
            if progress.stalls:
                parts.append(f"source stalled {progress.stalls}x")
            if progress.problem:
                parts.append(progress.problem)
            back = f", back for the {progress.connections - 1}. time" if progress.connections > 1 else ""
            line.show(f"{shown}: {progress.state}{back}", "  ".join(parts))

        await publish(publisher, report)
        report(publisher.progress)
