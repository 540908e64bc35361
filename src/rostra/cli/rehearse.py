"""``rostra rehearse``: a synthetic crowd, attacks, and a report."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rostra.cli._foreground import LiveLine, clock, run_until_told

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rostra.rehearsal.conductor import Orders, Progress
    from rostra.rehearsal.crew import Crew

_MORE = """\b
Examples:
  rostra rehearse http://127.0.0.1:8080/r/demo --listeners 2000 --over 10
  rostra rehearse URL --listeners 10000 --over 5 --attack slow-heads --attack mixture
  rostra rehearse URL --crowd evening.toml --against last --objective "first_sound_p99<=1"
  rostra rehearse --worker --nats nats://10.0.0.5:4222        on each further machine
  rostra rehearse URL --listeners 500000 --over 60 --workers 8 --nats nats://10.0.0.5:4222

\b
The target must agree. Where it runs:  rostra room rehearsal-token URL
and here --token with what that prints. On the machine that serves, --data DIR is enough.
Without its consent nothing is sent but the one request that asks for it.

\b
Exit status: 0 all objectives were reached, 1 not, or something went wrong.
Files of crowds and attacks, and what may be demanded: docs/topics/rehearsal.md"""


@click.command(epilog=_MORE)
@click.argument("url", required=False)
@click.option("--listeners", type=click.IntRange(1, 10_000_000), help="How many come.  [default: 1000]")
@click.option("--over", "over_s", type=click.FloatRange(0), metavar="S", help="Within how long.  [default: 10]")
@click.option("--hold", "hold_s", type=click.FloatRange(0), metavar="S", help="How long they stay.  [default: 30]")
@click.option("--curve", type=click.Choice(["even", "spike", "fill", "return"]), help="How they come.")
@click.option("--hls", type=click.FloatRange(0, 1), metavar="SHARE", help="How many of them by LL-HLS.")
@click.option("--crowd", "crowd_file", type=click.Path(dir_okay=False, path_type=Path), help="A crowd's file (TOML).")
@click.option(
    "--attack", "attacks", multiple=True, metavar="FILE|NAME", help="A file, or one of the library; again for more."
)
@click.option("--proxied", is_flag=True, help="Addresses of the world, by PROXY v2; the target must trust us.")
@click.option("--seed", type=click.IntRange(0, 2**31), help="Of everything drawn.")
@click.option(
    "--objective", "objectives", multiple=True, metavar='"NAME<=N"', help="What must be reached; again for more."
)
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where report.html goes.  [default: rehearsal]",
)
@click.option("--against", metavar="REPORT", help="An earlier report to compare with; `last`: the last one here.")
@click.option(
    "--source", type=click.Path(exists=True, dir_okay=False), help="What is being played, to compare the sound with."
)
@click.option("--token", default="", help="From `rostra room rehearsal-token`.")
@click.option(
    "--key",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="DATA/keys/link.key, or a file with a token.",
)
@click.option("--data", metavar="DIR", help="The data folder, where the target is served here.  [default: .rostra]")
@click.option("--processes", type=click.IntRange(0, 1000), default=0, help="Generators.  [default: as open files ask]")
@click.option("--cores", metavar="0,1", default="", help="CPUs that generators may use.")
@click.option("--workers", type=click.IntRange(0, 1000), default=0, help="Workers elsewhere that must be found.")
@click.option("--worker", is_flag=True, help="Be one.")
@click.option("--nats", metavar="URL", help="The bus by which workers are found.")
@click.option("--insecure", is_flag=True, help="Do not check the target's certificate.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(url: str | None, worker: bool, nats: str | None, workers: int, **options: Any) -> None:
    """Send a crowd to a room, and attacks beside it, and report what the crowd heard.

    URL is the page of a room that is on air at a Rostra that agreed to be rehearsed.
    """
    if worker:
        if not nats:
            raise click.UsageError("--worker needs --nats URL.")
        run_until_told(_work(nats))
        return
    if not url:
        raise click.UsageError("Give the address of a room, such as http://127.0.0.1:8080/r/demo.")
    if workers and not nats:
        raise click.UsageError("--workers needs --nats URL.")
    from rostra.rehearsal import report
    from rostra.rehearsal.conductor import Rehearsal

    data = _data_folder(options["data"])
    against = _against(options["against"], data)
    orders = _orders(url, data, options)
    folder = options["report"] or Path("rehearsal")
    rehearsal = Rehearsal(orders, _crew(nats, workers, orders))
    report.make_room(folder)  # an hour of rehearsal is not to be lost to a folder that cannot be written to
    found = asyncio.run(_conduct(rehearsal, quiet=options["quiet"]))
    page, _ = report.write(found, folder, against)
    if found["measured"] and found["same_machine"] and (data / "keys").exists():
        report.keep_last(found, data)
    _tell(found, page)
    if not found["passed"]:
        sys.exit(1)


def _orders(url: str, data: Path, options: dict[str, Any]) -> Orders:
    from rostra.rehearsal.conductor import Orders
    from rostra.rehearsal.objectives import read_objective
    from rostra.rehearsal.scenario import CrowdPlan, make, read_attack, read_crowd
    from rostra.rehearsal.target import read_target

    named = ("listeners", "over_s", "hold_s", "curve", "hls", "seed")
    changes = {name: options[name] for name in named if options[name] is not None}
    if options["proxied"]:
        changes["proxied"] = True
    file = options["crowd_file"]
    crowd = read_crowd(file, changes) if file else make(CrowdPlan, changes, "options")
    attacks = tuple(read_attack(name) for name in options["attacks"])
    for objective in options["objectives"]:
        read_objective(objective)
    target = read_target(url, proxied=crowd.proxied, verify=not options["insecure"])
    cores = _cores(options["cores"])
    return Orders(
        target, _token(url, data, options, any(p.kind == "stage-door" for f in attacks for p in f.attack)), crowd,
        attacks, options["objectives"], options["processes"], cores, _source(options["source"]),
    )  # fmt: skip


def _cores(given: str) -> tuple[int, ...]:
    ours = sorted(os.sched_getaffinity(0))
    try:
        cores = tuple(int(n) for n in given.split(",") if n.strip())
    except ValueError:
        raise click.UsageError("--cores is a list of CPUs such as 0,1.") from None
    if other := set(cores) - set(ours):
        raise click.UsageError(
            f"--cores: there is no CPU {min(other)} for us here; there are {', '.join(map(str, ours))}."
        )
    return cores


def _token(url: str, data: Path, options: dict[str, Any], stage_door: bool) -> str:
    """What was given, or a consent made here, where the keys of the target are."""
    from rostra.cli._consent import make_consent
    from rostra.errors import BadToken
    from rostra.wire.rehearsals import origin_of

    key = options["key_file"]
    if options["token"]:
        return str(options["token"])
    if key is not None and key.name != "link.key":
        try:
            token: str = key.read_text(encoding="utf-8").strip()
            return token
        except (OSError, UnicodeDecodeError) as e:
            raise BadToken(
                f"{key} cannot be read as a token: {e}. Give DATA/keys/link.key, or a file with what `rostra room "
                "rehearsal-token` printed."
            ) from e
    folder = key.absolute().parent.parent if key is not None else data
    if key is None and not (folder / "keys" / "link.key").exists():
        raise BadToken(
            "A rehearsal needs the target's consent. Where the target runs: "
            f"rostra room rehearsal-token {origin_of(url)}  and give here what it prints with --token."
        )
    return make_consent(folder, url, 24.0, stage_door=stage_door)


def _data_folder(given: str | None) -> Path:
    from rostra import config

    return Path(config.load(None, {"data": given} if given else {}).data)


def _against(given: str | None, data: Path) -> dict[str, Any] | None:
    from rostra.rehearsal import report

    if given is None:
        return None
    return report.read(data / "rehearsal" / "last.json" if given == "last" else Path(given))


def _crew(nats: str | None, workers: int, orders: Orders) -> Crew | None:
    from rostra.rehearsal.workers import WorkerCrew

    if not workers or not nats:
        return None
    return WorkerCrew(nats, workers, orders.token, min((f.weight for f in orders.attacks), default=100))


def _source(path: str | None) -> NDArray[np.int16] | None:
    """The sound of a file, mono at 48 kHz; ten minutes of it at most."""
    if path is None:
        return None
    import av
    import numpy as np

    from rostra.errors import BadRequest
    from rostra.units import SAMPLE_RATE

    pieces, total = [], 0
    try:
        with av.open(path) as file:
            resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
            for frame in file.decode(audio=0):
                for out in resampler.resample(frame):
                    pieces.append(out.to_ndarray().reshape(-1))
                    total += len(pieces[-1])
                if total > 600 * SAMPLE_RATE:
                    break
    except (OSError, ValueError, IndexError, av.FFmpegError) as e:
        raise BadRequest(f"{path} cannot be read as sound: {e}.") from e
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)


async def _conduct(rehearsal: Any, *, quiet: bool) -> dict[str, Any]:
    """Ctrl-C ends it early; there is a report all the same."""
    import signal

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, rehearsal.stop, "It was stopped before its end.")
    with LiveLine(quiet=quiet) as line:
        found: dict[str, Any] = await rehearsal.run(lambda progress: line.show(*_line(progress)))
    return found


def _line(progress: Progress) -> tuple[str, str]:
    latest = progress.latest
    words = [
        f"came {progress.asked:,}",
        f"in {latest.gauges.get('in', 0):,.0f}",
        f"first sound p99 {progress.first_p99 * 1000:,.0f} ms" if progress.first_p99 is not None else "no sound yet",
        f"underruns {progress.underruns:,}",
        f"lost {progress.lost:,}",
    ]
    if progress.waiting:
        words.append(f"waiting {progress.waiting:,}")
    if progress.step not in ("", "open"):
        words.append(f"door: {progress.step}")
    if progress.attack:
        words.append(f"attack: {progress.attack}")
    if latest.gauges.get("late_ms", 0) > 500:
        words.append(f"the generator is {latest.gauges['late_ms'] / 1000:.1f} s late")
    if progress.problem:
        words.append(progress.problem)
    return f"{clock(progress.second)} of {clock(progress.seconds)}", "  ".join(words)


def _tell(found: dict[str, Any], page: Path) -> None:
    from rostra.rehearsal.charts import number

    figures = found["figures"]
    rows = [
        ("crowd", f"{figures['listeners']:,} came, {figures['heard']:,} had sound, {figures['most_in']:,} at once"),
        (
            "first sound",
            f"{number(figures['first_sound_p50'])} s half, {number(figures['first_sound_p99'])} s 99 of 100",
        ),
        ("underruns", f"{figures['underruns']:,}; {number(figures['underrun_free'])} of all had none"),
        ("holes, lost", f"{figures['holes']:,}, {figures['lost']:,}"),
        ("latency", f"{number(figures['latency_p50'])} s half, {number(figures['latency_p99'])} s 99 of 100"),
    ]
    if found["isolation"]:
        rows.append(("attacks", "; ".join(found["isolation"])))
    for objective in found["objectives"]:
        rows.append(
            (
                "reached" if objective["passed"] else "MISSED",
                f"{objective['objective']} (was {number(objective['value'])})",
            )
        )
    rows += [("problem", problem) for problem in found["problems"]]
    rows.append(("report", str(page)))
    click.echo("\n".join(f"{name:<12} {value}" for name, value in rows))


async def _work(nats: str) -> None:
    from rostra.rehearsal.workers import Worker

    await Worker(nats, lambda words: click.echo(words, err=True)).run(asyncio.Event())
