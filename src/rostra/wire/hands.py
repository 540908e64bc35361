"""Those who ask to speak, as they stand on the bus (bucket ``hands``, key: ROOM.TICKET), as JSON.

The edge writes a hand when a listener raises it; the studio answers by changing it; the edge tells the answer to
whoever has the ticket. A ticket is 22 letters of base64url, drawn by the edge: who knows it is who asked.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from rostra.errors import WireError
from rostra.units import WallTime

TICKET = re.compile(r"[A-Za-z0-9_-]{22}")
MAX_HAND_NAME = 60
MAX_WHY = 280


class HandState(StrEnum):
    WAITING = "waiting"
    ACCEPTED = "accepted"
    """``link`` is theirs: it takes them to the stage."""
    DECLINED = "declined"
    LOWERED = "lowered"
    """By the host, with all others."""
    WITHDRAWN = "withdrawn"
    """By themselves."""


@dataclass(frozen=True, slots=True)
class Hand:
    room: str
    ticket: str
    name: str
    why: str
    at: WallTime
    """When it was raised."""
    state: HandState = HandState.WAITING
    link: str = ""

    def __post_init__(self) -> None:
        if not TICKET.fullmatch(self.ticket):
            raise ValueError("a ticket is 22 letters of base64url")
        if not 1 <= len(self.name) <= MAX_HAND_NAME or len(self.why) > MAX_WHY:
            raise ValueError(f"a name has 1 to {MAX_HAND_NAME} characters, a word on why at most {MAX_WHY}")

    @property
    def key(self) -> str:
        return f"{self.room}.{self.ticket}"

    def with_(self, **changes: Any) -> Hand:
        return replace(self, **changes)


def encode_hand(hand: Hand) -> bytes:
    return json.dumps({"v": 1, **asdict(hand)}, separators=(",", ":"), ensure_ascii=False).encode()


def decode_hand(data: bytes) -> Hand:
    """:raises WireError: if it is not a hand of a version we know."""
    try:
        body = json.loads(data)
        if body["v"] != 1:
            raise WireError("a hand of another version")
        return Hand(
            str(body["room"]), str(body["ticket"]), str(body["name"]), str(body["why"]), WallTime(float(body["at"])),
            HandState(body["state"]), str(body["link"]),
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, RecursionError) as e:
        raise WireError(f"not a hand: {e}") from e
