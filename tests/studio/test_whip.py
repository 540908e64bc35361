"""WHIP and WHEP as a client sees them (RFC 9725)."""

import pytest

from rostra.config import Settings
from rostra.errors import Conflict, Full
from rostra.studio.whip import ice_links
from rostra.units import Role, RoomState
from tests.studio.conftest import FRONT, OFFER, SDP, STUDIO, Door


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
    assert "they open when the host comes" in early.json()["detail"]
    assert door.others.opened == []
    host = {**await door.token(Role.HOST), **SDP}
    assert (await door.client.post("/stage/main/whip", content=OFFER, headers=host)).status_code == 201
    assert (await door.client.post("/stage/main/whip", content=OFFER, headers=speaker)).status_code == 201


async def test_a_seat_without_a_token_is_refused(door: Door) -> None:
    await door.room("main", RoomState.OPEN)
    await door.room("other", RoomState.OPEN)
    for headers, expected in [
        ({}, 401),
        ({"Authorization": "Bearer x"}, 401),
        (await door.token(Role.HOST, "other"), 401),
        ({"Authorization": door.operator["Authorization"]}, 401),
    ]:
        answer = await door.client.post("/stage/main/whip", content=OFFER, headers={**headers, **SDP})
        assert answer.status_code == expected
        assert answer.headers["www-authenticate"].startswith("Bearer")
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
