from __future__ import annotations

from itertools import pairwise

import pytest

from rostra.edge.ladder import (
    BUSY_FOR_S,
    IDLE_FOR_S,
    MARGIN_S,
    SLOWEST,
    STEPS_S,
    Announcement,
    Ladder,
    Load,
    held_s,
    lead_s,
    min_lead_s,
)

CALM = Load(0.02, 0.001)
BUSY = Load(0.7, 0.01)
MIDDLING = Load(0.4, 0.01)
URGENT = Load(0.97, 0.01)
LATE = Load(0.1, 0.4)


def told(ladder: Ladder, load: Load, start: int, seconds: int) -> list[Announcement]:
    found = [ladder.observe(load, float(start + i)) for i in range(seconds)]
    return [a for a in found if a is not None]


def test_starts_low_and_stays_there_while_calm() -> None:
    ladder = Ladder()
    assert told(ladder, CALM, 0, 100) == []
    assert ladder.flush_s == 0.5


@pytest.mark.parametrize("load", [BUSY, LATE])
def test_a_step_up_is_announced_and_taken_later(load: Load) -> None:
    ladder = Ladder()
    (announcement,) = told(ladder, load, 0, 4)
    assert announcement.flush_s == 1.0
    assert announcement.at - announcement.made == lead_s(0.5, 1.0)
    assert (ladder.flush_s, ladder.newcomer_s) == (0.5, 1.0)
    ladder.observe(load, announcement.at - 0.01)
    assert ladder.flush_s == 0.5
    ladder.observe(load, announcement.at)
    assert (ladder.flush_s, ladder.newcomer_s) == (1.0, 1.0)


def test_a_burst_is_no_reason() -> None:
    ladder = Ladder()
    for i in range(60):
        load = BUSY if i % 4 < BUSY_FOR_S else MIDDLING
        assert ladder.observe(load, float(i)) is None


def test_climbs_to_the_top_and_no_further() -> None:
    ladder = Ladder()
    steps = told(ladder, BUSY, 0, 300)
    assert [a.flush_s for a in steps] == [1.0, 2.0, 4.0]
    assert ladder.flush_s == 4.0


def test_what_is_urgent_does_not_wait_for_players() -> None:
    ladder = Ladder()
    told(ladder, BUSY, 0, 60)
    assert ladder.flush_s == 2.0
    waiting = Ladder()
    waiting.flush_s = 2.0
    (announcement,) = told(waiting, URGENT, 0, 5)
    waiting.observe(URGENT, announcement.made + min_lead_s(4.0) - 0.1)
    assert waiting.flush_s == 2.0
    waiting.observe(URGENT, announcement.made + min_lead_s(4.0))
    assert waiting.flush_s == 4.0


def test_comes_down_a_step_at_a_time_and_only_after_a_long_calm() -> None:
    ladder = Ladder()
    told(ladder, BUSY, 0, 300)
    assert told(ladder, MIDDLING, 300, 200) == []
    steps = told(ladder, CALM, 500, 200)
    assert [a.flush_s for a in steps] == [2.0, 1.0, 0.5]
    assert all(a.at == a.made for a in steps)
    assert steps[0].made == 500 + IDLE_FOR_S
    assert steps[1].made - steps[0].made >= IDLE_FOR_S


def test_a_moment_of_work_begins_the_calm_anew() -> None:
    ladder = Ladder()
    told(ladder, BUSY, 0, 300)
    assert told(ladder, CALM, 300, 19) == []
    ladder.observe(MIDDLING, 319.0)
    assert told(ladder, CALM, 320, 20) == []


def test_fixed() -> None:
    ladder = Ladder(1.5)
    assert told(ladder, URGENT, 0, 100) == []
    assert (ladder.flush_s, ladder.newcomer_s) == (1.5, 1.5)
    for wrong in (-1.0, 4.5):
        with pytest.raises(ValueError, match="4 s"):
            Ladder(wrong)


def test_a_player_that_slows_down_holds_the_next_flush_when_it_begins() -> None:
    for shorter, longer in pairwise(STEPS_S):
        gathered = held_s(shorter) + (1 - SLOWEST) * lead_s(shorter, longer)
        assert gathered >= longer + MARGIN_S - 1e-9


def test_a_step_right_after_a_step_waits_for_players_again() -> None:
    """They held just enough for the first one."""
    ladder = Ladder()
    steps = told(ladder, BUSY, 0, 300)
    held = held_s(0.5)
    for before, step in pairwise([Announcement(0.5, 0.0, 0.0), *steps]):
        held = min(held + (1 - SLOWEST) * (step.at - before.at), held_s(step.flush_s))
        assert held >= step.flush_s + MARGIN_S - 1e-9
    patient = Ladder()
    told(patient, BUSY, 0, 12)
    assert told(patient, MIDDLING, 12, 100) == []
    (second,) = told(patient, BUSY, 112, 4)
    assert second.at - second.made == pytest.approx(lead_s(1.0, 2.0)), (
        "by then they have gathered what they wish to hold"
    )


def test_twice_the_work_of_a_calm_step_is_not_busy() -> None:
    """Hysteresis: what steps down must not step up again by its own doing."""
    assert not Load(2 * 0.2, 0.0).busy
