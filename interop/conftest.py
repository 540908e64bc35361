"""A running Rostra for strangers to meet: `rostra serve` as anyone would start it, rooms made by its own command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from rostra.units import SAMPLE_RATE, Pcm
from tests.sounds import voice

READY_WITHIN_S = 40.0

RUN = [sys.executable, "-m", "rostra"]


@dataclass
class Rostra:
    """One `rostra serve` and what was started beside it."""

    process: subprocess.Popen[str]
    data: Path
    front: str
    studio: str
    source: str
    children: list[subprocess.Popen[Any]] = field(default_factory=list)

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [*RUN, *words, "--data", str(self.data)], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def create(self, title: str, room: str) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.command("room", "create", title, "--id", room, "--json"))
        return made

    def start(self, *words: str) -> subprocess.Popen[Any]:
        """A program that goes on beside the test and is ended with it."""
        child = subprocess.Popen(list(words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.children.append(child)
        return child

    def publish(self, link: str, file: Path) -> subprocess.Popen[Any]:
        return self.start(*RUN, "publish", link, str(file), "--loop")


def end(process: subprocess.Popen[Any], within_s: float = 10.0) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


@contextmanager
def serving(data: Path, *options: str) -> Iterator[Rostra]:
    words = ["serve", "--front", "127.0.0.1:0", "--studio", "127.0.0.1:0", "--source", "127.0.0.1:0", "--edges", "2"]
    log = data.parent / f"{data.name}.log"
    with (
        log.open("w") as err,
        subprocess.Popen(
            [*RUN, *words, "--data", str(data), *options], stdout=subprocess.PIPE, stderr=err, text=True
        ) as process,
    ):
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line.startswith("ready "), (line, log.read_text())
            found = dict(word.split("=", 1) for word in line.split()[1:])
            serve = json.loads((data / "run" / "serve.json").read_text())
            rostra = Rostra(process, data, found["front"], found["studio"], serve["source"])
            try:
                yield rostra
            finally:
                for child in rostra.children:
                    end(child)
        finally:
            end(process)


@pytest.fixture(scope="session")
def rostra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rostra]:
    with serving(tmp_path_factory.mktemp("rostra") / "data") as running:
        yield running


def write_wav(path: Path, pcm: Pcm) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(pcm.tobytes())
    return path


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Pcm]]:
    """Two voices that cannot be taken for one another: files to publish, and what is in them."""
    folder = tmp_path_factory.mktemp("voices")
    made = {"ann": voice(20.0, seed=11, pitch_hz=190), "bob": voice(20.0, seed=47, pitch_hz=105)}
    return {name: (write_wav(folder / f"{name}.wav", pcm), pcm) for name, pcm in made.items()}


@pytest.fixture(scope="session")
def speaking(rostra: Rostra, words: dict[str, tuple[Path, Pcm]]) -> list[str]:
    """Both rooms begin at the same time: that they have been on air for a while is waited for only once."""
    for name, (file, _) in words.items():
        made = rostra.create(f"{name.title()} speaks", f"{name}-room")
        rostra.publish(made["links"]["host"], file)
    return [f"{rostra.front}/r/{name}-room" for name in words]


@pytest.fixture(scope="session")
def ann(speaking: list[str]) -> str:
    """A room on air in which Ann speaks."""
    return _on_air(speaking[0])


@pytest.fixture(scope="session")
def bob(speaking: list[str]) -> str:
    """A room on air in which Bob speaks: the negative control for whoever looks for Ann."""
    return _on_air(speaking[1])


def _on_air(address: str) -> str:
    # HLS players begin three segments back: so much must have been on air, and in the first one nobody spoke yet.
    until(lambda: httpx.get(f"{address}/hls/aac.m3u8").text.count("#EXTINF") >= 5, 60)
    assert httpx.get(f"{address}/state").json()["state"] == "live"
    return address


def state(rostra: Rostra, room: str) -> str:
    answer = httpx.get(f"{rostra.front}/r/{room}/state")
    return str(answer.json().get("state", "")) if answer.status_code == 200 else ""


def until(true: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not so within {within_s} s"
        time.sleep(0.1)


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in tools if not shutil.which(tool)]
    return pytest.mark.skipif(bool(missing), reason=f"left out: {', '.join(missing)} is not installed")


def as_nobody() -> list[str]:
    """VLC will not run as root."""
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []


def ffmpeg_pcm(*source: str, seconds: float) -> Pcm:
    """What ffmpeg decodes from a source in so many seconds."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-loglevel", "error", *source, "-t", str(seconds),
         "-f", "s16le", "-ac", "1", "-ar", "48000", "-"],
        capture_output=True, timeout=seconds + 40, check=False,
    )  # fmt: skip
    return np.frombuffer(done.stdout, np.int16)
