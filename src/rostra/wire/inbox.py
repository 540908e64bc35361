"""What listeners leave at the edges for the studio, kept on the bus until it is in the catalog (stream ``inbox``,
subject ``in.ROOM.KIND``), as JSON.

A listener is told that it was taken only when the bus has stored it: a studio or a database that is away for an evening
loses nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from rostra.errors import WireError
from rostra.units import WallTime

MAX_SAID = 1000


class LetterKind(StrEnum):
    RSVP = "rsvp"
    """``ticket`` will come; ``said`` is empty."""
    ABUSE = "abuse"
    """``said`` is what is wrong, ``about`` the seat or post it is about (may be empty)."""


@dataclass(frozen=True, slots=True)
class Letter:
    room: str
    kind: LetterKind
    at: WallTime
    ticket: str = ""
    said: str = ""
    about: str = ""
    prefix: str = ""
    """The network it came from (IPv4 /24, IPv6 /48), for limits a prefix; never a whole address."""

    def __post_init__(self) -> None:
        if len(self.said) > MAX_SAID or len(self.about) > 64 or len(self.ticket) > 64 or len(self.prefix) > 64:
            raise ValueError("too long for a letter")


def encode_letter(letter: Letter) -> bytes:
    return json.dumps({"v": 1, **asdict(letter)}, separators=(",", ":"), ensure_ascii=False).encode()


def decode_letter(data: bytes) -> Letter:
    """:raises WireError: if it is not a letter of a version we know."""
    try:
        body = json.loads(data)
        if body.pop("v") != 1:
            raise WireError("a letter of another version")
        kind, at = LetterKind(body.pop("kind")), WallTime(float(body.pop("at")))
        return Letter(kind=kind, at=at, **{str(k): str(v) for k, v in body.items()})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise WireError(f"not a letter: {e}") from e
