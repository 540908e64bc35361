"""Who speaks in the demonstration, handed from the process that serves to the one that speaks.

It holds links, which are secrets: a file of the run, readable by its owner alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rostra.errors import WireError
from rostra.units import FRAME_S, FRAME_SAMPLES, Pcm


@dataclass(frozen=True, slots=True)
class Part:
    """One of those who speak: a voice of ours by its name, or a file in a loop."""

    link: str = field(repr=False)
    name: str
    voice: str = ""
    file: str = ""

    def __post_init__(self) -> None:
        if bool(self.voice) == bool(self.file):
            raise ValueError("a part is a voice or a file")


@dataclass(frozen=True, slots=True)
class Plan:
    parts: tuple[Part, ...]
    verify: bool
    """Whether the studio's certificate is checked; not where we ask our own by its number."""

    def write(self, path: Path) -> None:
        """It is there whole or not at all."""
        beside = path.with_name(f".{path.name}")
        forget(beside)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        beside.replace(path)

    @classmethod
    def read(cls, path: Path) -> Plan:
        """:raises WireError: if that is not one."""
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            return cls(tuple(Part(**part) for part in body["parts"]), bool(body["verify"]))
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise WireError(f"{path} is not a plan of a demonstration: {e}") from e


def is_there(path: Path) -> bool:
    return path.exists()


def forget(path: Path) -> None:
    """The links in it are of no use to anyone any more."""
    path.unlink(missing_ok=True)


def from_second(track: Pcm, second: float) -> Iterator[Pcm]:
    """The track from there on, in frames of 20 ms, in a loop without end: voices of one conversation that begin to be
    heard at different moments stay together."""
    frames = track[: len(track) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    at = round(second / FRAME_S) % len(frames)
    while True:
        yield frames[at]
        at = (at + 1) % len(frames)
