"""Each attack of the library, while a crowd comes: who is in must not notice, who comes must have sound in time."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.ours import ROOM, OnAir, edges, live, on_air
from benchmarks.peers import Server, make_certificate
from benchmarks.programs import OURS, LeftOut, running
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.siege import ASKED_FOR_WORK, NETWORKS, WORLD, Siege, besiege, here
from benchmarks.whole import ROOM as STAGED
from benchmarks.whole import serving
from rostra.rehearsal.scenario import library, read_attack

FLUSH_S = 1.0
QUIET = "no attack"
TLS_RATE = 400.0
"""Joins a second where there is TLS: a handshake costs more than a join."""
QUICK = ("mixture",)


def run(scale: Scale) -> Result:
    siege = Siege(
        scale.pick(2000, 100), scale.pick(10_000, 200), scale.pick(2000.0, 500.0), live(), FLUSH_S,
        settled_s=scale.pick(3.0, 0.2), before_s=scale.pick(2.0, 0.5), after_s=scale.pick(3.0, 0.5), world=NETWORKS,
    )  # fmt: skip
    names = QUICK if scale.quick else library()
    result = Result(
        "attacks",
        f"{siege.comers} joining at {siege.rate:.0f} a second under each attack of the library",
        {
            "transport": "plain (TLS handshake flood: TLS)", "loopback": True, "flush_s": FLUSH_S, "rendition": "opus",
            "already_in": siege.inside, "listeners": siege.comers, "rate_a_second": siege.rate,
            "rate_a_second_with_TLS": TLS_RATE, "networks_of_the_crowd": NETWORKS, "rounds": len(scale.rounds),
            "processes": "1 edge on one core; the attacker, 2 crowds, bus and feeder on the other",
        },
    )  # fmt: skip
    columns: dict[tuple[str, str], list[float]] = {}
    with on_air(loop_s=scale.pick(40.0, 8.0), pinned=True) as air:
        for _ in scale.rounds:
            for name in (None, *names):
                try:
                    one = _one(air, siege, name, result)
                except LeftOut as e:
                    result.left_out.append(str(e))
                    continue
                for what, value in one.items():
                    columns.setdefault((what, name or QUIET), []).append(value)
    for (what, whose), values in columns.items():
        result.add(what, whose, _unit(what), values, _must(what, whose, columns, scale))
    return result


def _one(air: OnAir, siege: Siege, name: str | None, result: Result) -> dict[str, float]:
    attack = read_attack(name) if name else None
    if name == "stage-door":
        found, details = _at_the_stage_door(siege, name)
    elif name == "handshakes":
        siege = replace(siege, tls=True, rate=min(siege.rate, TLS_RATE))
        with _certificate() as certificate, _edge(air, certificate) as server:
            found, details = besiege(siege, server, attack, here(server.port, ROOM, tls=False, proxied=True))
    else:
        with _edge(air) as server:
            found, details = besiege(siege, server, attack, here(server.port, ROOM, proxied=True))
    result.details.setdefault(name or QUIET, []).append(details)
    return found


def _at_the_stage_door(siege: Siege, name: str) -> tuple[dict[str, float], dict[str, object]]:
    """All of Rostra is on the one core then."""
    siege = replace(siege, path=f"/r/{STAGED}/live")
    with (
        serving("--flush", str(FLUSH_S), core=OURS, settings=WORLD) as whole,
        running(whole.talking(whole.token("host"))),
    ):
        pids = [pid for word in ("edge", "studio") for pid in whole.processes(word)]
        server = Server("rostra serve", whole.front_port, tuple(pids))
        return besiege(siege, server, read_attack(name), here(whole.studio_port, STAGED))


def _edge(air: OnAir, certificate: tuple[Path, Path] | None = None) -> contextlib.AbstractContextManager[Server]:
    return edges(air, flush_s=FLUSH_S, pinned=True, certificate=certificate, settings=WORLD)


@contextlib.contextmanager
def _certificate() -> Iterator[tuple[Path, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        yield make_certificate(Path(folder))


def _unit(what: str) -> str:
    return "ms" if what.startswith("first") else "cores" if what.startswith("CPU") else ""


def _must(what: str, whose: str, columns: dict[tuple[str, str], list[float]], scale: Scale) -> Must | None:
    if what == "lost":
        return Must("<=", 0, every=True)
    if what == "never heard":
        return Must("<=", ASKED_FOR_WORK, every=True)
    if scale.quick or whose == QUIET:
        return None
    if what == "first sound p99":
        return Must("<=", 1000)
    if what.startswith("underruns"):
        return Must("<=", max(columns[what, QUIET]))
    return None
