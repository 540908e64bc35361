"""The reactions that a listener can send: eight, so that a flow of a million of them is still eight numbers."""

from __future__ import annotations

from typing import Final

REACTIONS: Final = ("❤", "👏", "😂", "🔥", "🎉", "👍", "😮", "😢")

_VARIATION_SELECTOR = "\N{VARIATION SELECTOR-16}"
"""Keyboards put it behind some of them to ask for colour; it is the same reaction."""


def reaction(text: str) -> str | None:
    """Which of the eight ``text`` is; None: none of them."""
    found = text.replace(_VARIATION_SELECTOR, "")
    return found if found in REACTIONS else None
