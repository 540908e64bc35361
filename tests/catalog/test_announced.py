"""Rooms: announced, changed, listed, mirrored, published."""

from dataclasses import fields

import pytest

from rostra.catalog import Catalog
from rostra.catalog.tables import rooms
from rostra.errors import BadRequest, Conflict, NotFound
from rostra.units import Role, RoomState, WallTime
from rostra.wire.rooms import LINKS_LIVE_S, Room
from tests.catalog.making import abuse, post, room, rsvp

FULL = room(
    title="Tea & <b>talk</b> \U0001f375 \u200f\u05e9\u05dc\u05d5\u05dd",
    state=RoomState.LIVE,
    at=WallTime(1_790_000_000.123456),
    epoch=WallTime(0.1 + 0.2),
    generation=2**40,
    started=WallTime(3.0),
    ended=WallTime(4.5),
    words="line\nline",
    tz="Europe/Berlin",
    speakers=("Ada", "\u05d0\u05d1\u05d2"),
    picture="0" * 32 + ".webp",
    card="1" * 32 + ".png",
    listed=False,
    invited=True,
    doors_s=60.0,
    go=True,
    delay_s=12.5,
    locked=True,
    issues={"host": 2, "speaker": 1},
    revoked=("a", "b"),
    note="later",
    moved=3,
)


def test_a_room_comes_back_as_it_went_in(catalog: Catalog) -> None:
    assert catalog.create_room(FULL) == FULL
    assert catalog.get_room("tea") == FULL
    assert catalog.list_rooms(10) == ([FULL], "")


def test_every_field_of_a_room_has_a_column_and_is_tried_above() -> None:
    names = {f.name for f in fields(Room)}
    assert names == set(rooms.c.keys()) - {"version", "published", "board"}
    plain = room()
    same = {name for name in names if getattr(FULL, name) == getattr(plain, name)}
    assert same == {"id", "created"}


def test_an_id_is_taken_once(catalog: Catalog) -> None:
    catalog.create_room(room())
    with pytest.raises(Conflict, match="tea"):
        catalog.create_room(room(title="Another"))
    assert catalog.get_room("tea").title == "Tea"


def test_what_is_not_there(catalog: Catalog) -> None:
    for ask in (catalog.get_room, catalog.delete_room, catalog.board):
        with pytest.raises(NotFound, match="tea"):
            ask("tea")
    with pytest.raises(NotFound):
        catalog.change_room("tea", lambda r: r)
    catalog.save_happened(room())
    catalog.published("tea", 1)
    assert catalog.list_rooms(10) == ([], "")


def test_text_that_no_database_holds_is_refused_with_a_sentence(catalog: Catalog) -> None:
    for title in ("a\0b", "a\ud800b"):
        with pytest.raises(BadRequest, match="Leave it out"):
            catalog.create_room(room(title=title))
    assert catalog.list_rooms(10) == ([], "")


def test_change_reads_and_writes_at_once(catalog: Catalog) -> None:
    catalog.create_room(room())
    changed = catalog.change_room("tea", lambda r: r.with_(title="Coffee", revoked=(*r.revoked, "x")))
    assert changed.title == "Coffee"
    assert catalog.get_room("tea") == changed


def test_a_change_that_raises_changes_nothing(catalog: Catalog) -> None:
    catalog.create_room(room())

    def refuse(_: Room) -> Room:
        raise Conflict("no")

    with pytest.raises(Conflict, match="no"):
        catalog.change_room("tea", refuse)
    with pytest.raises(ValueError, match="keeps its id"):
        catalog.change_room("tea", lambda r: r.with_(id="coffee"))
    assert catalog.get_room("tea") == room()


def test_pages_are_not_moved_by_what_is_added_meanwhile(catalog: Catalog) -> None:
    for n in range(7):
        catalog.create_room(room(f"r{n}", created=1000.0 + n // 2))  # pairs of the same instant
    expected = [r.id for r in sorted(catalog.list_rooms(100)[0], key=lambda r: (r.created, r.id), reverse=True)]
    assert [r.id for r in catalog.list_rooms(100)[0]] == expected
    seen, cursor = catalog.list_rooms(3)
    catalog.create_room(room("newer", created=2000.0))
    catalog.delete_room(seen[-1].id)  # the very one that the cursor names
    while cursor:
        more, cursor = catalog.list_rooms(3, cursor)
        seen += more
    assert [r.id for r in seen] == expected


def test_the_last_page_says_that_it_is_the_last(catalog: Catalog) -> None:
    for n in range(4):
        catalog.create_room(room(f"r{n}"))
    first, cursor = catalog.list_rooms(2)
    second, end = catalog.list_rooms(2, cursor)
    assert [r.id for r in first + second] == ["r3", "r2", "r1", "r0"]
    assert end == ""
    assert len(catalog.list_rooms(0)[0]) == 1  # a page is never empty while there is more


def test_a_cursor_of_somebody_else_is_refused(catalog: Catalog) -> None:
    with pytest.raises(BadRequest, match="cursor"):
        catalog.list_rooms(3, "'; DROP TABLE rooms")


def test_what_happens_is_mirrored_and_nothing_else(catalog: Catalog) -> None:
    catalog.create_room(room())
    catalog.published("tea", 1)
    happened = room(
        title="From the bus", state=RoomState.LIVE, epoch=WallTime(1.5), generation=3, started=WallTime(2.5), go=True
    )
    catalog.save_happened(happened)
    found = catalog.get_room("tea")
    assert (found.state, found.epoch, found.generation, found.started) == (RoomState.LIVE, 1.5, 3, 2.5)
    assert (found.title, found.go) == ("Tea", False)
    assert catalog.to_publish() == []  # the bus knows it already


def test_the_id_of_a_deleted_room_rests_as_long_as_its_links_live(catalog: Catalog) -> None:
    first = room(at=WallTime(1000.0))
    catalog.create_room(first)
    catalog.delete_room("tea")
    with pytest.raises(Conflict, match="was deleted"):
        catalog.create_room(room(created=WallTime(first.links_until - 1.0)))
    again = room(created=WallTime(first.links_until))
    catalog.create_room(again)
    assert catalog.get_room("tea") == again
    catalog.delete_room("tea")
    with pytest.raises(Conflict, match="was deleted"):
        catalog.create_room(again)


def test_pictures_that_something_shows(catalog: Catalog) -> None:
    cover, card, posted = (f"{n:032x}.webp" for n in range(3))
    catalog.create_room(room(picture=cover, card=card))
    catalog.create_room(room("other"))
    catalog.add_post("other", post(picture=posted))
    assert catalog.pictures_shown() == {cover, card, posted}
    catalog.delete_room("other")
    assert catalog.pictures_shown() == {cover, card}


def test_each_change_waits_to_be_published(catalog: Catalog) -> None:
    catalog.create_room(room())
    assert catalog.to_publish() == [(room(), 1)]
    coffee = catalog.change_room("tea", lambda r: r.with_(title="Coffee"))
    catalog.published("tea", 1)  # of the version before: it does not hide the later one
    assert catalog.to_publish() == [(coffee, 2)]
    catalog.published("tea", 2)
    assert catalog.to_publish() == []
    catalog.published("tea", 1)
    assert catalog.to_publish() == []
    catalog.change_room("tea", lambda r: r)  # no change
    assert catalog.to_publish() == []
    catalog.add_post("tea", post())
    assert catalog.to_publish() == [(coffee, 3)]


def test_a_version_from_the_future_hides_nothing(catalog: Catalog) -> None:
    catalog.create_room(room())
    catalog.published("tea", 99)
    assert catalog.to_publish() == [(room(), 1)]


def test_all_that_belongs_to_a_room_goes_with_it(catalog: Catalog) -> None:
    for year in range(2):  # the second time, when its links have expired, nothing of the first is left over
        catalog.create_room(room(created=1000.0 + year * 2 * LINKS_LIVE_S))
        number = catalog.last_letter()
        catalog.take_letters([(number + 1, rsvp("t")), (number + 2, abuse("x"))])
        catalog.add_invitation("tea", "i", Role.SPEAKER, "Ada", WallTime(1.0))
        catalog.add_post("tea", post())
        catalog.note_seat("tea", 1, "Ada", Role.HOST, WallTime(1.0))
        assert (catalog.rsvps("tea"), len(catalog.board("tea").posts), len(catalog.seats("tea"))) == (1, 1, 1)
        catalog.delete_room("tea")
        assert catalog.rsvps("tea") == 0
        assert catalog.invitations("tea") == catalog.seats("tea") == []
        assert catalog.reports(None, 10) == ([], "")
