"""A small crowd at a real Rostra, as anyone would send it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from rostra.cli._consent import make_consent
from rostra.errors import BadRequest, BadToken
from rostra.rehearsal import workers
from rostra.rehearsal.conductor import Orders, Progress, Rehearsal
from rostra.rehearsal.scenario import AttackFile, AttackPlan, CrowdPlan, Kind
from rostra.rehearsal.target import Refusal, read_target
from rostra.rehearsal.workers import Worker, WorkerCrew
from tests.processes.serving import ANY_PORTS, RUN

pytestmark = pytest.mark.timeout(180)


class Demo:
    """`rostra demo`: two voices, on air."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [*RUN, "demo", *ANY_PORTS, "--edges", "1", "--flush", "1", "--data", str(data)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
            env={**os.environ, **settings},
        )  # fmt: skip
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("On air"):
                break
        self.addresses = json.loads((data / "run" / "serve.json").read_text())

    @property
    def url(self) -> str:
        return f"{self.addresses['front']}/r/demo"

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    started = Demo(tmp_path_factory.mktemp("rehearsed") / "data")
    yield started
    started.end()


def orders(demo: Demo, crowd: CrowdPlan, *attacks: AttackFile, token: str = "") -> Orders:
    token = token or make_consent(demo.data, "", 1.0)
    return Orders(read_target(demo.url, proxied=crowd.proxied), token, crowd, tuple(attacks))


def rehearse(rehearsal: Rehearsal) -> dict[str, object]:
    return asyncio.run(rehearsal.run(lambda progress: None))


def test_two_hundred_listeners_by_the_command(demo: Demo, tmp_path: Path) -> None:
    crowd = tmp_path / "crowd.toml"
    crowd.write_text("[crowd]\nhls = 0.1\naac = 0.1\npage = 0.2\nnetworks = { lte = 0.1 }\n")
    attack = tmp_path / "attack.toml"
    attack.write_text(
        'name = "some of everything"\n'
        '[[attack]]\nkind = "requests"\nfrom_s = 1\nfor_s = 1\nconnections = 2\npipelined = 4\n'
        '[[attack]]\nkind = "bots"\nfrom_s = 1\nfor_s = 2\nconnections = 20\n'
    )
    done = subprocess.run(
        [
            *RUN, "rehearse", demo.url, "--listeners", "200", "--over", "1", "--hold", "4", "--crowd", str(crowd),
            "--attack", str(attack), "--data", str(demo.data), "--report", str(tmp_path / "report"),
            "--objective", "never_heard<=0", "--objective", "broken<=0", "--objective", "holes<=0",
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout, done.stderr)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (tmp_path / "report" / "report.html").read_text().startswith("<!doctype html>")
    figures = report["figures"]
    assert figures["listeners"] == figures["heard"] == 200
    assert figures["first_sound_p99"] is not None
    assert figures["latency_p50"] is not None
    assert 0.3 < figures["latency_p50"] < 10
    assert figures["bots_in"] == 1.0
    assert [cost["kind"] for cost in report["costs"]] == ["requests", "bots"]
    assert report["costs"][0]["did"]["answer_200"] > 10
    assert report["isolation"]
    assert (report["samples"]["undecodable"], report["samples"]["differing"], report["samples"]["silent"]) == (
        0,
        0,
        False,
    )
    assert report["samples"]["sound_s"] > 10
    assert any("edge-0" in second.get("processes", {}) for second in report["seconds"])
    assert json.loads((demo.data / "rehearsal" / "last.json").read_text())["measured"]["edges"] == 1


def test_each_attack_at_a_small_size(demo: Demo) -> None:
    """All kinds there are, a few connections each, beside a crowd that must not notice."""
    plans = tuple(
        AttackPlan(kind=kind, from_s=0.5, for_s=2, connections=4, rate=20, pause_s=0.1, pipelined=2) for kind in Kind
    )
    file = AttackFile(name="all", attack=plans)
    report = rehearse(Rehearsal(orders(demo, CrowdPlan(listeners=40, over_s=2, hold_s=3), file)))
    figures, costs = report["figures"], report["costs"]
    assert isinstance(figures, dict)
    assert isinstance(costs, list)
    assert report["problems"] == []
    assert (figures["heard"], figures["never_heard"], figures["lost"], figures["broken"]) == (40, 0, 0, 0)
    did = {cost["kind"]: cost["did"] for cost in costs}
    assert set(did) == set(Kind)
    for kind in set(Kind) - {Kind.BOTS}:
        assert did[kind]["opened"] >= 1, kind
    assert did[Kind.REQUESTS]["answer_200"] >= 2
    assert did[Kind.ROOMS]["answer_404"] >= 2
    assert did[Kind.REACTIONS]["answer_204"] >= 2
    assert did[Kind.HANDSHAKES]["answer_400"] >= 1, "a hello is no request to a plain door"
    assert did[Kind.BOTS]["heard"] == 4


def test_a_plan_is_made_of_it(demo: Demo) -> None:
    done = subprocess.run(
        [*RUN, "plan", "--listeners", "1300000", "--join", "60s", "--data", str(demo.data), "--json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode:  # a crowd this small may cost too little to be measured on a busy machine
        assert "too small" in done.stderr
        return
    found = json.loads(done.stdout)
    assert found["machines"] >= 1
    assert any("extrapolated" in one["how"] for one in found["known"])


def test_without_consent_nothing_is_sent(demo: Demo, tmp_path: Path) -> None:
    done = subprocess.run(
        [*RUN, "rehearse", demo.url, "--data", str(tmp_path), "--report", str(tmp_path / "r")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "rostra room rehearsal-token" in done.stderr
    assert not (tmp_path / "r").exists()


def test_a_token_of_another_rostra_or_another_address_is_refused(demo: Demo, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from rostra.wire.rehearsals import grant, origin_of

    until = int(time.time() + 600)
    forged = grant("abcdefghijklmnop", origin_of(demo.url), until, Ed25519PrivateKey.generate())
    with pytest.raises(Refusal, match="did not agree"):
        rehearse(Rehearsal(orders(demo, CrowdPlan(listeners=1), token=forged.token)))
    elsewhere = make_consent(demo.data, "http://127.0.0.1:1", 1.0)
    with pytest.raises(BadToken, match=r"is for http://127\.0\.0\.1:1,"):
        Rehearsal(orders(demo, CrowdPlan(listeners=1), token=elsewhere))


def test_a_room_that_is_not_there(demo: Demo) -> None:
    target = read_target(demo.url.replace("/r/demo", "/r/nothing"))
    with pytest.raises(BadRequest, match="no room 'nothing'"):
        rehearse(Rehearsal(Orders(target, make_consent(demo.data, "", 1.0), CrowdPlan(listeners=1))))


async def test_workers_elsewhere_are_found_and_share_the_crowd(demo: Demo) -> None:
    said: list[str] = []
    stop = asyncio.Event()
    url = demo.addresses["nats"]
    working = []
    for n in range(2):
        worker = Worker(url, said.append)
        worker.name += f"-{n}"
        working.append(asyncio.create_task(worker.run(stop)))
    async with asyncio.timeout(10):
        while len(said) < 2:
            await asyncio.sleep(0.02)
    crowd = CrowdPlan(listeners=40, over_s=0.5, hold_s=6, samples=0)
    ordered = await asyncio.to_thread(orders, demo, crowd)
    ordered = Orders(ordered.target, ordered.token, ordered.crowd, processes=2)
    report = await Rehearsal(ordered, WorkerCrew(url, 2, ordered.token, 100)).run(lambda progress: None)
    stop.set()
    await asyncio.gather(*working)
    assert report["problems"] == []
    assert report["figures"]["heard"] == 40
    assert sum("rehearses" in words for words in said) == 2


async def test_a_worker_that_dies_is_told_of_and_the_others_go_on(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two: one here whose generator is killed, one by the command that is killed itself."""
    monkeypatch.setattr(workers, "SILENT_S", 3.0)
    url, stop, said = demo.addresses["nats"], asyncio.Event(), asyncio.Event()
    here = Worker(url, lambda words: said.set())
    working = asyncio.create_task(here.run(stop))
    elsewhere = await asyncio.create_subprocess_exec(
        *RUN, "rehearse", "--worker", "--nats", url, stderr=asyncio.subprocess.PIPE
    )
    assert elsewhere.stderr
    assert b"waits for a rehearsal" in await asyncio.wait_for(elsewhere.stderr.readline(), 20)
    await asyncio.wait_for(said.wait(), 10)
    ordered = await asyncio.to_thread(orders, demo, CrowdPlan(listeners=40, over_s=0.5, hold_s=6, samples=0))
    ordered = dataclasses.replace(ordered, processes=4)

    def show(progress: Progress) -> None:
        if progress.second == 1:
            generators = [
                p for p in psutil.Process().children(recursive=True) if "rehearsal.process" in str(p.cmdline())
            ]
            mine = [p for p in generators if elsewhere.pid not in (p.ppid(), *(a.pid for a in p.parents()))]
            if mine:
                mine[0].kill()
            if elsewhere.returncode is None:
                elsewhere.kill()

    report = await Rehearsal(ordered, WorkerCrew(url, 2, ordered.token, 100)).run(show)
    stop.set()
    await asyncio.gather(working, elsewhere.wait())
    problems = "\n".join(map(str, report["problems"]))
    assert "fell silent" in problems
    assert "ended by signal 9 before it was done" in problems
    assert not report["passed"]
    assert report["figures"]["listeners"] == 10, "one generator of four came to its end"


async def test_a_worker_is_not_turned_on_a_stranger(demo: Demo) -> None:
    """Whoever can write to the bus has no token that the stranger's address would answer for."""
    from rostra.errors import EnvironmentFault

    stop = asyncio.Event()
    said: list[str] = []
    url = demo.addresses["nats"]
    working = asyncio.create_task(Worker(url, said.append).run(stop))
    async with asyncio.timeout(10):
        while not said:
            await asyncio.sleep(0.02)
    ordered = await asyncio.to_thread(orders, demo, CrowdPlan(listeners=2, over_s=0, hold_s=1, samples=0))
    rehearsal = Rehearsal(ordered)
    jobs = rehearsal._jobs({})
    stranger = read_target(demo.addresses["studio"] + "/r/demo")
    turned = [dataclasses.replace(job, target=stranger) for job in jobs]
    crew = WorkerCrew(url, 1, ordered.token, 100)
    with pytest.raises(EnvironmentFault, match="is for"):
        await crew.start(turned, lambda job, body: None)
    stop.set()
    await working


def test_a_full_house_is_waited_for(tmp_path: Path) -> None:
    small = Demo(tmp_path / "data", ROSTRA_DOOR_PLACES="60", ROSTRA_DOOR_CHALLENGE_TRIALS="[100, 100]")
    try:
        report = rehearse(Rehearsal(orders(small, CrowdPlan(listeners=90, over_s=2, hold_s=4, samples=0))))
    finally:
        small.end()
    found = report["figures"]
    assert isinstance(found, dict)
    assert report["problems"] == []
    assert 20 <= found["heard"] <= 60
    assert found["turned_away"] == found["lost"] == 0, "whoever paid is let in or waits"
    assert found["challenged"] >= found["solved"] > 0
    assert found["numbered"] + found["told_to_wait"] > 0


def test_a_target_that_goes_away_ends_it_with_a_report(tmp_path: Path) -> None:
    gone = Demo(tmp_path / "data")
    try:
        attack = AttackFile(name="x", attack=(AttackPlan(kind=Kind.CONNECTIONS, for_s=100, connections=10),))
        rehearsal = Rehearsal(orders(gone, CrowdPlan(listeners=30, over_s=0.5, hold_s=100), attack), gone_after_s=3)

        def show(progress: Progress) -> None:
            if progress.heard == 30:
                os.killpg(gone.process.pid, signal.SIGKILL)

        report = asyncio.run(rehearsal.run(show))
    finally:
        gone.end()
    assert any("went away" in str(problem) for problem in list(report["problems"]))  # type: ignore[call-overload]
    assert not report["passed"]
    figures = report["figures"]
    assert isinstance(figures, dict)
    assert figures["heard"] == 30
    assert figures["lost"] >= 30
    assert len(list(report["seconds"])) < 60, "it did not go on for its hundred seconds"  # type: ignore[call-overload]


def test_consent_can_be_taken_back(demo: Demo) -> None:
    from rostra.bus import Bus
    from rostra.rehearsal import conductor
    from rostra.wire.rehearsals import read_token

    token = make_consent(demo.data, "", 1.0)
    consent, _ = read_token(token)

    async def take_back() -> None:
        bus = await Bus.connect(demo.addresses["nats"], "operator", 5)
        await bus.rehearsals.delete(consent.id)
        await bus.flush()
        await bus.close()

    async def run() -> dict[str, object]:
        rehearsal = Rehearsal(orders(demo, CrowdPlan(listeners=5, over_s=0, hold_s=60, samples=0), token=token))
        told = asyncio.Event()

        def show(progress: object) -> None:
            told.set()

        running = asyncio.create_task(rehearsal.run(show))
        await told.wait()
        await take_back()
        return await running

    before, conductor.ASK_AGAIN_S = conductor.ASK_AGAIN_S, 1.0
    try:
        report = asyncio.run(run())
    finally:
        conductor.ASK_AGAIN_S = before
    assert any("took its consent back" in str(p) for p in list(report["problems"]))  # type: ignore[call-overload]
