"""A reaction flood: hearts by the thousand on connections that are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rostra.rehearsal.attacks.steps import Aim, Answer, Send, Step
from rostra.wire.reactions import REACTIONS


def script(aim: Aim, number: int) -> Iterator[Step]:
    body = json.dumps({"r": REACTIONS[number % len(REACTIONS)]}, ensure_ascii=False).encode()
    many = aim.post(f"{aim.target.path}/react", body) * aim.plan.pipelined
    while True:
        yield Send(many)
        yield Answer()
