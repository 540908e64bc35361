"""Room pages a second on one core, over 1,000 kept connections: the edge, and nginx with the same bytes as a file."""

from __future__ import annotations

import re
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from subprocess import run as call
from tempfile import TemporaryDirectory

from benchmarks.ours import ROOM, edges, on_air
from benchmarks.peers import nginx, nginx_file
from benchmarks.programs import OURS, THEIRS, LeftOut, free_port, need
from benchmarks.results import Must, Result
from benchmarks.scale import Scale

RATE = "Room pages a second on one core"
WAIT = "from asking to a whole page, 99 of 100, while it gives as many as it can"

CODING = "br"
"""What browsers ask for."""

_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Load:
    rate: float
    p99_ms: float


def run(scale: Scale) -> Result:
    need("wrk")
    connections, seconds = scale.pick(1000, 50), scale.pick(10, 2)
    result = Result(
        "page",
        RATE,
        {
            "transport": "plain", "loopback": True, "coding": CODING, "connections": connections,
            "processes": "1 edge or 1 nginx worker on one core, wrk -t1 on the other", "seconds": seconds,
            "rounds": len(scale.rounds),
        },
    )  # fmt: skip
    columns: dict[str, list[Load]] = {}
    address = f"/r/{ROOM}"
    with on_air(pinned=True, loop_s=scale.pick(40.0, 8.0)) as air, edges(air, flush_s=0.5, pinned=True) as edge:
        for _ in scale.rounds:
            body = fetch(edge.port, address)
            result.details["bytes"] = len(body)
            columns.setdefault("edge", []).append(wrk(edge.port, address, connections, seconds))
            try:
                with TemporaryDirectory() as name:
                    folder = Path(name)
                    folder.chmod(0o755)
                    (folder / "page").write_bytes(body)
                    port = free_port()
                    with nginx(nginx_file(folder, port), port, pinned=True) as server:
                        columns.setdefault("nginx", []).append(wrk(server.port, "/page", connections, seconds))
            except LeftOut as e:
                result.left_out = [str(e)]
    for name, loads in columns.items():
        ours = name == "edge" and not scale.quick
        result.add(RATE, name, "/s", [load.rate for load in loads], Must(">=", 50_000) if ours else None)
        result.add(WAIT, name, "ms", [load.p99_ms for load in loads], Must("<=", 20.0) if ours else None)
    if "nginx" in columns:
        rates = [[load.rate for load in columns[name]] for name in ("edge", "nginx")]
        result.add_ratio(RATE, ("edge", "nginx"), (rates[0], rates[1]))
    return result


def fetch(port: int, address: str) -> bytes:
    """The page as a browser gets it, packed."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{address}", headers={"Accept-Encoding": CODING})
    with urllib.request.urlopen(request, timeout=5) as answer:
        if answer.headers["Content-Encoding"] != CODING:
            raise RuntimeError(f"the page does not come as {CODING}")
        return bytes(answer.read())


def wrk(port: int, address: str, connections: int, seconds: int) -> Load:
    """Requests a second that were answered with 200, and how long they took.

    :raises RuntimeError: if any was not, or a connection broke.
    """
    url = f"http://127.0.0.1:{port}{address}"
    command = ["taskset", "-c", str(THEIRS), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    if OURS == THEIRS:
        raise AssertionError("wrk must not share the server's core")
    command += ["-H", f"Accept-Encoding: {CODING}", url]
    text = call(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"not every request was answered:\n{text}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    assert rate, text
    assert p99, text
    return Load(float(rate[1]), float(p99[1]) * _MILLISECONDS[p99[2]])
