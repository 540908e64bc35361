"""Which link took which seat: what comes through this door says so. Pure.

It is needed to take the link of somebody who was blocked back for good. A studio that was restarted since has
forgotten; then the stage keeps them out for as long as it lives.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

MAX_KEPT = 4096
"""Sessions; a room has 32 seats, and a phone in a tunnel makes many."""


class Sittings:
    def __init__(self) -> None:
        self._identities: OrderedDict[tuple[str, str], str] = OrderedDict()

    def note(self, room: str, session: str, identity: str) -> None:
        self._identities[room, session] = identity
        if len(self._identities) > MAX_KEPT:
            self._identities.popitem(last=False)

    def identity(self, room: str, seat: Mapping[str, Any]) -> str:
        """Of who sits there; empty: not known."""
        said = seat.get("identity")
        return said if isinstance(said, str) else self._identities.get((room, str(seat.get("session"))), "")
