"""What a listener sends: a small JSON object, checked to the letter, and its texts made safe to show. Pure.

A body has 4 KiB at most (:mod:`head`). It comes as ``application/json``, or as ``text/plain``, which is what
``navigator.sendBeacon`` can send to another origin without asking first.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rostra.errors import BadRequest, Unsupported
from rostra.wire.hands import MAX_HAND_NAME, MAX_WHY, TICKET
from rostra.wire.inbox import MAX_SAID
from rostra.wire.passes import PASS_LETTERS
from rostra.wire.reactions import REACTIONS, reaction

MAX_ABOUT = 64
"""A seat's or a post's name (``wire.inbox``)."""

MAX_TOKEN = 64
MAX_ANSWER = 2048
"""An answer to a challenge as our page writes it has about 900 letters."""

_JOINERS = frozenset("\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}")
"""Persian writes words and emoji put families together with them. In a sentence they do no harm; in a name they make
two that look alike."""

_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Control characters; format characters, which are bidi overrides, zero-width ones and tags; halves of a surrogate
pair; what has no meaning, or only between friends (Unicode, general categories)."""

MAX_MARKS = 4
"""Combining marks on one letter: Vietnamese has two, polytonic Greek three. More run over the lines above."""


@dataclass(frozen=True, slots=True)
class HandAsked:
    name: str
    why: str
    ticket: str
    withdraw: bool = False
    again: bool = False
    """Whoever was called to the stage once asks once more."""


@dataclass(frozen=True, slots=True)
class Report:
    said: str
    about: str


def hand_asked(body: bytes, content_type: str) -> HandAsked:
    """:raises Refused: what is wrong with it, as a sentence."""
    found = _Object(body, content_type, {"name", "why", "ticket", "withdraw", "again"})
    ticket = found.ticket()
    if found.flag("withdraw"):
        if not ticket:
            raise BadRequest("To take your hand down, send the ticket you were given.")
        return HandAsked("", "", ticket, withdraw=True)
    name = found.text("name", MAX_HAND_NAME, "A name")
    if not name and not ticket:
        raise BadRequest("Tell the host your name: name is missing.")
    why = found.text("why", MAX_WHY, "A word on why", joiners=True)
    return HandAsked(name, why, ticket, again=found.flag("again"))


@dataclass(frozen=True, slots=True)
class RsvpMade:
    ticket: str = ""
    """That is sent again; empty: a new one is wanted."""
    answer: str = ""
    """To a challenge."""


@dataclass(frozen=True, slots=True)
class NumberAsked:
    rsvp: str = ""
    """The ticket of a promise to come, which is a place in a line of its own."""
    answer: str = ""
    inside: int = 0
    """What those inside were told."""


def rsvp_made(body: bytes, content_type: str) -> RsvpMade:
    """:raises Refused: what is wrong with it."""
    if not body.strip():
        return RsvpMade()
    found = _Object(body, content_type, {"ticket", "answer"})
    ticket = found.string("ticket")
    if len(ticket) != PASS_LETTERS:
        ticket = found.ticket()
    return RsvpMade(ticket, found.answer())


def number_asked(body: bytes, content_type: str) -> NumberAsked:
    """:raises Refused: what is wrong with it."""
    if not body.strip():
        return NumberAsked()
    found = _Object(body, content_type, {"rsvp", "answer", "inside"})
    rsvp = found.string("rsvp")
    if len(rsvp) > MAX_TOKEN:
        raise BadRequest("rsvp is the ticket that you were given.")
    return NumberAsked(rsvp, found.answer(), found.number("inside"))


def reaction_sent(body: bytes, content_type: str) -> str:
    """:raises Refused: what is wrong with it."""
    found = reaction(_Object(body, content_type, {"r"}).string("r"))
    if found is None:
        raise BadRequest(f"r is one of {' '.join(REACTIONS)}")
    return found


def report_made(body: bytes, content_type: str) -> Report:
    """:raises Refused: what is wrong with it."""
    found = _Object(body, content_type, {"said", "about"})
    said = found.text("said", MAX_SAID, "A report", lines=True, joiners=True)
    if not said:
        raise BadRequest("Say what is wrong: said is missing.")
    return Report(said, found.text("about", MAX_ABOUT, "about"))


class _Object:
    """A JSON object whose names are known."""

    def __init__(self, body: bytes, content_type: str, known: set[str]) -> None:
        kind = content_type.partition(";")[0].strip().lower()
        if kind not in ("", "application/json", "text/plain"):
            raise Unsupported("Send JSON as application/json or text/plain.")
        try:
            found = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise BadRequest("The body is not JSON.") from None
        if not isinstance(found, dict):
            raise BadRequest("The body is a JSON object.")
        if unknown := found.keys() - known:
            raise BadRequest(f"{clean(min(unknown), 32)[:32]!r} is not known here, only {', '.join(sorted(known))}.")
        self._found: dict[str, Any] = found

    def string(self, name: str) -> str:
        value = self._found.get(name, "")
        if not isinstance(value, str):
            raise BadRequest(f"{name} is a text.")
        return value

    def flag(self, name: str) -> bool:
        value = self._found.get(name, False)
        if not isinstance(value, bool):
            raise BadRequest(f"{name} is true or false.")
        return value

    def text(self, name: str, most: int, called: str, *, lines: bool = False, joiners: bool = False) -> str:
        value = clean(self.string(name), 2 * most, lines=lines, joiners=joiners)
        if len(value) > most:
            raise BadRequest(f"{called} has at most {most} characters.")
        return value

    def number(self, name: str) -> int:
        value = self._found.get(name, 0)
        if type(value) is not int or not 0 <= value < 2**53:
            raise BadRequest(f"{name} is a whole number.")
        return value

    def answer(self) -> str:
        """To a challenge: whether it is one, others know."""
        value = self.string("answer")
        if len(value) > MAX_ANSWER:
            raise BadRequest("This answer is far too long to be one. Ask for a new challenge.")
        return value

    def ticket(self) -> str:
        value = self.string("ticket")
        if value and not TICKET.fullmatch(value):
            raise BadRequest("A ticket is 22 letters, digits, - and _, as you were given it.")
        return value


def clean(text: str, most: int, *, lines: bool = False, joiners: bool = False) -> str:
    """``text`` as it may be shown beside others': one form of each letter, nothing invisible, nothing that turns the
    direction of what follows, single spaces. Cut after ``most`` characters before the spaces are looked at.
    """
    kept: list[str] = []
    marks = 0
    for c in unicodedata.normalize("NFC", text):
        category = unicodedata.category(c)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > MAX_MARKS:
            continue
        if c.isspace() or category in ("Zl", "Zp"):
            kept.append("\n" if lines and c in "\n\u2028\u2029" else " ")
        elif category not in _DROPPED or (joiners and c in _JOINERS):
            kept.append(c)
        if len(kept) >= most:
            break
    whole = "".join(kept)
    if not lines:
        return " ".join(whole.split())
    rows = [" ".join(row.split()) for row in whole.split("\n")]
    return "\n".join(row for row, before in zip(rows, ["", *rows], strict=False) if row or before).strip()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _no_constant(name: str) -> Callable[[], None]:
    raise ValueError(f"{name} is not JSON")
