"""``rostra listen``: joins as a listener and measures."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from rostra.cli._foreground import LiveLine, bar, clock, run_until_told

if TYPE_CHECKING:
    from rostra.listening.listener import Listener
    from rostra.listening.measure import Report

_MORE = """\b
Fields of --json (one object at the end; durations in seconds, null where unknown):
  url via codec title      what was listened to
  seconds                  how long
  first_byte_s             from asking to the answer
  first_sound_s            from asking to the first decodable mdat (MP3: frame)
  latency_s                {min,p50,p95,max}: a part's first sample left the mixer ->
                           the whole part was here; needs clocks that agree
  latency_method           how it was known
  parts sound_s            new parts, and the sound in them
  bytes kbit_s             everything received; rate since the first sound
  holes hole_s             sound that never came
  repeated                 parts that came twice (the backlog after a reconnect)
  longest_wait_s           between two parts
  underruns underrun_s     silence in a model player that plays at once
  connections inits        answers received; inits (one a generation)
  state states             of the room: the last, and [[at, state], ...]
  listening listening_max  the tally it was told
  stage                    names on the stage
  notices                  [[at, kind, values], ...] from the edge
  level_dbfs peak_dbfs     of the decoded sound
  silent_s undecodable     sound below -60 dBFS; parts that did not decode
  problem                  why a connection failed or was lost, the last time"""


@click.command(epilog=_MORE)
@click.argument("url")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="Stop after so long.  [default: when the room ends]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end instead of words.")
@click.option("--codec", type=click.Choice(["opus", "opus16", "aac"]), help="Which rendition.  [default: opus]")
@click.option("--via", type=click.Choice(["push", "hls", "mp3"]), help="How it comes.  [default: push, or as URL says]")
@click.option("--save", type=click.Path(dir_okay=False, writable=True), help="Keep the sound as it came in this file.")
@click.option("--insecure", is_flag=True, help="Do not check the server's certificate (for one you signed yourself).")
@click.option("--quiet", is_flag=True, help="No live line.")
def command(url: str, as_json: bool, save: str | None, **options: Any) -> None:
    """Join a room as a listener and measure: first sound, latency, gaps, bit rate, the tally it was told.

    URL is the room's page or any stream of it; of a room by invitation, the whole link that you were given. Exit status
    1 if no sound came.
    """
    with ExitStack() as stack:
        file = stack.enter_context(Path(save).open("wb")) if save else None
        report = run_until_told(_listen(url, file, **options))
    if report is None:
        sys.exit(1)
    click.echo(json.dumps(report.to_json(), ensure_ascii=False) if as_json else _summary(report))
    if not report.parts:
        reason = report.problem or f"the room is {report.state or 'unknown'}"
        click.echo(f"rostra: No sound came in {report.seconds:.0f} s: {reason}.", err=True)
        sys.exit(1)


async def _listen(
    url: str,
    save: BinaryIO | None,
    *,
    seconds: float | None,
    codec: str | None,
    via: str | None,
    insecure: bool,
    quiet: bool,
) -> Report:
    from rostra.listening.address import Via, read_target
    from rostra.listening.listener import Listener, listen
    from rostra.units import Rendition

    target = read_target(url, Via(via) if via else None, Rendition(codec) if codec else None)
    listener = Listener(target, save, verify=not insecure)
    with LiveLine(quiet=quiet) as line:
        return await listen(listener, seconds, lambda now: line.show(*_line(now)))


def _line(listener: Listener) -> tuple[str, str]:
    report = listener.meter.report
    words = [clock(report.seconds)]
    if report.first_sound_s is not None:
        words.append(f"first sound {report.first_sound_s * 1000:.0f} ms")
    if listener.meter.latency_s is not None:
        words.append(f"latency {listener.meter.latency_s:.2f} s")
    words.append(f"{report.kbit_s:.0f} kbit/s")
    words.append(f"gaps {report.holes + report.underruns}")
    if report.listening is not None:
        words.append(f"{report.listening:,} listening")
    if listener.level_dbfs is not None:
        words.append(bar(listener.level_dbfs))
    if listener.waiting:
        words.append(listener.waiting)
    return f"{report.title or report.url}: {report.state or 'connecting'}", "  ".join(words)


def _summary(report: Report) -> str:
    """The same in words."""
    rows = [("room", f"{report.title or '?'} ({report.state or 'unknown'}), by {report.via}, {report.codec}")]
    if report.first_sound_s is not None:
        rows.append(("first sound", f"{report.first_sound_s * 1000:.0f} ms"))
    if report.latency_s:
        rows.append(
            (
                "latency",
                f"{report.latency_s['p50']:.2f} s (p95 {report.latency_s['p95']:.2f} s; {report.latency_method})",
            )
        )
    rows.append(
        ("heard", f"{report.sound_s:.1f} s in {report.parts} parts, {report.kbit_s:.1f} kbit/s with everything")
    )
    rows.append(("holes", f"{report.holes} ({report.hole_s:.2f} s missing)"))
    rows.append(("underruns", f"{report.underruns} ({report.underrun_s:.2f} s of silence in a model player)"))
    if report.level_dbfs is not None:
        rows.append(("level", f"{report.level_dbfs:.1f} dBFS, {report.silent_s:.1f} s silent"))
    if report.listening is not None:
        rows.append(("listening", f"{report.listening:,} (at most {report.listening_max:,})"))
    rows.append(("connections", f"{report.connections}"))
    for at, kind, values in report.notices:
        rows.append(("told", f"at {at:.1f} s: {kind} {values or ''}".rstrip()))
    return "\n".join(f"{name:<12} {value}" for name, value in rows)
