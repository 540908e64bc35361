"""What things are called on the bus (docs/topics/path.md, "On the bus")."""

from __future__ import annotations

from rostra.errors import WireError
from rostra.units import LIVE_WINDOW_S, Part, Rendition
from rostra.wire.parts import MAX_PART_BYTES
from rostra.wire.rooms import ROOM_ID

WINDOW_STREAM = "window"
ROOMS_STREAM = "KV_rooms"
"""The stream behind the key-value bucket ``rooms`` (NATS ADR-8 names it so)."""
ROOMS_PREFIX = "$KV.rooms."
ROOM_NEWS_PREFIX = "room."
"""A room record is repeated here once it is stored. A plain subscriber to the bucket's own subject would also see
writes that lost the compare-and-set."""

COUNT_PREFIX = "count."
SUPERVISOR = "supervisor.stage"

MAX_WINDOW_BYTES = 256 * 1024 * 1024
"""Memory for the live window of all rooms: about 200 rooms on air (3 renditions, 60 s, 20 KB/s a room)."""

MAX_ROOM_BYTES = 8 * 1024
"""A room record is a few hundred bytes; a title has at most 200 characters."""

MAX_ROOMS_BYTES = 64 * 1024 * 1024
"""Every record that was ever made, a kilobyte each."""

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

ROOMS_CONFIG = {
    "name": ROOMS_STREAM,
    "subjects": [f"{ROOMS_PREFIX}>"],
    "storage": "file",
    "retention": "limits",
    "discard": "new",
    "max_msgs_per_subject": 1,
    "max_bytes": MAX_ROOMS_BYTES,
    "max_msg_size": MAX_ROOM_BYTES,
    "allow_direct": True,
    "allow_rollup_hdrs": True,
    "deny_delete": True,
    "republish": {"src": f"{ROOMS_PREFIX}>", "dest": f"{ROOM_NEWS_PREFIX}>"},
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
