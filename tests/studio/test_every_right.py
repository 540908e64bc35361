"""Every pair of who asks and what they want, over the real routes of the stage door, from the table of
``rostra.permissions``. A route that nobody said who may use fails here, and so does a right that no route asks for.

No token of ours is good for one time only: a link is good until it is taken back or has expired. What is granted once,
a hand and a wish with an ``Idempotency-Key``, is tried twice in ``test_hands`` and ``test_once``.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from rostra import permissions
from rostra.permissions import MAY, OPERATOR_MAY, Action
from rostra.studio import moderating
from rostra.units import Role, RoomState, WallTime
from rostra.wire.hands import Hand
from rostra.wire.rooms import Room
from rostra.wire.tokens import Claims, sign
from tests.edge.making import Kept, edge
from tests.edge.making import room as public_record
from tests.studio.conftest import ANN, OFFER, PNG, SDP, Door, bearer, on_one_loop

A = Action
LIVE, SCHEDULED = RoomState.LIVE, RoomState.SCHEDULED
TABLE = {role: frozenset(actions) for role, actions in MAY.items()}
"""As it is written; a control below changes what the routes look at."""

TICKET = "t" * 22
LATER = "2031-05-01T19:30:00Z"


@dataclass(frozen=True)
class Way:
    """A request that takes a right."""

    action: Action
    method: str
    path: str
    """As the description has it."""
    body: Any = None
    state: RoomState = SCHEDULED
    """Of the room that it is asked of."""
    also: tuple[Action, ...] = ()
    """Rights that it takes besides."""
    query: str = ""
    seat: str = "s1"
    reveals: str = ""
    """Not the answer but this in it takes the right; the answer takes the others."""
    taken_back: bool = False
    """Who held a link that was taken back is told why: they are no longer refused here but by the stage."""
    headers: dict[str, str] = field(default_factory=dict)
    of: Role = Role.SPEAKER
    """Of a link in the path."""

    def __str__(self) -> str:
        about = f"?{self.query}" if self.query else f" {self.body}" if isinstance(self.body, dict) and self.body else ""
        whose = f" {self.of.value}" * (self.of is not Role.SPEAKER) + " s0" * (self.seat == "s0")
        return f"{self.action.name}-{self.method} {self.path}{about}{whose}"

    def may(self, caller: Role | None) -> bool:
        """``caller``: None is the operator."""
        mine = OPERATOR_MAY if caller is None else TABLE[caller]
        return {*self.also, *(() if self.reveals else (self.action,))} <= mine

    @property
    def of_a_room(self) -> bool:
        return "{room}" in self.path


ROOM = "/api/rooms/{room}"
STAGE = "/stage/{room}"

WAYS = (
    Way(A.LISTEN, "GET", ROOM),
    Way(A.LISTEN, "GET", f"{ROOM}/posts"),
    Way(A.SPEAK, "POST", f"{STAGE}/whip", OFFER, LIVE, headers=SDP),
    Way(A.SPEAK, "POST", f"{STAGE}/whep", OFFER, LIVE, headers=SDP),
    Way(A.SPEAK, "DELETE", f"{STAGE}/whip/{{session}}", state=LIVE),
    Way(A.SPEAK, "DELETE", f"{STAGE}/whep/{{session}}", state=LIVE),
    Way(A.SEE_STAGE, "GET", f"{ROOM}/people", state=LIVE),
    Way(A.SEE_STAGE, "GET", f"{ROOM}/me", state=LIVE, taken_back=True),
    Way(A.MUTE_SELF, "POST", f"{ROOM}/me/mute", {"muted": True}, LIVE),
    Way(A.OPEN_DOORS, "POST", f"{ROOM}/open"),
    Way(A.START, "POST", f"{ROOM}/start"),
    Way(A.POSTPONE, "POST", f"{ROOM}/postpone", {"at": LATER}),
    Way(A.POSTPONE, "PATCH", ROOM, {"at": LATER}, also=(A.EDIT,)),
    Way(A.EDIT, "PATCH", ROOM, {"title": "Another talk"}),
    Way(A.EDIT, "PUT", f"{ROOM}/picture", PNG, headers={"Content-Type": "image/png"}),
    Way(A.EDIT, "DELETE", f"{ROOM}/picture"),
    Way(A.MUTE, "POST", f"{ROOM}/seats/{{seat}}/mute", {"muted": True}, LIVE),
    Way(A.MUTE, "POST", f"{ROOM}/mute-all", state=LIVE),
    Way(A.ASK_UNMUTE, "POST", f"{ROOM}/seats/{{seat}}/ask-unmute", state=LIVE),
    Way(A.REMOVE, "DELETE", f"{ROOM}/seats/{{seat}}", state=LIVE),
    Way(A.BLOCK, "DELETE", f"{ROOM}/seats/{{seat}}", state=LIVE, also=(A.REMOVE,), query="block=true"),
    Way(A.LOCK, "POST", f"{ROOM}/lock", {"locked": True}, LIVE),
    Way(A.SEE_HANDS, "GET", f"{ROOM}/hands"),
    Way(A.ANSWER_HANDS, "POST", f"{ROOM}/hands/{{ticket}}/accept", state=LIVE),
    Way(A.ANSWER_HANDS, "POST", f"{ROOM}/hands/{{ticket}}/decline", state=LIVE),
    Way(A.ANSWER_HANDS, "POST", f"{ROOM}/hands/lower-all", state=LIVE),
    Way(A.INVITE_SPEAKER, "GET", f"{ROOM}/links"),
    Way(A.INVITE_SPEAKER, "POST", f"{ROOM}/links", {"role": "speaker", "name": "Ann"}),
    Way(A.POST, "POST", f"{ROOM}/posts", {"text": "Read this."}),
    Way(A.POST, "PATCH", f"{ROOM}/posts/{{post_id}}", {"pinned": True}),
    Way(A.POST, "DELETE", f"{ROOM}/posts/{{post_id}}"),
    Way(A.POST, "POST", f"{ROOM}/pictures", PNG, headers={"Content-Type": "image/png"}),
    Way(A.DUMP, "POST", f"{ROOM}/dump", state=LIVE),
    Way(A.SET_DELAY, "POST", f"{ROOM}/delay", {"seconds": 2.0}, LIVE),
    Way(A.SET_DELAY, "PATCH", ROOM, {"delay_s": 2.0}, also=(A.EDIT,)),
    Way(A.SEE_REPORTS, "GET", f"{ROOM}/reports"),
    Way(A.SEE_RSVPS, "GET", f"{ROOM}/rsvps"),
    Way(A.REISSUE_LINKS, "POST", f"{ROOM}/links/{{role}}/reissue"),
    Way(A.REISSUE_LINKS, "POST", f"{ROOM}/links/{{role}}/reissue", of=Role.LISTENER),
    Way(A.REISSUE_LINKS, "DELETE", f"{ROOM}/links/{{identity}}"),
    Way(A.END, "POST", f"{ROOM}/end", state=LIVE),
    Way(A.CANCEL, "POST", f"{ROOM}/cancel", {"note": "Ill."}),
    Way(A.APPOINT, "POST", f"{ROOM}/seats/{{seat}}/appoint", {"role": "cohost"}, LIVE),
    Way(A.APPOINT, "POST", f"{ROOM}/links", {"role": "cohost"}, also=(A.INVITE_SPEAKER,)),
    Way(A.HAND_OVER, "POST", f"{ROOM}/seats/{{seat}}/appoint", {"role": "host"}, LIVE),
    Way(A.HAND_OVER, "POST", f"{ROOM}/links", {"role": "host"}, also=(A.INVITE_SPEAKER,)),
    Way(A.HAND_OVER, "DELETE", f"{ROOM}/seats/{{seat}}", state=LIVE, also=(A.REMOVE,), seat="s0"),
    Way(A.SEE_ALL_LINKS, "GET", f"{ROOM}/links", also=(A.INVITE_SPEAKER,), reveals="host"),
    Way(A.REISSUE_ALL_LINKS, "POST", f"{ROOM}/links/{{role}}/reissue", also=(A.REISSUE_LINKS,), of=Role.HOST),
    Way(A.REISSUE_ALL_LINKS, "POST", f"{ROOM}/links/{{role}}/reissue", also=(A.REISSUE_LINKS,), of=Role.COHOST),
    Way(A.REISSUE_ALL_LINKS, "DELETE", f"{ROOM}/links/{{identity}}", also=(A.REISSUE_LINKS,), of=Role.COHOST),
    Way(A.SEE_SEATS, "GET", f"{ROOM}/seats"),
    Way(A.DELETE, "DELETE", ROOM),
    Way(A.CREATE, "POST", "/api/rooms", {"title": "A talk"}),
    Way(A.SEE_ALL_ROOMS, "GET", "/api/rooms"),
    Way(A.SEE_ALL_REPORTS, "GET", "/api/reports"),
    Way(A.SET_DEFAULTS, "GET", "/api/settings"),
    Way(A.SET_DEFAULTS, "PUT", "/api/settings", {"doors_s": 900.0}),
)  # fmt: skip

AT_THE_FRONT = {
    A.LISTEN: ("GET", "state", None),
    A.REACT: ("POST", "react", {"r": "❤"}),
    A.RAISE_HAND: ("POST", "hand", {"name": "Ada", "why": "A word"}),
    A.REPORT_ABUSE: ("POST", "report-abuse", {"said": "Rude."}),
}
"""What listeners do at the edge; of a room for invited ones it takes a link."""

FOR_EVERYONE = {
    ("GET", "/assets/{name}"), ("HEAD", "/assets/{name}"), ("GET", "/desk"), ("HEAD", "/desk"),
    ("GET", "/{name}/{room}"), ("HEAD", "/{name}/{room}"),
    ("GET", "/healthz"), ("HEAD", "/healthz"), ("GET", "/metrics"), ("GET", "/docs"),
    ("OPTIONS", "/stage/{room}/whip"), ("OPTIONS", "/stage/{room}/whep"),
    ("PATCH", "/stage/{room}/whip/{session}"), ("OPTIONS", "/stage/{room}/whip/{session}"),
    ("PATCH", "/stage/{room}/whep/{session}"), ("OPTIONS", "/stage/{room}/whep/{session}"),
}  # fmt: skip
"""Not in the description: pages, health, what is read out of WHIP's options. None of them tells of a room."""

ROLES = (Role.LISTENER, Role.SPEAKER, Role.COHOST, Role.HOST, None)
STRANGERS = ("nobody", "nonsense", "forged", "changed", "expired", "foreign", "revoked", "reissued")

_numbers = itertools.count()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def halls(one_door: Door) -> AsyncIterator[dict[RoomState, Room]]:
    """A room of each state that is asked for, in which strangers may do nothing."""
    one_door.office.rooms.on_announced = lambda room: None  # cards would be drawn, which changes records meanwhile
    host = {"id": "s0", "name": "Hostess", "role": "host", "session": "whip-0", "state": "here", "muted": False}
    one_door.others.seats = [host, dict(ANN)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moderating, "NOTICE_S", 0.0)
        yield {state: await _hall(one_door, f"hall-{state.value}", state) for state in (SCHEDULED, LIVE)}


async def _hall(door: Door, name: str, state: RoomState) -> Room:
    room = await door.room(name, state)
    await door.others.stage_for(name)
    await door.office.rooms.revoke(name, "gone")
    return await door.office.rooms.reissue(room.id, Role.HOST)


async def _fresh(door: Door, way: Way) -> Room:
    """One that may be ended and deleted, with all in it that the way needs."""
    name = f"r{next(_numbers)}"
    room = await door.room(name, way.state)
    if way.state is LIVE:
        await door.others.stage_for(name)
    return room


async def _parts(door: Door, way: Way, room: Room) -> dict[str, str]:
    """What stands in the path."""
    found = {"room": room.id, "seat": way.seat, "ticket": TICKET, "session": "whip-1", "role": way.of.value,
             "post_id": "p1", "identity": "j1"}  # fmt: skip
    if "{ticket}" in way.path:
        hand = Hand(room.id, TICKET, "Ada", "A word", WallTime(1e9))
        await door.others.bus.hands.put(hand.key, hand)
    if "{post_id}" in way.path:
        found["post_id"] = (await door.office.boards.post(room.id, "Host", "Hello.", "", "", pinned=False)).id
    if "{identity}" in way.path:
        found["identity"] = (await door.office.moderating.invite(room, way.of, "Ann"))[1]
    return found


async def ask(door: Door, way: Way, parts: dict[str, str], headers: dict[str, str]) -> httpx.Response:
    body: dict[str, Any] = {}
    if isinstance(way.body, bytes | str):
        body["content"] = way.body
    elif way.body is not None:
        body["json"] = way.body
    url = way.path.format(**parts) + (f"?{way.query}" if way.query else "")
    return await door.client.request(way.method, url, headers={**headers, **way.headers}, **body)


def of_role(door: Door, room: Room, role: Role | None) -> dict[str, str]:
    return door.operator if role is None else bearer(door.office.links.shared(room, role))


def of_stranger(door: Door, room: Room, who: str) -> dict[str, str]:
    """A host's link in all but one thing."""
    claims = {
        "room": room.id,
        "role": Role.HOST,
        "name": "",
        "jti": room.shared_identity(Role.HOST),
        "exp": 4_000_000_000,
    }
    key = door.key
    match who:
        case "nobody":
            return {}
        case "nonsense":
            return {"Authorization": "Bearer nonsense"}
        case "forged":
            key = Ed25519PrivateKey.generate()
        case "expired":
            claims["exp"] = 1_000_000_000
        case "foreign":
            claims["room"] = "elsewhere"
        case "revoked":
            claims["jti"] = "gone"
        case "reissued":
            claims["jti"] = "host"
    token = sign(Claims(**claims), key)
    if who == "changed":  # the words of a host over the signature of a listener
        token = f"{token.partition('.')[0]}.{sign(Claims(**{**claims, 'role': Role.LISTENER}), key).partition('.')[2]}"
    return {"Authorization": f"Bearer {token}"}


def is_refused(answer: httpx.Response, status: int, *, said: Iterable[Action] = ()) -> None:
    """As a problem with a sentence."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:300]}"
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:rostra:problem:{'bad-token' if status == 401 else 'forbidden'}"
    assert problem["detail"].endswith(".") and " " in problem["detail"]
    if said:
        assert any(action.value in problem["detail"] for action in said), problem["detail"]
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def try_it(door: Door, halls: dict[RoomState, Room], way: Way, role: Role | None) -> None:
    """Whoever may can; whoever may not is refused, and nothing has changed."""
    if way.may(role):
        room = await _fresh(door, way)
        answer = await ask(door, way, await _parts(door, way, room), of_role(door, room, role))
        assert answer.is_success, f"{answer.status_code}: {answer.text[:300]}"
        if way.reveals:
            shown = way.action in (OPERATOR_MAY if role is None else TABLE[role])
            assert (way.reveals in answer.json()["shared"]) is shown
        return
    room, asked = halls[way.state], len(door.others.asked)
    before = await door.others.bus.get_room(room.id)
    parts = {"room": room.id, "seat": way.seat, "ticket": TICKET, "session": "whip-1", "role": way.of.value,
             "post_id": "p1", "identity": "j1"}  # fmt: skip
    answer = await ask(door, way, parts, of_role(door, before[0], role))
    is_refused(answer, 403, said=(way.action, *way.also))
    assert await door.others.bus.get_room(room.id) == before
    assert len(door.others.asked) == asked, "the stage heard nothing of it"


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.value if role else "operator")
@on_one_loop
async def test_every_right(one_door: Door, halls: dict[RoomState, Room], way: Way, role: Role | None) -> None:
    await try_it(one_door, halls, way, role)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("who", STRANGERS)
@on_one_loop
async def test_no_other_token_is_good_for_anything(
    one_door: Door, halls: dict[RoomState, Room], way: Way, who: str
) -> None:
    room, asked = halls[way.state], len(one_door.others.asked)
    before = await one_door.others.bus.get_room(room.id)
    parts = {"room": room.id, "seat": way.seat, "ticket": TICKET, "session": "whip-1", "role": way.of.value,
             "post_id": "p1", "identity": "j1"}  # fmt: skip
    answer = await ask(one_door, way, parts, of_stranger(one_door, before[0], who))
    if who in ("revoked", "reissued") and way.taken_back:
        assert answer.is_success
        assert one_door.others.asked[-1]["op"] == "me", "the stage is asked whether there is something to say"
    elif who in ("foreign", "revoked", "reissued") and not way.of_a_room:
        is_refused(answer, 403)  # a link to whatever room is no operator's token
    else:
        is_refused(answer, 401)
        assert len(one_door.others.asked) == asked, "the stage heard nothing of it"
    assert await one_door.others.bus.get_room(room.id) == before


# --- nothing is left out ---


def unmapped(description: dict[str, Any]) -> set[tuple[str, str]]:
    """Routes of which nobody said who may use them, and those that are no more."""
    there = {(method.upper(), path) for path, methods in description["paths"].items() for method in methods}
    return there ^ {(way.method, way.path) for way in WAYS}


def without_a_way(ways: Iterable[Way]) -> set[Action]:
    return set(Action) - {way.action for way in ways} - AT_THE_FRONT.keys()


def hidden(routes: Iterable[BaseRoute]) -> set[tuple[str, str]]:
    """Routes that stand in no description."""
    found: set[tuple[str, str]] = set()
    for route in routes:
        if (inner := getattr(route, "original_router", None)) is not None:
            found |= hidden(inner.routes)
        elif isinstance(route, APIRoute) and not route.include_in_schema:
            found |= {(method, route.path) for method in route.methods or ()}
    return found


@on_one_loop
async def test_every_route_says_who_may_and_every_right_is_asked_for(one_door: Door) -> None:
    assert unmapped(one_door.app.openapi()) == set()
    assert without_a_way(WAYS) == set()
    assert hidden(one_door.app.routes) == FOR_EVERYONE


@on_one_loop
async def test_control_what_is_left_out_is_noticed(one_door: Door) -> None:
    paths = one_door.app.openapi()["paths"]
    assert unmapped({"paths": {**paths, "/api/rooms/{room}/new": {"post": {}}}}) == {("POST", "/api/rooms/{room}/new")}
    assert unmapped({"paths": {k: v for k, v in paths.items() if k != "/api/reports"}}) == {("GET", "/api/reports")}
    assert without_a_way(way for way in WAYS if way.action is not A.DUMP) == {A.DUMP}
    assert hidden(one_door.app.routes), "pages are routes of the kind that is looked for"


@on_one_loop
async def test_control_a_door_that_goes_by_another_table_is_noticed(
    one_door: Door, halls: dict[RoomState, Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = next(way for way in WAYS if way.action is A.DUMP)
    monkeypatch.setitem(permissions.MAY, Role.SPEAKER, TABLE[Role.COHOST])
    with pytest.raises(AssertionError, match="200"):
        await try_it(one_door, halls, dump, Role.SPEAKER)
    monkeypatch.setitem(permissions.MAY, Role.HOST, TABLE[Role.SPEAKER])
    with pytest.raises(AssertionError, match="403"):
        await try_it(one_door, halls, dump, Role.HOST)


# --- at the front door ---


@pytest.mark.parametrize("who", [*(role for role in ROLES if role), *STRANGERS, "operator"], ids=str)
@on_one_loop
async def test_what_listeners_do_takes_a_link_where_they_are_invited(one_door: Door, who: Role | str) -> None:
    record = public_record(room_id="secret", invited=True, revoked=("gone",), issues={"host": 1})
    headers = (
        one_door.operator if who == "operator"
        else of_role(one_door, record.with_(at=WallTime(4e9)), who) if isinstance(who, Role)
        else of_stranger(one_door, record, who)
    )  # fmt: skip
    token = headers.get("Authorization", "").removeprefix("Bearer ")
    async with edge(record, carrier=Kept(), key=one_door.key.public_key()) as running:
        for action, (method, what, body) in AT_THE_FRONT.items():
            path = f"/r/secret/{what}" + (f"?t={token}" if token else "")
            answer = await (running.ask(path) if method == "GET" else running.tell(path, body))
            if isinstance(who, Role):
                assert action in TABLE[who]
                assert answer.status in (200, 202, 204), action
            else:
                assert answer.status == 403, action
                assert answer.fields["content-type"] == "application/problem+json"
