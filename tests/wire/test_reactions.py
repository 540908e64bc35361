from __future__ import annotations

import pytest

from rostra.wire.reactions import REACTIONS, reaction


def test_there_are_eight_of_one_character() -> None:
    assert len(set(REACTIONS)) == len(REACTIONS) == 8
    assert all(len(r) == 1 and reaction(r) == r for r in REACTIONS)


def test_asking_for_colour_makes_no_other_reaction() -> None:
    assert reaction("❤\N{VARIATION SELECTOR-16}") == reaction("❤") == "❤"


@pytest.mark.parametrize("text", ["", "x", "❤❤", "💩", "\N{VARIATION SELECTOR-16}", "❤\0", "❤ "])
def test_anything_else_is_none(text: str) -> None:
    assert reaction(text) is None
