"""Requests whose answer is waited for: playlists of a part that is being made, and that part itself.

Those who wait for the same are kept together, so that a part that comes asks once a group and not once a listener.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Waiter = TypeVar("Waiter", bound=Hashable)
Variant = TypeVar("Variant")


class Holds(Generic[Key, Waiter, Variant]):
    """By what is waited for: who waits, for which variant of it, until when. A waiter waits for one thing at a time,
    so there are at most as many as connections.
    """

    def __init__(self) -> None:
        self._groups: dict[Key, dict[Waiter, tuple[Variant, float]]] = {}

    def keys(self) -> list[Key]:
        return list(self._groups)

    def __len__(self) -> int:
        return sum(len(g) for g in self._groups.values())

    def hold(self, key: Key, waiter: Waiter, variant: Variant, until: float) -> None:
        self._groups.setdefault(key, {})[waiter] = (variant, until)

    def release(self, come: Callable[[Key], bool]) -> list[tuple[Key, Waiter, Variant]]:
        """All who wait for something that has come; they wait no more."""
        found = [key for key in self._groups if come(key)]
        return [(key, who, variant) for key in found for who, (variant, _) in self._groups.pop(key).items()]

    def expire(self, now: float) -> list[tuple[Key, Waiter]]:
        """All whose time is over; they wait no more."""
        late = [(k, who) for k, group in self._groups.items() for who, (_, until) in group.items() if until <= now]
        for key, who in late:
            self._drop(key, who)
        return late

    def abandon(self, waiter: Waiter) -> None:
        """A waiter has gone."""
        for key in [k for k, group in self._groups.items() if waiter in group]:
            self._drop(key, waiter)

    def _drop(self, key: Key, waiter: Waiter) -> None:
        group = self._groups[key]
        del group[waiter]
        if not group:
            del self._groups[key]
