from typing import Any

import pytest

from rostra.bus.problems import error_of, problem_of, silence
from rostra.errors import (
    BadToken,
    BusUnavailable,
    Conflict,
    Full,
    NotFound,
    PortInUse,
    RostraError,
    StageUnavailable,
    Unavailable,
)


@pytest.mark.parametrize(
    "error", [NotFound("a."), BadToken("b."), Conflict("c."), BusUnavailable("d."), Full("e.", 7.5)]
)
def test_an_error_crosses_the_bus_as_it_was(error: RostraError) -> None:
    found = error_of(problem_of(error))
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert getattr(found, "retry_after_s", None) == getattr(error, "retry_after_s", None)


def test_one_that_is_built_from_more_than_a_sentence_keeps_its_sentence() -> None:
    error = PortInUse("127.0.0.1", 1, "--front")
    assert str(error_of(problem_of(error))) == str(error)


@pytest.mark.parametrize(
    "problem", [None, 7, [], {}, {"type": "urn:rostra:problem:nonsense"}, {"type": 7, "detail": None},
                {"type": "urn:rostra:problem:full", "retry_after_s": "soon"}],
)  # fmt: skip
def test_what_is_no_problem_is_an_error_all_the_same(problem: Any) -> None:
    assert isinstance(error_of(problem), RostraError)


def test_silence_is_about_whom_was_asked() -> None:
    assert isinstance(silence("stage.main.call", "is not there"), StageUnavailable)
    assert "room main" in str(silence("stage.main.call", "is not there"))
    assert type(silence("supervisor.stage", "is not there")) is Unavailable
