"""A checker for low-latency HLS (draft-pantos-hls-rfc8216bis-22), rule by rule with clause numbers.

It looks at a run: every playlist that clients got, in order of time, and the media they fetched. Written apart from the
product, from the specification. Each rule has a mutant in ``hls_mutants.py`` that it must catch.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from interop.hls_single import SINGLE
from interop.hls_text import Run
from interop.hls_updates import OVER, UPDATES

RULES = {r.name: r.clause for r in (*SINGLE, *UPDATES, *OVER)}
"""Every rule and the clause it comes from."""


@dataclass(frozen=True)
class Violation:
    rule: str
    clause: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule} ({self.clause}): {self.what}"


def check(run: Run, only: Collection[str] = RULES) -> list[Violation]:
    """All that is wrong, by the rules named."""
    found: list[Violation] = []
    single, updates, over = ([r for r in rules if r.name in only] for rules in (SINGLE, UPDATES, OVER))
    for seen in run.seen:
        for one in single:
            where = f"{seen.rendition} at {seen.at_s:.2f} s"
            found += [Violation(one.name, one.clause, f"{where} {what}") for what in one.check(seen.playlist)]
    for before, now in run.updates() if updates else ():
        where = f"{now.rendition} at {now.at_s:.2f} s"
        for rule in updates:
            found += [
                Violation(rule.name, rule.clause, f"{where}: {what}")
                for what in rule.check(before.playlist, now.playlist)
            ]
    for overall in over:
        found += [Violation(overall.name, overall.clause, what) for what in overall.check(run)]
    return found
