"""Personal links, and who sat where."""

import pytest

from rostra.catalog import Catalog, Invitation, SeatNote, people
from rostra.errors import BadRequest, Conflict, NotFound
from rostra.units import Role, WallTime
from tests.catalog.making import room


def test_invitations_in_their_order(catalog: Catalog) -> None:
    catalog.create_room(room())
    catalog.create_room(room("other"))
    catalog.add_invitation("tea", "b", Role.SPEAKER, "Bo", WallTime(1.5))
    catalog.add_invitation("tea", "a", Role.COHOST, "Ada", WallTime(2.5))
    catalog.add_invitation("other", "a", Role.HOST, "Cy", WallTime(0.5))
    assert catalog.invitations("tea") == [
        Invitation("b", Role.SPEAKER, "Bo", WallTime(1.5)),
        Invitation("a", Role.COHOST, "Ada", WallTime(2.5)),
    ]


def test_a_link_taken_back_stays_taken_back_since_the_first_time(catalog: Catalog) -> None:
    catalog.create_room(room())
    catalog.add_invitation("tea", "a", Role.SPEAKER, "Ada", WallTime(1.0))
    catalog.revoke_invitation("tea", "a", WallTime(5.0))
    catalog.revoke_invitation("tea", "a", WallTime(9.0))
    assert catalog.invitations("tea")[0].revoked == 5.0
    with pytest.raises(NotFound):
        catalog.revoke_invitation("tea", "b", WallTime(5.0))
    with pytest.raises(NotFound):
        catalog.revoke_invitation("other", "a", WallTime(5.0))


def test_who_cannot_be_invited(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound):
        catalog.add_invitation("tea", "a", Role.SPEAKER, "Ada", WallTime(1.0))
    catalog.create_room(room())
    catalog.add_invitation("tea", "a", Role.SPEAKER, "Ada", WallTime(1.0))
    with pytest.raises(Conflict):
        catalog.add_invitation("tea", "a", Role.HOST, "Eve", WallTime(2.0))
    with pytest.raises(BadRequest):
        catalog.add_invitation("tea", "b", Role.SPEAKER, "\0", WallTime(2.0))
    monkeypatch.setattr(people, "MAX_INVITATIONS", 1)
    with pytest.raises(Conflict, match="shared link"):
        catalog.add_invitation("tea", "b", Role.SPEAKER, "Bo", WallTime(2.0))
    assert [i.name for i in catalog.invitations("tea")] == ["Ada"]


def test_who_sat_where(catalog: Catalog) -> None:
    catalog.create_room(room())
    catalog.note_seat("tea", 1, "Ada", Role.HOST, WallTime(1.0))
    catalog.note_seat("tea", 2, "Bo", Role.SPEAKER, WallTime(2.0))
    catalog.note_seat("tea", 1, "Ada", Role.HOST, WallTime(3.0))  # told again
    catalog.left_seat("tea", 2, WallTime(4.0))
    catalog.left_seat("tea", 2, WallTime(5.0))
    catalog.note_seat("tea", 2, "Cy", Role.SPEAKER, WallTime(6.0))
    catalog.note_seat("tea", 2, "Di", Role.COHOST, WallTime(7.0))  # nobody said that Cy left
    assert catalog.seats("tea") == [
        SeatNote(1, "Ada", Role.HOST, WallTime(1.0)),
        SeatNote(2, "Bo", Role.SPEAKER, WallTime(2.0), WallTime(4.0)),
        SeatNote(2, "Cy", Role.SPEAKER, WallTime(6.0), WallTime(7.0)),
        SeatNote(2, "Di", Role.COHOST, WallTime(7.0)),
    ]


def test_seats_of_no_room_are_ignored_and_the_list_has_a_bound(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.note_seat("tea", 1, "Ada", Role.HOST, WallTime(1.0))
    catalog.left_seat("tea", 1, WallTime(1.0))
    assert catalog.seats("tea") == []
    catalog.create_room(room())
    monkeypatch.setattr(people, "MAX_SEAT_NOTES", 2)
    for seat in (1, 2, 3):
        catalog.note_seat("tea", seat, "Ada", Role.HOST, WallTime(seat))
    assert [note.seat for note in catalog.seats("tea")] == [2, 3]
