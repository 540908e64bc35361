"""The answers to those who asked to speak, by their tickets: of those who ask this edge, and of no others. Pure.

The bus tells every edge of every hand; what nobody asked for here is dropped at once. What is not at hand is asked of
the bus (``postbox``).
"""

from __future__ import annotations

from rostra.wire.hands import Hand, HandState

MAX_HANDS = 100_000
"""25 MB. An edge has 20,000 connections, and 10,000 hands in a minute come to all edges together. Beyond it, those who
have not asked for the longest go: when they ask again, the bus is asked once."""

Told = tuple[HandState, str]
"""State and link."""


class Hands:
    def __init__(self, most: int = MAX_HANDS) -> None:
        self._most = most
        self._known: dict[str, tuple[str, Told | None]] = {}
        """Room and answer by ticket; None: the bus was asked, or is being told. Those who asked last stand last."""

    def __len__(self) -> int:
        return len(self._known)

    def on_hand(self, key: str, hand: Hand | None) -> None:
        """From the bus: it was raised, answered, or is forgotten."""
        ticket = key.rpartition(".")[2]
        if hand is None:
            self._known.pop(ticket, None)
        elif ticket in self._known:
            self._known[ticket] = (hand.room, (hand.state, hand.link))

    def forget(self) -> None:
        """News may have been missed: each is asked for again."""
        self._known.clear()

    def expect(self, room: str, ticket: str) -> None:
        """The bus is asked for it, or told of it: from now on its news count."""
        if self._known.get(ticket, ("", None))[1] is None:
            self._put(ticket, (room, None))

    def learned(self, hand: Hand) -> Told:
        """What the bus has of it, or has stored; news that came meanwhile are newer. The answer that counts."""
        _, news = self._known.get(hand.ticket, ("", None))
        answer = news or (hand.state, hand.link)
        self._put(hand.ticket, (hand.room, answer))
        return answer

    def drop(self, ticket: str) -> None:
        """It came to nothing."""
        if self._known.get(ticket, ("", None))[1] is None:
            self._known.pop(ticket, None)

    def _put(self, ticket: str, known: tuple[str, Told | None]) -> None:
        self._known.pop(ticket, None)
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[ticket] = known

    def answer(self, room: str, ticket: str) -> Told | None:
        """None: it is not at hand, or the ticket is for another room."""
        found = self._known.get(ticket)
        if found is None or found[0] != room or found[1] is None:
            return None
        self._put(ticket, found)
        return found[1]
