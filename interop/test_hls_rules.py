"""The checker of LL-HLS rules: nothing is wrong with a run of ours, and every rule catches its mutant."""

from __future__ import annotations

import pytest

from interop.hls_mutants import MUTANTS
from interop.hls_rules import RULES, check
from interop.hls_run import simulated_run
from interop.hls_text import Run


@pytest.fixture(scope="module")
def run() -> Run:
    return simulated_run()


def test_there_are_many_rules_and_each_has_a_mutant() -> None:
    assert len(RULES) >= 40
    assert set(MUTANTS) == set(RULES)


def test_a_run_of_ours_breaks_no_rule(run: Run) -> None:
    assert [str(v) for v in check(run)] == []
    assert len(run.seen) > 500


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_catches_its_mutant(rule: str, run: Run) -> None:
    assert check(MUTANTS[rule](run), only={rule}), f"{rule} lets a broken run pass"
