"""The stage door's API, call by call; ``/docs`` of the stage door describes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, Self

import httpx

from rostra.client.answers import (
    Appointed,
    Hand,
    Invitation,
    Json,
    Links,
    Lowering,
    Me,
    Post,
    Reissued,
    Removed,
    Report,
    Room,
    SeatTaken,
    Stage,
    read,
)
from rostra.client.asking import Asking
from rostra.errors import NotFound
from rostra.wire.rooms import ROOM_ID

Role = Literal["host", "cohost", "speaker", "listener"]

SLOW_S = 30.0
"""For what takes longer than an ordinary question: a stage that has to be started first (15 s), a picture that is
looked at and made anew."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Of seats, hands, posts, links: nothing else goes into an address."""


class RostraClient:
    """The studio at ``base_url`` (the stage door), asked with ``token``: the operator's, or a link's (what stands after
    ``#t=``), which may do what its role may.

    ``timeout_s``: how long a silence is taken for an answer that still comes. ``verify``: whether the certificate is
    checked. Not to be shared by threads.

    Every method raises the error of ``rostra.errors`` that the studio refused with, with its own sentence (BadRequest,
    BadToken, Forbidden, NotFound, Conflict, Gone, TooMany, Full, ...), and Unavailable if nobody answers. What makes
    something (``create_room``, ``invite``, ``post``, ``add_picture``) is said once more if the connection breaks, and
    yet done once.

    :raises ConfigError: ``base_url`` is no address. :raises BadToken: ``token`` cannot be one.
    """

    def __init__(
        self, base_url: str, token: str, *, timeout_s: float = 10.0, verify: bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:  # fmt: skip
        self._studio = Asking(base_url, token, timeout_s, verify=verify, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._studio.close()

    # Rooms.

    def create_room(
        self, title: str, *, id: str | None = None, words: str | None = None, at: datetime | str | None = None,
        tz: str | None = None, speakers: Iterable[str] | None = None, listed: bool | None = None,
        invited: bool | None = None, doors_s: float | None = None, delay_s: float | None = None,
    ) -> Room:  # fmt: skip
        """With its links. ``at``: ISO 8601, without an offset as the clock shows it in ``tz``; now if left out.

        :raises Conflict: there is a room of that ``id``.
        """
        body = {"title": title, **_given(
            id=id, words=words, at=_moment(at), tz=tz, speakers=_names(speakers), listed=listed, invited=invited,
            doors_s=doors_s, delay_s=delay_s,
        )}  # fmt: skip
        return read(Room, self._studio.make("/api/rooms", body))

    def rooms(self) -> Iterator[Room]:
        """All rooms, the newest first; page after page, as they are used. Without links."""
        return (read(Room, found) for found in self._studio.items("/api/rooms"))

    def room(self, room: str) -> Room:
        return self._room("GET", _of(room))

    def change_room(
        self, room: str, *, title: str | None = None, words: str | None = None, at: datetime | str | None = None,
        tz: str | None = None, speakers: Iterable[str] | None = None, listed: bool | None = None,
        invited: bool | None = None, doors_s: float | None = None, delay_s: float | None = None,
    ) -> Room:  # fmt: skip
        """Only what is given is changed. ``at``: without an offset as the clock shows it in ``tz``, or the room's."""
        changes = _given(
            title=title, words=words, at=_moment(at), tz=tz, speakers=_names(speakers), listed=listed, invited=invited,
            doors_s=doors_s, delay_s=delay_s,
        )  # fmt: skip
        return self._room("PATCH", _of(room), changes)

    def delete_room(self, room: str) -> None:
        """:raises Conflict: it is on air."""
        self._studio.ask("DELETE", _of(room))

    def set_picture(self, room: str, picture: bytes) -> Room:
        """``picture``: a whole file, JPEG, PNG, WebP or GIF.

        :raises Unsupported: it is none of these. :raises TooLarge: more than 8 MB.
        """
        return read(Room, self._studio.ask("PUT", f"{_of(room)}/picture", picture, at_least_s=SLOW_S))

    def remove_picture(self, room: str) -> Room:
        return self._room("DELETE", f"{_of(room)}/picture")

    # Its life. What cannot befall a room as it is now raises Conflict.

    def open(self, room: str) -> Room:
        """Opens the doors; starts a stage, which may take its time."""
        return read(Room, self._studio.ask("POST", f"{_of(room)}/open", at_least_s=SLOW_S))

    def start(self, room: str) -> Room:
        """Goes live, whatever the announced time."""
        return read(Room, self._studio.ask("POST", f"{_of(room)}/start", at_least_s=SLOW_S))

    def end(self, room: str) -> Room:
        """Ends it, or cancels it before it began. For good."""
        return read(Room, self._studio.ask("POST", f"{_of(room)}/end", at_least_s=SLOW_S))

    def cancel(self, room: str, note: str = "") -> Room:
        return self._room("POST", f"{_of(room)}/cancel", {"note": note})

    def postpone(self, room: str, at: datetime | str, note: str = "") -> Room:
        """``at``: without an offset as the clock shows it in the room's time zone."""
        return self._room("POST", f"{_of(room)}/postpone", {"at": _moment(at), "note": note})

    def new_room_doors_s(self) -> float:
        """How long before its time the doors of a new room open, if nobody says otherwise of it."""
        return float(self._studio.ask("GET", "/api/settings").get("doors_s") or 0.0)

    def set_new_room_doors_s(self, seconds: float | None) -> None:
        """None: as the server's own settings say."""
        self._studio.ask("PUT", "/api/settings", {"doors_s": seconds})

    # Links.

    def links(self, room: str) -> Links:
        """Those that a role shares, and all personal ones."""
        first: Json | None = None
        items: list[Any] = []
        for page in self._studio.pages(f"{_of(room)}/links"):
            first = first or page
            items += page["items"]
        return read(Links, {**(first or {}), "items": items, "next": None})

    def invite(self, room: str, role: Role, name: str = "") -> Invitation:
        """A link for one person. ``name`` is shown beside the voice; they are asked when it is empty."""
        return read(Invitation, self._studio.make(f"{_of(room)}/links", {"role": role, "name": name}))

    def reissue(self, room: str, role: Role) -> Reissued:
        """The shared link of a role anew: the one before is no longer good."""
        return read(Reissued, self._studio.ask("POST", f"{_of(room)}/links/{_safe(role)}/reissue"))

    def revoke(self, room: str, identity: str) -> None:
        """Takes a personal link back, at once."""
        self._studio.ask("DELETE", f"{_of(room)}/links/{_safe(identity)}")

    # The stage. Without one NotFound or StageUnavailable.

    def people(self, room: str) -> Stage:
        return read(Stage, self._studio.ask("GET", f"{_of(room)}/people"))

    def seats(self, room: str) -> tuple[SeatTaken, ...]:
        """Who sat on the stage and when, the last ones first."""
        found = self._studio.ask("GET", f"{_of(room)}/seats", params={"limit": 1000}).get("items")
        return tuple(read(SeatTaken, seat) for seat in found or ())

    def me(self, room: str, seat: str = "", after: int = 0) -> Me:
        """``seat``: which of the people behind one link. ``after``: the number of the last note that is known."""
        return read(Me, self._studio.ask("GET", f"{_of(room)}/me", params={"seat": seat, "after": after}))

    def mute_me(self, room: str, muted: bool = True, seat: str = "", session: str = "") -> None:
        """``session``: the one that keeps the seat; behind a link that others have too it is asked for."""
        proof = {"session": session} if session else {}
        self._studio.ask("POST", f"{_of(room)}/me/mute", {"muted": muted, "seat": seat, **proof})

    def mute(self, room: str, seat: str) -> None:
        """Only they themselves can open their microphone again."""
        self._studio.ask("POST", f"{_seat(room, seat)}/mute", {"muted": True})

    def mute_all(self, room: str) -> tuple[str, ...]:
        """All but oneself; the seats that it silenced."""
        muted = self._studio.ask("POST", f"{_of(room)}/mute-all").get("muted")
        return tuple(str(seat) for seat in muted) if isinstance(muted, list) else ()

    def ask_unmute(self, room: str, seat: str) -> None:
        self._studio.ask("POST", f"{_seat(room, seat)}/ask-unmute")

    def remove(self, room: str, seat: str, *, block: bool = False) -> Removed:
        """``block``: they do not come back, with this link or this browser."""
        return read(Removed, self._studio.ask("DELETE", _seat(room, seat), params={"block": str(block).lower()}))

    def appoint(self, room: str, seat: str, role: Literal["host", "cohost", "speaker"]) -> Appointed:
        """``host`` hands one's own seat over: go on with the link that the answer has."""
        return read(Appointed, self._studio.ask("POST", f"{_seat(room, seat)}/appoint", {"role": role}))

    def lock(self, room: str, locked: bool = True) -> Room:
        """Nobody new takes a seat, or may again."""
        return self._room("POST", f"{_of(room)}/lock", {"locked": locked})

    def delay(self, room: str, seconds: float) -> Room:
        """Broadcast delay, 0 to 30 seconds."""
        return self._room("POST", f"{_of(room)}/delay", {"seconds": seconds})

    def dump(self, room: str) -> float:
        """What is in the broadcast delay never goes out: so many seconds of it."""
        dumped_s = self._studio.ask("POST", f"{_of(room)}/dump").get("dumped_s")
        return float(dumped_s) if isinstance(dumped_s, int | float) else 0.0

    # Hands.

    def hands(self, room: str, q: str = "", sort: Literal["at", "-at", "name", "-name"] = "at") -> Iterator[Hand]:
        """Those that are up. ``q``: a word in the name or in what they say."""
        return (read(Hand, found) for found in self._studio.items(f"{_of(room)}/hands", {"q": q, "sort": sort}))

    def accept(self, room: str, ticket: str) -> Hand:
        """Lifts them to the stage: they are given a speaker's link of their own."""
        return read(Hand, self._studio.ask("POST", f"{_of(room)}/hands/{_safe(ticket)}/accept"))

    def decline(self, room: str, ticket: str) -> Hand:
        return read(Hand, self._studio.ask("POST", f"{_of(room)}/hands/{_safe(ticket)}/decline"))

    def lower_all(self, room: str) -> Lowering:
        """Begins to; a hall full of hands takes a while."""
        return read(Lowering, self._studio.ask("POST", f"{_of(room)}/hands/lower-all"))

    # What listeners said.

    def reports(self, room: str = "") -> Iterator[Report]:
        """Of a room, or (to an operator) of all."""
        path = f"{_of(room)}/reports" if room else "/api/reports"
        return (read(Report, found) for found in self._studio.items(path))

    def rsvps(self, room: str) -> int:
        """How many will come."""
        return int(self._studio.ask("GET", f"{_of(room)}/rsvps").get("count") or 0)

    # Posts.

    def posts(self, room: str) -> Iterator[Post]:
        """The newest first."""
        return (read(Post, found) for found in self._studio.items(f"{_of(room)}/posts"))

    def post(self, room: str, text: str = "", *, link: str = "", picture: str = "", pinned: bool = False) -> Post:
        """``picture``: a name that :meth:`add_picture` gave."""
        body = {"text": text, "link": link, "picture": picture, "pinned": pinned}
        return read(Post, self._studio.make(f"{_of(room)}/posts", body))

    def change_post(
        self, room: str, post: str, *, text: str | None = None, link: str | None = None, picture: str | None = None,
        pinned: bool | None = None,
    ) -> Post:  # fmt: skip
        """Only what is given is changed."""
        changes = _given(text=text, link=link, picture=picture, pinned=pinned)
        return read(Post, self._studio.ask("PATCH", f"{_of(room)}/posts/{_safe(post)}", changes))

    def delete_post(self, room: str, post: str) -> None:
        self._studio.ask("DELETE", f"{_of(room)}/posts/{_safe(post)}")

    def add_picture(self, room: str, picture: bytes) -> str:
        """Its name, for posts. Takes and raises what :meth:`set_picture` does."""
        return str(self._studio.make(f"{_of(room)}/pictures", picture, SLOW_S).get("picture") or "")

    def _room(self, method: str, path: str, body: Json | None = None) -> Room:
        return read(Room, self._studio.ask(method, path, body))


def _given(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _names(names: Iterable[str] | None) -> Sequence[str] | None:
    return None if names is None else list(names)


def _moment(at: datetime | str | None) -> str | None:
    return at.isoformat() if isinstance(at, datetime) else at


def _of(room: str) -> str:
    """:raises NotFound: before anything odd goes into an address."""
    if not ROOM_ID.fullmatch(room):
        raise NotFound(f"There is no room {room[:60]!r}: an id is 1 to 40 of a-z, 0-9 and inner hyphens.")
    return f"/api/rooms/{room}"


def _safe(name: str) -> str:
    """:raises NotFound: before anything odd goes into an address."""
    if not _NAME.fullmatch(name):
        raise NotFound(f"There is nothing of the name {name[:60]!r} in this room.")
    return name


def _seat(room: str, seat: str) -> str:
    return f"{_of(room)}/seats/{_safe(seat)}"
