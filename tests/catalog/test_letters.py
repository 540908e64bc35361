"""Letters count once, whoever dies in between; nobody hoards."""

import pytest
from sqlalchemy.exc import OperationalError

from rostra.catalog import Catalog, letters
from rostra.errors import BadRequest, CatalogUnavailable
from rostra.units import WallTime
from tests.catalog.making import abuse, room, rsvp


@pytest.fixture
def tea(catalog: Catalog) -> Catalog:
    catalog.create_room(room())
    return catalog


def test_letters_that_come_twice_count_once(tea: Catalog) -> None:
    assert tea.last_letter() == 0
    batch = [(3, rsvp("a")), (4, rsvp("b")), (7, abuse("bad"))]
    tea.take_letters(batch)
    tea.take_letters(batch)
    tea.take_letters([])
    assert (tea.last_letter(), tea.rsvps("tea"), len(tea.reports("tea", 10)[0])) == (7, 2, 1)
    tea.take_letters([*batch, (8, rsvp("c")), (8, rsvp("d"))])
    assert (tea.last_letter(), tea.rsvps("tea")) == (8, 3)


def test_a_ticket_comes_once(tea: Catalog) -> None:
    tea.take_letters([(1, rsvp("a", prefix="one")), (2, rsvp("a", prefix="two")), (3, rsvp(""))])
    tea.take_letters([(4, rsvp("a", prefix="three"))])
    assert tea.rsvps("tea") == 1


def test_what_cannot_be_read_or_belongs_to_no_room_only_counts(tea: Catalog) -> None:
    tea.take_letters([(1, None), (2, rsvp("a", "nowhere")), (3, abuse("x", "nowhere"))])
    assert (tea.last_letter(), tea.rsvps("nowhere"), tea.reports(None, 5)) == (3, 0, ([], ""))


def test_text_that_no_database_holds_does_not_stop_the_others(tea: Catalog) -> None:
    tea.take_letters([(1, abuse("a\0b\ud800c", about="\0")), (2, rsvp("\0")), (3, rsvp("x", "te\0a")), (4, rsvp("b"))])
    report = tea.reports("tea", 5)[0][0]
    assert (report.said, report.about) == ("a\ufffdb\ufffdc", "\ufffd")
    assert (tea.last_letter(), tea.rsvps("tea")) == (4, 2)


def test_nobody_hoards(tea: Catalog) -> None:
    tea.create_room(room("other"))
    numbers = iter(range(1, 10_000))
    alone = int(letters.MAX_PREFIX_RSVPS / (1 - letters.PREFIX_SHARE))
    for word in ("a", "b"):
        tea.take_letters([(next(numbers), rsvp(f"{word}{n}")) for n in range(200)])
    assert tea.rsvps("tea") == pytest.approx(alone, abs=1)
    alone = tea.rsvps("tea")
    tea.take_letters([(next(numbers), rsvp("c")), (next(numbers), rsvp("d", prefix="elsewhere"))])
    assert tea.rsvps("tea") == alone + 1
    # A carrier of many may have more, where many come.
    tea.take_letters([(next(numbers), rsvp(f"e{n}", prefix=f"net{n % 40}")) for n in range(400)])
    tea.take_letters([(next(numbers), rsvp(f"f{n}")) for n in range(90)])
    assert tea.rsvps("tea") == alone + 1 + 400 + 90
    tea.take_letters([(next(numbers), rsvp(f"a{n}", "other")) for n in range(10)])
    assert tea.rsvps("other") == 10
    tea.take_letters([(next(numbers), abuse("x")) for _ in range(letters.MAX_PREFIX_REPORTS + 5)])
    assert len(tea.reports("tea", 1000)[0]) == letters.MAX_PREFIX_REPORTS


def test_a_big_batch(tea: Catalog) -> None:
    tea.take_letters([(n + 1, rsvp(f"t{n}", prefix=f"p{n}")) for n in range(1200)])
    tea.take_letters([(n + 2001, rsvp(f"t{n}", prefix=f"q{n}")) for n in range(1200)])
    assert (tea.rsvps("tea"), tea.last_letter()) == (1200, 3200)


def test_number_and_deed_stand_or_fall_together(tea: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("the server went away"))

    with monkeypatch.context() as patch:
        patch.setattr(letters, "_report", fails)
        with pytest.raises(CatalogUnavailable):
            tea.take_letters([(1, rsvp("a")), (2, abuse("x"))])
    assert (tea.last_letter(), tea.rsvps("tea")) == (0, 0)
    tea.take_letters([(1, rsvp("a")), (2, abuse("x"))])
    assert (tea.last_letter(), tea.rsvps("tea")) == (2, 1)


def test_reports_of_a_room_and_of_all(tea: Catalog) -> None:
    tea.create_room(room("other"))
    tea.take_letters(
        [(n, abuse(f"s{n}", "tea" if n % 2 else "other", about=f"seat {n}", at=n + 0.5)) for n in range(1, 8)]
    )
    first, cursor = tea.reports(None, 4)
    assert [(r.said, r.room, r.at, r.about) for r in first[:2]] == [
        ("s7", "tea", WallTime(7.5), "seat 7"),
        ("s6", "other", WallTime(6.5), "seat 6"),
    ]
    tea.take_letters([(8, abuse("s8"))])  # meanwhile
    second, end = tea.reports(None, 4, cursor)
    assert [r.said for r in first + second] == [f"s{n}" for n in range(7, 0, -1)]
    assert end == ""
    assert [r.said for r in tea.reports("other", 10)[0]] == ["s6", "s4", "s2"]
    with pytest.raises(BadRequest, match="cursor"):
        tea.reports(None, 4, "x")
