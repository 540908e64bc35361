"""Who may sit down, who is taken off, and what they are told: each on its own, then all under anything."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rostra.errors import BadToken, Conflict, Forbidden, Full, NotFound
from rostra.stage.moderation import Moderation, browser_of, identity_of
from rostra.stage.notes import MAX_NOTES
from rostra.stage.seats import Seat, Seats
from rostra.units import Monotonic, Role, RoomState, WallTime
from rostra.wire.rooms import Room
from rostra.wire.stages import MAX_BARRED, MAX_SAT, StageMemory

ROOM = Room("a", "A", RoomState.LIVE, WallTime(0.0), WallTime(0.0))
LIMITS = {Role.HOST: 1, Role.COHOST: 2, Role.SPEAKER: 10}


class House:
    def __init__(self) -> None:
        self.seats = Seats(dict(LIMITS), 30.0)
        self.rules = Moderation(self.seats)
        self.rules.know(ROOM)
        self.links = 0

    def begin_again(self) -> House:
        """The next stage of the room, after this one has crashed."""
        after = House()
        after.rules.know(self.rules._room or ROOM)
        after.rules.recall(self.rules.memory(WallTime(0.0), WallTime(0.0)))
        return after

    def sit(self, key: str, role: Role = Role.SPEAKER) -> Seat:
        self.links += 1
        seat = self.rules.claim(key, role, "x", f"l{self.links}").seat
        self.seats.connected(seat.link)
        return self.seats.get(seat.id)

    def kinds(self, key: str, after: int = 0) -> list[str]:
        return [note["kind"] for note in self.rules.notes.after(key, after)]


@pytest.fixture
def house() -> House:
    return House()


def test_a_host_silences_and_is_never_asked_to_open_a_microphone(house: House) -> None:
    ann, bob = house.sit("ann/"), house.sit("bob/")
    assert house.rules.mute(ann.id, "Hanna").muted
    assert house.rules.notes.after("ann/", 0) == [{"n": 1, "kind": "muted", "by": "Hanna"}]
    assert house.rules.mute(ann.id, "Hanna").muted and house.kinds("ann/") == ["muted"], "once is enough"
    house.rules.ask_unmute(ann.id, "Hanna")
    assert house.kinds("ann/", 1) == ["ask_unmute"] and house.seats.get(ann.id).muted, "asked, not opened"
    with pytest.raises(Conflict, match="open already"):
        house.rules.ask_unmute(bob.id, "Hanna")
    assert not house.rules.mute_self("ann/", False).muted
    with pytest.raises(NotFound):
        house.rules.mute_self("eve/", False)
    with pytest.raises(NotFound):
        house.rules.mute("s9", "Hanna")


def test_mute_all_but_some(house: House) -> None:
    host, ann, bob, cem = (house.sit(f"{name}/") for name in ("h", "ann", "bob", "cem"))
    house.rules.mute(cem.id, "Hanna")
    assert house.rules.mute_all("Hanna", [host.id]) == [ann.id, bob.id]
    assert house.seats.muted == {ann.id, bob.id, cem.id} and house.kinds("cem/") == ["muted"] == house.kinds("ann/")


def test_a_locked_stage_takes_nobody_new_and_everybody_back(house: House) -> None:
    ann = house.sit("ann/")
    house.rules.know(ROOM.with_(locked=True))
    with pytest.raises(Conflict, match="locked"):
        house.sit("bob/")
    house.seats.dropped(ann.link, Monotonic(0.0))
    assert house.sit("ann/").id == ann.id
    house.seats.left(house.seats.get(ann.id).link)
    with pytest.raises(Conflict, match="locked"):
        house.sit("ann/")
    house.rules.know(ROOM)
    house.sit("bob/")


def test_a_locked_stage_does_not_lock_out_its_hosts(house: House) -> None:
    house.rules.know(ROOM.with_(locked=True))
    house.sit("host/", Role.HOST), house.sit("bo/", Role.COHOST)
    for seat in house.seats.all():
        house.seats.free(seat.id)
    house.sit("host/", Role.HOST), house.sit("bo/", Role.COHOST)


def test_when_the_stage_begins_again_who_had_a_seat_comes_back_though_it_is_locked(house: House) -> None:
    house.sit("ann/")
    house.rules.know(ROOM.with_(locked=True))
    after = house.begin_again()
    after.sit("ann/")
    with pytest.raises(Conflict, match="locked"):
        after.sit("bob/")
    late = house.begin_again()
    late.rules.await_nobody()
    with pytest.raises(Conflict, match="locked"):
        late.sit("ann/")


def test_a_link_that_is_taken_back_takes_its_seats_along(house: House) -> None:
    shared, other, own = house.sit("speaker/one"), house.sit("speaker/two"), house.sit("abc/")
    host = house.sit("host/", Role.HOST)
    assert house.rules.know(ROOM.with_(issues={"speaker": 1})) == [shared, other]
    assert house.seats.all() == [own, host] and house.kinds("speaker/one") == ["removed"]
    assert house.rules.know(ROOM.with_(issues={"speaker": 1}, revoked=("abc",))) == [own]
    for key in ("speaker/one", "abc/", "abc/elsewhere"):
        with pytest.raises(BadToken, match="taken back"):
            house.sit(key)
    house.sit("speaker-1/one")
    assert not house.rules.accepts(Role.SPEAKER, "abc/") and house.rules.accepts(Role.HOST, "host/")


def test_who_is_removed_does_not_come_back_by_the_old_link_and_does_by_a_new_one(house: House) -> None:
    house.rules.remove(house.sit("abc/tab").id, "Hanna")
    assert house.rules.notes.after("abc/tab", 0) == [{"n": 1, "kind": "removed", "by": "Hanna", "blocked": False}]
    for again in (house, house.begin_again()):
        for key in ("abc/tab", "abc/", "abc/elsewhere"):
            with pytest.raises(Forbidden, match="new link"):
                again.sit(key)
        assert again.seats.all() == []
        again.sit("def/tab")


def test_a_link_of_ones_own_is_off_with_all_its_seats(house: House) -> None:
    tab, pad, bob = house.sit("abc/tab"), house.sit("abc/pad"), house.sit("bob/")
    assert house.rules.remove(tab.id, "Hanna") == [tab, pad] and house.seats.all() == [bob]


def test_who_is_blocked_comes_back_neither_by_that_link_nor_in_that_browser(house: House) -> None:
    phone, other = house.sit("abc/phone"), house.sit("xyz/phone")
    tab = house.sit("abc/tab")
    assert house.rules.remove(tab.id, "Hanna", block=True) == [phone, tab] and house.seats.all() == [other]
    for key in ("abc/tab", "abc/phone", "def/tab"):
        with pytest.raises(Forbidden, match="blocked"):
            house.sit(key)
    house.sit("def/phone")


@pytest.mark.parametrize("block", [False, True])
def test_a_link_that_others_share_takes_nobody_new_after_one_of_them_was_put_off(house: House, block: bool) -> None:
    two, three = house.sit("speaker/two"), house.sit("speaker/three")
    house.seats.left(three.link)
    house.rules.remove(house.sit("speaker/one").id, "Hanna", block=block)
    for again in (house, house.begin_again()):
        with pytest.raises(Forbidden, match="blocked" if block else "taken off"):
            again.sit("speaker/one")
        for key in ("speaker/", "speaker/whatever-they-say"):
            with pytest.raises(Forbidden, match="link of your own"):
                again.sit(key)
        again.sit("speaker/two"), again.sit("speaker/three"), again.sit("host/", Role.HOST), again.sit("bob/")
    assert house.seats.of_key("speaker/two") == house.seats.get(two.id), "and who sits there goes on"
    house.rules.know(ROOM.with_(issues={"speaker": 1}))
    house.sit("speaker-1/new")
    if block:
        with pytest.raises(Forbidden, match="blocked"):
            house.sit("speaker-1/one")


def test_another_role_on_the_same_seat(house: House) -> None:
    ann = house.sit("speaker/ann")
    assert house.rules.appoint(ann.id, Role.COHOST, "new").role is Role.COHOST
    assert house.seats.of_key("speaker/ann") == house.seats.get(ann.id), "until they come by the new link"
    house.rules.mute(ann.id, "Hanna")
    claim = house.rules.claim("new/", Role.COHOST, "Ann", "l9")
    assert (claim.seat.id, claim.seat.role, claim.seat.muted) == (ann.id, Role.COHOST, True)
    assert (claim.ousted, claim.returned) == (ann.link, True)
    assert house.seats.of_key("speaker/ann") is None and house.kinds("speaker/ann") == []
    house.seats.left("l9")
    assert house.sit("new/", Role.COHOST).id != ann.id


def test_nobody_rises_to_a_role_whose_seats_are_taken_and_nobody_falls_off_by_stepping_down(house: House) -> None:
    host, ann = house.sit("host/", Role.HOST), house.sit("ann/")
    cem, _ = house.sit("cem/", Role.COHOST), house.sit("dan/", Role.COHOST)
    with pytest.raises(Conflict, match="All 2 seats for co-hosts are taken"):
        house.rules.appoint(ann.id, Role.COHOST, "x")
    assert house.seats.get(ann.id) == ann
    house.rules.appoint(cem.id, Role.HOST, "h2"), house.rules.appoint(host.id, Role.COHOST, "c2")
    assert [s.role for s in house.seats.all()] == [Role.COHOST, Role.SPEAKER, Role.HOST, Role.COHOST]
    house.rules.know(ROOM.with_(issues={"host": 1}))
    assert house.seats.has(host.id), "though the host's link was issued anew"
    assert house.sit("c2/", Role.COHOST).id == host.id and house.sit("h2/", Role.HOST).id == cem.id
    for n in range(9):
        house.sit(f"p{n}/")
    house.rules.appoint(host.id, Role.SPEAKER, "s2")
    assert house.sit("s2/").id == host.id


def test_who_is_removed_before_they_came_by_the_new_link_does_not_come_by_it(house: House) -> None:
    ann = house.sit("ann/")
    house.rules.appoint(ann.id, Role.COHOST, "new")
    house.rules.remove(ann.id, "Hanna")
    with pytest.raises(Forbidden):
        house.sit("new/", Role.COHOST)


def test_a_host_who_frees_a_seat_shuts_nobody_out(house: House) -> None:
    house.rules.free(house.sit("ann/").id)
    assert house.kinds("ann/") == ["removed"]
    house.sit("ann/")
    assert house.kinds("ann/") == []


def test_bans_are_bounded(house: House) -> None:
    for n in range(MAX_BARRED + 10):
        house.rules.remove(house.sit(f"p{n}/").id, "x")
    memory = house.rules.memory(WallTime(1.0), WallTime(2.0))
    assert (len(memory.barred), len(memory.sat), memory.heard) == (MAX_BARRED, MAX_SAT, 2.0)
    assert memory == StageMemory(WallTime(1.0), memory.barred, memory.sat, WallTime(2.0)), "and is whole"
    assert (identity_of("a/b/c"), browser_of("a/b/c"), browser_of("a")) == ("a", "b/c", "")


class StageUnderAnything(RuleBasedStateMachine):
    """Seats, notes, lock and links taken back, in any order: who is shut out has no seat, and gets none."""

    @initialize()
    def begin(self) -> None:
        self.house = House()
        self.room = ROOM
        self.now = 0.0
        self.shut: set[str] = set()
        """People who were removed."""
        self.seen: dict[str, int] = {}

    @rule(link=st.sampled_from(["p1", "p2", "p3", "speaker", "speaker-1"]), browser=st.sampled_from(["", "tab", "pad"]))
    def sit(self, link: str, browser: str) -> None:
        key = f"{link}/{browser}"
        before = self.house.seats.of_key(key)
        good = self.room.accepts(Role.SPEAKER, link)
        try:
            seat = self.house.sit(key)
        except BadToken:
            assert not good
        except Forbidden:
            assert before is None and self.shut
        except Conflict:
            assert self.room.locked and before is None
        except Full:
            assert before is None
        else:
            assert good and key not in self.shut
            assert before is None or (before.id, before.muted) == (seat.id, seat.muted)
            assert before is not None or (not self.room.locked and self.house.kinds(key) == [])

    @rule(locked=st.booleans())
    def lock(self, locked: bool) -> None:
        self.change(locked=locked)

    @rule(link=st.sampled_from(["p1", "p2", "p3"]))
    def take_back(self, link: str) -> None:
        self.change(revoked=(*self.room.revoked, link)[-5:])

    @rule()
    def issue_anew(self) -> None:
        self.change(issues={"speaker": 1})

    def change(self, **what: object) -> None:
        self.room = self.room.with_(**what)
        before = {s.id: s for s in self.house.seats.all()}
        freed = self.house.rules.know(self.room)
        for seat in freed:
            assert self.house.kinds(seat.key) == ["removed"]
        assert {s.id for s in self.house.seats.all()} == before.keys() - {s.id for s in freed}

    @rule(data=st.data(), what=st.sampled_from(["mute", "mute_all", "ask", "open", "remove", "block", "free", "left"]))
    def to_someone(self, data: st.DataObject, what: str) -> None:
        if not (taken := self.house.seats.all()):
            return
        seat = data.draw(st.sampled_from(taken))
        rules, last = self.house.rules, max([n["n"] for n in self.house.rules.notes.after(seat.key, 0)], default=0)
        if what == "mute":
            rules.mute(seat.id, "h")
            assert self.house.kinds(seat.key, last) == ([] if seat.muted else ["muted"])
        elif what == "mute_all":
            rules.mute_all("h", [seat.id])
            assert self.house.seats.muted | {seat.id} == {s.id for s in taken}
            assert self.house.seats.get(seat.id) == seat
        elif what == "ask" and seat.muted:
            assert rules.ask_unmute(seat.id, "h") == seat
        elif what == "open":
            assert not rules.mute_self(seat.key, False).muted
        elif what in ("remove", "block"):
            gone = rules.remove(seat.id, "h", block=what == "block")
            own = not identity_of(seat.key).startswith("speaker")
            assert seat in gone and (what == "block" or own or len(gone) == 1)
            self.shut |= {s.key for s in gone}
            assert all(self.house.kinds(s.key) == ["removed"] for s in gone)
        elif what == "free":
            rules.free(seat.id)
        elif what == "left":
            self.house.seats.left(seat.link)
            rules.notes.free(seat.key)
            assert self.house.kinds(seat.key) == []

    @invariant()
    def sound(self) -> None:
        for seat in self.house.seats.all():
            assert seat.key not in self.shut
            assert self.room.accepts(seat.role, identity_of(seat.key))
        for key, notes in self.house.rules.notes._of.items():
            assert self.house.seats.of_key(key) is not None, "nothing is kept of who has left"
            numbers = [n["n"] for n in notes]
            assert numbers == sorted(set(numbers)) and len(numbers) <= MAX_NOTES


StageUnderAnything.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestStageUnderAnything = StageUnderAnything.TestCase
