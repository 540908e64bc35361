"""The stage door's API, call by call. Answers are the API's own JSON (``/docs`` of the stage door)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx

from rostra.client.problems import error
from rostra.errors import RostraError, Unavailable

Json = dict[str, Any]
Role = Literal["host", "cohost", "speaker", "listener"]

ANSWER_WITHIN_S = 20.0
"""A stage may have to be started first."""

PAGE = 100


class RostraClient:
    """``base_url``: of the stage door. ``token``: the operator's, or a link's (what stands after ``#t=``).

    Every method raises the error of ``rostra.errors`` that the studio refused with, with its own sentence; Unavailable
    if nobody answers.
    """

    def __init__(
        self, base_url: str, token: str, *, verify: bool = True, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._base = base_url.rstrip("/")
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"},
            timeout=ANSWER_WITHIN_S,
            verify=verify,
            trust_env=False,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # Rooms.

    def create_room(self, title: str, **more: Any) -> Json:
        """``more``: ``id, words, at, tz, speakers, listed, invited, doors_s, delay_s``. With its links."""
        return self._make("/api/rooms", {"title": title, **_given(more)})

    def rooms(self) -> Iterator[Json]:
        """All rooms, the newest first."""
        return self._all("/api/rooms")

    def room(self, room: str) -> Json:
        return self._ask("GET", _of(room))

    def change_room(self, room: str, **changes: Any) -> Json:
        return self._ask("PATCH", _of(room), _given(changes))

    def delete_room(self, room: str) -> None:
        self._ask("DELETE", _of(room))

    def set_picture(self, room: str, picture: bytes) -> Json:
        return self._ask("PUT", f"{_of(room)}/picture", picture)

    # Its life.

    def open(self, room: str) -> Json:
        return self._ask("POST", f"{_of(room)}/open")

    def start(self, room: str) -> Json:
        return self._ask("POST", f"{_of(room)}/start")

    def end(self, room: str) -> Json:
        return self._ask("POST", f"{_of(room)}/end")

    def cancel(self, room: str, note: str = "") -> Json:
        return self._ask("POST", f"{_of(room)}/cancel", {"note": note})

    def postpone(self, room: str, at: str, note: str = "") -> Json:
        return self._ask("POST", f"{_of(room)}/postpone", {"at": at, "note": note})

    # Links.

    def links(self, room: str) -> Json:
        """``shared`` by role, and ``items``: all personal ones."""
        first = self._ask("GET", f"{_of(room)}/links", params={"limit": PAGE})
        items = first["items"]
        while first["next"]:
            first = self._ask("GET", f"{_of(room)}/links", params={"limit": PAGE, "cursor": first["next"]})
            items += first["items"]
        return {**first, "items": items}

    def invite(self, room: str, role: Role, name: str = "") -> Json:
        return self._make(f"{_of(room)}/links", {"role": role, "name": name})

    def reissue(self, room: str, role: Role) -> Json:
        return self._ask("POST", f"{_of(room)}/links/{role}/reissue")

    def revoke(self, room: str, identity: str) -> None:
        self._ask("DELETE", f"{_of(room)}/links/{quote(identity, safe='')}")

    # The stage.

    def people(self, room: str) -> Json:
        return self._ask("GET", f"{_of(room)}/people")

    def me(self, room: str, seat: str = "", after: int = 0) -> Json:
        return self._ask("GET", f"{_of(room)}/me", params={"seat": seat, "after": after})

    def mute_me(self, room: str, muted: bool, seat: str = "") -> Json:
        return self._ask("POST", f"{_of(room)}/me/mute", {"muted": muted, "seat": seat})

    def mute(self, room: str, seat: str) -> Json:
        return self._ask("POST", f"{_seat(room, seat)}/mute", {"muted": True})

    def mute_all(self, room: str) -> Json:
        return self._ask("POST", f"{_of(room)}/mute-all")

    def ask_unmute(self, room: str, seat: str) -> Json:
        return self._ask("POST", f"{_seat(room, seat)}/ask-unmute")

    def appoint(self, room: str, seat: str, role: Role) -> Json:
        return self._ask("POST", f"{_seat(room, seat)}/appoint", {"role": role})

    def remove(self, room: str, seat: str, *, block: bool = False) -> Json:
        return self._ask("DELETE", _seat(room, seat), params={"block": str(block).lower()})

    def lock(self, room: str, locked: bool = True) -> Json:
        return self._ask("POST", f"{_of(room)}/lock", {"locked": locked})

    def delay(self, room: str, seconds: float) -> Json:
        return self._ask("POST", f"{_of(room)}/delay", {"seconds": seconds})

    def dump(self, room: str) -> Json:
        return self._ask("POST", f"{_of(room)}/dump")

    # Listeners.

    def hands(self, room: str, q: str = "", sort: Literal["at", "name"] = "at") -> Iterator[Json]:
        return self._all(f"{_of(room)}/hands", {"q": q, "sort": sort})

    def accept(self, room: str, ticket: str) -> Json:
        return self._ask("POST", f"{_of(room)}/hands/{quote(ticket, safe='')}/accept")

    def decline(self, room: str, ticket: str) -> Json:
        return self._ask("POST", f"{_of(room)}/hands/{quote(ticket, safe='')}/decline")

    def lower_all(self, room: str) -> Json:
        return self._ask("POST", f"{_of(room)}/hands/lower-all")

    def reports(self, room: str = "") -> Iterator[Json]:
        """Of a room, or of all."""
        return self._all(f"{_of(room)}/reports" if room else "/api/reports")

    def rsvps(self, room: str) -> int:
        return int(self._ask("GET", f"{_of(room)}/rsvps")["count"])

    # Posts.

    def posts(self, room: str) -> Iterator[Json]:
        return self._all(f"{_of(room)}/posts")

    def post(self, room: str, text: str = "", *, link: str = "", picture: str = "", pinned: bool = False) -> Json:
        body = {"text": text, "link": link, "picture": picture, "pinned": pinned}
        return self._make(f"{_of(room)}/posts", body)

    def change_post(self, room: str, post: str, **changes: Any) -> Json:
        return self._ask("PATCH", f"{_of(room)}/posts/{quote(post, safe='')}", _given(changes))

    def delete_post(self, room: str, post: str) -> None:
        self._ask("DELETE", f"{_of(room)}/posts/{quote(post, safe='')}")

    def add_picture(self, room: str, picture: bytes) -> str:
        """Its name, for posts."""
        return str(self._make(f"{_of(room)}/pictures", picture)["picture"])

    # How it is asked.

    def _make(self, path: str, body: Json | bytes) -> Json:
        """Once, however often the wish is said: a connection that breaks is tried again with the same key."""
        headers = {"Idempotency-Key": secrets.token_urlsafe(16)}
        try:
            return self._ask("POST", path, body, headers=headers)
        except Unavailable as e:
            if not isinstance(e.__cause__, httpx.RemoteProtocolError | httpx.ReadError):
                raise
            return self._ask("POST", path, body, headers=headers)

    def _all(self, path: str, params: Json | None = None) -> Iterator[Json]:
        cursor = ""
        while True:
            page = self._ask("GET", path, params={**(params or {}), "limit": PAGE, "cursor": cursor})
            yield from page["items"]
            if not (cursor := page["next"] or ""):
                return

    def _ask(
        self, method: str, path: str, body: Json | bytes | None = None, *,
        params: Json | None = None, headers: Json | None = None,
    ) -> Json:  # fmt: skip
        sent = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        try:
            answer = self._http.request(method, f"{self._base}{path}", params=params, headers=headers, **sent)
        except httpx.HTTPError as e:
            raise Unavailable(f"The studio at {self._base} does not answer ({e}). Is `rostra serve` running?") from e
        try:
            found = answer.json()
        except ValueError as e:
            raise RostraError(f"What answers at {self._base} is not a Rostra studio.") from e
        if not answer.is_success:
            raise error(answer.status_code, found, answer.headers.get("Retry-After", ""))
        if not isinstance(found, dict):
            raise RostraError(f"What answers at {self._base} is not a Rostra studio.")
        return found


def _given(values: Json) -> Json:
    """What is not None; tuples as lists."""
    return {
        k: list(v) if isinstance(v, Sequence) and not isinstance(v, str) else v
        for k, v in values.items() if v is not None
    }  # fmt: skip


def _of(room: str) -> str:
    return f"/api/rooms/{quote(room, safe='')}"


def _seat(room: str, seat: str) -> str:
    return f"{_of(room)}/seats/{quote(seat, safe='')}"
