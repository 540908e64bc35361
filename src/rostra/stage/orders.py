"""What is asked of a stage about the people on it (docs/topics/room.md), from the request to its answer.

Whether whoever asks may was checked at the stage door, but for what only a person themselves may: that takes their
token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from rostra.errors import BadRequest, Forbidden
from rostra.stage.moderation import Moderation
from rostra.stage.notes import checked
from rostra.stage.seats import MAX_SEATS, Seat

MAX_NAME_CHARS: Final = 60


class Known(Protocol):
    """Whom a token names."""

    @property
    def key(self) -> str: ...


class People(Protocol):
    """The floor, as far as it is needed here."""

    def whose(self, body: Mapping[str, Any]) -> Known: ...
    def off(self, seat: Seat) -> None: ...
    def changed(self) -> None: ...


class Orders:
    """Obeys them, one at a time."""

    def __init__(self, moderation: Moderation, people: People) -> None:
        self._moderation, self._people = moderation, people

    def obey(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """:raises Refused: with a sentence for whoever asked."""
        match body.get("op"):
            case "mute":
                return self._mute(body)
            case "mute_all":
                return self._mute_all(body)
            case "mute_self":
                return self._mute_self(body, True)
            case "unmute_self":
                return self._mute_self(body, False)
            case "ask_unmute":
                return {"seat": self._moderation.ask_unmute(text(body, "seat"), _by(body)).id}
            case "remove":
                return self._remove(body)
            case "note":
                kind, more = checked(body.get("note"))
                seat = self._moderation.seats.get(text(body, "seat"))
                return {"n": self._moderation.notes.add(seat.key, kind, **more)}
            case op:
                raise BadRequest(f"The stage does not know how to {str(op)[:40]!r}.")

    def _mute(self, body: Mapping[str, Any]) -> dict[str, Any]:
        muted = body.get("muted")
        if not isinstance(muted, bool):
            raise BadRequest("Say whether the seat is to be muted: true or false.")
        if not muted:
            raise Forbidden("Only they themselves can open their microphone. Ask them to unmute.")
        seat = self._moderation.mute(text(body, "seat"), _by(body))
        self._people.changed()
        return {"seat": seat.id, "muted": seat.muted}

    def _mute_all(self, body: Mapping[str, Any]) -> dict[str, Any]:
        but = body.get("but", [])
        if not isinstance(but, list) or len(but) > MAX_SEATS:
            raise BadRequest("Say with a list of seats who stays as they are.")
        muted = self._moderation.mute_all(_by(body), [str(seat) for seat in but])
        self._people.changed()
        return {"muted": muted}

    def _mute_self(self, body: Mapping[str, Any], muted: bool) -> dict[str, Any]:
        seat = self._moderation.mute_self(self._people.whose(body).key, muted)
        self._people.changed()
        return {"seat": seat.id, "muted": seat.muted}

    def _remove(self, body: Mapping[str, Any]) -> dict[str, Any]:
        block = body.get("block", False)
        if not isinstance(block, bool):
            raise BadRequest("Say whether they are to be blocked: true or false.")
        gone = self._moderation.remove(text(body, "seat"), _by(body), block=block)
        for seat in gone:
            self._people.off(seat)
        return {"removed": [seat.id for seat in gone], "blocked": block}


def text(body: Mapping[str, Any], name: str) -> str:
    """:raises BadRequest: if it is not there."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"A request to the stage lacks {name!r}.")
    return value


def _by(body: Mapping[str, Any]) -> str:
    """Who did it, as others are told."""
    return str(body.get("by") or "")[:MAX_NAME_CHARS]
