"""A request flood on connections that are kept: the state of the room, many at a time."""

from __future__ import annotations

from collections.abc import Iterator

from rostra.rehearsal.attacks.steps import Aim, Answer, Send, Step


def script(aim: Aim, number: int) -> Iterator[Step]:
    many = aim.get(f"{aim.target.path}/state") * aim.plan.pipelined
    while True:
        yield Send(many)
        yield Answer()
