"""The usher, as the edge knows it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import ssl
import time
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import pytest

from rostra.admission.steps import Step
from rostra.bus import Bus
from rostra.config import Settings
from rostra.edge import conversation
from rostra.edge.contracts import Entered, Knock, Want
from rostra.errors import BadAnswer, Full, InLine, WorkFirst
from rostra.kernel import NOW, KernelCounters
from rostra.processes import admitting
from rostra.processes.admitting import Admitting, Doorkeeper, edge_run, usher_of
from rostra.units import WallTime
from rostra.wire.door import EDGE_RUN, MAX_RANK, SHUFFLED, DoorRecord, DoorReport, LineRecord, Outcome, Seated
from rostra.wire.passes import Line, tend
from tests.edge.making import Edge, edge, room, stream, until
from tests.edge.test_conversation import deaf
from tests.processes.paying import solved

HERE = bytes((127, 0, 0, 1))
OPENED = WallTime(time.time() - 60)


def keeper(data: Path, *, keys: bool = True, **door: Any) -> Doorkeeper:
    settings = Settings.model_validate({"data": str(data), "door": door})
    made = Doorkeeper(usher_of(settings, edge_run("edge-0"), 1000))
    if keys:
        found = tend(None, WallTime(time.time()), bytes(range(32)))
        assert found is not None
        made.usher.on_keys(found)
    return made


def knock(want: Want = Want.LIVE, **more: Any) -> Knock:
    return Knock("demo", want, HERE, OPENED, **more)


def at(door: Doorkeeper, step: Step) -> None:
    door.usher.steps.step = step
    door.usher.waves_through = False


def now() -> tuple[float, WallTime]:
    return time.monotonic(), WallTime(time.time())


def test_a_run_is_named_anew_at_each_start() -> None:
    assert edge_run("edge-0") != edge_run("edge-0")
    assert EDGE_RUN.fullmatch(edge_run("x" * 64))


def test_verdicts_are_answers(tmp_path: Path) -> None:
    door = keeper(tmp_path)
    assert door.ask(knock(), *now()) == Entered()
    assert not door.shut
    assert door.step == ""
    at(door, Step.WAITING)
    assert door.shut
    assert door.step == "waiting"
    with pytest.raises(InLine) as wait:
        door.ask(knock(), *now())
    assert wait.value.door == "/r/demo/door"
    assert wait.value.retry_after_s >= 1
    with pytest.raises(WorkFirst) as work:
        door.number(knock(Want.NUMBER), *now())
    assert work.value.challenge is not None
    with pytest.raises(WorkFirst):
        door.number(knock(Want.CHALLENGE), *now())
    with pytest.raises(BadAnswer):
        door.number(knock(Want.NUMBER, answer="no"), *now())
    at(door, Step.REFUSING)
    with pytest.raises(Full):
        door.number(knock(Want.NUMBER), *now())


@pytest.mark.parametrize(
    ("step", "kind", "outcome"),
    [
        (Step.CHALLENGE, WorkFirst, Outcome.CHALLENGED),
        (Step.WAITING, InLine, Outcome.WAITING),
        (Step.REFUSING, Full, Outcome.REFUSED_FULL),
    ],
)
def test_refusals_are_spread_out(tmp_path: Path, step: Step, kind: type, outcome: Outcome) -> None:
    door = keeper(tmp_path)
    at(door, step)
    found = [door.refusal("demo") for _ in range(16)]
    assert {type(error) for error, _ in found} == {kind}
    assert {counted for _, counted in found} == {outcome}
    assert len({round(error.retry_after_s, 2) for error, _ in found if isinstance(error, Full | WorkFirst)}) == 16


def test_the_state_says_so_while_somebody_waits(tmp_path: Path) -> None:
    door = keeper(tmp_path)
    assert door.told("demo") == {}
    waiting = LineRecord(SHUFFLED, ((SHUFFLED, SHUFFLED + 10, 3),))
    door.records["demo"] = DoorRecord("demo", OPENED, bytes(16), {Line.LATE: waiting})
    at(door, Step.WAITING)
    told = door.told("demo")
    assert told["door"] == {"step": "waiting"}
    assert told["ahead"]["late"][-1][1] == 3
    door.records["demo"] = DoorRecord("demo", OPENED, bytes(16), {Line.LATE: LineRecord(SHUFFLED)})
    assert set(door.told("demo")) == {"door"}


def test_what_a_rehearsal_found_is_read(tmp_path: Path) -> None:
    (tmp_path / "rehearsal").mkdir()
    found = tmp_path / "rehearsal" / "last.json"
    found.write_text('{"measured": {"joins_s": 1234}}')
    assert keeper(tmp_path).usher.pressure.joins_s == 1234
    found.write_text("[broken")
    assert keeper(tmp_path).usher.pressure.joins_s > 1234


def test_floors_are_in_order_whatever_is_set(tmp_path: Path) -> None:
    door = keeper(tmp_path, address_floor=500, network_floor=100, provider_floor=50)
    floors = door.usher.options.floors
    assert (floors.address, floors.network, floors.provider) == (500, 500, 500)


# --- what is counted ---


async def looked_after(door: Doorkeeper, running: Edge) -> dict[str, float]:
    """The metrics of the edge, by name and labels, once everything is counted."""
    Admitting(cast(Bus, None), running.front, door)
    door.usher.settle(time.monotonic())
    lines = (await running.ask("/metrics")).body.decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


async def lets_in(running: Edge, path: str = "/r/demo/live", *more: str) -> int:
    client = await running.client()
    client.get(path, *more)
    return (await client.head()).status


async def sends(running: Edge, data: bytes) -> None:
    client = await running.client()
    client.send(data)
    with contextlib.suppress(ConnectionResetError):
        await asyncio.wait_for(client.reader.read(), 5)


async def at_the_door(door: Doorkeeper, running: Edge) -> None:
    """Everyone whom the usher itself decides about."""
    assert await lets_in(running) == 200
    at(door, Step.CHALLENGE)
    assert await lets_in(running) == 428
    passes = []
    for _ in range(2):
        asked = json.loads((await running.tell("/r/demo/door", {})).body)["challenge"]
        passes.append(json.loads((await running.tell("/r/demo/door", {"answer": solved(asked)})).body)["pass"])
    assert (await running.tell("/r/demo/door", {"answer": "no"})).status == 400
    assert await lets_in(running, "/r/demo/live", f"Cookie: w-demo={passes[0]}") == 200
    (seated,) = door.usher.seated()
    assert door.usher.on_seated(Seated("edge-9-00000000", seated.passes))
    at(door, Step.WAITING)
    running.front.turned()
    assert await lets_in(running) == 503
    assert await lets_in(running, "/r/demo/live", f"Cookie: w-demo={'A' * 54}") == 503
    all_called = LineRecord(MAX_RANK)
    served = DoorRecord("demo", OPENED, bytes(16), {Line.LATE: all_called, Line.CROWDED: all_called})
    door.usher.on_record(served, time.monotonic())
    assert await lets_in(running, "/r/demo/live", f"Cookie: w-demo={passes[1]}") == 200
    at(door, Step.REFUSING)
    running.front.turned()
    assert await lets_in(running) == 503
    at(door, Step.OPEN)
    running.front.turned()


async def at_the_edge(door: Doorkeeper, running: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everyone whom nobody has to be asked about."""
    with monkeypatch.context() as hurry:
        hurry.setattr(conversation, "HEAD_TIMEOUT_S", 0.1)
        hurry.setattr(conversation, "WRITE_TIMEOUT_S", 0.1)
        await sends(running, b"GET / HTTP/1.1\r\nHo")
        await sends(running, b"POST /r/demo/react HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        await sends(running, b"")
        slow = deaf(running)
        slow.send(b"GET /r/demo/hls/opus/g1-p8.m4s HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        await until(lambda: door.usher.tally.total(Outcome.SLOW_READER))
        slow.close()
    await sends(running, b"POST /r/demo/react HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n")
    await sends(running, b"nonsense\r\n\r\n")
    assert (await running.ask("/r/nowhere/state")).status == 404
    assert (await running.ask("/r/demo/state?x=1")).status == 200
    assert (await running.ask("/r/secret/state")).status == 403
    running.front.door.numbers._made = 10_000
    assert (await running.tell("/r/demo/door", {})).status == 503
    with monkeypatch.context() as little:
        little.setattr(conversation, "REQUESTS_AT_ONCE", 1.0)
        often = await running.client()
        assert [(await often.ask("/healthz")).status for _ in range(2)] == [200, 429]


async def test_every_outcome_can_be_caused_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    door = keeper(tmp_path, challenge_trials=[100, 100])
    async with edge(room(), room(room_id="secret", invited=True), admission=door) as running:
        running.feed(stream(8))
        await at_the_door(door, running)
        await at_the_edge(door, running, monkeypatch)
        async with edge(admission=door, trusted_proxies=("127.0.0.1/32",), proxy_protocol=True) as behind:
            await sends(behind, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with edge(admission=door, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as secure:
            await sends(secure, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        metrics = await looked_after(door, running)
    told = {name for name, value in metrics.items() if value and name.startswith("rostra_door_outcomes_total")}
    found = {re.findall(r'outcome="([a-z_]+)"', name)[0] for name in told}
    assert found == {outcome.name.lower() for outcome in Outcome}


async def test_what_the_kernel_counts_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    door = keeper(tmp_path)
    names = [field.name for field in fields(KernelCounters)]
    now = KernelCounters(**{name: 1000 + i for i, name in enumerate(names)})
    monkeypatch.setattr(admitting, "read_kernel", lambda: now)
    async with edge(admission=door) as running:
        metrics = await looked_after(door, running)
        assert {name: metrics[f"rostra_kernel_{name}"] for name in names} == {n: getattr(now, n) for n in names}
        text = (await running.ask("/metrics")).body.decode()
        for name in names:
            kind = "gauge" if name in NOW else "counter"
            assert f"# TYPE rostra_kernel_{name} {kind}\n" in text
        looks = Admitting(cast(Bus, None), running.front, door)
    with caplog.at_level(logging.WARNING, "rostra.door"):
        looks._look_at_kernel(100.0)
        assert not caplog.records
        now = KernelCounters(**dict.fromkeys(names, 2000))
        looks._look_at_kernel(101.0)
        assert "connections found the backlog full" in caplog.text
        now = KernelCounters(**dict.fromkeys(names, 3000))
        looks._look_at_kernel(102.0)
        assert len(caplog.records) == 1, "not each second"


async def test_a_clock_that_is_not_that_of_the_others_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    door = keeper(tmp_path)
    at = now()
    door.usher.on_report(DoorReport("edge-9-00000000", WallTime(at[1] + 60), 0, 1.0), at[0])
    door.usher.report(*at)
    async with edge(admission=door) as running:
        assert (await looked_after(door, running))["rostra_door_clock_behind_seconds"] == pytest.approx(30, abs=0.1)
        looks = Admitting(cast(Bus, None), running.front, door)
    with caplog.at_level(logging.WARNING, "rostra.door"):
        for second in range(3):
            looks._look_at_clocks(100.0 + second)
    assert len(caplog.records) == 1
    assert "30 s behind what the edges go by" in caplog.text
    assert "NTP" in caplog.text
