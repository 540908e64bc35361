"""Unknown rooms: each request for another one that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from rostra.rehearsal.attacks.steps import Aim, Answer, Send, Step


def script(aim: Aim, number: int) -> Iterator[Step]:
    for turn in range(1_000_000):
        base = (number << 20) + turn * aim.plan.pipelined
        names = (aim.word(base + i, 20) for i in range(aim.plan.pipelined))
        yield Send(b"".join(aim.get(f"{aim.target.before}/r/{name}/live") for name in names))
        yield Answer()
