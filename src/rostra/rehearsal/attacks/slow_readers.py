"""Slow readers: ask for the sound, and never read it, so that it piles up at the other side."""

from __future__ import annotations

from collections.abc import Iterator

from rostra.rehearsal.attacks.steps import Aim, Deaf, Send, Step


def script(aim: Aim, number: int) -> Iterator[Step]:
    yield Send(aim.get(f"{aim.target.path}/live"))
    yield Deaf()
