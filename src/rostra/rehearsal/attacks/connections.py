"""A connection flood: connects, says nothing, and stays as long as it may."""

from __future__ import annotations

from collections.abc import Iterator

from rostra.rehearsal.attacks.steps import Aim, Hold, Step


def script(aim: Aim, number: int) -> Iterator[Step]:
    yield Hold()
