"""Who is appointed, hands over, is taken off the stage and tries to come back: the stage door and the rules of the
stage together, and what edges and stages elsewhere are told on the bus."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from rostra.errors import StageUnavailable
from rostra.studio import moderating
from rostra.units import Role, RoomState, WallTime
from rostra.wire.hands import Hand, HandState
from rostra.wire.rooms import Room
from tests.studio.conftest import ANN, OFFER, SDP, Door, bearer, on_one_loop
from tests.studio.stage_played import PlayedStage

_numbers = itertools.count()


@dataclass
class Evening:
    """A room on air, and what everyone on the bus knows of it."""

    door: Door
    room: str
    stage: PlayedStage
    told: list[Room] = field(default_factory=list)

    async def link(self, role: Role) -> dict[str, str]:
        """The shared one."""
        return bearer(self.door.office.links.shared(await self.record(), role))

    async def record(self) -> Room:
        return (await self.door.others.bus.get_room(self.room))[0]

    async def personal(self, role: Role, name: str) -> tuple[dict[str, str], str]:
        link, identity = await self.door.office.moderating.invite(await self.record(), role, name)
        return bearer(link), identity

    async def ask(self, method: str, path: str, who: dict[str, str], body: Any = None) -> Any:
        return await self.door.client.request(method, f"/api/rooms/{self.room}{path}", headers=who, json=body)

    async def sit(self, who: dict[str, str], seat: str = "") -> Any:
        url = f"/stage/{self.room}/whip" + (f"?seat={seat}" if seat else "")
        return await self.door.client.post(url, content=OFFER, headers={**who, **SDP})

    async def seat_of(self, who: dict[str, str], seat: str = "") -> str:
        found = (await self.ask("GET", f"/me?seat={seat}", who)).json()["seat"]
        return str(found["id"]) if found else ""

    async def notes(self, who: dict[str, str], seat: str = "") -> list[dict[str, Any]]:
        return list((await self.ask("GET", f"/me?seat={seat}", who)).json()["notes"])

    async def hears(self, condition: Any) -> Room:
        """What edges and stages are told: they watch the record."""
        async with asyncio.timeout(5):
            while not (found := [room for room in self.told if condition(room)]):
                await asyncio.sleep(0.005)
        return found[0]


@pytest_asyncio.fixture(loop_scope="module")
async def evening(one_door: Door, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Evening]:
    monkeypatch.setattr(moderating, "NOTICE_S", 0.3)
    name = f"evening-{next(_numbers)}"
    await one_door.room(name, RoomState.LIVE)
    stage = PlayedStage(one_door.others.bus, one_door.key.public_key(), name)
    await stage.start()
    found = Evening(one_door, name, stage)
    await one_door.others.bus.rooms.watch(lambda _, room: found.told.append(room) if room else None, only=name)
    yield found


# --- appointing ---


@on_one_loop
async def test_a_speaker_is_appointed_and_may_what_a_cohost_may(
    evening: Evening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderating, "CHANGES_OVER_S", 0.3)
    host, (ann, identity) = await evening.link(Role.HOST), await evening.personal(Role.SPEAKER, "Ann")
    assert (await evening.sit(ann)).status_code == 201
    seat = await evening.seat_of(ann)
    appointed = (await evening.ask("POST", f"/seats/{seat}/appoint", host, {"role": "cohost"})).json()
    assert appointed == {"role": "cohost", "link": None, "hint": ""}
    (note,) = await evening.notes(ann)
    assert (note["kind"], note["role"]) == ("link", "cohost")
    now = bearer(note["link"])
    assert (await evening.ask("POST", "/lock", now, {"locked": True})).status_code == 200
    for path, body in (("/end", {}), (f"/seats/{seat}/appoint", {"role": "cohost"}), ("/links/host/reissue", {})):
        assert (await evening.ask("POST", path, now, body)).status_code == 403, path
    assert (await evening.ask("POST", "/lock", now, {"locked": False})).status_code == 200
    assert (await evening.sit(now)).status_code == 201
    assert identity in (await evening.hears(lambda room: room.revoked)).revoked, "one person has one link"
    assert (await evening.sit(now)).status_code == 201


@on_one_loop
async def test_who_is_no_longer_a_cohost_has_no_link_of_one(evening: Evening) -> None:
    host, (ann, identity) = await evening.link(Role.HOST), await evening.personal(Role.COHOST, "Ann")
    await evening.sit(ann)
    seat = await evening.seat_of(ann)
    asked = asyncio.create_task(evening.ask("POST", f"/seats/{seat}/appoint", host, {"role": "speaker"}))
    async with asyncio.timeout(5):
        while not (notes := await evening.notes(ann)):
            await asyncio.sleep(0)
    assert (await asked).json()["hint"] == ""
    assert (await evening.ask("POST", "/lock", ann, {"locked": True})).status_code == 401
    assert identity in (await evening.hears(lambda room: room.revoked)).revoked
    speaker = bearer(notes[0]["link"])
    assert (await evening.sit(speaker)).status_code == 201
    assert (await evening.ask("POST", "/lock", speaker, {"locked": True})).status_code == 403


@on_one_loop
async def test_a_link_that_cohosts_share_is_to_be_issued_anew_by_the_host(evening: Evening) -> None:
    host, shared = await evening.link(Role.HOST), await evening.link(Role.COHOST)
    await evening.sit(shared, "a")
    seat = await evening.seat_of(shared, "a")
    appointed = await evening.ask("POST", f"/seats/{seat}/appoint", host, {"role": "speaker"})
    assert "Issue it anew" in appointed.json()["hint"]
    assert (await evening.record()).revoked == ()


@on_one_loop
async def test_what_cannot_be_appointed(evening: Evening) -> None:
    host, (ann, _) = await evening.link(Role.HOST), await evening.personal(Role.SPEAKER, "Ann")
    for who in (host, ann):
        await evening.sit(who)
    for seat, role, status in (
        (await evening.seat_of(ann), "speaker", 409),
        (await evening.seat_of(host), "cohost", 409),
        (await evening.seat_of(host), "speaker", 409),
        (await evening.seat_of(host), "host", 409),
        ("s99", "cohost", 404),
        (await evening.seat_of(ann), "listener", 422),
    ):
        answer = await evening.ask("POST", f"/seats/{seat}/appoint", host, {"role": role})
        assert answer.status_code == status, (seat, role)
    assert (await evening.record()).issues == {}


@on_one_loop
async def test_there_are_so_many_cohosts_and_who_finds_no_place_keeps_theirs(evening: Evening) -> None:
    host, people = await evening.link(Role.HOST), [await evening.personal(Role.SPEAKER, f"P{n}") for n in range(3)]
    for (who, identity), status in zip(people, (200, 200, 409), strict=True):
        await evening.sit(who)
        seat = await evening.seat_of(who)
        answer = await evening.ask("POST", f"/seats/{seat}/appoint", host, {"role": "cohost"})
        assert answer.status_code == status
        assert await evening.seat_of(who) == seat, "whatever came of it"
        assert identity not in (await evening.record()).revoked
    assert "Make one of them a speaker first" in answer.json()["detail"]
    made = (await evening.ask("GET", "/links", host)).json()["items"]
    assert [link["revoked"] is not None for link in made if link["role"] == "cohost"].count(True) == 1


@on_one_loop
async def test_a_link_that_does_not_reach_its_person_is_taken_back(one_door: Door) -> None:
    name = f"evening-{next(_numbers)}"
    await one_door.room(name, RoomState.LIVE)
    await one_door.others.stage_for(name)
    one_door.others.seats = [dict(ANN)]
    one_door.others.answers["note"] = StageUnavailable("It is gone.")
    try:
        url = f"/api/rooms/{name}/seats/s1/appoint"
        answer = await one_door.client.post(url, json={"role": "cohost"}, headers=one_door.operator)
    finally:
        del one_door.others.answers["note"]
    assert answer.status_code == 503
    (made,) = (await one_door.client.get(f"/api/rooms/{name}/links", headers=one_door.operator)).json()["items"]
    assert made["revoked"] is not None
    assert (await one_door.others.bus.get_room(name))[0].revoked == (made["identity"],)


# --- the host's seat ---


@on_one_loop
async def test_the_hosts_seat_is_handed_over(evening: Evening) -> None:
    old, (cohost, _) = await evening.link(Role.HOST), await evening.personal(Role.COHOST, "Ann")
    for who in (old, cohost):
        assert (await evening.sit(who)).status_code == 201
    seat = await evening.seat_of(cohost)
    answer = await evening.ask("POST", f"/seats/{seat}/appoint", old, {"role": "host"})
    mine = bearer(answer.json()["link"])
    (note,) = await evening.notes(cohost)
    assert (note["kind"], note["role"]) == ("link", "host")
    new = bearer(note["link"])

    assert (await evening.ask("GET", "", old)).status_code == 401, "the host's old link is good for nothing"
    assert (await evening.sit(old)).status_code == 401
    told = await evening.hears(lambda room: room.issues.get("host") == 1)
    assert not told.accepts(Role.HOST, "host"), "edges and stages know"
    roles = {s.id: s.role for s in evening.stage.moderation.seats.all()}
    assert (roles.pop(seat), [*roles.values()]) == (Role.HOST, [Role.COHOST]), "they have changed places"

    assert (await evening.ask("POST", "/lock", mine, {"locked": False})).status_code == 200
    for path, body in (("/end", {}), (f"/seats/{seat}/appoint", {"role": "speaker"}), ("/links/host/reissue", {})):
        assert (await evening.ask("POST", path, mine, body)).status_code == 403, path
    assert "host" not in (await evening.ask("GET", "/links", mine)).json()["shared"]
    assert (await evening.sit(mine)).status_code == 201
    assert (await evening.sit(new)).status_code == 201
    seats = evening.stage.moderation.seats.all()
    assert sorted(s.role for s in seats) == [Role.COHOST, Role.HOST], (
        "each is known by the new link on the seat they had"
    )
    assert {s.id for s in seats} == {seat, *roles}
    assert (await evening.ask("GET", "/links", new)).json()["shared"]["host"]
    assert (await evening.ask("POST", "/end", new)).status_code == 200


@on_one_loop
async def test_a_host_of_a_link_of_their_own_hands_over(evening: Evening) -> None:
    (old, identity), (ann, _) = (
        await evening.personal(Role.HOST, "Hostess"),
        await evening.personal(Role.SPEAKER, "Ann"),
    )
    for who in (old, ann):
        await evening.sit(who)
    answer = await evening.ask("POST", f"/seats/{await evening.seat_of(ann)}/appoint", old, {"role": "host"})
    assert (await evening.ask("GET", "", old)).status_code == 401
    record = await evening.record()
    assert (identity in record.revoked, record.issues) == (True, {"host": 1})
    assert (await evening.sit(bearer(answer.json()["link"]))).status_code == 201
    assert [s.name for s in evening.stage.moderation.seats.all() if s.role is Role.COHOST] == ["Hostess"]


@on_one_loop
async def test_no_other_hosts_link_stays_good_when_the_seat_is_handed_over(evening: Evening) -> None:
    host, (ann, _) = await evening.link(Role.HOST), await evening.personal(Role.SPEAKER, "Ann")
    spare = bearer((await evening.ask("POST", "/links", host, {"role": "host", "name": "Spare"})).json()["link"])
    assert (await evening.ask("GET", "", spare)).status_code == 200
    for who in (host, ann):
        await evening.sit(who)
    assert (
        await evening.ask("POST", f"/seats/{await evening.seat_of(ann)}/appoint", host, {"role": "host"})
    ).is_success
    assert (await evening.ask("GET", "", spare)).status_code == 401
    (note,) = await evening.notes(ann)
    assert (await evening.ask("GET", "", bearer(note["link"]))).status_code == 200


@on_one_loop
async def test_an_operator_gives_the_seat_to_somebody_else(evening: Evening) -> None:
    (old, _), (ann, _) = await evening.personal(Role.HOST, "Hostess"), await evening.personal(Role.SPEAKER, "Ann")
    for who in (old, ann):
        await evening.sit(who)
    seat, operator = await evening.seat_of(ann), evening.door.operator
    asked = asyncio.create_task(evening.ask("POST", f"/seats/{seat}/appoint", operator, {"role": "host"}))
    async with asyncio.timeout(5):
        while not (notes := await evening.notes(old)):
            await asyncio.sleep(0)
    assert (notes[0]["kind"], notes[0]["role"]) == ("link", "cohost")
    assert (await asked).json()["link"] is None, "an operator has no seat"
    assert (await evening.ask("GET", "", old)).status_code == 401
    assert (await evening.ask("POST", "/end", bearer(notes[0]["link"]))).status_code == 403
    (note,) = await evening.notes(ann)
    assert (await evening.ask("POST", "/end", bearer(note["link"]))).status_code == 200


# --- taken off the stage ---


@on_one_loop
async def test_who_is_removed_does_not_come_back_by_the_old_link(evening: Evening) -> None:
    cohost, (ann, identity) = await evening.link(Role.COHOST), await evening.personal(Role.SPEAKER, "Ann")
    await evening.sit(ann)
    removed = await evening.ask("DELETE", f"/seats/{await evening.seat_of(ann)}", cohost)
    assert (removed.json()["blocked"], len(removed.json()["removed"])) == (False, 1)
    back = await evening.sit(ann)
    assert (back.status_code, "new link" in back.json()["detail"]) == (403, True)
    (note,) = await evening.notes(ann)
    assert (note["kind"], note["by"]) == ("removed", "Co-host")
    assert identity not in (await evening.record()).revoked, "a host may let them in again"
    again, _ = await evening.personal(Role.SPEAKER, "Ann")
    assert (await evening.sit(again)).status_code == 201


@on_one_loop
async def test_who_is_blocked_does_not_come_back_whatever_becomes_of_the_stage(evening: Evening) -> None:
    cohost, (ann, identity) = await evening.link(Role.COHOST), await evening.personal(Role.SPEAKER, "Ann")
    await evening.sit(ann, "phone")
    seat = await evening.seat_of(ann, "phone")
    assert (await evening.ask("DELETE", f"/seats/{seat}?block=true", cohost)).json()["hint"] == ""
    assert identity in (await evening.hears(lambda room: identity in room.revoked)).revoked
    for which in ("phone", "laptop", ""):
        assert (await evening.sit(ann, which)).status_code == 401, which
    assert (await evening.ask("GET", "/people", ann)).status_code == 401
    (note,) = await evening.notes(ann, "phone")
    assert note["kind"] == "removed"
    assert (await evening.ask("GET", f"/me?seat=phone&after={note['n']}", ann)).status_code == 401, "told once"
    other, _ = await evening.personal(Role.SPEAKER, "Anna")
    assert (await evening.sit(other, "phone")).status_code == 403, "the browser is known too"
    (made, _) = (await evening.ask("GET", "/links", evening.door.operator)).json()["items"]
    assert (made["identity"], made["revoked"] is not None) == (identity, True)
    later = PlayedStage(evening.door.others.bus, evening.door.key.public_key(), evening.room, generation=2)
    await later.start()
    assert not later.moderation.accepts(Role.SPEAKER, f"{identity}/laptop"), "a stage that takes over knows"


@on_one_loop
async def test_a_hand_that_was_answered_does_not_bring_back_who_is_blocked(evening: Evening) -> None:
    cohost, hands = await evening.link(Role.COHOST), evening.door.others.bus.hands
    hand = Hand(evening.room, "h" * 22, "Ann", "A word", WallTime(1e9))
    await hands.put(hand.key, hand, 0)
    assert (await evening.ask("POST", f"/hands/{hand.ticket}/accept", cohost)).status_code == 200
    ann = bearer((await hands.get(hand.key))[0].link)
    assert (await evening.sit(ann)).status_code == 201
    await evening.ask("DELETE", f"/seats/{await evening.seat_of(ann)}?block=true", cohost)
    kept, _ = await hands.get(hand.key)
    assert kept.state is HandState.ACCEPTED
    assert (await evening.sit(bearer(kept.link))).status_code == 401, "what the ticket still gives them is dead"
    assert (await evening.ask("POST", f"/hands/{hand.ticket}/accept", cohost)).status_code == 409, "once is once"


@on_one_loop
async def test_of_a_link_that_many_share_the_browser_is_shut_until_it_is_issued_anew(evening: Evening) -> None:
    host, shared = await evening.link(Role.HOST), await evening.link(Role.SPEAKER)
    for which in ("a", "b"):
        await evening.sit(shared, which)
    seat = await evening.seat_of(shared, "a")
    answer = (await evening.ask("DELETE", f"/seats/{seat}?block=true", host)).json()
    assert "everyone of the role speaker shares" in answer["hint"]
    assert (await evening.sit(shared, "a")).status_code == 403
    assert await evening.seat_of(shared, "b"), "the others stay"
    assert (await evening.sit(shared, "b")).status_code == 201
    assert (await evening.sit(shared, "c")).status_code == 403, "and nobody new comes by it"
    anew = (await evening.ask("POST", "/links/speaker/reissue", host)).json()["link"]
    assert (await evening.sit(shared, "c")).status_code == 401
    assert (await evening.sit(bearer(anew), "b")).status_code == 201
    assert (await evening.sit(bearer(anew), "a")).status_code == 403, "and still not that browser"


@on_one_loop
async def test_a_cohost_does_not_put_the_host_off(evening: Evening) -> None:
    host, cohost = await evening.link(Role.HOST), await evening.link(Role.COHOST)
    await evening.sit(host)
    seat = await evening.seat_of(host)
    for query in ("", "?block=true"):
        assert (await evening.ask("DELETE", f"/seats/{seat}{query}", cohost)).status_code == 403
    assert await evening.seat_of(host) == seat


@on_one_loop
async def test_all_are_silenced_but_who_says_so_and_nobody_is_opened(evening: Evening) -> None:
    cohost, (ann, _) = await evening.personal(Role.COHOST, "Bo"), await evening.personal(Role.SPEAKER, "Ann")
    for who in (cohost[0], ann):
        await evening.sit(who)
    muted = (await evening.ask("POST", "/mute-all", cohost[0])).json()["muted"]
    assert muted == [await evening.seat_of(ann)]
    opened = await evening.ask("POST", f"/seats/{muted[0]}/mute", cohost[0], {"muted": False})
    assert (opened.status_code, "Only they themselves" in opened.json()["detail"]) == (403, True)
    assert (await evening.ask("POST", f"/seats/{muted[0]}/ask-unmute", cohost[0])).status_code == 200
    assert [n["kind"] for n in await evening.notes(ann)] == ["muted", "ask_unmute"]
    assert (await evening.ask("POST", "/me/mute", ann, {"muted": False})).status_code == 200
    assert (await evening.ask("POST", f"/seats/{muted[0]}/ask-unmute", cohost[0])).status_code == 409


# --- two at once ---


@on_one_loop
async def test_two_hosts_at_once_on_one_link(evening: Evening) -> None:
    host = await evening.link(Role.HOST)
    assert (await evening.sit(host, "a")).status_code == 201
    refused = await evening.sit(host, "b")
    assert (refused.status_code, "retry-after" in refused.headers) == (503, True), "there is one seat for a host"
    assert (await evening.sit(host, "a")).status_code == 201, "and who has it comes back to it"
    asked = await asyncio.gather(
        *(evening.ask("POST", "/delay", host, {"seconds": float(n)}) for n in range(3)),
        *(evening.ask("POST", "/lock", host, {"locked": n == 1}) for n in range(2)),
        *(evening.ask("PATCH", "", host, {"title": f"Talk {n}"}) for n in range(3)),
    )
    assert {answer.status_code for answer in asked} == {200}
    door, last = evening.door, await evening.record()
    async with asyncio.timeout(5):
        while True:
            filed = await door.office.files.ask(lambda catalog: catalog.get_room(evening.room))
            last = await evening.record()
            if (filed.title, filed.delay_s, filed.locked) == (last.title, last.delay_s, last.locked):
                break
            await asyncio.sleep(0.05)


@on_one_loop
async def test_two_who_issue_a_link_anew_have_the_same_one(evening: Evening) -> None:
    host, before = await evening.link(Role.HOST), await evening.link(Role.SPEAKER)
    answers = await asyncio.gather(*(evening.ask("POST", "/links/speaker/reissue", host) for _ in range(2)))
    assert {a.status_code for a in answers} == {200}
    good = await evening.link(Role.SPEAKER)
    assert (await evening.record()).issues == {"speaker": 2}
    assert (await evening.ask("GET", "", before)).status_code == 401
    assert (await evening.ask("GET", "", good)).status_code == 200


# --- links that were taken back ---


@on_one_loop
async def test_with_the_host_gone_a_cohost_takes_back_a_leaked_link(evening: Evening) -> None:
    cohost, leaked = await evening.link(Role.COHOST), await evening.link(Role.SPEAKER)
    (ann, identity), (other, others) = [await evening.personal(role, "Ann") for role in (Role.SPEAKER, Role.COHOST)]
    assert (await evening.ask("POST", "/links/speaker/reissue", cohost)).status_code == 200
    assert (await evening.ask("DELETE", f"/links/{identity}", cohost)).status_code == 200
    for who in (leaked, ann):
        assert (await evening.sit(who)).status_code == 401
    for method, path in (
        ("POST", "/links/host/reissue"), ("POST", "/links/cohost/reissue"), ("DELETE", f"/links/{others}"),
        ("DELETE", "/links/unknown"),
    ):  # fmt: skip
        refused = await evening.ask(method, path, cohost)
        assert (refused.status_code, "of host and co-hosts" in refused.json()["detail"]) == (403, True), path
    assert (await evening.ask("GET", "", other)).status_code == 200


@on_one_loop
async def test_all_personal_links_are_found_however_many(evening: Evening) -> None:
    host = await evening.link(Role.HOST)
    made = [(await evening.personal(Role.SPEAKER, f"Ann {n}"))[1] for n in range(7)]
    await evening.ask("DELETE", f"/links/{made[3]}", host)

    async def pages(more: str) -> list[str]:
        found, cursor = list[str](), ""
        while cursor is not None:
            page = (await evening.ask("GET", f"/links?limit=2&cursor={cursor}{more}", host)).json()
            found += [link["identity"] for link in page["items"]]
            cursor = page["next"]
        return found

    assert sorted(await pages("")) == sorted(made)
    first = (await evening.ask("GET", "/links?limit=2&sort=-at&good=true", host)).json()
    await evening.personal(Role.SPEAKER, "One more")
    await evening.ask("DELETE", f"/links/{first['items'][0]['identity']}", host)
    rest = await pages("&sort=-at&good=true")
    second = await evening.ask("GET", f"/links?limit=9&sort=-at&good=true&cursor={first['next']}", host)
    assert [link["identity"] for link in second.json()["items"]] == rest[2:], "nothing moves"
    assert made[3] not in rest
    assert len(rest) == 6


@pytest.mark.parametrize("role", Role)
@on_one_loop
async def test_a_shared_link_that_is_issued_anew_is_refused_at_once_and_everyone_knows(
    evening: Evening, role: Role
) -> None:
    old, operator = await evening.link(role), evening.door.operator
    assert (await evening.ask("GET", "", old)).status_code == 200
    anew = bearer((await evening.ask("POST", f"/links/{role.value}/reissue", operator)).json()["link"])
    assert (await evening.ask("GET", "", old)).status_code == 401
    assert (await evening.ask("GET", "", anew)).status_code == 200
    told = await evening.hears(lambda room: room.issues)
    assert (told.accepts(role, role.value), told.accepts(role, f"{role.value}-1")) == (False, True)
    assert all(told.accepts(other, other.value) for other in Role if other is not role)


@on_one_loop
async def test_a_personal_link_that_is_taken_back_is_refused_at_once_and_its_seat_is_free(evening: Evening) -> None:
    operator, (ann, identity) = evening.door.operator, await evening.personal(Role.SPEAKER, "Ann")
    await evening.sit(ann)
    for _ in range(2):
        assert (await evening.ask("DELETE", f"/links/{identity}", operator)).status_code == 200
        assert (await evening.sit(ann)).status_code == 401
    assert (await evening.hears(lambda room: room.revoked)).revoked == (identity,)
    async with asyncio.timeout(5):
        while evening.stage.moderation.seats.all():
            await asyncio.sleep(0.005)
    assert (await evening.ask("DELETE", "/links/unknown", operator)).status_code == 200, "nor does the catalog know all"
    assert "unknown" in (await evening.record()).revoked
    shared = await evening.ask("DELETE", "/links/speaker", operator)
    assert (shared.status_code, "Issue it anew" in shared.json()["detail"]) == (409, True)
