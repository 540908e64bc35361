"""Forged and replayed tickets: passes of the waiting room, answers to challenges and links that nobody was given.

A third are letters as they come; a third are one pass shown again and again from everywhere; a third are answers to a
challenge that was never made, or was answered before.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from rostra.rehearsal.attacks.steps import Aim, Answer, Send, Step

PASS_LETTERS = 54
"""40 bytes in base64url (wire/passes.py)."""


def script(aim: Aim, number: int) -> Iterator[Step]:
    room = aim.target.path
    replayed = aim.word(0, PASS_LETTERS)
    for turn in range(1_000_000):
        unique = number << 20 ^ turn
        if turn % 3 == 0:
            yield Send(aim.get(f"{room}/state?w={aim.word(unique, PASS_LETTERS)}&t={aim.word(unique, 90)}"))
        elif turn % 3 == 1:
            yield Send(aim.get(f"{room}/live?w={replayed}"))
            yield Answer()
            return  # if it was let in, the rest of this connection is sound
        else:
            forged = {
                "algorithm": "SHA-256", "challenge": aim.word(unique, 64), "number": turn,
                "salt": aim.word(unique // 2, 24), "signature": aim.word(unique // 2, 64),
            }  # fmt: skip
            payload = base64.b64encode(json.dumps(forged).encode()).decode()
            yield Send(aim.post(f"{room}/door", json.dumps({"answer": payload}).encode()))
        yield Answer()
