"""What things are called on the bus (docs/topics/path.md, "On the bus")."""

from __future__ import annotations

from rostra.errors import WireError
from rostra.units import LIVE_WINDOW_S, Part, Rendition
from rostra.wire.parts import MAX_PART_BYTES
from rostra.wire.rooms import ROOM_ID

WINDOW_STREAM = "window"
COUNT_PREFIX = "count."
SUPERVISOR = "supervisor.stage"
DOOR_REPORT_PREFIX = "door.report."
DOOR_SEATED = "door.seated"

MAX_WINDOW_BYTES = 256 * 1024 * 1024
"""Memory for the live window of all rooms: about 190 rooms on air (4 renditions, 60 s, 23 KB/s a room)."""

MAX_LETTER_BYTES = 8 * 1024
MAX_INBOX_BYTES = 256 * 1024 * 1024
"""A million letters of 200 bytes. When it is full, edges say that it is: what was taken is not thrown away."""

LETTERS_KEPT_S = 30 * 24 * 3600

_SECOND = 1_000_000_000

WINDOW_CONFIG = {
    "name": WINDOW_STREAM,
    "subjects": ["part.>"],
    "storage": "memory",
    "retention": "limits",
    "discard": "old",
    "max_age": int(LIVE_WINDOW_S * _SECOND),
    "max_bytes": MAX_WINDOW_BYTES,
    "max_msg_size": MAX_PART_BYTES + 1024,
    "no_ack": True,
    "allow_direct": True,
    # A stage that comes back to the bus publishes its last minute again; what the window has, it must not take twice.
    "duplicate_window": int(LIVE_WINDOW_S * _SECOND),
    "num_replicas": 1,
}

INBOX_STREAM = "inbox"
INBOX_PREFIX = "in."

INBOX_CONFIG = {
    "name": INBOX_STREAM,
    "subjects": [f"{INBOX_PREFIX}>"],
    "storage": "file",
    "retention": "limits",
    "discard": "new",
    "max_age": LETTERS_KEPT_S * _SECOND,
    "max_bytes": MAX_INBOX_BYTES,
    "max_msg_size": MAX_LETTER_BYTES,
    "allow_direct": True,
    "num_replicas": 1,
}


def part_subject(room: str, rendition: Rendition) -> str:
    return f"part.{room}.{rendition.value}"


def parts_of(room: str | None) -> str:
    """The subscription for a room's parts, or everyone's."""
    return f"part.{room}.*" if room else "part.>"


def room_of_part(subject: str) -> str:
    """:raises WireError: if it is not the subject of a part."""
    pieces = subject.split(".")
    if len(pieces) != 3 or not ROOM_ID.fullmatch(pieces[1]):
        raise WireError(f"{subject!r} is not the subject of a part")
    return pieces[1]


def part_id(room: str, part: Part) -> str:
    """The Nats-Msg-Id by which the window knows a part that it has."""
    return f"{room}/{part.name.rendition.value}/{part.name.generation}/{part.name.sequence}"


def stage_subject(room: str) -> str:
    return f"stage.{room}.call"


def letter_subject(room: str, kind: str) -> str:
    return f"{INBOX_PREFIX}{room}.{kind}"
