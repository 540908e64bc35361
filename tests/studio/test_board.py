"""Posts, pictures and cards: in the catalog, on the bus, and what is refused."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from rostra.errors import BusUnavailable, CatalogUnavailable, Conflict, NotFound, TooLarge
from rostra.studio import board as board_module
from rostra.studio import chores
from rostra.studio.board import Cards, when_text
from rostra.units import Role, RoomState, WallTime
from rostra.wire.boards import Board, Post
from rostra.wire.rooms import Room
from tests.studio.conftest import PNG, Door, a_room, on_one_loop

_numbers = itertools.count()
OTHER = PNG + b" another"


async def a_board(door: Door) -> tuple[str, dict[str, str]]:
    """The address of a room's posts, and its co-host."""
    name = f"board-{next(_numbers)}"
    await door.room(name)
    return f"/api/rooms/{name}", await door.token(Role.COHOST, name)


async def on_the_bus(door: Door, room: str) -> Board:
    return (await door.others.bus.boards.get(room.rpartition("/")[2]))[0]


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(10):
        while not (found := await condition()):
            await asyncio.sleep(0.01)
    return found


@on_one_loop
async def test_what_is_posted_stands_on_the_bus_at_once(one_door: Door) -> None:
    room, cohost = await a_board(one_door)
    made = await one_door.client.post(f"{room}/posts", json={"text": " Read\nthis  now "}, headers=cohost)
    post = made.json()
    assert (made.status_code, post["text"], post["by"], post["pinned"]) == (201, "Read\nthis now", "Co-host", False)
    board = await on_the_bus(one_door, room)
    assert (board.version, [p.text for p in board.posts]) == (1, ["Read\nthis now"])
    url = f"{room}/posts/{post['id']}"
    changed = await one_door.client.patch(url, json={"pinned": True, "link": "HTTPS://example.org/a"}, headers=cohost)
    assert (changed.json()["pinned"], changed.json()["link"]) == (True, "https://example.org/a")
    board = await on_the_bus(one_door, room)
    assert (board.version, board.posts[0].pinned, board.posts[0].text) == (2, True, "Read\nthis now")
    assert (await one_door.client.delete(url, headers=cohost)).json() == {}
    assert await on_the_bus(one_door, room) == Board(3)
    for again in (await one_door.client.delete(url, headers=cohost),
                  await one_door.client.patch(url, json={"pinned": True}, headers=cohost)):  # fmt: skip
        assert again.status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400), ({"text": " \u200b "}, 400), ({"text": "x" * 501}, 422), ({"text": "a\x00"}, 422),
        ({"link": "javascript:alert(1)"}, 422), ({"link": "https://a b"}, 422), ({"link": "//example.org"}, 422),
        ({"link": "https://user@example.org/"}, 422), ({"link": "data:text/html,x"}, 422),
        ({"picture": "0" * 32 + ".webp"}, 400), ({"picture": "../../etc/passwd"}, 422),
        ({"text": "a", "by": "me"}, 422), ({"text": "a", "pinned": "yes"}, 422), ({"text": 7}, 422),
    ],
)  # fmt: skip
@on_one_loop
async def test_what_is_no_post(one_door: Door, body: dict[str, Any], status: int) -> None:
    room, cohost = await a_board(one_door)
    answer = await one_door.client.post(f"{room}/posts", json=body, headers=cohost)
    assert answer.status_code == status
    assert answer.json()["detail"].endswith(".")
    with pytest.raises(NotFound):
        await on_the_bus(one_door, room)


@on_one_loop
async def test_a_post_is_not_emptied_by_a_change(one_door: Door) -> None:
    room, cohost = await a_board(one_door)
    post = (await one_door.client.post(f"{room}/posts", json={"text": "A"}, headers=cohost)).json()
    answer = await one_door.client.patch(f"{room}/posts/{post['id']}", json={"text": ""}, headers=cohost)
    assert (answer.status_code, "Delete it instead" in answer.json()["detail"]) == (400, True)
    gone = {"picture": "0" * 32 + ".webp"}
    assert (await one_door.client.patch(f"{room}/posts/{post['id']}", json=gone, headers=cohost)).status_code == 400
    assert (await on_the_bus(one_door, room)).version == 1


@on_one_loop
async def test_posts_are_read_a_page_at_a_time_by_anyone_with_a_link(one_door: Door) -> None:
    room, cohost = await a_board(one_door)
    listener = await one_door.token(Role.LISTENER, room.rpartition("/")[2])
    for n in range(5):
        await one_door.client.post(f"{room}/posts", json={"text": f"{n}"}, headers=cohost)
    found, cursor = [], ""
    while cursor is not None:
        page = (await one_door.client.get(f"{room}/posts?limit=2&cursor={cursor}", headers=listener)).json()
        found += [post["text"] for post in page["items"]]
        cursor = page["next"]
    assert (found, page["version"]) == (["4", "3", "2", "1", "0"], 5)
    for bad in ("x", "../1", "%00"):
        assert (await one_door.client.get(f"{room}/posts?cursor={bad}", headers=listener)).status_code == 400


@on_one_loop
async def test_a_picture_is_sent_first_and_then_named(one_door: Door) -> None:
    room, cohost = await a_board(one_door)
    made = await one_door.client.post(f"{room}/pictures", content=PNG, headers=cohost)
    name = made.json()["picture"]
    assert (await one_door.others.bus.pictures.get(name))[0] == PNG
    post = await one_door.client.post(f"{room}/posts", json={"picture": name}, headers=cohost)
    assert (post.status_code, post.json()["picture"]) == (201, name)
    no = await one_door.client.post(f"{room}/pictures", content=b"<svg onload=alert(1)>", headers=cohost)
    assert (no.status_code, no.headers["content-type"]) == (415, "application/problem+json")


@on_one_loop
async def test_a_room_has_a_picture_or_none(one_door: Door) -> None:
    room, cohost = await a_board(one_door)
    name = (await one_door.client.put(f"{room}/picture", content=PNG, headers=cohost)).json()["picture"]
    record, _ = await one_door.others.bus.get_room(room.rpartition("/")[2])
    assert (record.picture, (await one_door.others.bus.pictures.get(name))[0]) == (name, PNG)
    assert (await one_door.client.put(f"{room}/picture", content=b"x", headers=cohost)).status_code == 415
    assert (await one_door.client.get(room, headers=cohost)).json()["picture"] == name, "it is still there"
    assert (await one_door.client.delete(f"{room}/picture", headers=cohost)).json()["picture"] == ""
    assert (await one_door.others.bus.get_room(room.rpartition("/")[2]))[0].picture == ""


@on_one_loop
async def test_a_picture_that_is_too_large_is_refused_before_it_is_there(one_door: Door) -> None:
    room, cohost = await a_board(one_door)
    for method, path in (("POST", "pictures"), ("PUT", "picture")):
        answer = await one_door.client.request(method, f"{room}/{path}", content=PNG + bytes(8 << 20), headers=cohost)
        assert answer.status_code == 413


@on_one_loop
async def test_a_board_waits_in_the_catalog_for_the_bus(one_door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    room, cohost = await a_board(one_door)
    boards = one_door.office.bus.boards

    async def away(*_: object) -> Any:
        raise BusUnavailable("It is away.")

    monkeypatch.setattr(chores, "RETRY_S", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(boards, "put", away)
        made = await one_door.client.post(f"{room}/posts", json={"text": "Later"}, headers=cohost)
        assert made.status_code == 201
        with pytest.raises(NotFound):
            await on_the_bus(one_door, room)

    async def told() -> bool:
        try:
            return [p.text for p in (await on_the_bus(one_door, room)).posts] == ["Later"]
        except NotFound:
            return False

    await until(told)


@on_one_loop
async def test_without_the_catalog_the_board_is_read_and_not_changed(
    one_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, cohost = await a_board(one_door)
    await one_door.client.post(f"{room}/posts", json={"text": "Here"}, headers=cohost)

    async def away(*_: object, **__: object) -> Any:
        raise CatalogUnavailable

    monkeypatch.setattr(one_door.office.files, "ask", away)
    shown = (await one_door.client.get(f"{room}/posts", headers=cohost)).json()
    assert [post["text"] for post in shown["items"]] == ["Here"]
    refused = await one_door.client.post(f"{room}/posts", json={"text": "No"}, headers=cohost)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:rostra:problem:catalog-unavailable")


@on_one_loop
async def test_an_older_board_does_not_replace_a_newer_one(one_door: Door) -> None:
    boards, room = one_door.office.boards, f"board-{next(_numbers)}"
    post = Post("p1", WallTime(1e9), "Ann", "New")
    await boards.publish(room, Board())
    with pytest.raises(NotFound):
        await one_door.others.bus.boards.get(room)
    await asyncio.gather(*(boards.publish(room, Board(n, (post,) if n == 5 else ())) for n in (3, 5, 4, 1, 2)))
    assert (await one_door.others.bus.boards.get(room))[0] == Board(5, (post,))
    await boards.publish(room, Board(4))
    assert (await one_door.others.bus.boards.get(room))[0].version == 5
    await one_door.others.bus.boards.delete(room)
    await boards.publish(room, Board(6))
    assert (await one_door.others.bus.boards.get(room))[0].version == 6, "deleted is not newer"


@on_one_loop
async def test_a_board_that_is_changed_all_the_time_is_left_to_the_outbox(
    one_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def taken(*_: object) -> Any:
        nonlocal asked
        asked += 1
        raise Conflict("Somebody else was faster.")

    monkeypatch.setattr(one_door.office.bus.boards, "put", taken)
    await one_door.office.boards.publish("board-contested", Board(1))
    assert asked == board_module.TRIES


# --- cards ---


async def test_a_card_is_drawn_for_a_room_and_again_when_what_is_on_it_changes(door: Door) -> None:
    body = {"title": "A talk", "id": "talk", "at": "2031-05-01T19:30", "tz": "Europe/Berlin", "speakers": ["Ann"]}
    await door.client.post("/api/rooms", json=body, headers=door.operator)

    async def card(other_than: str = "") -> str:
        name = (await door.others.bus.get_room("talk"))[0].card
        return name if name != other_than else ""

    first = await until(card)
    drawn = (await door.others.bus.pictures.get(first))[0].decode()
    assert drawn == "A talk|Thursday, 1 May 2031, 19:30 CEST|('Ann',)|None"
    await door.client.patch("/api/rooms/talk", json={"words": "About the sea."}, headers=door.operator)
    await door.client.put("/api/rooms/talk/picture", content=PNG, headers=door.operator)
    second = await until(lambda: card(first))
    assert repr(PNG) in (await door.others.bus.pictures.get(second))[0].decode()
    await door.others.bus.pictures.delete((await door.others.bus.get_room("talk"))[0].picture)
    await door.client.patch("/api/rooms/talk", json={"title": "A longer talk"}, headers=door.operator)
    third = await until(lambda: card(second))
    assert (await door.others.bus.pictures.get(third))[0].decode().endswith("|None"), "without one that is gone"


async def test_a_card_that_cannot_be_drawn_holds_up_nothing(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def card(title: str, when: str, speakers: Sequence[str], picture: bytes | None) -> tuple[str, bytes]:
        asked.append(title)
        if title == "Bad":
            raise TooLarge("It does not fit.")
        return "0" * 32 + ".png", b"card"

    monkeypatch.setattr(door.office.cards._pictures, "card", card)
    for name, title in (("bad", "Bad"), ("good", "Good")):
        await door.client.post("/api/rooms", json={"title": title, "id": name}, headers=door.operator)

    async def drawn() -> bool:
        return bool((await door.others.bus.get_room("good"))[0].card)

    await until(drawn)
    assert (asked, (await door.others.bus.get_room("bad"))[0].card) == (["Bad", "Good"], "")


def test_so_many_cards_wait_and_each_room_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "MAX_CARDS", 3)
    nothing: Any = None
    cards = Cards(nothing, nothing, nothing)
    for n in (1, 1, 2, 3, 4):
        cards.want(a_room(f"r{n}"))
    assert list(cards._wanted) == ["r1", "r2", "r3"]


def test_a_time_is_written_as_people_say_it_where_it_was_announced() -> None:
    at = Room("a", "A", RoomState.SCHEDULED, WallTime(1_935_703_800.0), WallTime(0.0))
    assert when_text(at) == "Sunday, 4 May 2031, 23:30 UTC"
    assert when_text(at.with_(tz="Europe/Berlin")) == "Monday, 5 May 2031, 01:30 CEST"
