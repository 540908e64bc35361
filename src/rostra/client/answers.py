"""What the stage door's API answers, as values. Pure.

A newer studio says more than is known here: that is in ``raw``, the answer as it came. An older one says less: what it
leaves out has the default. Times carry their offset from UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from rostra.errors import WireError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    raw: Json = field(default_factory=dict, compare=False, repr=False)
    """All that was said, also what is not known here."""


A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room(Answer):
    id: str
    title: str
    state: str
    """``scheduled``, ``open``, ``live``, ``interrupted``, ``ended``, ``cancelled``."""
    at: datetime
    """When it is announced to begin."""
    created: datetime | None = None
    started: datetime | None = None
    """When the first voice was heard."""
    ended: datetime | None = None
    public: str = ""
    """The listener's page."""
    words: str = ""
    tz: str = "UTC"
    """The time zone it is announced in."""
    speakers: tuple[str, ...] = ()
    picture: str = ""
    """Its name: at the front door /p/NAME. Empty: none."""
    card: str = ""
    listed: bool = True
    invited: bool = False
    doors_s: float = 900.0
    delay_s: float = 0.0
    locked: bool = False
    go: bool = False
    note: str = ""
    """Why it was moved or cancelled."""
    remark: str = ""
    """What must be said about what was asked: a time that the clock skips, say. For a person, once."""
    links: Mapping[str, str] = field(default_factory=dict)
    """``host``, ``cohost``, ``speaker``, ``public``; only where an operator made or asked for the one room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalLink(Answer):
    identity: str
    role: str
    name: str = ""
    at: datetime | None = None
    revoked: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Links(Answer):
    shared: Mapping[str, str] = field(default_factory=dict)
    """By role, and ``public``."""
    items: tuple[PersonalLink, ...] = ()
    complete: bool = True
    """False while the catalog, which keeps the personal ones, does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation(Answer):
    link: str
    identity: str
    """By which it can be taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reissued(Answer):
    role: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat(Answer):
    """Somebody on stage. How their sound arrives (packets, loss, delay) is in ``raw``."""

    id: str
    name: str = ""
    role: str = "speaker"
    state: str = ""
    muted: bool = False
    level: float | None = None
    """dBFS."""
    source: str = ""
    """What is wrong with the microphone: ``silent``, ``clipping``, or empty."""
    hears: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Answer):
    seats: tuple[Seat, ...] = ()
    state: str = ""
    """Of the room."""
    listening: int = 0
    delay_s: float = 0.0
    """Broadcast delay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Me(Answer):
    seat: Seat | None = None
    notes: tuple[Json, ...] = ()
    """What one is to be told, each with its number ``n`` and ``kind``: ``muted``, ``ask_unmute``, ``removed``, ..."""
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed(Answer):
    removed: tuple[str, ...] = ()
    """Seats that are free by it."""
    blocked: bool = False
    hint: str = ""
    """What remains to be done; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointed(Answer):
    role: str
    link: str | None = None
    """Your own new link, after you handed over the host's seat: the one you came with is no longer good."""
    hint: str = ""
    """What remains to be done; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatTaken(Answer):
    """That somebody sat on the stage."""

    seat: str
    name: str = ""
    role: str = ""
    at: datetime | None = None
    left: datetime | None = None
    """None: they sit there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand(Answer):
    ticket: str
    name: str
    why: str = ""
    at: datetime | None = None
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowering(Answer):
    """Lowering of all hands, which goes on in the background."""

    total: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Post(Answer):
    id: str
    at: datetime | None = None
    by: str = ""
    text: str = ""
    link: str = ""
    picture: str = ""
    pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Answer):
    id: int
    room: str = ""
    at: datetime | None = None
    said: str = ""
    about: str = ""
    """The seat or post; may be empty."""


_readers: dict[type[Answer], TypeAdapter[Any]] = {}
"""Made when they are first needed: making all takes longer than asking."""


def read(kind: type[A], found: Json) -> A:
    """:raises WireError: it is not what it should be."""
    told = dict(found)
    for name in ("items", "seats"):
        if isinstance(inner := told.get(name), list | tuple):
            told[name] = tuple(_with_raw(one) for one in inner)
    if "seat" in told:
        told["seat"] = _with_raw(told["seat"])
    if (reader := _readers.get(kind)) is None:
        reader = _readers[kind] = TypeAdapter(kind)
    try:
        value: A = reader.validate_python({**told, "raw": found})
    except ValidationError as e:
        where = ".".join(str(part) for part in e.errors()[0]["loc"]) or "it"
        raise WireError(
            f"The studio's answer is not understood: {where[:60]} is missing or odd. Is it of another version?"
        ) from e
    return value


def _with_raw(found: Any) -> Any:
    return {**found, "raw": found} if isinstance(found, dict) else found
