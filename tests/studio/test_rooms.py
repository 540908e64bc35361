"""What can be done to a room, on a real bus."""

import asyncio
import json
from typing import Any

import pytest

from rostra.errors import Conflict, NotFound, StageUnavailable
from rostra.studio import rooms as rooms_module
from rostra.studio.app import wall_clock
from rostra.studio.rooms import Rooms
from rostra.units import Role, RoomState, WallTime
from rostra.wire.hands import Hand, HandState
from rostra.wire.rooms import Room
from tests.studio.conftest import FRONT, OFFER, SDP, Door, a_room, bearer, on_one_loop


async def test_ids_are_taken_once(door: Door) -> None:
    rooms = door.office.rooms
    made = [await rooms.create(a_room("talk"), exactly=n == 0) for n in range(3)]
    assert [r.id for r in made] == ["talk", "talk-2", "talk-3"]
    with pytest.raises(Conflict, match="There is a room 'talk' already"):
        await rooms.create(a_room("talk"), exactly=True)
    assert [r.id for r in (await rooms.page(10, ""))[0]] == ["talk-3", "talk-2", "talk"]


async def test_two_that_make_the_same_room_at_once(door: Door) -> None:
    rooms = door.office.rooms
    made = await asyncio.gather(*(rooms.create(a_room("talk"), exactly=True) for _ in range(5)), return_exceptions=True)
    assert sum(not isinstance(m, Exception) for m in made) == 1
    assert sum(isinstance(m, Conflict) for m in made) == 4


async def test_a_host_opens_the_doors_by_coming_and_gets_a_stage(door: Door) -> None:
    await door.room()
    with pytest.raises(Conflict, match="doors of this room are not open yet"):
        await door.office.rooms.enter("main", Role.SPEAKER)
    assert (await door.office.rooms.enter("main", Role.HOST)).state is RoomState.OPEN
    assert door.others.opened == ["main"]
    await door.office.rooms.enter("main", Role.SPEAKER)
    assert door.others.opened == ["main"], "a stage that answers is not asked for again"


async def test_a_stage_that_starts_late_is_waited_for(door: Door) -> None:
    await door.room()
    door.others.opens = False
    entering = asyncio.create_task(door.office.rooms.enter("main", Role.HOST))
    await asyncio.sleep(0.3)
    assert not entering.done()
    await door.others.stage_for("main")
    await entering
    assert door.others.opened == ["main"]


async def test_a_stage_that_does_not_come_is_a_sentence(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms_module, "STAGE_WITHIN_S", 0.4)
    await door.room()
    door.others.opens = False
    with pytest.raises(StageUnavailable, match="did not start within"):
        await door.office.rooms.open("main")


async def test_opening_twice_is_as_good_as_once_and_over_is_over(door: Door) -> None:
    await door.room()
    await door.office.rooms.open("main")
    assert (await door.office.rooms.open("main")).state is RoomState.OPEN
    assert (await door.office.rooms.end("main")).state is RoomState.ENDED
    assert (await door.office.rooms.end("main")).state is RoomState.ENDED
    with pytest.raises(Conflict, match="has ended; it cannot be opened again"):
        await door.office.rooms.open("main")
    with pytest.raises(Conflict, match="has ended"):
        await door.office.rooms.enter("main", Role.HOST)


async def test_ending_asks_the_stage_and_leaves_the_writing_to_it(door: Door) -> None:
    await door.room()
    await door.office.rooms.open("main")
    await door.office.rooms.end("main")
    assert [a["op"] for a in door.others.asked] == ["end"]


async def test_a_stage_that_says_yes_and_does_nothing_does_not_keep_the_room_on_air(door: Door) -> None:
    await door.room()
    await door.office.rooms.open("main")
    door.others.ends_rooms = False
    ended = await door.office.rooms.end("main")
    assert ended.state is RoomState.ENDED
    assert ended.ended > 0


async def test_what_is_in_the_broadcast_delay_plays_out_before_the_end_is_written(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms_module, "ENDS_WITHIN_S", 0.2)
    await door.room(state=RoomState.LIVE)
    await door.others.stage_for("main")
    door.others.answers["end"] = {"ok": True, "plays_out_s": 0.5}
    assert (await door.office.rooms.end("main")).state is RoomState.LIVE
    await asyncio.sleep(0.4)
    assert (await door.office.rooms.get("main")).state is RoomState.LIVE, "the last words are still going out"
    await asyncio.sleep(0.8)
    assert (await door.office.rooms.get("main")).state is RoomState.ENDED, "the stage did not, so we did"


async def test_a_room_on_air_without_a_stage_can_be_ended(door: Door) -> None:
    await door.room(state=RoomState.INTERRUPTED)
    assert (await door.office.rooms.end("main")).state is RoomState.ENDED


async def test_ending_before_the_beginning_cancels(door: Door) -> None:
    await door.room()
    assert (await door.office.rooms.end("main")).state is RoomState.CANCELLED
    with pytest.raises(Conflict, match="been cancelled"):
        await door.office.rooms.enter("main", Role.HOST)


async def test_no_room(door: Door) -> None:
    for work in (door.office.rooms.open, door.office.rooms.end, door.office.rooms.get):
        with pytest.raises(NotFound):
            await work("nobody")


async def test_a_change_that_collides_is_made_again(door: Door) -> None:
    await door.room()
    rooms = Rooms(door.others.bus, door.office.files, lambda: WallTime(1e9))
    both = await asyncio.gather(door.office.rooms.open("main"), rooms.open("main"))
    assert {r.state for r in both} == {RoomState.OPEN}


# --- moved, called off, deleted ---


async def both(door: Door, name: str) -> tuple[Room, Room]:
    """As it is announced, and as everyone hears it."""
    filed = await door.office.files.ask(lambda catalog: catalog.get_room(name))
    return filed, (await door.others.bus.get_room(name))[0]


def said(room: Room) -> tuple[object, ...]:
    return (room.state, room.at, room.note, room.tz, room.moved, room.ended)


@on_one_loop
async def test_a_room_is_moved_and_all_who_wait_hear_it(one_door: Door) -> None:
    await one_door.room("moved")
    cohost = await one_door.token(Role.COHOST, "moved")
    for n, day in enumerate((2, 3), 1):
        body = {"at": f"2031-05-0{day}T19:30:00+02:00", "note": "  Ill.\n\n\n\nSorry. "}
        answer = await one_door.client.post("/api/rooms/moved/postpone", json=body, headers=cohost)
        assert (answer.status_code, answer.json()["at"]) == (200, f"2031-05-0{day}T17:30:00Z")
        filed, record = await both(one_door, "moved")
        assert said(filed) == said(record)
        assert (record.state, record.note, record.moved) == (RoomState.SCHEDULED, "Ill.\n\nSorry.", n)
    past = await one_door.client.post("/api/rooms/moved/postpone", json={"at": "2020-01-01T00:00"}, headers=cohost)
    assert (past.status_code, past.json()["errors"][0]["field"]) == (422, "at")
    assert (await both(one_door, "moved"))[1].moved == 2


@on_one_loop
async def test_two_who_move_it_at_the_same_moment_have_moved_it_twice(one_door: Door) -> None:
    await one_door.room("twice")
    rooms = one_door.office.rooms
    await asyncio.gather(*(rooms.postpone("twice", WallTime(2e9 + n), "") for n in range(2)))
    await one_door.office.chores.publish()
    filed, record = await both(one_door, "twice")
    assert (filed.moved, said(filed)) == (2, said(record)), "calendars go by it"


@on_one_loop
async def test_what_is_announced_reaches_the_bus_in_the_order_in_which_it_was(
    one_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that is drawn meanwhile does not bring back the time zone of before; nor does the outbox."""
    await one_door.room("order")
    rooms, gate = one_door.office.rooms, asyncio.Event()
    real, first = rooms.publish, True

    async def slow(filed: Room) -> Room:
        nonlocal first
        if first:
            first = False
            await gate.wait()
        return await real(filed)

    monkeypatch.setattr(rooms, "publish", slow)
    older = asyncio.create_task(rooms.announce("order", lambda filed: filed.with_(words="Old.")))
    async with asyncio.timeout(5):
        while first:
            await asyncio.sleep(0.005)
    newer = asyncio.create_task(rooms.announce("order", lambda filed: filed.with_(tz="Europe/Berlin")))
    again = asyncio.create_task(rooms.publish_again("order"))
    await asyncio.sleep(0.1)
    gate.set()
    await asyncio.gather(older, newer, again)
    filed, record = await both(one_door, "order")
    assert (record.words, record.tz) == (filed.words, filed.tz) == ("Old.", "Europe/Berlin")


@on_one_loop
async def test_a_room_that_is_deleted_is_not_published_again(one_door: Door) -> None:
    await one_door.room("deleted")
    await one_door.office.rooms.delete("deleted")
    await one_door.office.rooms.publish_again("deleted")
    with pytest.raises(NotFound):
        await one_door.others.bus.get_room("deleted")


@on_one_loop
async def test_doors_that_are_open_close_for_a_room_that_is_moved_far(one_door: Door) -> None:
    now = wall_clock()
    for name, ahead_s, state in (("far", 86_400.0, RoomState.SCHEDULED), ("near", 60.0, RoomState.OPEN)):
        await one_door.room(name, RoomState.OPEN)
        assert (await one_door.office.rooms.postpone(name, WallTime(now + ahead_s), "")).state is state, name


@pytest.mark.parametrize("state", [RoomState.LIVE, RoomState.INTERRUPTED, RoomState.ENDED, RoomState.CANCELLED])
@on_one_loop
async def test_what_has_begun_or_is_over_is_neither_moved_nor_called_off(one_door: Door, state: RoomState) -> None:
    name = f"late-{state.value}"
    await one_door.room(name, state)
    before, rooms = await one_door.others.bus.get_room(name), one_door.office.rooms
    with pytest.raises(Conflict, match=r"This room .*\."):
        await rooms.postpone(name, WallTime(2e9), "")
    if state is RoomState.CANCELLED:
        assert (await rooms.cancel(name, "Again.")).state is state, "twice is as good as once"
    else:
        with pytest.raises(Conflict, match=r"This room .*\."):
            await rooms.cancel(name, "No.")
    assert await one_door.others.bus.get_room(name) == before


@pytest.mark.parametrize("state", [RoomState.SCHEDULED, RoomState.OPEN])
@on_one_loop
async def test_a_room_is_called_off_for_good(one_door: Door, state: RoomState) -> None:
    name = f"off-{state.value}"
    await one_door.room(name, state)
    host, url = await one_door.token(Role.HOST, name), f"/api/rooms/{name}"
    answer = await one_door.client.post(f"{url}/cancel", json={"note": "Ill."}, headers=host)
    assert (answer.json()["state"], answer.json()["note"]) == ("cancelled", "Ill.")
    filed, record = await both(one_door, name)
    assert said(filed) == said(record)
    assert record.ended > 0
    for path in ("open", "start"):
        refused = await one_door.client.post(f"{url}/{path}", headers=host)
        assert (refused.status_code, "been cancelled" in refused.json()["detail"]) == (409, True)
    assert (await one_door.client.post("/stage/" + name + "/whip", content=OFFER, headers={**host, **SDP})).is_error


@on_one_loop
async def test_a_room_on_air_is_ended_before_it_is_deleted(one_door: Door) -> None:
    await one_door.room("gone", RoomState.LIVE)
    await one_door.office.boards.post("gone", "Host", "Hello.", "", "", pinned=False)
    assert (await one_door.client.delete("/api/rooms/gone", headers=one_door.operator)).status_code == 409
    await one_door.office.rooms.end("gone")
    assert (await one_door.client.delete("/api/rooms/gone", headers=one_door.operator)).json() == {}
    for _ in range(2):
        assert (await one_door.client.get("/api/rooms/gone", headers=one_door.operator)).status_code == 404
        assert (await one_door.client.delete("/api/rooms/gone", headers=one_door.operator)).status_code == 404
    with pytest.raises(NotFound):
        await one_door.others.bus.boards.get("gone")


@on_one_loop
async def test_a_host_starts_it_whatever_the_announced_time(one_door: Door) -> None:
    await one_door.office.rooms.create(a_room("early", at=wall_clock() + 86_400.0), exactly=True)
    cohost = await one_door.token(Role.COHOST, "early")
    started = (await one_door.client.post("/api/rooms/early/start", headers=cohost)).json()
    assert (started["state"], started["go"]) == ("open", True)
    assert {"room": "early", "op": "start"} in one_door.others.asked
    one_door.others.answers["start"] = StageUnavailable("It is busy.")
    try:
        assert (await one_door.client.post("/api/rooms/early/start", headers=cohost)).status_code == 200
    finally:
        del one_door.others.answers["start"]


@on_one_loop
async def test_what_is_set_on_air_reaches_stage_and_catalog(one_door: Door) -> None:
    await one_door.room("set", RoomState.LIVE)
    cohost = await one_door.token(Role.COHOST, "set")
    assert (await one_door.client.post("/api/rooms/set/lock", json={"locked": True}, headers=cohost)).json()["locked"]
    delayed = await one_door.client.post("/api/rooms/set/delay", json={"seconds": 12.5}, headers=cohost)
    assert delayed.json()["delay_s"] == 12.5
    filed, record = await both(one_door, "set")
    assert (record.locked, record.delay_s) == (filed.locked, filed.delay_s) == (True, 12.5)
    for bad in (-1, 30.5, "2", None, 1e400):
        answer = await one_door.client.post(
            "/api/rooms/set/delay", content=json.dumps({"seconds": bad}),
            headers={**cohost, "Content-Type": "application/json"},
        )  # fmt: skip
        assert answer.status_code in (400, 422), bad


@on_one_loop
async def test_only_what_is_given_is_changed(one_door: Door) -> None:
    body = {"title": "A talk", "id": "kept", "at": "2031-05-01T19:30", "tz": "Europe/Berlin", "speakers": ["Ann"],
            "words": "About the sea.", "listed": False}  # fmt: skip
    await one_door.client.post("/api/rooms", json=body, headers=one_door.operator)
    cohost, url = await one_door.token(Role.COHOST, "kept"), "/api/rooms/kept"
    before = (await one_door.client.get(url, headers=cohost)).json()
    after = (await one_door.client.patch(url, json={}, headers=cohost)).json()
    assert {**after, "card": ""} == {**before, "card": ""}
    for change in ({"title": "B"}, {"speakers": []}, {"listed": True}, {"doors_s": 60.0}, {"tz": "UTC"}, {"words": ""}):
        after = (await one_door.client.patch(url, json=change, headers=cohost)).json()
        assert after == {**before, **change, "card": after["card"]}, "but for what is drawn meanwhile"
        before = after
    moved = (await one_door.client.patch(url, json={"at": "2031-06-01T19:30"}, headers=cohost)).json()
    assert (moved["at"], (await both(one_door, "kept"))[1].moved) == ("2031-06-01T19:30:00Z", 1)
    await one_door.client.patch(url, json={"at": "2031-06-01T19:30"}, headers=cohost)
    assert (await both(one_door, "kept"))[1].moved == 1, "the same time is no move"


@on_one_loop
async def test_rooms_are_listed_a_page_at_a_time(one_door: Door) -> None:
    for n in range(5):
        await one_door.office.rooms.create(a_room(f"page-{n}"), exactly=True)
    found, cursor = list[str](), ""
    while cursor is not None:
        url = f"/api/rooms?limit=2&cursor={cursor}"
        page = (await one_door.client.get(url, headers=one_door.operator)).json()
        assert len(page["items"]) <= 2
        found += [room["id"] for room in page["items"]]
        cursor = page["next"]
    assert [name for name in found if name.startswith("page-")] == [f"page-{n}" for n in (4, 3, 2, 1, 0)]
    assert len(set(found)) == len(found)
    for bad in ("limit=0", "limit=201", "limit=x", "cursor=nonsense", "cursor=" + "x" * 601):
        assert (await one_door.client.get(f"/api/rooms?{bad}", headers=one_door.operator)).status_code in (400, 422)


@on_one_loop
async def test_links_are_listed_to_who_may_see_them(one_door: Door) -> None:
    await one_door.room("links")
    record, url = await one_door.office.rooms.get("links"), "/api/rooms/links/links"
    for role, name in ((Role.SPEAKER, "Ann"), (Role.COHOST, "Bo"), (Role.HOST, "Cy"), (Role.SPEAKER, "Di")):
        await one_door.office.moderating.invite(record, role, name)
    host, cohost = await one_door.token(Role.HOST, "links"), await one_door.token(Role.COHOST, "links")
    whole = (await one_door.client.get(url, headers=host)).json()
    assert sorted(item["name"] for item in whole["items"]) == ["Ann", "Bo", "Cy", "Di"]
    assert (set(whole["shared"]), whole["complete"]) == ({"host", "cohost", "speaker", "public"}, True)
    some = (await one_door.client.get(url, headers=cohost)).json()
    assert sorted(item["name"] for item in some["items"]) == ["Ann", "Di"]
    assert set(some["shared"]) == {"speaker", "public"}
    first = (await one_door.client.get(f"{url}?limit=1", headers=cohost)).json()
    second = (await one_door.client.get(f"{url}?limit=1&cursor={first['next']}", headers=cohost)).json()
    assert [len(first["items"]), len(second["items"]), second["next"]] == [1, 1, None]
    for bad in ("x", "-1", "1" * 10, "%C2%B2"):
        assert (await one_door.client.get(f"{url}?cursor={bad}", headers=host)).status_code == 400


@on_one_loop
async def test_of_a_room_for_invited_ones_listeners_have_links_too(one_door: Door) -> None:
    await one_door.client.post(
        "/api/rooms", json={"title": "S", "id": "s1", "invited": True}, headers=one_door.operator
    )
    cohost = await one_door.token(Role.COHOST, "s1")
    shared = (await one_door.client.get("/api/rooms/s1/links", headers=cohost)).json()["shared"]
    assert shared["listener"].startswith(f"{FRONT}/r/s1?t=")
    made = await one_door.client.post("/api/rooms/s1/links", json={"role": "listener", "name": "Eve"}, headers=cohost)
    listener = bearer(made.json()["link"])
    assert (await one_door.client.get("/api/rooms/s1", headers=listener)).status_code == 200
    assert (await one_door.client.get("/api/rooms/s1/people", headers=listener)).status_code == 403


@on_one_loop
async def test_hands_of_a_room_that_is_deleted_are_not_up_in_the_next_of_its_name(one_door: Door) -> None:
    await one_door.room("again")
    hand = Hand("again", "a" * 22, "Ann", "", wall_clock())
    await one_door.others.bus.hands.put(hand.key, hand, 0)
    async with asyncio.timeout(5):
        while not one_door.office.hands.up("again"):
            await asyncio.sleep(0.01)
        assert (await one_door.client.delete("/api/rooms/again", headers=one_door.operator)).status_code == 200
        while one_door.office.hands.up("again"):
            await asyncio.sleep(0.01)
    assert (await one_door.others.bus.hands.get(hand.key))[0].state is HandState.LOWERED


@on_one_loop
async def test_who_sends_back_what_they_read_moves_nothing_though_it_is_over(one_door: Door) -> None:
    await one_door.office.rooms.create(a_room("late", at=wall_clock() - 3600.25), exactly=True)
    host = await one_door.token(Role.HOST, "late")
    read = (await one_door.client.get("/api/rooms/late", headers=host)).json()
    changed = await one_door.client.patch(
        "/api/rooms/late", json={"title": "Another", "at": read["at"], "tz": read["tz"]}, headers=host
    )
    assert (changed.status_code, changed.json()["title"], changed.json()["at"]) == (200, "Another", read["at"])
    assert (await one_door.others.bus.get_room("late"))[0].moved == 0
    refused = await one_door.client.patch("/api/rooms/late", json={"at": "2001-01-01T00:00:00Z"}, headers=host)
    assert refused.status_code == 422


@pytest.mark.parametrize("what", ["cancel", "postpone"])
@on_one_loop
async def test_what_begins_while_it_is_called_off_goes_on_as_it_was_announced(
    one_door: Door, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    name, bus = f"moment-{what}", one_door.others.bus
    monkeypatch.setattr(one_door.office.rooms, "on_announced", lambda room: None)  # a card would be drawn meanwhile
    before = await one_door.room(name, RoomState.OPEN)
    host, ask = await one_door.token(Role.HOST, name), one_door.office.files.ask
    begun = list[bool]()

    async def meanwhile(question: Any, *more: Any) -> Any:
        if not begun and "change_room" in question.__code__.co_names:
            begun.append(True)
            record, revision = await bus.get_room(name)
            await bus.update_room(record.with_(state=RoomState.LIVE, started=wall_clock()), revision)
        return await ask(question, *more)

    monkeypatch.setattr(one_door.office.files, "ask", meanwhile)
    body = {"note": "Ill."} | ({"at": "2031-05-01T19:30:00Z"} if what == "postpone" else {})
    answer = await one_door.client.post(f"/api/rooms/{name}/{what}", json=body, headers=host)
    assert (answer.status_code, "End it instead" in answer.json()["detail"]) == (409, True)
    record, _ = await bus.get_room(name)
    assert (record.state, record.note, record.at, record.ended) == (RoomState.LIVE, "", before.at, 0.0)
    async with asyncio.timeout(10):
        while (filed := await ask(lambda catalog: catalog.get_room(name))).state is not RoomState.LIVE:
            await asyncio.sleep(0.05)  # what is mirrored may be some moments old
    assert (filed.note, filed.at, filed.ended) == ("", before.at, 0.0)


@on_one_loop
async def test_an_operator_sets_when_doors_of_new_rooms_open(one_door: Door) -> None:
    async def made(**more: float) -> float:
        answer = await one_door.client.post("/api/rooms", json={"title": "A talk", **more}, headers=one_door.operator)
        return float(answer.json()["doors_s"])

    assert await made() == 900.0
    for said, then in ((60.0, 60.0), (0.0, 0.0), (None, 900.0)):
        answer = await one_door.client.put("/api/settings", json={"doors_s": said}, headers=one_door.operator)
        assert answer.json() == {"doors_s": then}
        assert (await made(), await made(doors_s=5.0)) == (then, 5.0)
    assert (await one_door.client.get("/api/settings", headers=one_door.operator)).json() == {"doors_s": 900.0}
