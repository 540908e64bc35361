"""Who may take a seat, and what hosts do to those who have one. Pure; rights were checked at the stage door.

A host can silence someone, never open their microphone. Whoever is removed does not come back by that link in that
browser; whoever is *blocked* neither by that link nor, with another one, in that browser. A link that everyone of a
role shares cannot be shut for one of them alone: of it only the browser is shut, until it is issued anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Final

from rostra.errors import BadToken, Conflict, Forbidden, NotFound
from rostra.stage.notes import Notes
from rostra.stage.seats import Claim, Seat, Seats
from rostra.units import Role
from rostra.wire.rooms import Room

MAX_BANS: Final = 1000
"""Links, browsers and people who may not come back: each was pressed by hand."""

MUTED, ASKED, REMOVED = "muted", "ask_unmute", "removed"
"""Kinds of notes."""


def identity_of(key: str) -> str:
    """Of the link, from what tells people apart: ``IDENTITY/WHICH``."""
    return key.partition("/")[0]


def browser_of(key: str) -> str:
    """Which of several people behind one link; empty if they did not say."""
    return key.partition("/")[2]


class Moderation:
    """Over the seats of one room."""

    def __init__(self, seats: Seats, generation: int = 0) -> None:
        self.seats, self.notes = seats, Notes(generation)
        self._room: Room | None = None
        self._banned: OrderedDict[tuple[str, str], None] = OrderedDict()
        """(what, which of them): people, links, browsers."""

    # Who may sit down

    def know(self, room: Room) -> list[Seat]:
        """The record has changed. Seats that are free now, for their links are no longer good."""
        self._room = room
        gone = [s for s in self.seats.all() if not room.accepts(s.role, identity_of(s.key))]
        return [self._expel(seat) for seat in gone]

    def accepts(self, role: Role, key: str) -> bool:
        """Whether the link has not been taken back."""
        return self._room is None or self._room.accepts(role, identity_of(key))

    def admit(self, role: Role, key: str) -> None:
        """:raises BadToken: the link was taken back. :raises Forbidden: they were removed or blocked."""
        if not self.accepts(role, key):
            raise BadToken("This link was taken back. Ask the host for a new one.")
        if self._blocked(key):
            raise Forbidden("You were blocked from this stage by its host.")
        if ("person", key) in self._banned:
            raise Forbidden("You were taken off this stage. Ask the host for a new link to come back.")

    def claim(self, key: str, role: Role, name: str, link: str) -> Claim:
        """As :meth:`Seats.claim`. :raises Conflict: the stage is locked, and they have no seat."""
        self.admit(role, key)
        if self._room is not None and self._room.locked and self.seats.of_key(key) is None:
            raise Conflict("The stage is locked: nobody new takes a seat. Ask the host to unlock it, then try again.")
        claim = self.seats.claim(key, role, name, link)
        if not claim.returned:
            self.notes.begin(claim.seat.key)
        return claim

    # What hosts do

    def mute(self, seat_id: str, by: str) -> Seat:
        """:raises NotFound: if nobody has that seat."""
        if (seat := self.seats.get(seat_id)).muted:
            return seat
        seat = self.seats.mute(seat_id, True)
        self.notes.add(seat.key, MUTED, by=by)
        return seat

    def mute_all(self, by: str, but: Collection[str] = ()) -> list[str]:
        """The seats that are muted by that."""
        return [self.mute(s.id, by).id for s in self.seats.all() if not s.muted and s.id not in but]

    def ask_unmute(self, seat_id: str, by: str) -> Seat:
        """:raises Conflict: they are not muted."""
        seat = self.seats.get(seat_id)
        if not seat.muted:
            raise Conflict("Their microphone is open already.")
        self.notes.add(seat.key, ASKED, by=by)
        return seat

    def remove(self, seat_id: str, by: str, *, block: bool = False) -> list[Seat]:
        """The seats that are free by that: theirs, and others of a link or browser that is blocked.

        :raises NotFound: if nobody has that seat.
        """
        seat = self.seats.get(seat_id)
        identity, browser = identity_of(seat.key), browser_of(seat.key)
        self._ban("person", seat.key)
        if block and browser:
            self._ban("browser", browser)
        if block and (self._room is None or identity != self._room.shared_identity(seat.role)):
            self._ban("link", identity)
        gone = [s for s in self.seats.all() if s.id == seat_id or self._blocked(s.key)]
        return [self._expel(s, by=by, blocked=block) for s in gone]

    def free(self, seat_id: str) -> Seat:
        """A host frees a seat, whose person may take another at once. :raises NotFound: if nobody has it."""
        return self._expel(self.seats.get(seat_id))

    # What they do themselves

    def mute_self(self, key: str, muted: bool) -> Seat:
        """:raises NotFound: if they have no seat."""
        seat = self.seats.of_key(key)
        if seat is None:
            raise NotFound("You have no seat on this stage now.")
        return self.seats.mute(seat.id, muted)

    def _expel(self, seat: Seat, **more: object) -> Seat:
        self.seats.free(seat.id)
        self.notes.free(seat.key, REMOVED, **more)
        return seat

    def _blocked(self, key: str) -> bool:
        return ("link", identity_of(key)) in self._banned or ("browser", browser_of(key)) in self._banned

    def _ban(self, what: str, which: str) -> None:
        self._banned[what, which] = None
        while len(self._banned) > MAX_BANS:
            self._banned.popitem(last=False)
