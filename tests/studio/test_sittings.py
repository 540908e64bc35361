from __future__ import annotations

import pytest

from rostra.studio import sittings as sittings_module
from rostra.studio.sittings import Sittings


def test_what_the_stage_says_counts_and_else_what_came_through_this_door() -> None:
    sittings = Sittings()
    sittings.note("main", "whip-1", "j1")
    assert sittings.identity("main", {"session": "whip-1"}) == "j1"
    assert sittings.identity("main", {"session": "whip-1", "identity": "j2"}) == "j2"
    assert sittings.identity("other", {"session": "whip-1"}) == "", "sessions are of one room"
    for nonsense in ({}, {"session": None}, {"session": 7}, {"identity": 7}):
        assert sittings.identity("main", nonsense) == ""


def test_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sittings_module, "MAX_KEPT", 2)
    sittings = Sittings()
    for n in range(3):
        sittings.note("main", f"whip-{n}", f"j{n}")
    assert [sittings.identity("main", {"session": f"whip-{n}"}) for n in range(3)] == ["", "j1", "j2"]
