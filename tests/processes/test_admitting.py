"""The usher, as the edge knows it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from rostra.admission.steps import Step
from rostra.config import Settings
from rostra.edge.contracts import Entered, Knock, Want
from rostra.errors import BadAnswer, Full, InLine, WorkFirst
from rostra.processes.admitting import Doorkeeper, edge_run, usher_of
from rostra.units import WallTime
from rostra.wire.door import EDGE_RUN, SHUFFLED, DoorRecord, LineRecord, Outcome
from rostra.wire.passes import Line, tend

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
