"""The room behind the stage door of the tests: the API of docs/topics/room.md, as true as a page can tell.

Rights are the project's own (``rostra.permissions``). What a test wants to have happened it does to the attributes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from rostra import life, permissions
from rostra.errors import BadRequest, BadToken, Conflict, NotFound, RostraError
from rostra.permissions import Action
from rostra.units import Role, RoomState

OPERATOR = "secret"
PICTURE = "0123456789abcdef0123456789abcdef.webp"
MAX_DELAY_S = 30


def token(role: str, name: str = "", jti: str = "", room: str = "sea") -> str:
    """What a page reads of a token. The signature is checked by servers only."""
    claims = {"exp": 4_000_000_000, "jti": jti or role, "name": name, "role": role, "room": room, "v": 1}
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode() + ".signature"


def claims_of(text: str) -> dict[str, Any]:
    head = text.split(".", maxsplit=1)[0]
    return dict(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))))


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def someone(seat: str, name: str, role: str = "speaker", **more: Any) -> dict[str, Any]:
    """Somebody on the stage, as the stage describes them."""
    person = {
        "id": seat,
        "name": name,
        "role": role,
        "state": "here",
        "muted": False,
        "level": -24,
        "loss_percent": 0.4,
        "delay_ms": 84,
        "echo": False,
        "source": "",
    }
    return {**person, **more}


@dataclass
class Asking:
    """One question to the API."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    raw: bytes
    bearer: str
    kind: str

    @property
    def operator(self) -> bool:
        return self.bearer == OPERATOR

    @property
    def claims(self) -> dict[str, Any]:
        return claims_of(self.bearer)


@dataclass
class RoomStub:
    state: str = "live"
    """As it is announced to everyone."""
    on_stage: str = ""
    """As it is for who speaks, where that differs."""
    people: list[dict[str, Any]] = field(default_factory=list)
    title: str = "What the sea remembers"
    words: str = ""
    tz: str = "UTC"
    at: float = field(default_factory=lambda: time.time() + 600)
    speakers_announced: list[str] = field(default_factory=list)
    picture: str = ""
    listed: bool = True
    invited: bool = False
    doors_s: float = 900
    delay_s: float = 0
    locked: bool = False
    note: str = ""
    listening: int = 1234
    clock_ahead_s: float = 0.0
    """How far the server's clock is ahead of the browser's."""
    issues: dict[str, int] = field(default_factory=dict)
    invitations: list[dict[str, Any]] = field(default_factory=list)
    hands: list[dict[str, Any]] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    rooms: list[dict[str, Any]] = field(default_factory=list)
    """Beside this one, for the desk."""
    notes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By seat."""
    keys: dict[str, str] = field(default_factory=dict)
    """By seat: whose it is."""
    uploads: list[tuple[str, bytes]] = field(default_factory=list)
    once: list[str] = field(default_factory=list)
    """Idempotency keys that came."""
    refuse_api: dict[str, RostraError] = field(default_factory=dict)
    """By the end of an address: what answers instead."""
    unchanged: int = 0
    """Questions answered by 304."""

    base = "http://stage.example"
    front = "http://front.example"

    # For tests

    def note_to(self, seat: str, kind: str, **more: Any) -> None:
        notes = self.notes.setdefault(seat, [])
        notes.append({"n": len(notes) + 1, "kind": kind, **more})

    def seat_named(self, name: str) -> dict[str, Any]:
        return next(p for p in self.people if p["name"] == name)

    def link(self, page: str, role: str, **claims: str) -> str:
        return f"{self.base}/{page}/sea#t={token(role, **claims)}"

    def raise_hands(self, number: int) -> None:
        self.hands = [
            {"ticket": f"t{n:021}", "name": f"Listener {n:05}", "why": f"About point {n}", "at": iso(time.time() - 90)}
            for n in range(number)
        ]

    # What is answered

    def view(self, **changed: Any) -> dict[str, Any]:
        view = {
            "id": "sea",
            "title": self.title,
            "state": self.state,
            "at": iso(self.at),
            "created": "2026-05-01T17:00:00Z",
            "started": None,
            "ended": None,
            "public": f"{self.front}/r/sea",
            "words": self.words,
            "tz": self.tz,
            "speakers": self.speakers_announced,
            "picture": self.picture,
            "listed": self.listed,
            "invited": self.invited,
            "doors_s": self.doors_s,
            "delay_s": self.delay_s,
            "locked": self.locked,
            "note": self.note,
        }
        return {**view, **changed}

    def shared(self) -> dict[str, str]:
        pages = {"host": "host", "cohost": "host", "speaker": "speak"}
        links = {role: self.link(page, role, jti=self.shared_identity(role)) for role, page in pages.items()}
        return {"public": f"{self.front}/r/sea", **links}

    def shared_identity(self, role: str) -> str:
        return f"{role}-{self.issues[role]}" if self.issues.get(role) else role

    def api(self, asking: Asking) -> tuple[int, Any]:
        """:raises RostraError: with a sentence."""
        for end, refused in self.refuse_api.items():
            if asking.path.endswith(end):
                raise refused
        for method, pattern, action, answer in ROUTES:
            if method == asking.method and (found := re.fullmatch(pattern, asking.path)):
                self._need(asking, action)
                given = answer(self, asking, *map(unquote, found.groups()))
                return given if isinstance(given, tuple) else (200, given)
        raise NotFound("There is nothing at this address.")

    def _need(self, asking: Asking, action: Action) -> None:
        if asking.operator:
            return
        if "." not in asking.bearer:
            raise BadToken("This is not the operator's token.")
        claims = asking.claims
        shared = re.fullmatch(rf"{claims['role']}(-\d+)?", claims["jti"])
        taken_back = [i["identity"] for i in self.invitations if i["revoked"]]
        if claims["jti"] in taken_back or (shared and claims["jti"] != self.shared_identity(claims["role"])):
            raise BadToken("This link has been taken back. Ask the host for a new one.")
        permissions.need(Role(claims["role"]), action)

    def _befall(self, event: life.LifeEvent) -> dict[str, Any]:
        if event is life.LifeEvent.OPEN and self.state == "open":
            return self.view()
        self.state = life.advance(RoomState(self.state), event).value
        return self.view()

    def _cancel(self, asking: Asking) -> dict[str, Any]:
        self.note = asking.body["note"]
        return self._befall(life.LifeEvent.CANCEL)

    def _postpone(self, asking: Asking) -> dict[str, Any]:
        self.at = _moment(asking.body["at"])
        self.note = asking.body["note"]
        return self._befall(life.LifeEvent.POSTPONE)

    def _change(self, asking: Asking) -> dict[str, Any]:
        for name, value in asking.body.items():
            if name == "at":
                self.at = _moment(value)
            elif name == "speakers":
                self.speakers_announced = value
            elif name in ("title", "words", "tz", "listed", "invited", "doors_s"):
                setattr(self, name, value)
            else:
                raise BadRequest(f"The request is not as it should be: {name}: not known.")
        return self.view()

    def _people(self, _asking: Asking) -> dict[str, Any]:
        return {
            "seats": self.people,
            "returns": 0,
            "state": self.on_stage or self.state,
            "delay_s": self.delay_s,
            "dumped": 0,
            "listening": self.listening,
        }

    def _mine(self, asking: Asking, which: str) -> tuple[str, dict[str, Any] | None]:
        """The seat that is or was theirs, and who is on it."""
        key = f"{asking.claims['jti']}/{which}"
        seat = next((s for s, whose in self.keys.items() if whose == key), "")
        return seat, next((p for p in self.people if p["id"] == seat), None)

    def _me(self, asking: Asking) -> dict[str, Any]:
        seat, person = self._mine(asking, asking.query.get("seat", ""))
        after = int(asking.query.get("after", 0))
        notes = [n for n in self.notes.get(seat, []) if n["n"] > after]
        return {"seat": person, "notes": notes, "state": self.on_stage or self.state}

    def _mute_me(self, asking: Asking) -> dict[str, Any]:
        _, person = self._mine(asking, asking.body["seat"])
        if person is None:
            raise NotFound("You have no seat on this stage.")
        person["muted"] = asking.body["muted"]
        return {}

    def _seat(self, seat: str) -> dict[str, Any]:
        for person in self.people:
            if person["id"] == seat:
                return person
        raise NotFound("Nobody has that seat.")

    def _mute(self, asking: Asking, seat: str) -> dict[str, Any]:
        if asking.body != {"muted": True}:
            raise BadRequest("Only the person themselves opens their microphone. Ask them to unmute.")
        self._seat(seat)["muted"] = True
        self.note_to(seat, "muted", by=asking.claims["name"])
        return {}

    def _mute_all(self, asking: Asking) -> dict[str, Any]:
        mine = [p["id"] for p in self.people if self.keys.get(p["id"], "").startswith(f"{asking.claims['jti']}/")]
        for person in self.people:
            if person["id"] not in mine:
                person["muted"] = True
                self.note_to(person["id"], "muted")
        return {}

    def _ask_unmute(self, _asking: Asking, seat: str) -> dict[str, Any]:
        self.note_to(self._seat(seat)["id"], "ask_unmute")
        return {}

    def _free(self, asking: Asking, seat: str) -> dict[str, Any]:
        self.people.remove(self._seat(seat))
        blocked = asking.query.get("block") == "true"
        self.note_to(seat, "removed", block=blocked)
        return {"removed": [seat], "blocked": blocked, "hint": "Issue the link of speakers anew." if blocked else ""}

    def _appoint(self, asking: Asking, seat: str) -> dict[str, Any]:
        role = asking.body["role"]
        if not asking.operator:
            permissions.need(Role(asking.claims["role"]), Action.HAND_OVER if role == "host" else Action.APPOINT)
        link = self.link("host", role, name=self._seat(seat)["name"], jti=f"j-{seat}")
        self.note_to(seat, "link", link=link, role=role)
        if role != "host" or asking.operator:
            return {"link": None, "role": role, "hint": "Issue it anew." if role == "speaker" else ""}
        return {"link": self.link("host", "cohost", name=asking.claims["name"], jti="j-was-host"), "role": "cohost"}

    def _lock(self, asking: Asking) -> dict[str, Any]:
        self.locked = asking.body["locked"]
        return self.view()

    def _delay(self, asking: Asking) -> dict[str, Any]:
        if not 0 <= asking.body["seconds"] <= MAX_DELAY_S:
            raise BadRequest("A broadcast delay is 0 to 30 s.")
        self.delay_s = asking.body["seconds"]
        return self.view()

    def _dump(self, _asking: Asking) -> dict[str, Any]:
        return {"dumped_s": self.delay_s}

    def _hands(self, asking: Asking) -> dict[str, Any]:
        q, sort = asking.query.get("q", "").casefold(), asking.query.get("sort", "at")
        found = [h for h in self.hands if q in h["name"].casefold()]
        if sort == "name":
            found.sort(key=lambda h: h["name"])
        elif sort == "-at":
            found.reverse()
        start, limit = int(asking.query.get("cursor", "0")), int(asking.query.get("limit", "20"))
        after = start + limit
        return {
            "items": [{**h, "state": "waiting"} for h in found[start:after]],
            "next": str(after) if after < len(found) else None,
            "total": len(found),
        }

    def _answer_hand(self, _asking: Asking, ticket: str, _how: str) -> dict[str, Any]:
        before = len(self.hands)
        self.hands = [h for h in self.hands if h["ticket"] != ticket]
        if len(self.hands) == before:
            raise NotFound("That hand is not up any more.")
        return {}

    def _lower_all(self, _asking: Asking) -> dict[str, Any]:
        self.hands = []
        return {}

    def _links(self, asking: Asking) -> dict[str, Any]:
        shared = self.shared()
        if not asking.operator and not permissions.may(Role(asking.claims["role"]), Action.SEE_ALL_LINKS):
            shared = {role: link for role, link in shared.items() if role in ("public", "speaker")}
        good = [i for i in reversed(self.invitations) if not i["revoked"]]
        start, limit = int(asking.query.get("cursor", "0")), int(asking.query.get("limit", "100"))
        after = start + limit
        return {"shared": shared, "items": good[start:after], "next": str(after) if after < len(good) else None}

    def _invite(self, asking: Asking) -> tuple[int, Any]:
        role, name = asking.body["role"], asking.body["name"]
        if role != "speaker" and not asking.operator:
            permissions.need(Role(asking.claims["role"]), Action.APPOINT)
        identity = f"j{len(self.invitations) + 1}"
        self.invitations.append({"identity": identity, "role": role, "name": name, "revoked": None})
        page = "speak" if role == "speaker" else "host"
        return 201, {"link": self.link(page, role, name=name, jti=identity), "identity": identity}

    def _reissue(self, asking: Asking, role: str) -> dict[str, Any]:
        if role in ("host", "cohost") and not asking.operator:
            permissions.need(Role(asking.claims["role"]), Action.REISSUE_ALL_LINKS)
        self.issues[role] = self.issues.get(role, 0) + 1
        return {"link": self.shared()[role]}

    def _revoke(self, _asking: Asking, identity: str) -> dict[str, Any]:
        for invitation in self.invitations:
            if invitation["identity"] == identity:
                invitation["revoked"] = iso(time.time())
                return {}
        raise NotFound("There is no such link.")

    def _board(self, _asking: Asking) -> dict[str, Any]:
        return {"items": sorted(self.posts, key=lambda p: not p["pinned"]), "next": None}

    def _post(self, asking: Asking) -> tuple[int, Any]:
        who = "" if asking.operator else asking.claims["name"] or "Host"
        post = {"id": f"p{len(self.posts) + 1}", "at": iso(time.time()), "by": who, **asking.body}
        self.posts.insert(0, post)
        return 201, post

    def _change_post(self, asking: Asking, post_id: str) -> dict[str, Any]:
        for post in self.posts:
            if post["id"] == post_id:
                post.update(asking.body)
                return post
        raise NotFound("That post is not there any more.")

    def _unpost(self, _asking: Asking, post_id: str) -> dict[str, Any]:
        self.posts = [p for p in self.posts if p["id"] != post_id]
        return {}

    def _picture(self, asking: Asking) -> tuple[int, Any]:
        self.uploads.append((asking.kind, asking.raw))
        return 201, {"picture": PICTURE}

    def _cover(self, asking: Asking) -> dict[str, Any]:
        self.uploads.append((asking.kind, asking.raw))
        self.picture = PICTURE
        return self.view()

    def _reports(self, _asking: Asking) -> dict[str, Any]:
        return {"items": self.reports, "next": None}

    def _list(self, asking: Asking) -> dict[str, Any]:
        everything = [self.view(), *self.rooms]
        start, limit = int(asking.query.get("cursor", "0")), int(asking.query.get("limit", "50"))
        after = start + limit
        return {"items": everything[start:after], "next": str(after) if after < len(everything) else None}

    def _create(self, asking: Asking) -> tuple[int, Any]:
        new = asking.body
        if "refuse" in new["title"]:
            raise BadRequest("The request is not as it should be: title: that word is not for titles.")
        self.rooms.insert(0, self.view(**{"id": "new-room", "at": iso(time.time()), **new, "state": "scheduled"}))
        return 201, {**self.rooms[0], "links": self.shared()}

    def _show(self, asking: Asking, room: str) -> dict[str, Any]:
        found = self.view() if room == "sea" else next((r for r in self.rooms if r["id"] == room), None)
        if found is None:
            raise NotFound("There is no such room.")
        return {**found, "links": self.shared()} if asking.operator else found

    def _delete(self, _asking: Asking, room: str) -> dict[str, Any]:
        self.rooms = [r for r in self.rooms if r["id"] != room]
        return {}

    def _call_off(self, asking: Asking, room: str) -> dict[str, Any]:
        for found in self.rooms:
            if found["id"] == room:
                if found["state"] not in ("scheduled", "open"):
                    raise Conflict("This room has ended.")
                found.update(state="cancelled", note=asking.body["note"])
                return found
        raise NotFound("There is no such room.")


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


_R, _A = RoomStub, Action
_SEA = "/api/rooms/sea"
_E = life.LifeEvent

ROUTES: list[tuple[str, str, Action, Callable[..., Any]]] = [
    ("GET", "/api/rooms", _A.SEE_ALL_ROOMS, _R._list),
    ("POST", "/api/rooms", _A.CREATE, _R._create),
    ("GET", "/api/reports", _A.SEE_ALL_REPORTS, _R._reports),
    ("POST", f"{_SEA}/open", _A.OPEN_DOORS, lambda room, _: room._befall(_E.OPEN)),
    ("POST", f"{_SEA}/start", _A.START, lambda room, _: room._befall(_E.START)),
    ("POST", f"{_SEA}/end", _A.END, lambda room, _: room._befall(_E.END)),
    ("POST", f"{_SEA}/cancel", _A.CANCEL, _R._cancel),
    ("POST", f"{_SEA}/postpone", _A.POSTPONE, _R._postpone),
    ("PATCH", _SEA, _A.EDIT, _R._change),
    ("GET", f"{_SEA}/people", _A.SEE_STAGE, _R._people),
    ("GET", f"{_SEA}/me", _A.SEE_STAGE, _R._me),
    ("POST", f"{_SEA}/me/mute", _A.MUTE_SELF, _R._mute_me),
    ("POST", f"{_SEA}/mute-all", _A.MUTE, _R._mute_all),
    ("POST", f"{_SEA}/seats/([^/]+)/mute", _A.MUTE, _R._mute),
    ("POST", f"{_SEA}/seats/([^/]+)/ask-unmute", _A.ASK_UNMUTE, _R._ask_unmute),
    ("POST", f"{_SEA}/seats/([^/]+)/appoint", _A.APPOINT, _R._appoint),
    ("DELETE", f"{_SEA}/seats/([^/]+)", _A.REMOVE, _R._free),
    ("POST", f"{_SEA}/lock", _A.LOCK, _R._lock),
    ("POST", f"{_SEA}/delay", _A.SET_DELAY, _R._delay),
    ("POST", f"{_SEA}/dump", _A.DUMP, _R._dump),
    ("GET", f"{_SEA}/hands", _A.SEE_HANDS, _R._hands),
    ("POST", f"{_SEA}/hands/lower-all", _A.ANSWER_HANDS, _R._lower_all),
    ("POST", f"{_SEA}/hands/([^/]+)/(accept|decline)", _A.ANSWER_HANDS, _R._answer_hand),
    ("GET", f"{_SEA}/links", _A.INVITE_SPEAKER, _R._links),
    ("POST", f"{_SEA}/links", _A.INVITE_SPEAKER, _R._invite),
    ("POST", f"{_SEA}/links/([^/]+)/reissue", _A.REISSUE_LINKS, _R._reissue),
    ("DELETE", f"{_SEA}/links/([^/]+)", _A.REISSUE_LINKS, _R._revoke),
    ("GET", f"{_SEA}/posts", _A.POST, _R._board),
    ("POST", f"{_SEA}/posts", _A.POST, _R._post),
    ("PATCH", f"{_SEA}/posts/([^/]+)", _A.POST, _R._change_post),
    ("DELETE", f"{_SEA}/posts/([^/]+)", _A.POST, _R._unpost),
    ("POST", f"{_SEA}/pictures", _A.POST, _R._picture),
    ("PUT", "/api/rooms/[^/]+/picture", _A.EDIT, _R._cover),
    ("GET", f"{_SEA}/reports", _A.SEE_REPORTS, _R._reports),
    ("GET", f"{_SEA}/rsvps", _A.SEE_RSVPS, lambda room, _: {"count": 42}),
    ("GET", "/api/rooms/([^/]+)", _A.LISTEN, _R._show),
    ("DELETE", "/api/rooms/([^/]+)", _A.DELETE, _R._delete),
    ("POST", "/api/rooms/([^/]+)/cancel", _A.CANCEL, _R._call_off),
]  # fmt: skip


def tag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:16]}"'
