"""The two sizes of every benchmark: the one whose figures count, and a quick one that shows that the tool works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scale:
    quick: bool = False
    repeat: int = 3
    """Rounds at full size; a figure is the median, and its spread is shown."""

    def pick(self, full: T, quick: T) -> T:
        return quick if self.quick else full

    @property
    def rounds(self) -> range:
        return range(1 if self.quick else self.repeat)
