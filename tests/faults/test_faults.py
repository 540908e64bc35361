"""One part failing leaves the others working: each process is killed in turn under a room on air."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from interop.conftest import Rostra, serving, state, until, write_wav
from rostra.wire.boxes import parse_part
from tests.faults.listener import Listener
from tests.sounds import voice

pytestmark = pytest.mark.timeout(180)

ROOM = "steady"


@pytest.fixture(scope="module")
def on_air(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rostra]:
    folder = tmp_path_factory.mktemp("faults")
    with serving(folder / "data", "--flush", "0.5") as rostra:
        made = rostra.create("Steady", ROOM)
        rostra.publish(made["links"]["host"], write_wav(folder / "voice.wav", voice(20.0, seed=3)))
        until(lambda: state(rostra, ROOM) == "live", 30)
        yield rostra


@pytest.fixture
def listening(on_air: Rostra) -> Iterator[Callable[..., Listener]]:
    opened: list[Listener] = []

    def listen(stubborn: bool = False) -> Listener:
        opened.append(Listener(f"{on_air.front}/r/{ROOM}/live", stubborn))
        until(lambda: len(opened[-1].parts) > 2, 10)
        return opened[-1]

    until(lambda: state(on_air, ROOM) == "live", 30)
    yield listen
    for listener in opened:
        listener.close()


def processes(rostra: Rostra, role: str) -> list[psutil.Process]:
    """The children of `rostra serve` in that role, by what stands on their command line."""
    found = []
    for child in psutil.Process(rostra.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it may end while we look
            words = child.cmdline()
            if role in words or (words and Path(words[0]).name == role):
                found.append(child)
    return found


def test_studio_killed_nobody_hears_it(on_air: Rostra, listening: Callable[..., Listener]) -> None:
    listener = listening()
    since = time.monotonic()
    (studio,) = processes(on_air, "studio")
    studio.kill()
    time.sleep(4)
    assert listener.longest_gap_s(since) < 1.5
    assert not listener.dropped_at
    until(lambda: _answers(on_air.studio), 10)


def test_edge_killed_its_listeners_are_back_in_three_seconds(
    on_air: Rostra, listening: Callable[..., Listener]
) -> None:
    listeners = [listening(stubborn=True) for _ in range(6)]
    edges = processes(on_air, "edge")
    victim = edges[0]
    killed = time.monotonic()
    victim.kill()
    time.sleep(4)
    dropped = [x for x in listeners if x.dropped_at and x.dropped_at[0] >= killed]
    for listener in dropped:
        back = listener.first_after(listener.dropped_at[0])
        assert back is not None
        assert back - killed < 3.0
    until(lambda: len(processes(on_air, "edge")) == len(edges), 10)


def test_edge_hung_is_ended_by_the_watchdog(on_air: Rostra, listening: Callable[..., Listener]) -> None:
    listening(stubborn=True)
    victim = processes(on_air, "edge")[0]
    victim.send_signal(signal.SIGSTOP)
    until(lambda: not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE, 6)
    until(lambda: len(processes(on_air, "edge")) == 2, 10)


def test_stage_killed_on_air_sound_goes_on_on_the_same_connection(
    on_air: Rostra, listening: Callable[..., Listener]
) -> None:
    listener = listening()
    before = len(listener.parts)
    (stage,) = processes(on_air, "stage")
    killed = time.monotonic()
    stage.kill()
    time.sleep(10.5)
    assert not listener.dropped_at, "the connection was dropped"
    assert "interrupted" in [kind for at, kind in listener.notices if at > killed]
    again = [at for at in listener.inits if at > killed]
    assert again, "no new init"
    assert again[0] - killed < 10.0
    assert len(listener.parts) > before
    times = [parse_part(part)[0] for _, part in listener.parts]
    assert times == sorted(times), "media time ran backwards"
    until(lambda: state(on_air, ROOM) == "live", 20)


def test_no_name_ever_means_two_things_across_a_crash(on_air: Rostra) -> None:
    """Whatever address a playlist ever named gives the same bytes before and after a crash, from any edge."""
    seen: dict[str, str] = {}

    def gather() -> None:
        for rendition in ("opus", "aac"):
            playlist = httpx.get(f"{on_air.front}/r/{ROOM}/hls/{rendition}.m3u8").text
            for line in playlist.splitlines():
                names = [line] if line and not line.startswith("#") else [
                    piece.split('"')[1] for piece in line.split("URI=")[1:] if "PRELOAD" not in line
                ]  # fmt: skip
                for name in names:
                    if name.endswith(".m3u8") or ".m3u8?" in name:
                        continue
                    answer = httpx.get(f"{on_air.front}/r/{ROOM}/hls/{name}")
                    if answer.status_code == 200:
                        digest = hashlib.sha256(answer.content).hexdigest()
                        assert seen.setdefault(name, digest) == digest, name

    gather()
    (stage,) = processes(on_air, "stage")
    stage.kill()
    for _ in range(5):
        time.sleep(1.5)
        gather()
    assert len({name.split("/")[-1].split("-")[0] for name in seen}) >= 2, "there were not two generations to compare"
    until(lambda: state(on_air, ROOM) == "live", 20)


def test_nats_killed_and_started_again(on_air: Rostra, listening: Callable[..., Listener]) -> None:
    listener = listening()
    (nats,) = processes(on_air, "nats-server")
    killed = time.monotonic()
    nats.kill()
    until(lambda: (listener.first_after(killed + 2.5) or 0) > 0, 15)
    assert not listener.dropped_at, "the connection was dropped"
    until(lambda: state(on_air, ROOM) == "live", 20)
    # The window was forgotten with the server, and is there again for an edge that starts now.
    before = {p.pid for p in processes(on_air, "edge")}
    for edge in processes(on_air, "edge")[:1]:
        edge.kill()
    until(lambda: len({p.pid for p in processes(on_air, "edge")} - before) == 1, 10)
    late = listening(stubborn=True)
    assert late.parts


def test_serve_killed_leaves_nothing_running(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as rostra:
        rostra.create("Short", "short")
        family = psutil.Process(rostra.process.pid).children(recursive=True)
        assert len(family) >= 4
        os.kill(rostra.process.pid, signal.SIGKILL)
        gone, alive = psutil.wait_procs(family, timeout=5)
        assert not alive, [p.cmdline() for p in alive]
        assert len(gone) == len(family)


def test_ctrl_c_ends_everything_within_three_seconds(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as rostra:
        family = psutil.Process(rostra.process.pid).children(recursive=True)
        started = time.monotonic()
        rostra.process.send_signal(signal.SIGINT)
        assert rostra.process.wait(5) == 0
        assert time.monotonic() - started < 3.0
        _, alive = psutil.wait_procs(family, timeout=1)
        assert not alive, [p.cmdline() for p in alive]


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
