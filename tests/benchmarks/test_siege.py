"""What a siege is made of, and what is found in what came of it."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.runs.threefold import inverted, overtaken
from benchmarks.siege import LONGEST_S, squeezed
from benchmarks.visitors import _ROW, NEVER, Became
from rostra.rehearsal.scenario import library, read_attack
from rostra.wire.passes import Line


def test_an_attack_begins_at_once_and_a_mixture_fits_into_the_time_there_is() -> None:
    for name in library():
        plans = squeezed(read_attack(name), 10.0)
        assert min(plan.from_s for plan in plans) == 0
        assert {plan.kind for plan in plans} == {plan.kind for plan in read_attack(name).attack}
    (alone,) = squeezed(read_attack("slow-heads"), 10.0)
    assert alone.for_s == LONGEST_S
    mixture = squeezed(read_attack("mixture"), 10.0)
    assert max(plan.from_s + plan.for_s for plan in mixture) == pytest.approx(10.0)


def rows(*people: tuple[float, Line | None, int]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """First sound, line and rank of each."""
    found = [(0.0, first, first != NEVER, 0, -1 if line is None else int(line), rank) for first, line, rank in people]
    return np.array(found, _ROW)


def test_who_is_overtaken_is_counted_on_their_own_line() -> None:
    kept = rows((1.0, Line.LATE, 5), (2.0, Line.LATE, 9), (NEVER, Line.LATE, 11), (1.5, None, -1))
    assert overtaken(kept) == inverted(kept) == 0
    other = rows((1.0, Line.LATE, 5), (NEVER, Line.EARLY, 3))
    assert overtaken(other) == 0
    wrong = rows((5.0, Line.LATE, 5), (2.0, Line.LATE, 9), (NEVER, Line.LATE, 7), (NEVER, Line.LATE, 12))
    assert overtaken(wrong) == 0.25
    assert inverted(wrong) == 1.0
    assert overtaken(rows()) == inverted(rows()) == 0


def test_who_waits_in_vain_waits_for_ever() -> None:
    became = Became(rows((1.0, None, -1), (NEVER, None, -1)), [{"lost": 1}, {"lost": 2, "in": 5}])
    assert became.in_within.tolist() == [1.0, np.inf]
    assert became.count("lost") == 3
