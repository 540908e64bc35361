"""What a door asks of newcomers, paid as a page pays it."""

from __future__ import annotations

import base64
import json
from typing import Any

import altcha

from tests.edge.making import Answered, Client

QUICK = {"ROSTRA_DOOR_CHALLENGE_TRIALS": "[100, 100]"}
"""The environment of a door that asks for little."""


def solved(challenge: dict[str, Any]) -> str:
    """The answer to it, as a page sends it, found by the library's own solver."""
    solution = altcha.solve_challenge(altcha.Challenge.from_dict(challenge))
    assert solution is not None
    payload = {"challenge": {k: challenge[k] for k in ("parameters", "signature")}, "solution": solution.to_dict()}
    return base64.b64encode(json.dumps(payload).encode()).decode()


async def promised(client: Client, room: str) -> Answered:
    """What is answered to an RSVP that was paid for."""
    path = f"/r/{room}/rsvp"
    asked = await client.tell(path, {})
    if asked.status != 428:
        return asked
    return await client.tell(path, {"answer": solved(json.loads(asked.body)["challenge"])})
