"""Three floods at our door, at Icecast's, and at nginx's with its limits: under the same crowd, in the same run."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from benchmarks.ours import ROOM, OnAir, edges, live, on_air
from benchmarks.peers import Server, icecast, icecast_version, nginx, nginx_limited
from benchmarks.programs import LeftOut, free_port
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.siege import ASKED_FOR_WORK, NETWORKS, WORLD, Siege, besiege, here
from rostra.rehearsal.scenario import read_attack

FLUSH_S = 1.0
BYTES_A_FLUSH = 4096
"""What Icecast is fed: about what the edge sends."""
BIT_RATE = round(BYTES_A_FLUSH * 8 / FLUSH_S)
FLOODS = {None: "no attack", "connections": "connection flood", "slow-heads": "slow heads", "requests": "request flood"}
LIMITED = "nginx with limit_conn and limit_req, before Icecast"
WORKERS = 2


def run(scale: Scale) -> Result:
    siege = Siege(
        scale.pick(2000, 50), scale.pick(10_000, 100), scale.pick(2000.0, 500.0), live(), FLUSH_S,
        settled_s=scale.pick(3.0, 0.1), before_s=scale.pick(2.0, 0.2), after_s=scale.pick(3.0, 0.2),
    )  # fmt: skip
    floods = dict(list(FLOODS.items())[2:3]) if scale.quick else FLOODS
    result = Result(
        "floods",
        f"{siege.comers} joining at {siege.rate:.0f} a second under three floods, and peers",
        {
            "transport": "plain", "loopback": True, "flush_s": FLUSH_S, "already_in": siege.inside,
            "listeners": siege.comers, "rate_a_second": siege.rate, "rounds": len(scale.rounds),
            "processes": f"1 edge; Icecast; nginx ({WORKERS} workers) and Icecast, each on one core; "
            "the attacker, 2 crowds, bus and feeder on the other",
        },
    )  # fmt: skip
    columns: dict[tuple[str, str, str], list[float]] = {}
    with on_air(loop_s=scale.pick(40.0, 8.0), pinned=True) as air:
        for _ in scale.rounds:
            for flood, label in floods.items():
                for name, peer in list(_contenders(air).items())[:: scale.pick(1, 2)]:
                    ours = name == "edge"
                    # The same people; only our door is told from where, and it alone asks.
                    theirs = replace(siege, path="/live", mpeg_bit_rate=BIT_RATE)
                    terms = replace(siege, world=NETWORKS) if ours else theirs
                    attack = read_attack(flood) if flood else None
                    try:
                        with peer() as server:
                            found, details = besiege(terms, server, attack, here(server.port, ROOM, proxied=ours))
                    except LeftOut as e:
                        result.left_out = sorted({*result.left_out, str(e)})
                        continue
                    result.details.setdefault(f"{name}: {label}", []).append(details)
                    for what, value in found.items():
                        columns.setdefault((label, what, name), []).append(value)
    for (label, what, name), values in columns.items():
        result.add(f"{label}: {what}", name, _unit(what), values, _must(what, name, scale))
    return result


def _contenders(air: OnAir) -> dict[str, Callable[[], AbstractContextManager[Server]]]:
    found: dict[str, Callable[[], AbstractContextManager[Server]]] = {
        "edge": lambda: edges(air, flush_s=FLUSH_S, pinned=True, settings=WORLD)
    }
    with contextlib.suppress(LeftOut):
        found[icecast_version()] = _icecast
    return {**found, LIMITED: _limited}


def _icecast() -> AbstractContextManager[Server]:
    return icecast(BYTES_A_FLUSH, FLUSH_S, pinned=True, burst_bytes=2 * BYTES_A_FLUSH)


@contextlib.contextmanager
def _limited() -> Iterator[Server]:
    with _icecast() as behind, tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        state = folder / "r" / ROOM / "state"
        state.parent.mkdir(parents=True)
        state.write_text('{"state": "live", "listening": 10000}')
        with nginx(nginx_limited(folder, port, behind.port), port, workers=WORKERS, pinned=True) as front:
            yield Server(LIMITED, port, (*front.pids, *behind.pids))


def _unit(what: str) -> str:
    return "ms" if what.startswith("first") else "cores" if what.startswith("CPU") else ""


def _must(what: str, name: str, scale: Scale) -> Must | None:
    if name != "edge":
        return None
    if what in ("never heard", "lost"):
        return Must("<=", 0 if what == "lost" else ASKED_FOR_WORK, every=True)
    return Must("<=", 1000) if what == "first sound p99" and not scale.quick else None
