from __future__ import annotations

import itertools

import pytest

from rostra.edge import applause as applause_module
from rostra.edge.applause import A_CONNECTION, MAX_KNOWN, MAX_KNOWN_BYTES, Applause

FDS = itertools.count()
"""Everyone has a connection of their own."""


def read(it: Applause, kind: str, times: int, room: str = "demo") -> None:
    for _ in range(times):
        if it.may_read(room, next(FDS)):
            it.add(room, kind)


def test_what_is_read_is_added_up_by_room_and_kind() -> None:
    it = Applause()
    read(it, "❤", 5)
    read(it, "👏", 2)
    read(it, "❤", 1, "other")
    assert it.take() == {"demo": {"❤": 5, "👏": 2}, "other": {"❤": 1}}
    assert it.take() == {}


def test_what_is_known_needs_no_reading() -> None:
    it = Applause()
    it.remember(b"POST ...", "demo", "🔥")
    for _ in range(10_000):
        it.known[b"POST ..."].count(next(FDS))
    assert it.take() == {"demo": {"🔥": 10_000}}
    assert it.total == 10_000


def test_beyond_what_can_be_read_the_sums_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applause_module, "READ_A_SECOND", 200)
    it = Applause()
    for _ in range(300):
        read(it, "❤", 3)
        read(it, "👏", 1)
    sums = it.take()["demo"]
    assert sums == {"❤": 900, "👏": 300}
    assert it.skipped == 1100
    it.second()
    read(it, "❤", 1)
    assert it.take() == {"demo": {"❤": 1}}


def test_what_is_none_does_not_count() -> None:
    it = Applause()
    assert it.may_read("demo", 1)
    it.unread("demo")
    read(it, "❤", 2)
    assert it.take() == {"demo": {"❤": 2}}
    assert it.total == 2


def test_rubbish_that_nobody_read_is_no_applause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applause_module, "READ_A_SECOND", 200)
    it = Applause()
    for n in range(1000):
        if it.may_read("demo", next(FDS)):
            if n % 4:
                it.unread("demo")
            else:
                it.add("demo", "❤")
    assert it.take() == {"demo": {"❤": 250}}


def test_a_flood_in_one_room_leaves_the_others_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applause_module, "READ_A_SECOND", 200)
    it = Applause()
    read(it, "🔥", 5000, "loud")
    read(it, "🔥", 5000, "louder")
    read(it, "❤", 7, "small")
    sums = it.take()
    assert (sums["small"], sums["loud"], sums["louder"]) == ({"❤": 7}, {"🔥": 5000}, {"🔥": 5000})


def test_one_connection_is_no_crowd() -> None:
    it = Applause()
    it.remember(b"POST ...", "demo", "🔥")
    for _ in range(10_000):
        it.known[b"POST ..."].count(5)
    for _ in range(50):
        if it.may_read("demo", 6):
            it.add("demo", "❤")
    assert not it.may_read("demo", 5)
    assert it.take() == {"demo": {"🔥": A_CONNECTION, "❤": 50}}
    assert (it.total, it.ignored) == (A_CONNECTION + 50, 10_001 - A_CONNECTION)
    it.second()
    it.known[b"POST ..."].count(5)
    assert it.take() == {"demo": {"🔥": 1}}


def test_what_is_remembered_is_bounded() -> None:
    it = Applause()
    it.remember(b"x" * (MAX_KNOWN_BYTES + 1), "demo", "❤")
    assert not it.known
    for i in range(MAX_KNOWN + 10):
        it.remember(b"%d" % i, "demo", "❤")
    assert len(it.known) == 10
    known = it.known
    it.forget()
    assert it.known is known
    assert not known
