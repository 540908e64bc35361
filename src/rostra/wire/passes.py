"""Passes: a place in the line that its holder carries, so that the server need not remember anyone.

A pass is 54 letters of base64url (RFC 4648, section 5) without padding: 24 bytes of body and the first 16 of their
HMAC-SHA256 (truncated as RFC 2104, section 5, allows). The body, big-endian:

======== ===== ===================================================================================================
bytes    what
======== ===== ===================================================================================================
1              version: 1
1              key: which of the door keys signed it
1              line: 1 rsvp, 2 early, 3 late, 4 crowded
1              flags: 1 it was given to somebody who was inside, and is called already; otherwise 0
6              room: the first bytes of the SHA-256 of its id
6              at: when it was made, milliseconds of UTC
8              id: whose it is; an answer to a challenge gives one id, however often it is shown
======== ===== ===================================================================================================

Every edge makes and checks them with the keys that stand on the bus (bucket ``door-keys``). There is one way to write a
pass, so its text can stand for it.

Keys change every :data:`ROTATE_S`. A new one is known to all a minute before it signs anything. The one that signs and
the one before it are good for every line; a promise to come is made weeks ahead, so for the line ``rsvp`` all that are
kept are good.
"""

from __future__ import annotations

import binascii
import hmac
import json
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from rostra.errors import BadPass, WireError
from rostra.units import WallTime

PASS_LETTERS: Final = 54
ID_BYTES: Final = 8
KEY_BYTES: Final = 32

MAX_SKEW_S: Final = 120.0
"""Clocks of edges may differ by so much; a pass from further in the future is refused."""

ROTATE_S: Final = 12 * 3600.0
KNOWN_BEFORE_USE_S: Final = 60.0
"""A new key signs nothing until everyone has heard of it."""

MAX_KEYS: Final = 120
"""60 days of keys: a promise to come (``rsvp``) is good for so long. Less than half of the 256 numbers a key can
have."""

MAX_KEYS_BYTES: Final = 16 * 1024
"""120 keys of 100 bytes each."""

_VERSION = 1
_BODY = struct.Struct(">BBBB6s6s8s")
_MAC_BYTES = 16
_MAX_AT = 2**48 / 1000 - 1


class Line(IntEnum):
    """Where one stands; the lower number is called first."""

    RSVP = 1
    """They said before that they would come."""
    EARLY = 2
    """They came before the doors opened."""
    LATE = 3
    CROWDED = 4
    """More came from their network than its fair share; the page says so."""

    @property
    def label(self) -> str:
        """As it is called outside."""
        return self.name.lower()


LINES: Final = {line.label: line for line in Line}


@dataclass(frozen=True, slots=True)
class Pass:
    room: str
    line: Line
    at: WallTime
    """When it was made, to a thousandth of a second."""
    id: bytes
    """One pass holds one live session: this is what it is known by."""
    kid: int
    """The key that signs it."""
    inside: bool = False
    """Given to somebody who was inside: it is called already."""

    def __post_init__(self) -> None:
        if len(self.id) != ID_BYTES:
            raise ValueError(f"a pass has an id of {ID_BYTES} bytes")
        if not 0 <= self.at < _MAX_AT:
            raise ValueError("a pass is made some time before the year 10000")


@dataclass(frozen=True, slots=True)
class DoorKey:
    secret: bytes = field(repr=False)
    made: WallTime

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a door key has {KEY_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class DoorKeys:
    """The keys of the door, in the order in which they were made."""

    current: int
    """The one that signs."""
    keys: MappingProxyType[int, DoorKey]
    latest: frozenset[int] = field(init=False, compare=False, repr=False)
    """The one that signs, the one before it, and the one that will be next."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.keys) <= MAX_KEYS or self.current not in self.keys:
            raise ValueError(f"there are 1 to {MAX_KEYS} door keys, and one of them signs")
        if not all(0 <= kid <= 255 for kid in self.keys):
            raise ValueError("a door key has a number of one byte")
        kids = tuple(self.keys)
        object.__setattr__(self, "latest", frozenset(kids[max(0, kids.index(self.current) - 1) :]))

    @property
    def signing(self) -> bytes:
        return self.keys[self.current].secret

    def good(self, kid: int) -> bytes | None:
        """The secret of ``kid``, if what it signed lately is still good."""
        return self.keys[kid].secret if kid in self.latest else None


def tend(keys: DoorKeys | None, wall: WallTime, fresh: bytes) -> DoorKeys | None:
    """The keys as they should be from now on; None: as they are. ``fresh``: bytes that nobody can guess.

    To be stored by compare-and-set, by whoever comes first.
    """
    if keys is None:
        return DoorKeys(0, MappingProxyType({0: DoorKey(fresh, wall)}))
    newest = next(reversed(keys.keys))
    age_s = wall - keys.keys[newest].made
    if newest != keys.current:
        return DoorKeys(newest, keys.keys) if age_s >= KNOWN_BEFORE_USE_S else None
    if age_s < ROTATE_S:
        return None
    kept = dict(list(keys.keys.items())[1 - MAX_KEYS :])
    kept[(newest + 1) % 256] = DoorKey(fresh, wall)
    return DoorKeys(keys.current, MappingProxyType(kept))


def sign(pass_: Pass, keys: DoorKeys) -> str:
    """``pass_`` as its holder carries it. :raises KeyError: ``pass_.kid`` is none of ``keys``."""
    at = round(pass_.at * 1000).to_bytes(6)
    body = _BODY.pack(_VERSION, pass_.kid, pass_.line, pass_.inside, _room_bytes(pass_.room), at, pass_.id)
    return _encode(body + hmac.digest(keys.keys[pass_.kid].secret, body, "sha256")[:_MAC_BYTES])


def verify(text: str, keys: DoorKeys, room: str, wall: WallTime) -> Pass:
    """What ``text`` says, if it is ours and for ``room``.

    :raises BadPass: with a sentence for whoever holds it.
    """
    data = _decode(text)
    body = data[: _BODY.size]
    version, kid, line, flags, room_bytes, at, id_ = _BODY.unpack(body)
    if version != _VERSION:
        raise BadPass("This place in the line is of another version of this server. Take a new one.")
    key = keys.keys.get(kid)
    if key is None:
        raise _too_old()
    if not hmac.compare_digest(hmac.digest(key.secret, body, "sha256")[:_MAC_BYTES], data[_BODY.size :]):
        raise BadPass("This place in the line was not given by this server, or was changed. Take a new one.")
    if flags > 1 or not 1 <= line <= 4:
        raise BadPass("This place in the line is of a later version of this server. Take a new one.")
    if line != Line.RSVP and kid not in keys.latest:
        raise _too_old()
    if room_bytes != _room_bytes(room):
        raise BadPass("This place in the line is for another room. Take one for this room.")
    at_ms = int.from_bytes(at)
    if at_ms / 1000 > wall + MAX_SKEW_S:
        raise BadPass(
            "This place in the line is from the future: the clock of a server is wrong. "
            "Take a new one, or try again in a few minutes."
        )
    return Pass(room, Line(line), WallTime(at_ms / 1000), id_, kid, bool(flags))


def peek(text: str) -> tuple[Line, WallTime, bytes]:
    """Line, time and id that ``text`` speaks of, unchecked: for its holder, who has no keys.

    :raises BadPass: not even its form is that of a pass.
    """
    _, _, line, _, _, at, id_ = _BODY.unpack(_decode(text)[: _BODY.size])
    try:
        return Line(line), WallTime(int.from_bytes(at) / 1000), id_
    except ValueError:
        raise _damaged() from None


def encode_keys(keys: DoorKeys) -> bytes:
    listed = [[kid, key.secret.hex(), key.made] for kid, key in keys.keys.items()]
    return json.dumps({"v": 1, "current": keys.current, "keys": listed}, separators=(",", ":")).encode()


def decode_keys(data: bytes) -> DoorKeys:
    """:raises WireError: if they are not keys of a version we know."""
    try:
        body = json.loads(data)
        if body["v"] != 1:
            raise WireError("door keys of another version")
        keys = {int(kid): DoorKey(bytes.fromhex(secret), WallTime(float(made))) for kid, secret, made in body["keys"]}
        if len(keys) != len(body["keys"]):
            raise WireError("two door keys of one number")
        return DoorKeys(int(body["current"]), MappingProxyType(keys))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as e:
        raise WireError(f"not door keys: {e}") from e


_TO_PLAIN = bytes.maketrans(b"-_+/", b"+/!!")
_LAST_LETTERS = "AQgw"
"""Four bits of the last letter carry nothing: there is one way to write a pass."""
_TO_URL = bytes.maketrans(b"+/", b"-_")


def _encode(data: bytes) -> str:
    """base64url without padding, which is always two letters here."""
    return binascii.b2a_base64(data, newline=False)[:PASS_LETTERS].translate(_TO_URL).decode("ascii")


def _decode(text: str) -> bytes:
    """:raises BadPass: it is not 40 bytes as we write them."""
    if len(text) != PASS_LETTERS or text[-1] not in _LAST_LETTERS:
        raise _damaged()
    try:
        return binascii.a2b_base64(text.encode("ascii").translate(_TO_PLAIN) + b"==", strict_mode=True)
    except ValueError:
        raise _damaged() from None


@lru_cache(maxsize=1024)
def _room_bytes(room: str) -> bytes:
    return sha256(room.encode()).digest()[:6]


def _damaged() -> BadPass:
    return BadPass("This place in the line is damaged, perhaps cut off. Take a new one.")


def _too_old() -> BadPass:
    return BadPass("This place in the line is too old, or was given by another server. Take a new one.")
