from pathlib import Path

import pytest

from rostra.bus.server import NatsServer
from rostra.config import Settings
from rostra.errors import NotFound, StageUnavailable
from rostra.units import Role, RoomState
from tests.studio.conftest import FRONT, STUDIO, Door, opened


async def test_rooms_are_made_listed_and_shown_by_the_operator(door: Door) -> None:
    body = {"title": "  Évening   talk ", "at": "2030-05-01T19:30:00+02:00"}
    made = await door.client.post("/api/rooms", json=body, headers=door.operator)
    assert made.status_code == 201
    room = made.json()
    assert room["id"] == "evening-talk"
    assert (room["title"], room["state"], room["at"]) == ("Évening talk", "scheduled", "2030-05-01T17:30:00Z")
    assert room["started"] is None
    assert room["links"]["public"] == f"{FRONT}/r/evening-talk"
    assert room["links"]["host"].startswith(f"{STUDIO}/host/evening-talk#t=")
    assert room["links"]["speaker"].startswith(f"{STUDIO}/speak/evening-talk#t=")
    listed = (await door.client.get("/api/rooms", headers=door.operator)).json()["items"]
    assert [r["id"] for r in listed] == ["evening-talk"]
    assert "links" not in listed[0]
    shown = await door.client.get("/api/rooms/evening-talk", headers=door.operator)
    assert shown.json()["links"] == room["links"]


async def test_two_rooms_of_one_name(door: Door) -> None:
    for expected in (201, 409):
        answer = await door.client.post("/api/rooms", json={"title": "A", "id": "talk"}, headers=door.operator)
        assert answer.status_code == expected
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "There is a room 'talk' already. Choose another id with --id."


@pytest.mark.parametrize(
    "body",
    [
        {}, {"title": ""}, {"title": " "}, {"title": "x" * 201}, {"title": "a\x00b"}, {"title": "A", "id": "A"},
        {"title": "A", "id": "a" * 41}, {"title": "A", "id": "-a"}, {"title": "A", "at": "tomorrow"},
        {"title": "A", "at": "2020-01-01T00:00:00"}, {"title": "A", "tz": "Mars"},
        {"title": "A", "more": 1}, [], "x", None,
    ],
)  # fmt: skip
async def test_a_malformed_room_is_a_sentence(door: Door, body: object) -> None:
    answer = await door.client.post("/api/rooms", json=body, headers=door.operator)
    assert answer.status_code == 422
    assert answer.json()["detail"].endswith(".")
    assert answer.json()["errors"]


async def test_only_operators_make_and_list(door: Door) -> None:
    await door.room()
    host = await door.token(Role.HOST)
    for headers, expected in (({}, 401), ({"Authorization": "Bearer x"}, 401), (host, 403)):
        assert (await door.client.post("/api/rooms", json={"title": "A"}, headers=headers)).status_code == expected
        answer = await door.client.get("/api/rooms", headers=headers)
        assert answer.status_code == expected
        assert answer.json()["type"].startswith("urn:rostra:problem:")
    assert (await door.client.get("/api/rooms")).headers["www-authenticate"].startswith("Bearer")


async def test_whoever_has_a_link_sees_the_room_but_not_its_links(door: Door) -> None:
    await door.room()
    answer = await door.client.get("/api/rooms/main", headers=await door.token(Role.SPEAKER))
    assert answer.json()["state"] == "scheduled"
    assert "links" not in answer.json()
    assert (await door.client.get("/api/rooms/other", headers=await door.token(Role.SPEAKER))).status_code == 401
    assert (await door.client.get("/api/rooms/other", headers=door.operator)).status_code == 404


async def test_open_and_end(door: Door) -> None:
    await door.room()
    speaker, host = await door.token(Role.SPEAKER), await door.token(Role.HOST)
    assert (await door.client.post("/api/rooms/main/open", headers=speaker)).status_code == 403
    assert (await door.client.post("/api/rooms/main/open", headers=host)).json()["state"] == "open"
    assert (await door.client.post("/api/rooms/main/end", headers=speaker)).status_code == 403
    ended = (await door.client.post("/api/rooms/main/end", headers=door.operator)).json()
    assert ended["state"] == "ended"
    assert ended["ended"]
    assert (await door.client.post("/api/rooms/main/open", headers=host)).status_code == 409


async def test_an_invitation_for_one_person(door: Door) -> None:
    await door.room()
    body = {"role": "speaker", "name": "Ann"}
    host = await door.token(Role.HOST)
    links = [(await door.client.post("/api/rooms/main/links", json=body, headers=host)).json() for _ in range(2)]
    assert links[0]["link"].startswith(f"{STUDIO}/speak/main#t=")
    assert links[0] != links[1]
    speaker = await door.token(Role.SPEAKER)
    assert (await door.client.post("/api/rooms/main/links", json=body, headers=speaker)).status_code == 403
    for bad in ({"role": "king"}, {"role": "listener"}, {"role": "speaker", "name": "x" * 61},
                {"role": "speaker", "name": "a\x00b"}):  # fmt: skip
        answer = await door.client.post("/api/rooms/main/links", json=bad, headers=host)
        assert answer.status_code in (400, 422)


async def test_people_and_muting_are_the_stages(door: Door) -> None:
    await door.room(state=RoomState.OPEN)
    await door.others.stage_for("main")
    cohost, speaker = await door.token(Role.COHOST), await door.token(Role.SPEAKER)
    people = (await door.client.get("/api/rooms/main/people", headers=speaker)).json()
    assert (people["seats"][0]["name"], people["state"], people["listening"]) == ("Ann", "open", 0)
    muted = await door.client.post("/api/rooms/main/seats/s1/mute", json={"muted": True}, headers=cohost)
    assert muted.json() == {"ok": True}
    mute = {"room": "main", "op": "mute", "seat": "s1", "muted": True, "by": "Co-host"}
    assert door.others.asked == [mute]
    answer = await door.client.post("/api/rooms/main/seats/s1/mute", json={"muted": True}, headers=speaker)
    assert answer.status_code == 403
    removed = await door.client.delete("/api/rooms/main/seats/s1", headers=cohost)
    assert (removed.status_code, removed.json()["removed"]) == (200, ["s1"])
    assert door.others.asked[-1]["op"] == "remove"
    assert (await door.client.delete("/api/rooms/main/seats/s9", headers=cohost)).status_code == 404
    door.others.seats[0]["role"] = "host"
    assert (await door.client.delete("/api/rooms/main/seats/s1", headers=cohost)).status_code == 403
    long = "x" * 65
    answer = await door.client.post(f"/api/rooms/main/seats/{long}/mute", json={"muted": True}, headers=cohost)
    assert answer.status_code == 422
    door.others.answers["mute"] = NotFound("There is no seat 9.")
    answer = await door.client.post("/api/rooms/main/seats/9/mute", json={"muted": True}, headers=cohost)
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no seat 9.")


async def test_no_stage_is_503_and_when_to_come_back(door: Door) -> None:
    await door.room(state=RoomState.OPEN)
    answer = await door.client.get("/api/rooms/main/people", headers=door.operator)
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(StageUnavailable.slug)
    assert answer.headers["retry-after"] == "2"


async def test_doors_of_a_new_room_open_as_the_settings_say(server: NatsServer, tmp_path: Path, pages: Path) -> None:
    settings = Settings.model_validate({"rooms": {"doors_s": 1200}})
    async with opened(server.url, tmp_path, pages, settings) as door:
        for body, doors_s in (({"title": "A"}, 1200.0), ({"title": "B", "doors_s": 0.0}, 0.0)):
            made = await door.client.post("/api/rooms", json=body, headers=door.operator)
            assert (made.status_code, made.json()["doors_s"]) == (201, doors_s)
