import asyncio
from typing import Any

import pytest

from rostra.errors import CatalogUnavailable, Conflict
from rostra.units import Role
from tests.studio.conftest import PNG, Door, a_room, on_one_loop


async def test_a_wish_that_is_said_twice_is_granted_once(door: Door) -> None:
    headers = {**door.operator, "Idempotency-Key": "k1"}
    made = [await door.client.post("/api/rooms", json={"title": "A talk"}, headers=headers) for _ in range(2)]
    assert [m.status_code for m in made] == [201, 201]
    assert made[0].json() == made[1].json()
    other = await door.client.post("/api/rooms", json={"title": "Another"}, headers=headers)
    assert other.status_code == 409


@on_one_loop
async def test_two_that_say_it_at_once_are_granted_one_thing(one_door: Door) -> None:
    await one_door.room("once")
    headers = {**await one_door.token(Role.COHOST, "once"), "Idempotency-Key": "k1"}
    places: tuple[tuple[str, Any], ...] = (
        ("links", {"json": {"role": "speaker", "name": "Ann"}}), ("posts", {"json": {"text": "A"}}),
        ("pictures", {"content": PNG}),
    )  # fmt: skip
    for place, body in places:
        asked = [one_door.client.post(f"/api/rooms/once/{place}", headers=headers, **body) for _ in range(6)]
        answers = await asyncio.gather(*asked)
        assert {answer.status_code for answer in answers} == {201}, place
        assert len({answer.content for answer in answers}) == 1, place
    assert len((await one_door.client.get("/api/rooms/once/links", headers=headers)).json()["items"]) == 1
    assert len((await one_door.client.get("/api/rooms/once/posts", headers=headers)).json()["items"]) == 1


@on_one_loop
async def test_the_same_key_of_somebody_else_or_elsewhere_is_another_wish(one_door: Door) -> None:
    found = set()
    for room in ("here", "there"):
        await one_door.room(room)
        for role in (Role.COHOST, Role.HOST):
            headers = {**await one_door.token(role, room), "Idempotency-Key": "k1"}
            answer = await one_door.client.post(f"/api/rooms/{room}/posts", json={"text": "A"}, headers=headers)
            assert answer.status_code == 201
            found.add(answer.json()["id"])
    assert len(found) == 4


@on_one_loop
async def test_what_was_refused_may_be_wished_again(one_door: Door) -> None:
    await one_door.room("again")
    headers = {**await one_door.token(Role.HOST, "again"), "Idempotency-Key": "k1"}
    for body, status in (({"picture": "0" * 32 + ".webp"}, 400), ({"text": "A"}, 201), ({"text": "B"}, 409)):
        answer = await one_door.client.post("/api/rooms/again/posts", json=body, headers=headers)
        assert answer.status_code == status, answer.text


@on_one_loop
async def test_who_may_no_longer_is_not_told_what_was_granted(one_door: Door) -> None:
    await one_door.room("taken")
    headers = {**await one_door.token(Role.HOST, "taken"), "Idempotency-Key": "k1"}
    url, body = "/api/rooms/taken/links", {"role": "host"}
    assert (await one_door.client.post(url, json=body, headers=headers)).status_code == 201
    await one_door.office.rooms.reissue("taken", Role.HOST)
    assert (await one_door.client.post(url, json=body, headers=headers)).status_code == 401


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 129, "\u00e9"])
@on_one_loop
async def test_what_is_no_key(one_door: Door, key: str) -> None:
    headers = [*one_door.operator.items(), ("Idempotency-Key", key.encode())]
    answer = await one_door.client.post("/api/rooms", json={"title": "A"}, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 422


@on_one_loop
async def test_without_the_catalog_what_needs_none_is_granted_all_the_same(
    one_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one_door.room("away")
    headers = {**await one_door.token(Role.HOST, "away"), "Idempotency-Key": "k1"}

    async def away(*_: object, **__: object) -> Any:
        raise CatalogUnavailable

    monkeypatch.setattr(one_door.office.files, "ask", away)
    answer = await one_door.client.post("/api/rooms/away/links", json={"role": "speaker"}, headers=headers)
    assert answer.status_code == 201


@pytest.mark.parametrize("what", ["rooms", "posts"])
@on_one_loop
async def test_what_was_made_too_late_for_an_answer_is_not_made_again(
    one_door: Door, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The catalog has written it; who asked was told that it does not answer."""
    files, ask, late = one_door.office.files, one_door.office.files.ask, list[str]()

    async def too_late(question: Any, *more: Any) -> Any:
        names = question.__code__.co_names + question.__code__.co_freevars
        found = await ask(question, *more)
        if not late and ({"file", "add_post"} & set(names)):
            late.append("now")
            raise CatalogUnavailable
        return found

    async def forgotten(question: Any) -> None:
        """What a studio in such trouble had still to write down is lost with it."""

    if what == "posts":
        await one_door.room("late")
    url = "/api/rooms" if what == "rooms" else "/api/rooms/late/posts"
    body = {"title": "So late"} if what == "rooms" else {"text": "So late"}
    headers = {**one_door.operator, "Idempotency-Key": f"late-{what}"}
    monkeypatch.setattr(files, "ask", too_late)
    monkeypatch.setattr(files, "surely", forgotten)
    assert (await one_door.client.post(url, json=body, headers=headers)).status_code == 503
    assert late
    again = [await one_door.client.post(url, json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in again] == [201, 201]
    assert again[0].json()["id"] == again[1].json()["id"]
    found = (await one_door.client.get(url, headers=one_door.operator)).json()["items"]
    assert len([one for one in found if "So late" in (one.get("title"), one.get("text"))]) == 1


@on_one_loop
async def test_a_wish_that_is_granted_by_another_studio_at_this_moment_is_answered_by_it(one_door: Door) -> None:
    """Between our look at the answers and the writing of the room somebody else wrote both."""
    catalog = await one_door.office.files.ask(lambda catalog: catalog)
    room = a_room("twin")
    assert catalog.create_room_once(room, "k", "f", 201, b"{}") == room
    assert catalog.create_room_once(room.with_(id="twin-2"), "k", "f", 201, b"{}") is None
    with pytest.raises(Conflict):
        catalog.create_room_once(room, "other", "f", 201, b"{}")
    assert catalog.answered("other", "f", room.created) is None, "both or neither"
