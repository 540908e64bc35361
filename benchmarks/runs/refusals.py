"""A full house: how many can be told so in a second by one core, on new connections and on kept ones."""

from __future__ import annotations

import contextlib
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.crowd import Crowd, gathered
from benchmarks.knocks import Answered, Knocks, knocking, request
from benchmarks.machine import cpu_s
from benchmarks.ours import ROOM, edges, live, on_air
from benchmarks.peers import Server, nginx
from benchmarks.programs import LeftOut, free_port
from benchmarks.results import Must, Result
from benchmarks.scale import Scale

NEW, KEPT = "Refusals a second on new connections", "Refusals a second on kept connections"
COST = "CPU a refusal"
MUST = {NEW: 20_000.0, KEPT: 80_000.0}

OFFERED = {NEW: 60_000.0, KEPT: 250_000.0}
"""More than any of them can: what counts is how many are answered."""

SETTLE_S = 0.8

PLACES = 16
"""The house: as many listen, and stay in. Four networks of four, none of which is crowded in the smallest house."""

_NGINX = """
limit_req_zone $server_port zone=house:1m rate=1r/m;
server {{ listen 127.0.0.1:{port} backlog=4096; root {folder}; limit_req zone=house; limit_req_status 503;
 keepalive_timeout {kept}; }}
"""

Columns = dict[tuple[str, str], list[float]]


def run(scale: Scale) -> Result:
    seconds, connections = scale.pick(11.0, 1.2), scale.pick(256, 32)
    sound = [request("GET", live(), accept="*/*")]
    new = Knocks(0, sound, OFFERED[NEW], seconds, visitors=512, addresses=60_000, once=True, pinned=True)
    greeting = request("GET", f"/r/{ROOM}/state", accept="*/*")
    kept = Knocks(
        0, sound, OFFERED[KEPT], seconds, visitors=connections, addresses=connections, pinned=True, greeting=greeting
    )
    knocks = {NEW: new, KEPT: kept}
    result = Result(
        "refusals",
        "Refusals a second by one core, of a full house",
        {
            "transport": "plain", "loopback": True, "seconds": seconds, "kept_connections": connections,
            "offered_a_second": {"new": OFFERED[NEW], "kept": OFFERED[KEPT]}, "listeners_inside": PLACES,
            "addresses": {"new": 60_000, "kept": connections},
            "processes": "1 edge or 1 nginx worker (limit_req, 503) on one core, whoever asks on the other",
            "rounds": len(scale.rounds),
        },
    )  # fmt: skip
    columns: Columns = {}
    lost: list[float] = []
    with on_air(pinned=True, loop_s=scale.pick(40.0, 8.0)) as air:
        for _ in scale.rounds:
            with edges(air, flush_s=1.0, pinned=True, settings={"door_places": PLACES}) as edge:
                crowd = Crowd(edge.port, live(), PLACES, 200.0, start_buffer_s=1.9, pinned=True, processes=4)
                with gathered(crowd) as gathering:
                    _wait_until_full(edge.port)
                    _measure("edge", {NEW: edge, KEPT: edge}, knocks, columns, result)
                    heard = gathering.finish()
                lost.append(heard.lost + heard.never)
            with contextlib.suppress(LeftOut), _nginx("75s") as keeps, _nginx("0") as closes:
                _measure("nginx", {NEW: closes, KEPT: keeps}, knocks, columns, result)
    for (what, whose), values in columns.items():
        must = Must(">=", MUST[what]) if whose == "edge" and what in MUST and not scale.quick else None
        result.add(what, whose, "/s" if what in MUST else "us", values, must)
    if (NEW, "nginx") in columns:
        for what in MUST:
            result.add_ratio(what, ("edge", "nginx"), (columns[what, "edge"], columns[what, "nginx"]))
    else:
        result.left_out = ["nginx is not installed"]
    result.add("listeners inside lost or never heard", "edge", "", lost, Must("<=", 0, every=True))
    return result


def _measure(
    whose: str, servers: dict[str, Server], knocks: dict[str, Knocks], columns: Columns, result: Result
) -> None:
    for what, server in servers.items():
        used = cpu_s(*server.pids)
        rate, answered = _knock(replace(knocks[what], port=server.port))
        columns.setdefault((what, whose), []).append(rate)
        spent_us = (cpu_s(*server.pids) - used) / max(1, answered.answered) * 1e6
        columns.setdefault((what.replace("Refusals a second", COST), whose), []).append(spent_us)
        result.details.setdefault(f"{what}, {whose}", []).append(answered.summary())
        if answered.answered - answered.of(503) > 1:
            raise RuntimeError(f"not all were refused: {answered.counts}")


def _knock(knocks: Knocks) -> tuple[float, Answered]:
    """Refusals a second in the steady state, and all of them."""
    with knocking(knocks) as under_way:
        time.sleep(SETTLE_S)
        before, begun = under_way.marks(), time.monotonic()
        time.sleep(knocks.seconds - SETTLE_S)
        after, took = under_way.marks(), time.monotonic() - begun
        under_way.stop()
        answered = under_way.finish()
    return (after["answered"] - before["answered"]) / took, answered


@contextlib.contextmanager
def _nginx(kept: str) -> Iterator[Server]:
    with TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        (folder / "index.html").write_text("a place\n")
        with nginx(_NGINX.format(port=port, folder=folder, kept=kept), port, pinned=True) as server:
            yield server


def _wait_until_full(port: int, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{live()}", timeout=2).close()
        except urllib.error.HTTPError as e:
            if e.code == 503:
                return
        time.sleep(0.2)
    raise RuntimeError("the house does not get full")
