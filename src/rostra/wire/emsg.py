"""Event message boxes, ``emsg`` version 1 (ISO/IEC 23009-1, 5.10.3.3), and what we carry in them.

Two carriers, as ``wire.listeners`` lays down: snapshots as ID3 in CMAF, which players surface as timed metadata, and
the edge's own notices under a scheme of ours.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from rostra.errors import WireError
from rostra.units import SAMPLE_RATE, MediaTime
from rostra.wire.boxes import full_box, walk_boxes
from rostra.wire.id3 import read_txxx, write_txxx
from rostra.wire.listeners import EDGE_SCHEME, ID3_SCHEME, EdgeNotice, Snapshot

DESCRIPTION = "rostra"
"""Description of the ``TXXX`` frame that holds a snapshot."""

UNKNOWN_DURATION = 0xFFFFFFFF
"""5.10.3.3.4: all ones stand for a duration that is not known: it lasts until the next."""

MAX_STRING_BYTES = 256
"""Scheme and value of a box; ours have 29. What is longer is not for us."""


@dataclass(frozen=True, slots=True)
class EventMessage:
    """One ``emsg``. ``time`` is the presentation time in samples at 48 kHz; ``data`` depends on the scheme."""

    scheme: str
    value: str
    time: MediaTime
    id: int
    data: bytes

    def __post_init__(self) -> None:
        if "\0" in self.scheme + self.value or self.time < 0 or not 0 <= self.id <= 0xFFFFFFFF:
            raise ValueError("an event message has strings without NUL, a time and a 32-bit id")


def write_emsg(message: EventMessage) -> bytes:
    return full_box(
        b"emsg",
        1,
        0,
        struct.pack(">IQII", SAMPLE_RATE, message.time, UNKNOWN_DURATION, message.id),
        message.scheme.encode() + b"\0" + message.value.encode() + b"\0",
        message.data,
    )


def parse_emsg(body: bytes) -> EventMessage:
    """Read the content of an ``emsg`` box (what follows size and type).

    :raises WireError: if it is not one of version 1.
    """
    if len(body) < 26 or body[0] != 1:
        raise WireError("not an emsg of version 1")
    timescale, time, _duration, ident = struct.unpack_from(">IQII", body, 4)
    if timescale == 0:
        raise WireError("an emsg without a timescale")
    scheme, value, data = _strings(body[24:])
    return EventMessage(scheme, value, MediaTime(time * SAMPLE_RATE // timescale), ident, data)


def _strings(rest: bytes) -> tuple[str, str, bytes]:
    first = rest.find(b"\0", 0, MAX_STRING_BYTES)
    second = rest.find(b"\0", first + 1, first + 1 + MAX_STRING_BYTES)
    if first < 0 or second < 0:
        raise WireError("the strings of an emsg do not end")
    try:
        return rest[:first].decode(), rest[first + 1 : second].decode(), rest[second + 1 :]
    except UnicodeDecodeError as e:
        raise WireError("the strings of an emsg are not UTF-8") from e


def _id(time: MediaTime) -> int:
    """Players take two messages of one scheme, value and id for one (5.10.3.3.4), so each of ours has its own.

    Milliseconds: no two messages of a scheme leave within one, and they repeat after 49 days only.
    """
    return time * 1000 // SAMPLE_RATE & 0xFFFFFFFF


def snapshot_emsg(snapshot: Snapshot, time: MediaTime) -> bytes:
    """The box that rides in a part's ``metadata``; ``time`` is the part's first sample."""
    tag = write_txxx(DESCRIPTION, snapshot.to_json())
    return write_emsg(EventMessage(ID3_SCHEME, "", time, _id(time), tag))


def notice_emsg(notice: EdgeNotice, time: MediaTime) -> bytes:
    """The box an edge puts between two parts; ``time`` is the end of the last part it sent."""
    return write_emsg(EventMessage(EDGE_SCHEME, "", time, _id(time), notice.to_json()))


def read_events(data: bytes) -> list[Snapshot | EdgeNotice]:
    """What the ``emsg`` boxes at the top of ``data`` say, in order. Those of other schemes are passed over.

    :raises WireError: if boxes do not add up, or one of ours does not hold what it should.
    """
    events: list[Snapshot | EdgeNotice] = []
    for found in walk_boxes(data):
        if found.kind != b"emsg" or data[found.body : found.body + 1] != b"\1":
            continue
        message = parse_emsg(data[found.body : found.end])
        if message.scheme == ID3_SCHEME:
            text = read_txxx(message.data, DESCRIPTION)
            if text is not None:
                events.append(Snapshot.from_json(text))
        elif message.scheme == EDGE_SCHEME:
            events.append(EdgeNotice.from_json(message.data))
    return events
