"""WHIP and WHEP as a client sees them (RFC 9725)."""

import pytest

from rostra.config import Settings
from rostra.errors import Conflict, Full, TooMany
from rostra.studio.app import wall_clock
from rostra.studio.whip import OFFERS_A_LINK, OFFERS_A_SEAT, Offers, ice_links
from rostra.units import Role, RoomState
from tests.studio.conftest import FRONT, OFFER, SDP, STUDIO, Door, a_room


@pytest.fixture
def settings() -> Settings:
    return Settings.model_validate(
        {
            "studio": {"public_url": STUDIO, "allowed_origins": ["https://pages.example"]},
            "front": {"public_url": FRONT},
            "webrtc": {"ice_servers": ["stun:stun.example:3478", "turn:ann:se:c\"ret@turn.example:3478"]},
        }
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["whip", "whep"])
async def test_an_offer_gets_its_answer(door: Door, kind: str) -> None:
    await door.room()
    token = await door.token(Role.HOST)
    answer = await door.client.post(f"/stage/main/{kind}?seat=s1&name=Ann", content=OFFER, headers={**token, **SDP})
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/sdp"
    assert answer.text == "v=0\r\nanswer"
    assert answer.headers["location"] == f"{STUDIO}/stage/main/{kind}/{kind}-1"
    assert answer.headers["link"].startswith('<stun:stun.example:3478>; rel="ice-server"')
    assert 'username="ann"; credential="se:c\\"ret"; credential-type="password"' in answer.headers["link"]
    bare = token["Authorization"].removeprefix("Bearer ")
    expected = {"room": "main", "op": kind, "token": bare, "sdp": OFFER, "seat": "s1", "name": "Ann"}
    assert door.others.asked == [expected]
    left = await door.client.delete(answer.headers["location"], headers=token)
    assert left.status_code == 200
    assert door.others.asked[1] == {"room": "main", "op": "hangup", "session": f"{kind}-1", "token": bare}


async def test_speakers_wait_for_the_host(door: Door) -> None:
    await door.room()
    speaker = {**await door.token(Role.SPEAKER), **SDP}
    early = await door.client.post("/stage/main/whip", content=OFFER, headers=speaker)
    assert early.status_code == 409
    assert "doors of this room are not open yet" in early.json()["detail"]
    assert door.others.opened == []
    host = {**await door.token(Role.HOST), **SDP}
    assert (await door.client.post("/stage/main/whip", content=OFFER, headers=host)).status_code == 201
    assert (await door.client.post("/stage/main/whip", content=OFFER, headers=speaker)).status_code == 201


@pytest.mark.parametrize("role", [Role.HOST, Role.COHOST])
async def test_who_tests_a_microphone_days_ahead_opens_no_doors(door: Door, role: Role) -> None:
    """Nor does a page that connects again by itself after the room was moved."""
    await door.office.rooms.create(a_room("ahead", at=wall_clock() + 3 * 86_400.0), exactly=True)
    headers = {**await door.token(role, "ahead"), **SDP}
    assert (await door.client.post("/stage/ahead/whip", content=OFFER, headers=headers)).status_code == 201
    assert door.others.opened == ["ahead"], "there is a stage to meet on"
    assert (await door.others.bus.get_room("ahead"))[0].state is RoomState.SCHEDULED
    me = (await door.client.get("/api/rooms/ahead/me", headers=headers)).json()
    assert me["seat"]["id"] == "s1", "and it is asked, as one on air is"
    speaker = {**await door.token(Role.SPEAKER, "ahead"), **SDP}
    assert (await door.client.post("/stage/ahead/whip", content=OFFER, headers=speaker)).status_code == 409
    near = a_room("near", at=wall_clock() + 600.0)
    await door.office.rooms.create(near, exactly=True)
    headers = {**await door.token(role, "near"), **SDP}
    assert (await door.client.post("/stage/near/whip", content=OFFER, headers=headers)).status_code == 201
    assert (await door.others.bus.get_room("near"))[0].state is RoomState.OPEN, "their time has come"


async def test_a_room_that_was_moved_has_nobody_on_stage(door: Door) -> None:
    await door.office.rooms.create(a_room("moved", at=wall_clock() + 3 * 86_400.0), exactly=True)
    me = await door.client.get("/api/rooms/moved/me", headers=await door.token(Role.HOST, "moved"))
    assert me.json() == {"seat": None, "notes": [], "state": "scheduled"}


async def test_nobody_learns_by_which_link_or_connection_others_came(door: Door) -> None:
    await door.room(state=RoomState.OPEN)
    await door.others.stage_for("main")
    door.others.seats[0] |= {"identity": "speaker", "session": "secret"}
    for role, path in ((Role.SPEAKER, "people"), (Role.HOST, "people"), (Role.SPEAKER, "me")):
        answer = await door.client.get(f"/api/rooms/main/{path}", headers=await door.token(role))
        assert "s1" in answer.text and not {"identity", "session", "secret"} & set(answer.text.split('"')), path


async def test_what_is_behind_a_shared_link_is_told_apart_by_the_session(door: Door) -> None:
    await door.room(state=RoomState.OPEN)
    await door.others.stage_for("main")
    speaker = await door.token(Role.SPEAKER)
    await door.client.post("/stage/main/whep?seat=s&session=n1", content=OFFER, headers={**speaker, **SDP})
    body = {"muted": True, "seat": "s", "session": "n1"}
    assert (await door.client.post("/api/rooms/main/me/mute", json=body, headers=speaker)).status_code == 200
    assert [asked["session"] for asked in door.others.asked] == ["n1", "n1"]
    bad = await door.client.post("/stage/main/whep?session=../x", content=OFFER, headers={**speaker, **SDP})
    assert bad.status_code == 400


async def test_a_page_that_goes_may_come_back(door: Door) -> None:
    await door.room(state=RoomState.OPEN)
    await door.others.stage_for("main")
    headers = await door.token(Role.SPEAKER)
    for query, kept in (("", None), ("?keep=true", True), ("?keep=false", None)):
        assert (await door.client.delete(f"/stage/main/whip/n1{query}", headers=headers)).status_code == 200
        assert door.others.asked[-1].get("keep") == kept


async def test_offers_of_one_person_are_limited_and_others_go_on(door: Door) -> None:
    await door.room(state=RoomState.OPEN)
    await door.others.stage_for("main")
    ann, bob = [{**await door.token(role), **SDP} for role in (Role.SPEAKER, Role.COHOST)]
    answers = [
        await door.client.post(f"/stage/main/{kind}?seat=a", content=OFFER, headers=ann)
        for kind in ["whip", "whep"] * (OFFERS_A_SEAT.burst // 2 + 1)
    ]
    assert [a.status_code for a in answers[: OFFERS_A_SEAT.burst]] == [201] * OFFERS_A_SEAT.burst
    assert (answers[-1].status_code, "retry-after" in answers[-1].headers) == (429, True)
    for seat, headers in (("b", ann), ("a", bob)):
        answer = await door.client.post(f"/stage/main/whip?seat={seat}", content=OFFER, headers=headers)
        assert answer.status_code == 201


def test_whoever_says_they_are_many_is_one_link() -> None:
    now = [0.0]
    offers = Offers(lambda: now[0])
    for n in range(OFFERS_A_LINK.burst):
        offers.take("main", "speaker", f"n{n}")
    with pytest.raises(TooMany):
        offers.take("main", "speaker", "another")
    offers.take("other", "speaker", "another")
    now[0] += 1.0
    offers.take("main", "speaker", "another")


async def test_a_seat_without_a_token_is_refused(door: Door) -> None:
    await door.room("main", RoomState.OPEN)
    await door.room("other", RoomState.OPEN)
    for headers in ({}, {"Authorization": "Bearer x"}, await door.token(Role.HOST, "other")):
        answer = await door.client.post("/stage/main/whip", content=OFFER, headers={**headers, **SDP})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    answer = await door.client.post("/stage/main/whip", content=OFFER, headers={**door.operator, **SDP})
    assert (answer.status_code, "nobody on the stage" in answer.json()["detail"]) == (403, True)
    assert door.others.asked == []


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (b"", "application/sdp", 400),
        (b"hello", "application/sdp", 400),
        (b"\xff\xfe", "application/sdp", 400),
        (OFFER.encode(), "application/json", 415),
        (OFFER.encode(), "", 415),
        (b"v=0" + b"x" * 70_000, "application/sdp", 413),
    ],
)
async def test_what_is_no_offer(door: Door, content: bytes, kind: str, expected: int) -> None:
    await door.room(state=RoomState.OPEN)
    headers = {**await door.token(Role.HOST), **({"Content-Type": kind} if kind else {})}
    answer = await door.client.post("/stage/main/whip", content=content, headers=headers)
    assert answer.status_code == expected
    assert answer.headers["content-type"] == "application/problem+json"
    assert door.others.asked == []


@pytest.mark.parametrize("query", ["seat=a%20b", "seat=" + "x" * 65, "name=" + "x" * 61, "name=%00"])
async def test_what_is_no_seat_or_name(door: Door, query: str) -> None:
    await door.room(state=RoomState.OPEN)
    headers = {**await door.token(Role.HOST), **SDP}
    assert (await door.client.post(f"/stage/main/whip?{query}", content=OFFER, headers=headers)).status_code == 400


async def test_what_the_stage_refuses_is_said_in_its_words(door: Door) -> None:
    await door.room(state=RoomState.OPEN)
    await door.others.stage_for("main")
    headers = {**await door.token(Role.HOST), **SDP}
    door.others.answers["whip"] = Full("All seats are taken.", 30.0)
    answer = await door.client.post("/stage/main/whip", content=OFFER, headers=headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json()["detail"] == "All seats are taken."
    door.others.answers["whip"] = Conflict("No.")
    assert (await door.client.post("/stage/main/whip", content=OFFER, headers=headers)).status_code == 409
    for nonsense in ({"sdp": 7, "session": "x"}, {"sdp": "v=0", "session": "../x"}, {}):
        door.others.answers["whip"] = nonsense
        assert (await door.client.post("/stage/main/whip", content=OFFER, headers=headers)).status_code == 503


async def test_methods(door: Door) -> None:
    await door.room()
    options = await door.client.options("/stage/main/whip")
    assert (options.status_code, options.headers["accept-post"]) == (204, "application/sdp")
    assert "link" not in options.headers, "a relay's credentials are for who holds a link"
    options = await door.client.options("/stage/main/whip", headers=await door.token(Role.SPEAKER))
    assert options.headers["link"].count('rel="ice-server"') == 2
    patch = await door.client.patch("/stage/main/whip/x", content="a=ice-ufrag:x")
    assert (patch.status_code, patch.headers["allow"]) == (405, "DELETE, OPTIONS")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await door.client.request(method, "/stage/main/whip")
        assert answer.status_code == 405
    assert (await door.client.delete("/stage/main/whip/x")).status_code == 401
    host = {"Authorization": "Bearer x.y"}
    assert (await door.client.delete("/stage/main/whip/x", headers=host)).status_code == 401


async def test_pages_of_allowed_origins_may_ask_and_others_may_not(door: Door) -> None:
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    good = await door.client.options("/stage/main/whip", headers={"Origin": "https://pages.example", **ask})
    assert good.headers["access-control-allow-origin"] == "https://pages.example"
    assert "authorization" in good.headers["access-control-allow-headers"].lower()
    bad = await door.client.options("/stage/main/whip", headers={"Origin": "https://evil.example", **ask})
    assert "access-control-allow-origin" not in bad.headers
    answer = await door.client.post("/stage/main/whip", headers={"Origin": "https://pages.example"})
    assert "location" in answer.headers["access-control-expose-headers"].lower()


def test_ice_servers_as_links() -> None:
    assert ice_links([]) == []
    assert ice_links(["stun:a:1"]) == ['<stun:a:1>; rel="ice-server"']
    assert ice_links(["turn:u:p@b:2"]) == [
        '<turn:b:2>; rel="ice-server"; username="u"; credential="p"; credential-type="password"'
    ]
