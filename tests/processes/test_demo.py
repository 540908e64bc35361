"""The demonstration as anyone would start it: it is heard, Ctrl-C leaves nothing behind, and the room is used again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from rostra.demo.voices import NAMES
from tests.publishing.test_sound import wav
from tests.sounds import voice

pytestmark = pytest.mark.timeout(180)

RUN = [sys.executable, "-m", "rostra"]
DOORS = ["--front", "127.0.0.1:0", "--studio", "127.0.0.1:0", "--source", "127.0.0.1:0", "--edges", "1"]


@contextmanager
def demo(data: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and what it printed up to the line about Ctrl-C."""
    with (data.parent / "demo.err").open("w") as errors:
        process = subprocess.Popen(
            [*RUN, "demo", *DOORS, "--data", str(data), *words], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Ctrl-C"):
                break
        assert "On air" in said, (data.parent / "demo.err").read_text()
        yield process, said
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


def address(said: str, name: str) -> str:
    return next(line.split(name, 1)[1].strip() for line in said.splitlines() if line.strip().startswith(name))


def listen(url: str, seconds: float) -> dict[str, object]:
    done = subprocess.run(
        [*RUN, "listen", url, "--seconds", str(seconds), "--json", "--quiet"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    report: dict[str, object] = json.loads(done.stdout)
    return report


def test_two_voices_are_heard_ctrl_c_ends_everything_and_the_next_plays_a_file(tmp_path: Path) -> None:
    with demo(tmp_path / "data") as (process, said):
        assert said.startswith("ready front=http://127.0.0.1:")
        page = address(said, "listen")
        report = listen(page, 6.0)
        assert report["state"] == "live"
        assert report["holes"] == 0
        assert isinstance(report["level_dbfs"], float)
        assert report["level_dbfs"] > -40
        assert set(report["stage"]) == set(NAMES.values())  # type: ignore[call-overload]
        assert "/host/demo#t=" in address(said, "speak yourself")
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 5  # the bus, an edge, the studio, the stage, the voices
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert process.wait(20) == 0
        print(f"ended within {time.monotonic() - began:.1f} s")
        _, alive = psutil.wait_procs(children, timeout=1)
        assert alive == []
    assert not (tmp_path / "data" / "run" / "demo.json").exists()
    file = wav(tmp_path / "words.wav", voice(2.0, seed=4))
    with demo(tmp_path / "data", "--play", file) as (process, said):
        assert f"On air: {file} in a loop." in said
        assert address(said, "listen").endswith("/r/demo")
        report = listen(address(said, "listen"), 4.0)
        assert report["stage"] == ["words"]
        assert float(str(report["silent_s"])) < 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_file_that_cannot_be_read_is_told_before_anything_starts(tmp_path: Path) -> None:
    done = subprocess.run(
        [*RUN, "demo", *DOORS, "--data", str(tmp_path / "data"), "--play", str(tmp_path / "none.flac")],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("rostra: ")
    assert "cannot be opened" in done.stderr
    assert not (tmp_path / "data").exists()
