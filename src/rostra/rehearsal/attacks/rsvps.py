"""RSVP hoarding: as many early tickets as there are to be had, to be used or sold later."""

from __future__ import annotations

from collections.abc import Iterator

from rostra.rehearsal.attacks.steps import Aim, Answer, Pause, Send, Step

FROM_ONE = 8
"""Tickets asked for on one connection."""


def script(aim: Aim, number: int) -> Iterator[Step]:
    for _ in range(FROM_ONE):
        yield Send(aim.post(f"{aim.target.path}/rsvp", b"{}"))
        yield Answer()
        yield Pause(aim.plan.pause_s)
