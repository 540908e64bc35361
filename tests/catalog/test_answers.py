"""Settings, and answers that are given again."""

import pytest

from rostra.catalog import Catalog
from rostra.errors import Conflict
from rostra.units import WallTime

NOW = WallTime(1_000_000.5)
DAY = 24 * 3600.0


def test_settings(catalog: Catalog) -> None:
    assert catalog.setting("a") == ""
    assert catalog.setting("a", "b") == "b"
    catalog.set_setting("a", "c")
    catalog.set_setting("a", "")
    catalog.set_setting("other", "d")
    assert catalog.setting("a", "b") == ""
    assert catalog.setting("other") == "d"


def test_an_answer_is_given_again_for_a_day(catalog: Catalog) -> None:
    assert catalog.answered("key", "print", NOW) is None
    catalog.remember_answer("key", "print", 201, b"\0\xff", NOW)
    assert catalog.answered("key", "print", WallTime(NOW + DAY - 1)) == (201, b"\0\xff")
    assert catalog.answered("key", "print", WallTime(NOW + DAY)) is None


def test_a_key_stands_for_one_request(catalog: Catalog) -> None:
    catalog.remember_answer("key", "print", 201, b"first", NOW)
    with pytest.raises(Conflict, match="new key"):
        catalog.answered("key", "another", NOW)
    catalog.remember_answer("key", "print", 200, b"second", WallTime(NOW + 1))
    assert catalog.answered("key", "print", NOW) == (201, b"first")


def test_what_is_old_goes(catalog: Catalog) -> None:
    catalog.remember_answer("key", "print", 201, b"first", NOW)
    later = WallTime(NOW + DAY)
    catalog.remember_answer("key", "another", 200, b"second", later)
    assert catalog.answered("key", "another", later) == (200, b"second")
