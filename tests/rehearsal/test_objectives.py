from __future__ import annotations

import pytest

from rostra.errors import ConfigError
from rostra.rehearsal.objectives import DEFAULTS, judge, read_objective


def test_an_objective_is_reached_or_missed() -> None:
    figures = {"first_sound_p99": 0.5, "underrun_free": 0.99, "never_heard": None}
    found = judge(["first_sound_p99<=1", "underrun_free >= 0.999", "never_heard<=0"], figures)
    assert [o["passed"] for o in found] == [True, False, False], "what is not known is not reached"
    assert found[0]["value"] == 0.5


def test_there_are_some_if_none_are_given() -> None:
    assert [o["objective"] for o in judge([], {})] == list(DEFAULTS)


@pytest.mark.parametrize("bad", ["", "fast", "first_sound_p99<1", "speed<=1", "lost<=x", "lost<=-1"])
def test_what_is_none_is_said(bad: str) -> None:
    with pytest.raises(ConfigError, match="NAME<=NUMBER"):
        read_objective(bad)
