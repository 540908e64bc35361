"""``rostra plan``: what an evening of a size takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click


class _Seconds(click.ParamType):  # type: ignore[type-arg]  # generic only in later versions of click
    name = "60s"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(s|m|min|)", str(value))
        if not match or float(match.group(1)) <= 0:
            self.fail(f"{value!r} is no length of time: write 60s or 5m.", param, ctx)
        return float(match.group(1)) * (60.0 if match.group(2).startswith("m") else 1.0)


@click.command(epilog="Example:  rostra plan --listeners 1300000 --join 60s --tls")
@click.option("--listeners", type=click.IntRange(1, 1_000_000_000), required=True, help="How many at once.")
@click.option("--join", "join_s", type=_Seconds(), default="60s", show_default=True, help="Within how long they come.")
@click.option("--tls/--plain", default=True, help="Whether edges speak TLS themselves.  [default: tls]")
@click.option(
    "--flush", "flush_s", type=click.FloatRange(0.5, 4), metavar="S", help="Seconds sent at once.  [default: 4]"
)
@click.option("--ladder", is_flag=True, help="With the smaller sound for all, as a crowded door gives it.")
@click.option("--prices", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Your prices (TOML).")
@click.option(
    "--report", type=click.Path(exists=True, path_type=Path), help="Of which rehearsal.  [default: the last here]"
)
@click.option(
    "--check", type=click.Path(exists=True, path_type=Path), help="A larger rehearsal to hold the prediction against."
)
@click.option("--data", metavar="DIR", help="The data folder.  [default: .rostra]")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    *,
    listeners: int,
    join_s: float,
    tls: bool,
    flush_s: float | None,
    ladder: bool,
    prices: Path | None,
    data: str | None,
    **options: Any,
) -> None:
    """Machines, cores, memory, bandwidth and cost for a number of listeners, from the last rehearsal of this machine.

    Says of each figure whether it was measured or extrapolated, and how far.
    """
    from rostra import config
    from rostra.errors import ConfigError
    from rostra.rehearsal import plan as planning
    from rostra.rehearsal import report as reports

    report, check = options["report"], options["check"]
    folder = Path(config.load(None, {"data": data} if data else {}).data)
    last = folder / "rehearsal" / "last.json"
    if report is None and not last.exists():
        raise ConfigError(
            f"There is no rehearsal in {folder} yet. First: rostra rehearse URL --listeners 10000 --over 5, on the "
            "machine that serves; or give --report FILE."
        )
    known = reports.read(report or last)
    wish = planning.Wish(listeners, join_s, tls, flush_s or 0.0, ladder)
    found = planning.plan(wish, known, planning.read_prices(prices or planning.PRICES))
    if check is not None:
        found["check"] = planning.check(known, reports.read(check))
    if options["as_json"]:
        click.echo(json.dumps(found))
        return
    click.echo("\n".join(planning.sentences(found)))
    if check is not None:
        click.echo("\n".join(planning.check_sentences(found["check"])))
