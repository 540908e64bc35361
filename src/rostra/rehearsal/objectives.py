"""What a rehearsal must reach, so that it passes or fails. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rostra.errors import ConfigError

MEANINGS = {
    "first_sound_p50": "seconds until half of all had sound",
    "first_sound_p99": "seconds until 99 of 100 had sound; for ever if more never had",
    "never_heard": "listeners who never had sound and did not leave",
    "lost": "connections that broke while sound was coming",
    "underrun_free": "share of listeners who never ran dry",
    "underruns": "times that a player ran dry",
    "holes": "times that sound was missing",
    "latency_p50": "seconds from the mixer to the listener, half of all parts",
    "latency_p99": "the same for 99 of 100",
    "turned_away": "listeners who were refused for good",
    "gave_up": "listeners whose patience ended",
    "broken": "answers that were not what they should be",
    "tally_error": "how far the tally that was told was from the truth, at most, while it stood still",
    "bots_in": "share of bots that had sound",
}
"""What may be demanded, each a figure of the report's ``figures``."""

DEFAULTS = ("first_sound_p99<=1", "never_heard<=0", "lost<=0", "underrun_free>=0.999", "broken<=0")

_OBJECTIVE = re.compile(r"\s*([a-z0-9_]+)\s*(<=|>=)\s*([0-9]+(?:\.[0-9]+)?)\s*")


@dataclass(frozen=True, slots=True)
class Objective:
    name: str
    at_most: bool
    limit: float

    def __str__(self) -> str:
        return f"{self.name}{'<=' if self.at_most else '>='}{self.limit:g}"

    def judge(self, figures: dict[str, Any]) -> dict[str, Any]:
        """As the report has it. A figure that is not known is not reached."""
        value = figures.get(self.name)
        passed = value is not None and (value <= self.limit if self.at_most else value >= self.limit)
        return {"objective": str(self), "meaning": MEANINGS[self.name], "value": value, "passed": passed}


def read_objective(text: str) -> Objective:
    """``first_sound_p99<=1``. :raises ConfigError: it is none."""
    match = _OBJECTIVE.fullmatch(text)
    if not match or match.group(1) not in MEANINGS:
        raise ConfigError(
            f"{text!r} is not an objective: write NAME<=NUMBER or NAME>=NUMBER, with one of {', '.join(MEANINGS)}."
        )
    return Objective(match.group(1), match.group(2) == "<=", float(match.group(3)))


def judge(texts: Sequence[str], figures: dict[str, Any]) -> list[dict[str, Any]]:
    return [read_objective(text).judge(figures) for text in texts or DEFAULTS]
