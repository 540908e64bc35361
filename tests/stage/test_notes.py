"""What people on stage are told, once each, and no more of it than there is room for."""

from __future__ import annotations

import pytest

from rostra.errors import BadRequest
from rostra.stage.notes import MAX_FAREWELLS, MAX_NOTE_BYTES, MAX_NOTES, NUMBERS, Notes, checked


def test_notes_are_numbered_and_asked_for_after_the_last_known() -> None:
    notes = Notes()
    assert notes.add("ann", "muted", by="Hanna") == 1
    assert (notes.add("bob", "muted"), notes.add("ann", "ask_unmute")) == (2, 3)
    assert notes.after("ann", 0) == [{"n": 1, "kind": "muted", "by": "Hanna"}, {"n": 3, "kind": "ask_unmute"}]
    assert [n["n"] for n in notes.after("ann", 1)] == [3] and notes.after("ann", 3) == [] == notes.after("eve", 0)


def test_a_later_generation_has_higher_numbers() -> None:
    early, late = Notes(1), Notes(2)
    assert early.add("ann", "x") == NUMBERS + 1 < late.add("ann", "x") == 2 * NUMBERS + 1


def test_notes_go_with_the_seat_and_the_farewell_stays_until_they_are_back() -> None:
    notes = Notes()
    notes.add("ann", "muted")
    notes.free("ann", "removed", by="Hanna")
    notes.free("ann")
    assert notes.after("ann", 0) == [{"n": 2, "kind": "removed", "by": "Hanna"}]
    notes.begin("ann")
    assert notes.after("ann", 0) == []


def test_there_is_room_for_so_many() -> None:
    notes = Notes()
    for _ in range(MAX_NOTES + 10):
        notes.add("ann", "x")
    assert [n["n"] for n in notes.after("ann", 0)] == list(range(11, MAX_NOTES + 11)), "the latest"
    for n in range(MAX_FAREWELLS + 5):
        notes.free(f"p{n}", "removed")
    assert notes.after("p4", 0) == [] and len(notes.after("p5", 0)) == 1


def test_a_number_and_a_kind_cannot_be_written_over() -> None:
    kind, more = checked({"kind": "link", "n": 99, "link": "https://x"})
    notes = Notes()
    notes.add("ann", kind, **more)
    assert notes.after("ann", 0) == [{"n": 1, "kind": "link", "link": "https://x"}]


@pytest.mark.parametrize(
    "note", [None, 7, [], {}, {"kind": ""}, {"kind": 7}, {"kind": "x" * 33}, {"kind": "x", "y": "z" * MAX_NOTE_BYTES}]
)
def test_what_is_no_note(note: object) -> None:
    with pytest.raises(BadRequest):
        checked(note)
