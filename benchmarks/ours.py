"""Rostra's own processes as the benchmarks need them: a bus with a room on it, and edges in front."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from benchmarks.machine import family
from benchmarks.peers import Server
from benchmarks.programs import OURS, THEIRS, free_port, running, start, wait_for_port
from rostra.bus import server as nats

ROOM = "bench"


@dataclass(frozen=True, slots=True)
class OnAir:
    """A bus and a room whose parts come in real time."""

    url: str
    folder: Path
    """Where the feeder left the source of each rendition."""
    pids: tuple[int, ...]


@contextlib.contextmanager
def on_air(*, renditions: str = "opus", loop_s: float = 40.0, pinned: bool = False) -> Iterator[OnAir]:
    core = THEIRS if pinned else None
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        port = free_port()
        bus = start(nats.command(folder, port), core=core, log=folder / "nats.log")
        stack.enter_context(running(bus))
        wait_for_port(port, bus)
        url = f"nats://127.0.0.1:{port}"
        words = [sys.executable, "-m", "benchmarks.feeder", "--nats", url, "--folder", folder, "--room", ROOM]
        feeder = start([*words, "--loop", loop_s, "--renditions", renditions], core=core)
        stack.enter_context(running(feeder))
        assert feeder.stdout
        if feeder.stdout.readline().strip() != "ready":
            raise RuntimeError("the feeder did not get its room on the bus")
        yield OnAir(url, folder, (bus.pid, feeder.pid))


@contextlib.contextmanager
def edges(
    air: OnAir,
    *,
    flush_s: float,
    processes: int = 1,
    pinned: bool = False,
    certificate: tuple[Path, Path] | None = None,
    settings: Mapping[str, object] | None = None,
) -> Iterator[Server]:
    """``processes`` edges on one port. ``flush_s`` 0: the ladder. ``settings``: more, by section and key
    (``door_places``)."""
    port = free_port()
    command: list[object] = [Path(sys.executable).parent / "rostra", "edge", "--front", f"127.0.0.1:{port}"]
    command += ["--nats", air.url]
    if flush_s:
        command += ["--flush", flush_s]
    if certificate:
        command += ["--tls-cert", certificate[0], "--tls-key", certificate[1]]
    with contextlib.ExitStack() as stack:
        children = []
        for i in range(processes):
            log = air.folder / f"edge-{port}-{i}.log"
            words = [*command, "--name", f"edge-{i}", "--data", air.folder / f"edge-{i}"]
            child = start(words, core=OURS if pinned else None, log=log, env=environment(settings))
            children.append((stack.enter_context(running(child)), log))
        for child, log in children:
            _wait_for_edge(child, log)
        if not certificate:
            wait_for_room(port)
        pids = tuple(pid for child, _ in children for pid in family(child.pid))
        yield Server("edge" if processes == 1 else f"{processes} edges", port, pids)


def environment(settings: Mapping[str, object] | None) -> dict[str, str]:
    return {f"ROSTRA_{name.upper()}": json.dumps(value) for name, value in (settings or {}).items()}


def _wait_for_edge(child: Popen[str], log: Path, timeout_s: float = 20.0) -> None:
    """Each of several edges on one port says by itself, in its log, that it listens."""
    deadline = time.monotonic() + timeout_s
    while "listening on" not in log.read_text():
        if child.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"an edge does not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def wait_for_room(port: int, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        address = f"http://127.0.0.1:{port}/r/{ROOM}/state"
        with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(address, timeout=2) as answer:
            if json.load(answer)["state"] == "live":
                return
        time.sleep(0.1)
    raise RuntimeError("the edge does not have the room")


def live(rendition: str = "opus") -> str:
    return f"/r/{ROOM}/live" + ("" if rendition == "opus" else f"?codec={rendition}")
