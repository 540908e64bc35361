"""What a benchmark found, as JSON: figures repeated, with what they must reach and how they were taken."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Must:
    """A bound: ``"<="`` or ``">="`` against the median of the rounds, or against every one of them."""

    sense: Literal["<=", ">="]
    bound: float
    every: bool = False

    def holds(self, values: list[float]) -> bool:
        if not values:
            return False
        judged = values if self.every else [median(values)]
        return all(v <= self.bound if self.sense == "<=" else v >= self.bound for v in judged)


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity, one value a round."""

    what: str
    of: str
    """Whose: ``edge``, ``C loop``, ``Icecast 2.4.4``, or ``edge / C loop`` for a ratio."""
    unit: str
    values: list[float]
    must: Must | None = None

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"{self.what} of {self.of}: no round gave a value")

    @property
    def met(self) -> bool | None:
        return None if self.must is None else self.must.holds(self.values)

    def to_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "what": self.what,
            "of": self.of,
            "unit": self.unit,
            "min": min(self.values),
            "median": median(self.values),
            "max": max(self.values),
            "values": self.values,
        }
        if self.must:
            body["must"] = f"{self.must.sense} {self.must.bound:g}" + (" in every round" if self.must.every else "")
            body["met"] = self.met
        return body


@dataclass(slots=True)
class Result:
    """One benchmark's run."""

    name: str
    title: str
    terms: dict[str, Any]
    """How it was taken: transport, loopback, flush, rendition, listeners, processes, rounds."""
    figures: list[Figure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """A sentence for each thing that could not be measured here."""
    details: dict[str, Any] = field(default_factory=dict)
    """What helps to judge the figures: raw counts, the machine's load."""

    def add(self, what: str, of: str, unit: str, values: list[float], must: Must | None = None) -> None:
        self.figures.append(Figure(what, of, unit, [round(v, 4) for v in values], must))

    def add_ratio(
        self, what: str, of: tuple[str, str], values: tuple[list[float], list[float]], must: Must | None = None
    ) -> None:
        """The ratio of two figures, round by round."""
        ratios = [a / b for a, b in zip(*values, strict=True)]
        self.add(f"{what}, ratio", " / ".join(of), "", ratios, must)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "terms": self.terms,
            "figures": [f.to_json() for f in self.figures],
            "left_out": self.left_out,
            "details": self.details,
        }

    def save(self, folder: Path, about: dict[str, Any]) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.name}.json"
        file.write_text(json.dumps({**self.to_json(), **about}, indent=1, ensure_ascii=False) + "\n")
        return file
