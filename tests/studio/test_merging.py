"""Catalog and bus as one record: whatever happens on either while the other is away."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rostra import life
from rostra.life import LifeEvent
from rostra.studio import merging
from rostra.units import Role, RoomState, WallTime
from rostra.wire.rooms import MAX_REVOKED, Room

NOW = WallTime(1e6)
MAIN = Room("main", "A talk", RoomState.SCHEDULED, WallTime(1e6 + 7200), NOW)


def test_what_is_announced_goes_to_the_bus_and_what_is_set_on_air_comes_back() -> None:
    filed = MAIN.with_(title="B", words="W", tz="Europe/Berlin", speakers=("Ann",), card="c" * 32 + ".png", moved=1)
    record = MAIN.with_(state=RoomState.LIVE, go=True, delay_s=5.0, locked=True, generation=3, started=NOW, epoch=NOW)
    told = merging.to_bus(record, filed, NOW)
    assert told == record.with_(title="B", words="W", tz="Europe/Berlin", speakers=("Ann",), card=filed.card, moved=1)
    assert merging.to_catalog(filed, record) == filed.with_(go=True, delay_s=5.0, locked=True)


def test_what_was_taken_back_on_either_side_stays_taken_back() -> None:
    filed = MAIN.with_(issues={"host": 2, "speaker": 1}, revoked=("a", "b"))
    record = MAIN.with_(issues={"host": 1, "cohost": 3}, revoked=("b", "c"))
    for found in (merging.to_bus(record, filed, NOW), merging.to_catalog(filed, record)):
        assert found.issues == {"host": 2, "speaker": 1, "cohost": 3}
        assert set(found.revoked) == {"a", "b", "c"}


def test_the_latest_that_were_taken_back_are_kept() -> None:
    filed = MAIN.with_(revoked=tuple(f"f{n}" for n in range(MAX_REVOKED)))
    record = MAIN.with_(revoked=("r",))
    assert "f499" in merging.to_bus(record, filed, NOW).revoked
    assert len(merging.to_bus(record, filed, NOW).revoked) == MAX_REVOKED


def test_a_room_that_is_live_is_not_called_off_by_old_news() -> None:
    for filed in (MAIN.with_(state=RoomState.CANCELLED, ended=NOW), MAIN.with_(moved=1)):
        for state in (RoomState.LIVE, RoomState.INTERRUPTED, RoomState.ENDED):
            record = MAIN.with_(state=state)
            assert merging.to_bus(record, filed, NOW).state is state
            assert not merging.unheard(record, filed, NOW)


def test_one_that_is_open_is_moved_unless_its_doors_would_be_open_then() -> None:
    opened = MAIN.with_(state=RoomState.OPEN, go=True)
    later = MAIN.with_(at=WallTime(NOW + 7200), moved=1)
    soon = MAIN.with_(at=WallTime(NOW + 60), moved=1)
    told = merging.to_bus(opened, later, NOW)
    assert (told.state, told.go, told.at) == (RoomState.SCHEDULED, False, later.at)
    assert merging.to_bus(opened, soon, NOW).state is RoomState.OPEN
    assert not merging.unheard(told, later, NOW), "once it is heard it is not said again"


class TwoBooks(RuleBasedStateMachine):
    """Announcing goes by the catalog, the air by the bus; either hears of the other now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.filed = self.record = MAIN
        self.now = NOW
        self.taken_back: set[str] = set()
        self.issued: dict[str, int] = {}
        self.cancelled_before_it_began = False

    # Announced: the catalog first, and the bus if it is there.

    @rule(title=st.sampled_from("ABC"), bus=st.booleans())
    def announce(self, title: str, bus: bool) -> None:
        self._file(lambda filed: filed.with_(title=title), bus)

    @rule(hours=st.integers(0, 3), bus=st.booleans())
    def postpone(self, hours: int, bus: bool) -> None:
        state = life.after(self.record.state, LifeEvent.POSTPONE)
        if state is not None:
            at = WallTime(self.now + 3600 * hours)
            self._file(lambda filed: filed.with_(at=at, state=state, moved=filed.moved + 1), bus)

    @rule(bus=st.booleans())
    def cancel(self, bus: bool) -> None:
        if life.after(self.record.state, LifeEvent.CANCEL):
            self._file(lambda filed: filed.with_(state=RoomState.CANCELLED, ended=self.now), bus)
            self.cancelled_before_it_began = bus or self.cancelled_before_it_began

    # On air: the bus first, and the catalog if it is there.

    @rule(event=st.sampled_from([LifeEvent.OPEN, LifeEvent.START, LifeEvent.LOST, LifeEvent.BACK, LifeEvent.END]))
    def happen(self, event: LifeEvent) -> None:
        if (state := life.after(self.record.state, event)) is not None:
            self.record = self.record.with_(state=state)

    @rule(delay_s=st.floats(0, 30), catalog=st.booleans())
    def delay(self, delay_s: float, catalog: bool) -> None:
        self._set(catalog, delay_s=delay_s)

    @rule(which=st.integers(0, 5), catalog=st.booleans())
    def revoke(self, which: int, catalog: bool) -> None:
        self.taken_back.add(f"j{which}")
        self._set(catalog, revoked=tuple(dict.fromkeys((*self.record.revoked, f"j{which}"))))

    @rule(role=st.sampled_from(Role), catalog=st.booleans())
    def reissue(self, role: Role, catalog: bool) -> None:
        issues = {**self.record.issues, role.value: self.record.issues.get(role.value, 0) + 1}
        self.issued = dict(issues)
        self._set(catalog, issues=issues)

    # One hears of the other.

    @rule()
    def publish(self) -> None:
        self.record = merging.to_bus(self.record, self.filed, self.now)

    @rule()
    def mirror(self) -> None:
        if not merging.unheard(self.record, self.filed, self.now):
            self.filed = self.filed.with_(state=self.record.state)

    @rule(seconds=st.integers(1, 3600))
    def wait(self, seconds: int) -> None:
        self.now = WallTime(self.now + seconds)

    def _file(self, how: Any, bus: bool) -> None:
        self.filed = how(merging.to_catalog(self.filed, self.record))
        if bus:
            self.publish()

    def _set(self, catalog: bool, **changes: Any) -> None:
        self.record = self.record.with_(**changes)
        if catalog:
            self.filed = merging.to_catalog(self.filed, self.record)

    @invariant()
    def no_link_comes_alive_again(self) -> None:
        assert self.taken_back <= set(self.record.revoked)
        assert self.issued == self.record.issues

    @invariant()
    def once_both_have_heard_they_say_the_same(self) -> None:
        record = merging.to_bus(self.record, self.filed, self.now)
        assert merging.to_bus(record, self.filed, self.now) == record, "hearing twice is as good as once"
        filed = merging.to_catalog(self.filed, record)
        for name in (*merging.ANNOUNCED, *merging.SET_ON_AIR, "issues", "revoked"):
            assert sorted(getattr(record, name)) == sorted(getattr(filed, name)) if name == "revoked" else (
                getattr(record, name) == getattr(filed, name)
            ), name  # fmt: skip
        assert not merging.unheard(record, filed, self.now)

    @precondition(lambda self: self.cancelled_before_it_began)
    @invariant()
    def what_was_called_off_stays_called_off(self) -> None:
        assert self.record.state is RoomState.CANCELLED


TestTwoBooks = TwoBooks.TestCase
TestTwoBooks.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
