"""``rostra doctor``: checks this machine."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rostra.config import Settings
    from rostra.doctor.checks import Check
    from rostra.limits import Finding

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(epilog="Exit status 1 if a check failed. With --listeners N, limits below N count as failed.")
@click.option("--listeners", type=click.IntRange(min=1), metavar="N", help="How many are to be carried.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--data", metavar="DIR", help="The data folder to look at. Default .rostra.")
@click.option("--config", "config_file", metavar="FILE", help="Settings (TOML); see docs/settings.md.")
def command(listeners: int | None, as_json: bool, data: str | None, config_file: str | None) -> None:
    """Check what this machine can carry, and what stands in the way.

    Open files, backlog, ports, memory and the kernel's other limits, in numbers of listeners; time, disk, codecs, the
    bus, UDP for speakers, and the pages.
    """
    from rostra import config
    from rostra.doctor.checks import Verdict, conclusion

    overrides: dict[str, Any] = {"data": data} if data else {}
    settings = config.load(config_file, overrides)
    edges = _edges(settings)
    found, findings = _all(settings, edges, listeners)
    sentence = conclusion(found, findings, listeners, edges)
    failed = any(c.verdict is Verdict.FAIL for c in found)
    if as_json:
        body = {"ok": not failed, "edges": edges, "conclusion": sentence, "checks": [c.to_json() for c in found]}
        click.echo(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        for check in found:
            click.echo(_lines(check))
        click.echo(f"\n{sentence}")
    sys.exit(1 if failed else 0)


def _edges(settings: Settings) -> int:
    """As many as `rostra serve` would start."""
    import os

    from rostra.limits import KERNEL_BYTES, MEMORY_SHARE, PROCESS_BYTES, machine_facts
    from rostra.supervision.edges import edge_count

    facts = machine_facts()
    carried = int(facts.memory_bytes * MEMORY_SHARE) // (PROCESS_BYTES + KERNEL_BYTES)
    return settings.front.edges or edge_count(
        len(os.sched_getaffinity(0)), facts.nofile_hard, settings.front.reserve_descriptors, carried
    )


def _all(settings: Settings, edges: int, wanted: int | None) -> tuple[list[Check], list[Finding]]:
    from pathlib import Path

    from rostra.doctor import probes

    found, findings = probes.limits(settings, edges, wanted)
    found += [
        probes.clock(),
        probes.data_folder(Path(settings.data)),
        probes.codecs(),
        probes.bus(settings.bus.url),
        probes.udp(settings),
        *probes.doors(settings),
        probes.pages(),
        *probes.certificate(settings),
    ]
    return found, findings


def _lines(check: Check) -> str:
    verdict = click.style(f"{check.verdict.value:<5}", fg=_COLOURS[check.verdict.value], bold=True)
    head = f"{verdict} {check.what:<26} {check.value}"
    indent = " " * 6
    body = click.wrap_text(check.means, 96, indent, indent)
    if check.todo:
        body += "\n" + click.style(click.wrap_text(f"-> {check.todo}", 96, indent, indent + "   "), bold=True)
    return f"{head}\n{body}"
