from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rostra.admission.capacity import Pressure
from rostra.admission.steps import BELOW, CALM_S, HELD_S, UP, Change, Step, Steps


def at(share: float, places: int = 1000) -> Pressure:
    return Pressure(share, "memory", places, 20_000.0)


def told(steps: Steps, pressure: Pressure, start: int, seconds: int, flush_s: float = 0.5) -> list[Change]:
    return [c for i in range(seconds) for c in steps.observe(pressure, flush_s, float(start + i))]


def test_open_while_there_is_room() -> None:
    steps = Steps()
    assert told(steps, at(0.69), 0, 100) == []
    assert steps.step is Step.OPEN


@pytest.mark.parametrize("step", [s for s in Step if s > Step.LONGER_FLUSH])
def test_each_step_is_taken_when_its_pressure_has_held(step: Step) -> None:
    steps = Steps()
    pressure = at(UP[step] + 0.001)
    first = 1 if step is Step.REFUSING else 0
    changes = told(steps, pressure, 0, int(HELD_S))
    assert len(changes) == first
    (change,) = told(steps, pressure, int(HELD_S), 1)
    assert change.now is step
    assert change.scarce == "memory"
    assert "memory at" in change.sentence
    assert step.slug in change.sentence


def test_a_burst_is_no_reason() -> None:
    steps = Steps()
    for i in range(60):
        assert steps.observe(at(0.97 if i % 3 else 0.5), 0.5, float(i)) == ()


def test_no_places_are_a_reason_at_once() -> None:
    steps = Steps()
    (change,) = steps.observe(at(0.4, places=0), 0.5, 0.0)
    assert (change.was, change.now) == (Step.OPEN, Step.WAITING)


def test_a_full_house_goes_on_giving_numbers() -> None:
    steps = Steps()
    told(steps, at(1.0, places=0), 0, 100)
    assert steps.step is Step.WAITING


def test_down_one_at_a_time_after_a_calm() -> None:
    steps = Steps()
    told(steps, at(0.95), 0, 5)
    assert steps.step is Step.WAITING
    assert told(steps, at(UP[Step.WAITING] - BELOW + 0.01), 10, 100) == []
    changes = told(steps, at(0.1), 200, int(6 * CALM_S))
    assert [c.now for c in changes] == [Step.CHALLENGE, Step.THINNED, Step.SMALL_SOUND, Step.OPEN]
    assert [b.at - a.at for a, b in pairwise(changes)] == [CALM_S] * (len(changes) - 1)
    assert steps.step is Step.OPEN


def test_not_down_while_somebody_waits() -> None:
    steps = Steps()
    steps.observe(at(0.4, places=0), 0.5, 0.0)
    for i in range(1, 100):
        assert steps.observe(at(0.1), 0.5, float(i), waiting=True) == ()
    assert steps.step is Step.WAITING
    assert told(steps, at(0.1), 100, 30) != []


def test_the_flush_of_the_edge_is_shown() -> None:
    steps = Steps()
    (up,) = steps.observe(at(0.2), 1.0, 0.0)
    assert up.now is Step.LONGER_FLUSH
    (down,) = steps.observe(at(0.2), 0.5, 1.0)
    assert down.now is Step.OPEN
    assert Steps(2.0).observe(at(0.2), 2.0, 0.0) == ()


def test_close_is_at_once_and_says_so_once() -> None:
    steps = Steps()
    (change,) = steps.close(at(0.5, 0), 3.0)
    assert change.now is Step.WAITING
    assert steps.close(at(0.5, 0), 3.1) == ()


class AnyPressure(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.steps = Steps()
        self.now = 0.0
        self.shares: list[tuple[float, float]] = []
        self.downs: list[float] = []

    @rule(
        share=st.floats(0, 1.3), seconds=st.integers(1, 25), places=st.sampled_from([0, 1, 5000]), waits=st.booleans()
    )
    def seconds(self, share: float, seconds: int, places: int, waits: bool) -> None:
        for _ in range(seconds):
            self.now += 1.0
            before = self.steps.step
            changes = self.steps.observe(at(share, places), 0.5, self.now, waiting=waits)
            self.shares.append((self.now, share))
            assert [c.was for c in changes] == [before][: len(changes)]
            assert not changes or changes[-1].now is self.steps.step
            if self.steps.step < before:
                self.check_down(before, places, waits)
            if places == 0 or share > 1.0:
                assert self.steps.step >= Step.WAITING

    def check_down(self, before: Step, places: int, waits: bool) -> None:
        assert self.steps.step == before - 1 or self.steps.step is Step.OPEN
        assert places
        assert not (waits and before is Step.WAITING)
        if before > Step.LONGER_FLUSH:
            lately = [s for t, s in self.shares if t > self.now - CALM_S]
            assert max(lately) < UP[before] - BELOW
            assert not self.downs or self.now - self.downs[-1] >= CALM_S
            self.downs.append(self.now)

    @rule()
    def close(self) -> None:
        self.steps.close(at(0.5, 0), self.now)
        assert self.steps.step >= Step.WAITING

    @invariant()
    def refusing_only_when_a_limit_was_passed_for_as_long(self) -> None:
        if self.steps.step is Step.REFUSING and self.shares and self.shares[-1][1] < UP[Step.REFUSING] - BELOW:
            assert self.now - self.shares[-1][0] <= CALM_S


TestAnyPressure = AnyPressure.TestCase
TestAnyPressure.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
