"""Who may take a seat, and what hosts do to those who have one. Pure; rights were checked at the stage door.

A host can silence someone, never open their microphone. Whoever is removed does not come back by that link, whatever
they call themselves; whoever is *blocked* neither by that link nor, with another one, in that browser.

A link that everyone of a role shares cannot be shut for one of them alone, for who they are behind it they say
themselves. So it takes nobody new after somebody was put off who came by it: those who sat here before come back by it
as before, and everyone else needs another link, until it is issued anew.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Collection

from rostra.errors import BadToken, Conflict, Forbidden, NotFound
from rostra.stage.notes import Notes
from rostra.stage.seats import Claim, Seat, Seats
from rostra.units import Role, WallTime
from rostra.wire.rooms import Room
from rostra.wire.stages import MAX_BARRED, MAX_SAT, StageMemory

MUTED, ASKED, REMOVED, MOVED = "muted", "ask_unmute", "removed", "moved"
"""Kinds of notes."""

_OWN_HOUSE = (Role.HOST, Role.COHOST)
"""Roles that a locked stage does not lock out: they hold the key."""


def identity_of(key: str) -> str:
    """Of the link, from what tells people apart: ``IDENTITY/WHICH``."""
    return key.partition("/")[0]


def browser_of(key: str) -> str:
    """Which of several people behind one link; empty if they did not say."""
    return key.partition("/")[2]


def mark(what: str, which: str) -> str:
    """By which a person, link or browser is known again, and which says nothing about them."""
    return f"{what[0]}{hashlib.blake2b(which.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


class Moderation:
    """Over the seats of one room."""

    def __init__(self, seats: Seats, generation: int = 0) -> None:
        self.seats, self.notes = seats, Notes(generation)
        self._room: Room | None = None
        self._barred: OrderedDict[str, None] = OrderedDict()
        """Marks of people, links, browsers; of links that take nobody new."""
        self._sat: OrderedDict[str, None] = OrderedDict()
        """Marks of people who have or had a seat."""
        self._awaited: frozenset[str] = frozenset()
        """Who had a seat before this stage began, and may be on their way back to it."""
        self._heirs: dict[str, str] = {}
        """By the identity of a link that was given to somebody on stage: their seat."""

    # What the next stage must know

    def recall(self, memory: StageMemory) -> None:
        """What the stage before us knew. Who sat there is awaited back."""
        self._barred = OrderedDict.fromkeys(memory.barred)
        self._sat = OrderedDict.fromkeys(memory.sat)
        self._awaited = frozenset(memory.sat)

    def await_nobody(self) -> None:
        """Who had a seat before has had the time to come back."""
        self._awaited = frozenset()

    def memory(self, created: WallTime, heard: WallTime) -> StageMemory:
        return StageMemory(created, tuple(self._barred), tuple(self._sat), heard)

    # Who may sit down

    def know(self, room: Room) -> list[Seat]:
        """The record has changed. Seats that are free now, for their links are no longer good."""
        self._room = room
        gone = [s for s in self.seats.all() if not room.accepts(s.role, identity_of(s.key))]
        return [self._expel(seat) for seat in gone]

    def accepts(self, role: Role, key: str) -> bool:
        """Whether the link has not been taken back."""
        return self._room is None or self._room.accepts(role, identity_of(key))

    def need_good(self, role: Role, key: str) -> None:
        """:raises BadToken: the link was taken back."""
        if not self.accepts(role, key):
            raise BadToken("This link was taken back. Ask the host for a new one.")

    def shares(self, key: str) -> bool:
        """Whether they came by a link that everyone of a role has."""
        room = self._room
        return room is not None and identity_of(key) in {room.shared_identity(role) for role in Role}

    def admit(self, role: Role, key: str) -> None:
        """:raises BadToken: the link was taken back. :raises Forbidden: they were removed or blocked, or their link
        takes nobody new."""
        identity = identity_of(key)
        self.need_good(role, key)
        if self._blocked(key):
            raise Forbidden("You were blocked from this stage by its host.")
        if mark("person", key) in self._barred or mark("off", identity) in self._barred:
            raise Forbidden("You were taken off this stage. Ask the host for a new link to come back.")
        if mark("shut", identity) in self._barred and mark("person", key) not in self._sat:
            raise Forbidden("This link takes nobody new. Ask the host for a link of your own.")

    def claim(self, key: str, role: Role, name: str, link: str) -> Claim:
        """As :meth:`Seats.claim`. :raises Conflict: the stage is locked, and they have no seat."""
        self.admit(role, key)
        self._inherit(key)
        if self._room is not None and self._room.locked and self._is_new(key, role):
            raise Conflict("The stage is locked: nobody new takes a seat. Ask the host to unlock it, then try again.")
        claim = self.seats.claim(key, role, name, link)
        if not claim.returned:
            self.notes.begin(claim.seat.key)
        self._remember(self._sat, mark("person", claim.seat.key), MAX_SAT)
        return claim

    def _is_new(self, key: str, role: Role) -> bool:
        """To a stage that is locked."""
        return role not in _OWN_HOUSE and self.seats.of_key(key) is None and mark("person", key) not in self._awaited

    def _inherit(self, key: str) -> None:
        """Who comes by a link that was given to them on their seat has that seat."""
        seat_id = self._heirs.pop(identity_of(key), "")
        if seat_id and self.seats.has(seat_id) and self.seats.of_key(key) is None:
            before = self.seats.get(seat_id)
            self.seats.rekey(seat_id, key)
            self.notes.free(before.key)

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

    def appoint(self, seat_id: str, role: Role, identity: str) -> Seat:
        """They have that role from now on, on the same seat; ``identity``: of the link by which they come to it.

        Only who rises to co-host needs a place: host and co-host change places when the host's seat is handed over, and
        nobody falls off the stage by stepping down.

        :raises NotFound: if nobody has that seat. :raises Conflict: all seats of the role are taken.
        """
        seat = self.seats.get(seat_id)
        if seat.role is Role.SPEAKER and role is Role.COHOST and not self.seats.has_place(role):
            most = self.seats.limits.get(role, 0)
            raise Conflict(f"All {most} seats for co-hosts are taken. Make one of them a speaker first.")
        for other in [i for i, s in self._heirs.items() if s == seat_id or not self.seats.has(s)]:
            del self._heirs[other]
        self._heirs[identity] = seat_id
        return self.seats.give(seat_id, role)

    def remove(self, seat_id: str, by: str, *, block: bool = False) -> list[Seat]:
        """The seats that are free by that: theirs, others of a link of their own, and of what is blocked.

        :raises NotFound: if nobody has that seat.
        """
        seat = self.seats.get(seat_id)
        identity, browser = identity_of(seat.key), browser_of(seat.key)
        shared = self.shares(seat.key)
        self._bar("person", seat.key)
        self._bar("shut" if shared else "off", identity)
        if block and browser:
            self._bar("browser", browser)
        if block and not shared:
            self._bar("link", identity)
        for heir in [i for i, s in self._heirs.items() if s == seat_id]:
            self._bar("off", heir)
        gone = [s for s in self.seats.all() if s.id == seat_id or self._shut_out(s.key)]
        return [self._expel(s, by=by, blocked=block) for s in gone]

    def free(self, seat_id: str) -> Seat:
        """A host frees a seat, whose person may take another at once. :raises NotFound: if nobody has it."""
        return self._expel(self.seats.get(seat_id))

    def send_off(self, **more: object) -> None:
        """Everyone goes, for the room was moved: no page comes back by itself."""
        for seat in self.seats.all():
            self.notes.free(seat.key, MOVED, **more)

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

    def _shut_out(self, key: str) -> bool:
        return self._blocked(key) or mark("off", identity_of(key)) in self._barred

    def _blocked(self, key: str) -> bool:
        return mark("link", identity_of(key)) in self._barred or (
            browser_of(key) != "" and mark("browser", browser_of(key)) in self._barred
        )

    def _bar(self, what: str, which: str) -> None:
        self._remember(self._barred, mark(what, which), MAX_BARRED)

    @staticmethod
    def _remember(marks: OrderedDict[str, None], new: str, most: int) -> None:
        marks[new] = None
        marks.move_to_end(new)
        while len(marks) > most:
            marks.popitem(last=False)
