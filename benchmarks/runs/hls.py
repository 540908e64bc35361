"""LL-HLS parts a second on one core, over 1,000 kept connections: the edge, and nginx with the same bytes as a file."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path
from subprocess import run as call
from tempfile import TemporaryDirectory

from benchmarks.ours import ROOM, edges, on_air
from benchmarks.peers import nginx, nginx_file
from benchmarks.programs import OURS, THEIRS, LeftOut, free_port, need
from benchmarks.results import Must, Result
from benchmarks.scale import Scale

WHAT = "LL-HLS parts a second on one core"


def run(scale: Scale) -> Result:
    need("wrk")
    connections, seconds = scale.pick(1000, 50), scale.pick(10, 2)
    result = Result(
        "hls",
        WHAT,
        {
            "transport": "plain", "loopback": True, "rendition": "opus", "connections": connections,
            "processes": "1 edge or 1 nginx worker on one core, wrk -t1 on the other", "seconds": seconds,
            "rounds": len(scale.rounds),
        },
    )  # fmt: skip
    columns: dict[str, list[float]] = {}
    with on_air(pinned=True, loop_s=scale.pick(40.0, 8.0)) as air, edges(air, flush_s=0.5, pinned=True) as edge:
        for _ in scale.rounds:
            address = newest_part(edge.port)
            body = fetch(edge.port, address)
            columns.setdefault("edge", []).append(wrk(edge.port, address, connections, seconds))
            result.details["bytes"] = len(body)
            try:
                with TemporaryDirectory() as name:
                    folder = Path(name)
                    folder.chmod(0o755)
                    (folder / "part.m4s").write_bytes(body)
                    port = free_port()
                    with nginx(nginx_file(folder, port), port, pinned=True) as server:
                        rate = wrk(server.port, "/part.m4s", connections, seconds)
                        columns.setdefault("nginx", []).append(rate)
            except LeftOut as e:
                result.left_out = [str(e)]
    for name, values in columns.items():
        result.add(WHAT, name, "/s", values)
    if "nginx" in columns:
        must = None if scale.quick else Must(">=", 1.0)
        result.add_ratio(WHAT, ("edge", "nginx"), (columns["edge"], columns["nginx"]), must)
    return result


def fetch(port: int, address: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{address}", timeout=5) as answer:
        return bytes(answer.read())


def newest_part(port: int) -> str:
    """The address of the youngest part in the Opus playlist: it stays for the length of a round."""
    playlist = fetch(port, f"/r/{ROOM}/hls/opus.m3u8").decode()
    parts = re.findall(r'#EXT-X-PART:[^\n]*URI="([^"]+)"', playlist)
    if not parts:
        raise RuntimeError("the playlist has no parts")
    return f"/r/{ROOM}/hls/{parts[-1]}"


def wrk(port: int, address: str, connections: int, seconds: int) -> float:
    """Requests a second that were answered with 200.

    :raises RuntimeError: if any was not, or a connection broke.
    """
    url = f"http://127.0.0.1:{port}{address}"
    command = ["taskset", "-c", str(THEIRS), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]
    if OURS == THEIRS:
        raise AssertionError("wrk must not share the server's core")
    text = call(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"not every request was answered:\n{text}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert found, text
    return float(found[1])
