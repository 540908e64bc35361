"""All of Rostra, as ``rostra serve`` runs it, with a room whose links are known."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from urllib.parse import urlsplit

import psutil

from benchmarks.machine import family
from benchmarks.ours import environment
from benchmarks.programs import ROOT, running, start
from rostra.client import RostraClient
from rostra.keys import operator_token

ROOM = "stage"
ROSTRA = Path(sys.executable).parent / "rostra"


def token_of(link: str) -> str:
    """What a link of the stage door ends with."""
    return link.partition("#t=")[2]


@dataclass(frozen=True, slots=True)
class Whole:
    pid: int
    front: str
    studio: str
    links: dict[str, str]
    data: Path

    @property
    def front_port(self) -> int:
        return urlsplit(self.front).port or 80

    @property
    def studio_port(self) -> int:
        return urlsplit(self.studio).port or 80

    def operator(self) -> RostraClient:
        return RostraClient(self.studio, operator_token(self.data))

    def client(self, token: str) -> RostraClient:
        return RostraClient(self.studio, token)

    def talking(self, token: str, *how: object) -> Popen[str]:
        """Somebody on stage (``benchmarks.talkers`` with ``how``), heard already."""
        process = start([sys.executable, "-m", "benchmarks.talkers", "--whip", self.studio, ROOM, token, *how])
        assert process.stdout
        if process.stdout.readline().strip() != "talking":
            raise RuntimeError("nobody hears the speaker")
        return process

    def token(self, role: str) -> str:
        return token_of(self.links[role])

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
def serving(
    *options: str,
    edges: int = 1,
    announced: Sequence[str] = (),
    core: int | None = None,
    settings: Mapping[str, object] | None = None,
) -> Iterator[Whole]:
    """``announced``: more words for `rostra room create`. ``core``: the only one it may use. ``settings``: more, by
    section and key."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        doors = [word for door in ("front", "studio", "source") for word in (f"--{door}", "127.0.0.1:0")]
        command = [ROSTRA, "serve", *doors, "--edges", edges, "--data", data, *options]
        with running(
            start(command, core=core, log=folder / "serve.log", env=environment(settings)), grace_s=10.0
        ) as process:
            assert process.stdout
            line = process.stdout.readline()
            if not line.startswith("ready "):
                raise RuntimeError(f"rostra serve does not get ready: {(folder / 'serve.log').read_text()[-2000:]}")
            found = dict(word.split("=", 1) for word in line.split()[1:])
            made = subprocess.run(
                [ROSTRA, "room", "create", "A room for measuring", "--id", ROOM, "--json", "--data", data, *announced],
                capture_output=True, text=True, check=True, cwd=ROOT,
            )  # fmt: skip
            yield Whole(process.pid, found["front"], found["studio"], json.loads(made.stdout)["links"], data)
