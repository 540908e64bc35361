"""What a person on stage is to be told: that they were muted, are asked to speak, have a new link. Pure.

Numbered, so that a page asks only for what it does not have. The numbers of a later generation are higher, for the
page outlives the stage. Notes are kept for as long as the seat is; the note that it was taken from them, longer.
"""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any, Final

from rostra.errors import BadRequest

MAX_NOTES: Final = 32
"""A seat. A page asks each second or two; who was away longer needs the latest."""

MAX_FAREWELLS: Final = 256
"""People who were removed and are still to be told why."""

MAX_NOTE_BYTES: Final = 2048
"""A link with its token, and some words."""

MAX_KIND_CHARS: Final = 32

NUMBERS: Final = 1_000_000
"""A generation: more than are written while a stage lives."""

Note = dict[str, Any]
"""``{"n": number, "kind": what it is, ...}``."""


class Notes:
    """Of all seats. ``generation``: of the stage."""

    def __init__(self, generation: int = 0) -> None:
        self._last = generation * NUMBERS
        self._of: dict[str, deque[Note]] = {}
        """By person, of those who have a seat: as many as there are seats."""
        self._farewells: OrderedDict[str, Note] = OrderedDict()

    def begin(self, key: str) -> None:
        """The person has taken a seat anew."""
        self._of.pop(key, None)
        self._farewells.pop(key, None)

    def add(self, key: str, kind: str, **more: Any) -> int:
        """Its number."""
        note = self._number(kind, more)
        self._of.setdefault(key, deque(maxlen=MAX_NOTES)).append(note)
        return int(note["n"])

    def free(self, key: str, farewell: str = "", **more: Any) -> None:
        """The seat is free; ``farewell``: the kind of note by which they are told that it was taken from them."""
        self._of.pop(key, None)
        if farewell:
            self._farewells[key] = self._number(farewell, more)
            self._farewells.move_to_end(key)
            while len(self._farewells) > MAX_FAREWELLS:
                self._farewells.popitem(last=False)

    def after(self, key: str, n: int) -> list[Note]:
        """Those numbered above ``n``, oldest first."""
        farewell = self._farewells.get(key)
        notes = [farewell] if farewell is not None else list(self._of.get(key, ()))
        return [note for note in notes if note["n"] > n]

    def _number(self, kind: str, more: Mapping[str, Any]) -> Note:
        self._last += 1
        return {**more, "n": self._last, "kind": kind}


def checked(note: object) -> tuple[str, dict[str, Any]]:
    """The kind of a note that someone else wrote, and the rest of it. :raises BadRequest: it is none."""
    if not isinstance(note, Mapping):
        raise BadRequest("A note is an object with a kind.")
    kind, more = note.get("kind"), {str(k): v for k, v in note.items() if k not in ("n", "kind")}
    if not isinstance(kind, str) or not 0 < len(kind) <= MAX_KIND_CHARS:
        raise BadRequest(f"A note has a kind of 1 to {MAX_KIND_CHARS} letters.")
    if len(json.dumps(more)) > MAX_NOTE_BYTES:
        raise BadRequest(f"A note has at most {MAX_NOTE_BYTES} bytes.")
    return kind, more
