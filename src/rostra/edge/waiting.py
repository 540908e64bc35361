"""Hands that wait and were raised at this edge, by the networks they came from: so that one network does not have them
all. Pure: is told the time.

A listener has one hand, because their page sends its ticket again. A script sends none, and no cookie either, so it
looks like the next person of a hall. What tells them apart is that a hall is answered: as many hands as are answered
may go up again, and thousands behind one address have theirs in turn.
"""

from __future__ import annotations

from rostra.edge.callers import household, prefix

A_HOUSEHOLD = 30
"""Waiting at once, of one room, from an IPv4 address or IPv6 /64: a page of the console. More than a host calls up in
an hour, and no script fills the list with more."""

A_NETWORK = 1000
"""... from an IPv4 /24 or IPv6 /48, of which a stranger may have all: a hundredth of what a console holds."""

KEPT_S = 24 * 3600.0
"""As long as the bus keeps a hand."""

MAX_WAITING = 100_000
"""20 MB; as many as answers are kept of. Beyond it the oldest count no more."""

Place = tuple[str, bytes]
"""Room, and where from."""


class Waiting:
    def __init__(self, most: int = MAX_WAITING) -> None:
        self._most = most
        self._hands: dict[str, tuple[float, tuple[Place, ...]]] = {}
        """By ticket, the oldest first."""
        self._counts: dict[Place, int] = {}

    def __len__(self) -> int:
        return len(self._hands)

    def may(self, room: str, address: str, now: float) -> bool:
        """Whether one more may go up from there."""
        while self._hands and next(iter(self._hands.values()))[0] <= now - KEPT_S:
            self.down(next(iter(self._hands)))
        bounds = zip(_places(room, address), (A_HOUSEHOLD, A_NETWORK), strict=True)
        return all(self._counts.get(place, 0) < most for place, most in bounds)

    def up(self, room: str, address: str, ticket: str, now: float) -> None:
        if len(self._hands) >= self._most:
            self.down(next(iter(self._hands)))
        places = _places(room, address)
        self._hands[ticket] = now, places
        for place in places:
            self._counts[place] = self._counts.get(place, 0) + 1

    def down(self, ticket: str) -> None:
        """It is answered, withdrawn or forgotten; or none of ours."""
        _, places = self._hands.pop(ticket, (0.0, ()))
        for place in places:
            self._counts[place] -= 1
            if not self._counts[place]:
                del self._counts[place]

    def forget(self) -> None:
        """News may have been missed: who waits is not known any more."""
        self._hands.clear()
        self._counts.clear()


def _places(room: str, address: str) -> tuple[Place, Place]:
    return (room, household(address)), (room, prefix(address).encode())
