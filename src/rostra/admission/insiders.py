"""A word for those who are inside, so that they come in again when they lose the way out of it. Pure.

Who came while nobody was asked has no pass. When the door shuts, the stream tells all of them a word; whoever brings it
to the door within two minutes gets a pass that is called already. It is the same for all, and every edge knows it; so
each gives no more of such passes than it has listeners, and some.
"""

from __future__ import annotations

import hmac

from rostra.units import WallTime
from rostra.wire.passes import DoorKeys

WORD_S = 120.0
"""How long a word is told. It is good as long again."""

SOME_MORE = 1.5
"""The kernel deals out connections evenly, but for chance."""

AT_LEAST = 16

_TAG = b"rostra inside 1\n"


def word(keys: DoorKeys, room: str, wall: WallTime) -> int:
    """48 bits: a number that JSON carries everywhere. At ten thousand guesses a second, one in a thousand years."""
    return _word(keys.signing, room, int(wall // WORD_S))


def is_word(keys: DoorKeys, room: str, said: int, wall: WallTime) -> bool:
    now = int(wall // WORD_S)
    secrets = [secret for kid in keys.latest if (secret := keys.good(kid)) is not None]
    return any(said == _word(secret, room, when) for secret in secrets for when in (now, now - 1))


def _word(secret: bytes, room: str, when: int) -> int:
    return int.from_bytes(hmac.digest(secret, _TAG + when.to_bytes(8) + room.encode(), "sha256")[:6])


class Insiders:
    """How many passes this edge may give for a word."""

    def __init__(self) -> None:
        self._left: dict[str, int] = {}

    def told(self, room: str, listeners: int) -> None:
        """So many were told it here."""
        self._left[room] = int(SOME_MORE * listeners) + AT_LEAST

    def take(self, room: str) -> bool:
        left = self._left.get(room, 0)
        if left <= 0:
            return False
        self._left[room] = left - 1
        return True

    def forget(self, room: str) -> None:
        self._left.pop(room, None)
