from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.results import Figure, Must, Result


def test_a_bound_is_held_against_the_median_or_against_every_round() -> None:
    assert Must("<=", 1.15).holds([1.0, 1.1, 9.0])
    assert not Must("<=", 0, every=True).holds([0, 0, 1])
    assert Must(">=", 1.0).holds([0.5, 1.0, 2.0])
    assert not Must(">=", 1.0).holds([])


def test_a_figure_without_a_round_is_none() -> None:
    with pytest.raises(ValueError, match="no round"):
        Figure("x", "edge", "us", [])


def test_ratios_are_taken_round_by_round(tmp_path: Path) -> None:
    result = Result("send", "CPU", {"listeners": 3})
    result.add_ratio("CPU", ("edge", "C loop"), ([10.0, 12.0, 30.0], [10.0, 10.0, 20.0]), Must("<=", 1.15))
    saved = json.loads(result.save(tmp_path / "new", {"quick": True}).read_text())
    assert saved["figures"][0] == {
        "what": "CPU, ratio", "of": "edge / C loop", "unit": "", "min": 1.0, "median": 1.2, "max": 1.5,
        "values": [1.0, 1.2, 1.5], "must": "<= 1.15", "met": False,
    }  # fmt: skip
