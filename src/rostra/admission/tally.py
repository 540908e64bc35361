"""What came of everybody's coming, by outcome and by how many came from the same network. Pure.

While somebody is answered only their address is put aside; ten times a second all are counted at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rostra.admission.sketch import Counts
from rostra.wire.door import SIZES, Outcome, Outcomes

MAX_PENDING = 1 << 16
"""Of one outcome in a tenth of a second. More are counted as those that were looked at."""

_FROM = np.array([2, 10, 100, 1000])


class Tally:
    def __init__(self) -> None:
        self._counts = np.zeros((len(Outcome), len(SIZES)), np.int64)
        self._pending: list[list[bytes]] = [[] for _ in Outcome]
        self.to = [pending.append for pending in self._pending]
        """By outcome: takes the address of whoever it came of."""

    def settle(self, near: Callable[[list[bytes]], Counts]) -> None:
        """:param near: for each that is an address: how many came lately from its network."""
        for outcome, pending in enumerate(self._pending):
            if not pending:
                continue
            came = near(pending[:MAX_PENDING])
            classes = np.bincount(np.searchsorted(_FROM, np.round(came), side="right"), minlength=len(SIZES))
            classes[0] += min(len(pending), MAX_PENDING) - len(came)  # without an address
            if len(pending) > MAX_PENDING:
                classes = classes * len(pending) // MAX_PENDING
            self._counts[outcome] += classes
            pending.clear()

    def total(self, outcome: Outcome) -> int:
        return int(self._counts[outcome].sum()) + len(self._pending[outcome])

    @property
    def counts(self) -> Outcomes:
        """Since the beginning; of outcomes that there were."""
        return {o: tuple(self._counts[o].tolist()) for o in Outcome if self._counts[o].any()}
