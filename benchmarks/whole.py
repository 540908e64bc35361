"""All of Rostra, as ``rostra serve`` runs it, with a room whose links are known."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.machine import family
from benchmarks.programs import ROOT, running, start

ROOM = "stage"
ROSTRA = Path(sys.executable).parent / "rostra"


@dataclass(frozen=True, slots=True)
class Whole:
    pid: int
    front: str
    studio: str
    links: dict[str, str]

    @property
    def front_port(self) -> int:
        return urlsplit(self.front).port or 80

    def token(self, role: str) -> str:
        return self.links[role].partition("#t=")[2]

    def tokens(self, people: int) -> list[str]:
        """One host, two co-hosts, speakers."""
        roles = ["host", "cohost", "cohost"] + ["speaker"] * people
        return [self.token(role) for role in roles[:people]]

    def processes(self, word: str) -> list[int]:
        """Ids of those of its processes whose command line has ``word`` in it."""
        found = []
        for pid in family(self.pid):
            with contextlib.suppress(psutil.Error):
                if word in psutil.Process(pid).cmdline():
                    found.append(pid)
        return found


@contextlib.contextmanager
def serving(*options: str, edges: int = 1) -> Iterator[Whole]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        doors = [word for door in ("front", "studio", "source") for word in (f"--{door}", "127.0.0.1:0")]
        command = [ROSTRA, "serve", *doors, "--edges", edges, "--data", data, *options]
        with running(start(command, log=folder / "serve.log"), grace_s=10.0) as process:
            assert process.stdout
            line = process.stdout.readline()
            if not line.startswith("ready "):
                raise RuntimeError(f"rostra serve does not get ready: {(folder / 'serve.log').read_text()[-2000:]}")
            found = dict(word.split("=", 1) for word in line.split()[1:])
            made = subprocess.run(
                [ROSTRA, "room", "create", "A room for measuring", "--id", ROOM, "--json", "--data", data],
                capture_output=True, text=True, check=True, cwd=ROOT,
            )  # fmt: skip
            yield Whole(process.pid, found["front"], found["studio"], json.loads(made.stdout)["links"])
