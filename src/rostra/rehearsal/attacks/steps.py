"""What a script may do with its connection, and what it knows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from rostra.rehearsal.draws import mix
from rostra.rehearsal.scenario import AttackPlan
from rostra.rehearsal.target import Target

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True, slots=True)
class Send:
    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Waits until something comes, and reads it; the script goes on if it is not the end."""


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Reads away what comes until the other side closes."""


@dataclass(frozen=True, slots=True)
class Deaf:
    """Reads nothing, and stays until the other side resets."""


Step = Send | Answer | Pause | Hold | Deaf


@dataclass(frozen=True, slots=True)
class Aim:
    """The target and the plan as a script needs them."""

    target: Target
    plan: AttackPlan
    seed: int

    def word(self, number: int, letters: int = 12) -> str:
        """Letters that no other number has."""
        value, found = mix(self.seed << 32 ^ number), ""
        for i in range(letters):
            if i % 12 == 0:
                value = mix(value)
            found += _LETTERS[value & 31]
            value >>= 5
        return found

    def get(self, path: str, more: str = "") -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: {self.target.netloc}\r\n{more}\r\n".encode()

    def post(self, path: str, body: bytes, more: str = "") -> bytes:
        return (
            f"POST {path} HTTP/1.1\r\nHost: {self.target.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{more}\r\n"
        ).encode() + body
