"""The answers to those who asked to speak, by their tickets, as the bus told them. Pure."""

from __future__ import annotations

from rostra.wire.hands import Hand, HandState

MAX_HANDS = 200_000
"""60 MB. 10,000 hands in a minute are kept for the twenty minutes in which somebody may still look for an answer; the
oldest go first."""


class Hands:
    def __init__(self, most: int = MAX_HANDS) -> None:
        self._most = most
        self._known: dict[str, tuple[str, HandState, str]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def on_hand(self, key: str, hand: Hand | None) -> None:
        """From the bus: it was raised, answered, or is forgotten."""
        if hand is None:
            self._known.pop(key.rpartition(".")[2], None)
            return
        self._put(hand)

    def raised(self, hand: Hand) -> None:
        """The bus has stored it; if it also told us of it, or of its answer, that is newer."""
        if hand.ticket not in self._known:
            self._put(hand)

    def _put(self, hand: Hand) -> None:
        if len(self._known) >= self._most and hand.ticket not in self._known:
            del self._known[next(iter(self._known))]
        self._known[hand.ticket] = (hand.room, hand.state, hand.link)

    def answer(self, room: str, ticket: str) -> tuple[HandState, str] | None:
        """State and link; None: there is no such ticket for that room."""
        found = self._known.get(ticket)
        return found[1:] if found and found[0] == room else None
