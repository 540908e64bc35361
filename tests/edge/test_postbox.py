"""What listeners send, over real sockets, to a bus that keeps it or does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rostra.edge import applause as applause_module
from rostra.edge import conversation as conversation_module
from rostra.edge import postbox as postbox_module
from rostra.edge.postbox import RATES
from rostra.edge.quota import Quota, Rate
from rostra.edge.routes import Kind
from rostra.edge.waiting import A_HOUSEHOLD
from rostra.errors import BusUnavailable
from rostra.units import Role, RoomState, WallTime
from rostra.wire.hands import TICKET, Hand, HandState
from rostra.wire.inbox import LetterKind
from rostra.wire.tokens import Claims, sign
from tests.edge.making import Answered, Edge, Kept, edge, room, until

HAND = "/r/demo/hand"


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def front(kept: Kept) -> AsyncIterator[Edge]:
    records = [room(), room(RoomState.ENDED, "over"), room(RoomState.SCHEDULED, "soon")]
    async with edge(*records, carrier=kept) as running:
        yield running


def loosen(running: Edge) -> None:
    """Everyone here has one address."""
    for kind in RATES:
        running.front.door.postbox.quotas[kind] = Quota(Rate(60_000, 100_000), b"salt")


def said(answer: Answered) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


# --- hands ---


async def test_a_hand_is_taken_once_it_is_stored(front: Edge, kept: Kept) -> None:
    kept.gate.clear()
    client = await front.client()
    client.post(HAND, {"name": " Ada\u200b ", "why": "A word"})
    await until(lambda: len(front.front.door.errands) == 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reader.read(1), 0.05)
    kept.gate.set()
    answer = await client.answer()
    assert answer.status == 202
    assert answer.fields["cache-control"] == "no-store"
    assert answer.fields["access-control-allow-origin"] == "*"
    ticket = said(answer)["ticket"]
    assert TICKET.fullmatch(ticket)
    assert said(answer) == {"ticket": ticket, "state": "waiting"}
    (hand,) = kept.hands.values()
    assert (hand.room, hand.name, hand.why, hand.ticket) == ("demo", "Ada", "A word", ticket)
    looked = await client.ask(f"{HAND}/{ticket}")
    assert (looked.status, said(looked), looked.fields["cache-control"]) == (200, {"state": "waiting"}, "no-store")


async def test_one_hand_a_ticket(front: Edge, kept: Kept) -> None:
    loosen(front)
    first = said(await front.tell(HAND, {"name": "Ada"}))
    again = said(await front.tell(HAND, {"name": "Ada", "ticket": first["ticket"]}))
    assert again == first
    assert len(kept.hands) == 1
    hand = kept.hands[first["ticket"]].with_(state=HandState.ACCEPTED, link="https://x/speak#t")
    front.front.on_hand(hand.key, hand)
    told = {"state": "accepted", "link": "https://x/speak#t"}
    assert said(await front.ask(f"{HAND}/{first['ticket']}")) == told
    assert said(await front.tell(HAND, {"name": "Ada", "ticket": first["ticket"]})) == {**first, **told}
    front.front.on_hand(hand.key, hand.with_(state=HandState.LOWERED, link=""))
    other = said(await front.tell(HAND, {"name": "Ada", "ticket": first["ticket"]}))
    assert other["ticket"] != first["ticket"]
    assert len(kept.hands) == 2


async def test_who_was_accepted_once_may_ask_again(front: Edge, kept: Kept) -> None:
    ticket = said(await front.tell(HAND, {"name": "Ada"}))["ticket"]
    claims = Claims("demo", Role.SPEAKER, "Ada", "p7", 4_000_000_000)
    link = f"https://x/speak/demo#t={sign(claims, Ed25519PrivateKey.generate())}"
    hand = kept.hands[ticket].with_(state=HandState.ACCEPTED, link=link)
    kept.hands[ticket] = hand
    front.front.on_hand(hand.key, hand)
    asked = {"name": "Ada", "ticket": ticket}
    assert said(await front.tell(HAND, asked)) == {"ticket": ticket, "state": "accepted", "link": link}
    once_more = said(await front.tell(HAND, {**asked, "again": True}))
    assert (once_more["state"], once_more["ticket"] != ticket) == ("waiting", True)
    waits = {**asked, "ticket": once_more["ticket"], "again": True}
    assert said(await front.tell(HAND, waits)) == once_more, "as long as it waits it is the same hand"
    front.front.on_record("demo", room(revoked=("p7",)))
    assert said(await front.ask(f"{HAND}/{ticket}")) == {"state": "over"}
    assert said(await front.tell(HAND, asked))["state"] == "waiting"
    assert len(kept.hands) == 3
    front.front.on_hands_lost()
    assert said(await front.ask(f"{HAND}/{ticket}")) == {"state": "over"}
    assert said(await front.tell(HAND, asked))["state"] == "waiting"
    assert len(kept.hands) == 4


async def test_without_its_ticket_nobody_fills_the_console(front: Edge, kept: Kept) -> None:
    loosen(front)
    client = await front.client()
    found = [(await client.tell(HAND, {"name": f"Bot {n}"})).status for n in range(A_HOUSEHOLD + 3)]
    assert found == [202] * A_HOUSEHOLD + [429] * 3
    refused = await client.tell(HAND, {"name": "Ada"})
    assert said(refused)["detail"].startswith("Many hands are up from your network")
    answered, withdrawn, *_ = kept.hands.values()
    assert said(await client.tell(HAND, {"name": "Ada", "ticket": answered.ticket}))["ticket"] == answered.ticket
    front.front.on_hand(answered.key, answered.with_(state=HandState.LOWERED))
    assert (await client.tell(HAND, {"ticket": withdrawn.ticket, "withdraw": True})).status == 202
    found = [(await client.tell(HAND, {"name": "Ada"})).status for _ in range(3)]
    assert found == [202, 202, 429], "as many as were answered or taken down"
    kept.fault = BusUnavailable("The bus is away. Please try again.")
    forgotten = list(kept.hands.values())[5]
    front.front.on_hand(forgotten.key, None)
    assert (await client.tell(HAND, {"name": "Ada"})).status == 503
    kept.fault = None
    assert (await client.tell(HAND, {"name": "Ada"})).status == 202, "what was not stored does not count"


async def test_a_network_of_many_addresses_is_slowed_down(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postbox_module, "NETWORK", Rate(60, 40))
    async with edge(carrier=kept, trusted_proxies=("127.0.0.1/32",)) as running:
        client = await running.client()
        fields = [f"X-Forwarded-For: 2001:db8:7:{n:x}::1" for n in range(45)]
        found = [(await client.tell(HAND, {"name": "Ada"}, field)).status for field in fields]
        assert found == [202] * 40 + [429] * 5
        assert (await client.tell(HAND, {"name": "Ada"}, "X-Forwarded-For: 2001:db8:8::1")).status == 202


async def test_a_hand_is_taken_down(front: Edge, kept: Kept) -> None:
    ticket = said(await front.tell(HAND, {"name": "Ada"}))["ticket"]
    for _ in range(2):
        answer = await front.tell(HAND, {"ticket": ticket, "withdraw": True})
        assert (answer.status, said(answer)) == (202, {"ticket": ticket, "state": "withdrawn"})
    assert kept.hands[ticket].state is HandState.WITHDRAWN
    assert (await front.tell(HAND, {"ticket": "x" * 22, "withdraw": True})).status == 404


async def test_tickets_are_of_their_room_and_not_to_be_guessed(front: Edge) -> None:
    ticket = said(await front.tell(HAND, {"name": "Ada"}))["ticket"]
    assert (await front.ask(f"/r/soon/hand/{ticket}")).status == 404
    assert (await front.ask(f"{HAND}/{'x' * 22}")).status == 404
    assert (await front.ask(f"{HAND}/{ticket}x")).status == 404
    assert (await front.ask(f"{HAND}/{ticket[:-1]}")).status == 404


async def test_a_hand_that_was_raised_elsewhere_is_asked_of_the_bus_once(front: Edge, kept: Kept) -> None:
    hand = kept.hands["y" * 22] = Hand("demo", "y" * 22, "Ada", "", WallTime(1.0))
    for _ in range(3):
        assert said(await front.ask(f"{HAND}/{hand.ticket}")) == {"state": "waiting"}
    assert said(await front.tell(HAND, {"name": "Ada", "ticket": hand.ticket}))["ticket"] == hand.ticket
    assert (kept.asked, len(kept.hands)) == ([hand.ticket], 1)
    front.front.on_hand(hand.key, hand.with_(state=HandState.DECLINED))
    assert said(await front.ask(f"{HAND}/{hand.ticket}")) == {"state": "declined"}
    assert len(kept.asked) == 1
    kept.hands[hand.ticket] = hand.with_(state=HandState.LOWERED)
    front.front.on_hands_lost()  # the bus was away
    assert said(await front.ask(f"{HAND}/{hand.ticket}")) == {"state": "lowered"}


async def test_a_hand_that_is_up_elsewhere_is_not_raised_again(front: Edge, kept: Kept) -> None:
    hand = kept.hands["y" * 22] = Hand("demo", "y" * 22, "Ada", "", WallTime(1.0))
    assert said(await front.tell(HAND, {"ticket": hand.ticket})) == {"ticket": hand.ticket, "state": "waiting"}
    front.front.on_hands_lost()
    assert said(await front.tell(HAND, {"ticket": hand.ticket, "withdraw": True}))["state"] == "withdrawn"
    front.front.on_hands_lost()
    other = said(await front.tell(HAND, {"name": "Ada", "ticket": hand.ticket}))
    assert (other["ticket"] != hand.ticket, len(kept.hands)) == (True, 2)
    assert (await front.tell(HAND, {"ticket": "z" * 22})).status == 400


async def test_who_guesses_tickets_waits_and_who_has_one_does_not(front: Edge, kept: Kept) -> None:
    client = await front.client()
    ticket = said(await client.tell(HAND, {"name": "Ada"}))["ticket"]
    burst = RATES[Kind.HAND_ANSWER].burst
    found = [(await client.ask(f"{HAND}/{n:022}")).status for n in range(burst + 3)]
    assert found == [404] * burst + [429] * 3
    assert len(kept.asked) == burst
    assert (await client.tell(HAND, {"ticket": "w" * 22, "withdraw": True})).status == 429
    assert (await client.ask(f"{HAND}/{ticket}")).status == 200


async def test_a_bus_that_is_away_says_so_of_a_hand(front: Edge, kept: Kept) -> None:
    kept.fault = BusUnavailable("The bus is away. Please try again.")
    assert (await front.ask(f"{HAND}/{'y' * 22}")).status == 503
    kept.fault = None
    assert (await front.ask(f"{HAND}/{'y' * 22}")).status == 404
    assert len(front.front.door.postbox.hands) == 0


@pytest.mark.parametrize(("name", "status"), [("over", 410), ("soon", 409), ("none", 404)])
async def test_not_in_every_room(front: Edge, kept: Kept, name: str, status: int) -> None:
    assert (await front.tell(f"/r/{name}/hand", {"name": "Ada"})).status == status
    assert (await front.tell(f"/r/{name}/react", {"r": "❤"})).status == status
    assert not kept.hands


async def test_a_bus_that_is_away_is_no_loss_in_silence(front: Edge, kept: Kept) -> None:
    kept.fault = BusUnavailable("The bus is away. Please try again.")
    for path, body in ((HAND, {"name": "Ada"}), ("/r/demo/rsvp", {}), ("/r/demo/report-abuse", {"said": "x"})):
        answer = await front.tell(path, body)
        assert (answer.status, answer.fields["retry-after"]) == (503, "2")
        assert answer.fields["content-type"] == "application/problem+json"
    assert front.front.door.postbox.hands.answer("demo", "x" * 22) is None


async def test_who_leaves_before_the_answer_breaks_nothing(front: Edge, kept: Kept) -> None:
    kept.gate.clear()
    client = await front.client()
    client.post(HAND, {"name": "Ada"})
    await until(lambda: len(front.front.door.errands) == 1)
    await client.close()
    await until(lambda: len(front.front.poller) == 0)
    kept.gate.set()
    await until(lambda: not len(front.front.door.errands))
    assert (await front.ask("/healthz")).status == 200


# --- RSVPs and reports ---


async def test_an_rsvp_and_the_same_again(front: Edge, kept: Kept) -> None:
    answer = await front.tell("/r/soon/rsvp", {}, content_type="text/plain;charset=UTF-8")
    assert answer.status == 202
    ticket = said(answer)["ticket"]
    assert TICKET.fullmatch(ticket)
    assert said(await front.tell("/r/soon/rsvp", {"ticket": ticket})) == {"ticket": ticket}
    assert said(await front.tell("/r/soon/rsvp", b"", content_type="")) != {"ticket": ticket}
    first, again, _ = kept.letters
    assert (first.kind, first.room, first.ticket, first.prefix) == (LetterKind.RSVP, "soon", ticket, "127.0.0.0/24")
    assert again.ticket == ticket
    assert (await front.tell("/r/over/rsvp", {})).status == 410


async def test_a_report(front: Edge, kept: Kept) -> None:
    answer = await front.tell("/r/demo/report-abuse", {"said": "<script>\nRude.", "about": "s2"})
    assert answer.status == 202
    (letter,) = kept.letters
    assert (letter.kind, letter.said, letter.about) == (LetterKind.ABUSE, "<script>\nRude.", "s2")


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        (Kind.HAND, HAND, {"name": "Ada"}),
        (Kind.RSVP, "/r/demo/rsvp", {}),
        (Kind.REPORT, "/r/demo/report-abuse", {"said": "x"}),
    ],
)
async def test_too_often_from_one_place(front: Edge, kind: Kind, path: str, body: dict[str, str]) -> None:
    client = await front.client()
    for _ in range(RATES[kind].burst):
        assert (await client.tell(path, body)).status == 202
    answer = await client.tell(path, body)
    assert answer.status == 429
    assert 1 <= int(answer.fields["retry-after"]) <= 60 / RATES[kind].a_minute
    assert said(answer)["type"].endswith("too-many")
    assert (await client.ask("/r/demo/state")).status == 200


async def test_behind_a_proxy_that_is_trusted_each_has_their_own(kept: Kept) -> None:
    async with edge(carrier=kept, trusted_proxies=("127.0.0.1/32",)) as running:
        client = await running.client()
        for n in range(20):
            field = f"X-Forwarded-For: 203.0.113.{n}"
            assert (await client.tell(HAND, {"name": "Ada"}, field)).status == 202
        for _ in range(RATES[Kind.HAND].burst + 1):
            last = await client.tell(HAND, {"name": "Ada"}, "X-Forwarded-For: 198.51.100.1")
        assert last.status == 429


async def test_addresses_of_one_network_are_known_as_one(kept: Kept) -> None:
    """By which the catalog keeps one network from hoarding the places (``catalog.letters``); no address is kept."""
    async with edge(carrier=kept, trusted_proxies=("127.0.0.1/32",)) as running:
        client = await running.client()
        for n in range(1, 21):
            for address in (f"203.0.113.{n}", f"2001:db8:5:{n:x}::1"):
                assert (await client.tell("/r/demo/rsvp", {}, f"X-Forwarded-For: {address}")).status == 202
    assert {letter.prefix for letter in kept.letters} == {"203.0.113.0/24", "2001:db8:5::/48"}
    assert len({letter.ticket for letter in kept.letters}) == 40


async def test_a_stranger_cannot_choose_an_address(front: Edge) -> None:
    client, burst = await front.client(), RATES[Kind.HAND].burst
    fields = [(f"X-Forwarded-For: 203.0.113.{n}", f"Forwarded: for=203.0.113.{n}") for n in range(burst + 1)]
    found = [(await client.tell(HAND, {"name": "Ada"}, *both)).status for both in fields]
    assert found == [202] * burst + [429]


async def test_forwarded_beside_the_other_is_nobodys_word(kept: Kept) -> None:
    """A proxy that writes X-Forwarded-For passes on what strangers write there."""
    async with edge(carrier=kept, trusted_proxies=("127.0.0.1/32",)) as running:
        client, burst = await running.client(), RATES[Kind.HAND].burst
        same = "X-Forwarded-For: 198.51.100.1"
        fields = [(same, f"Forwarded: for=203.0.113.{n}") for n in range(burst + 1)]
        found = [(await client.tell(HAND, {"name": "Ada"}, *both)).status for both in fields]
    assert found == [202] * burst + [429]


# --- reactions ---


async def test_reactions_are_added_up_and_told_once(front: Edge) -> None:
    client = await front.client()
    for kind in "❤👏❤":
        answer = await client.tell("/r/demo/react", {"r": kind})
        assert (answer.status, answer.body) == (204, b"")
        assert "content-length" not in answer.fields
    assert front.front.counts()["react"] == {"demo": {"❤": 2, "👏": 1}}
    assert "react" not in front.front.counts()
    assert len(front.front.door.claps) == 2


async def test_what_is_known_is_counted_without_being_read(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await front.client()
    assert (await client.tell("/r/demo/react", {"r": "🔥"})).status == 204
    monkeypatch.setattr(front.front.door, "answer", None)
    for _ in range(50):
        answer = await client.tell("/r/demo/react", {"r": "🔥"})
        assert (answer.status, answer.fields["access-control-allow-origin"]) == (204, "*")
    assert front.front.counts()["react"] == {"demo": {"🔥": 51}}


async def test_what_cannot_be_read_is_taken_all_the_same(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applause_module, "READ_A_SECOND", 4)
    client = await front.client()
    for n in range(40):
        assert (await client.tell("/r/demo/react", {"r": "❤"}, f"X-Forwarded-For: 192.0.2.{n}")).status == 204
    assert front.front.counts()["react"]["demo"]["❤"] >= 20


async def test_a_room_that_ends_takes_no_more(front: Edge) -> None:
    client = await front.client()
    assert (await client.tell("/r/demo/react", {"r": "❤"})).status == 204
    front.front.on_record("demo", room(RoomState.ENDED))
    assert (await client.tell("/r/demo/react", {"r": "❤"})).status == 410


@pytest.mark.parametrize("r", ["", "💩", "❤❤", "<b>", "x" * 3000])
async def test_there_are_eight(front: Edge, r: str) -> None:
    assert (await front.tell("/r/demo/react", {"r": r})).status == 400
    assert "react" not in front.front.counts()


# --- hostile ---


@pytest.mark.parametrize("path", [HAND, "/r/demo/rsvp", "/r/demo/react", "/r/demo/report-abuse"])
@pytest.mark.parametrize(
    "body", [b"[" * 4096, b"{" * 4096, b"\0" * 100, b'{"a":1}', b"null", b"\xff\xfe", b'{"name":{"name":{}}}', b"1e999"]
)
async def test_hostile_bodies_are_answered_and_the_connection_goes_on(
    front: Edge, kept: Kept, path: str, body: bytes
) -> None:
    client = await front.client()
    answer = await client.tell(path, body)
    assert (answer.status, answer.fields["content-type"]) == (400, "application/problem+json")
    assert answer.fields["cache-control"] == "no-store"
    assert said(answer)["detail"]
    assert (await client.ask("/healthz")).status == 200
    assert not kept.hands
    assert not kept.letters


async def test_a_body_that_is_too_large(front: Edge) -> None:
    client = await front.client()
    client.post(HAND, b"x" * 4097)
    answer = await client.answer()
    assert (answer.status, answer.fields["connection"]) == (413, "close")


async def test_a_body_in_pieces_and_what_follows_it(front: Edge) -> None:
    client = await front.client()
    data = json.dumps({"name": "Ada"}).encode()
    client.send(f"POST {HAND} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode())
    for byte in data:
        client.send(bytes([byte]))
        await asyncio.sleep(0.001)
    assert (await client.answer()).status == 202
    one = b"POST /r/demo/react HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n" + '{"r":"❤"}'.encode()
    client.send(one * 3 + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [(await client.answer()).status for _ in range(4)] == [204, 204, 204, 200]
    assert front.front.counts()["react"] == {"demo": {"❤": 3}}


async def test_a_body_that_never_comes(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_module, "HEAD_TIMEOUT_S", 0.3)
    client = await front.client()
    client.send(f"POST {HAND} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
    answer = await client.answer()
    assert (answer.status, answer.fields["connection"]) == (408, "close")


async def test_forms_and_methods_that_are_not_for_it(front: Edge) -> None:
    form = await front.tell(HAND, b"name=Ada", content_type="application/x-www-form-urlencoded")
    assert form.status == 415
    got = await front.ask(HAND)
    assert (got.status, got.fields["allow"]) == (405, "POST, OPTIONS")
    asked = await front.ask(HAND, "Origin: https://a.example", "Access-Control-Request-Method: POST", method="OPTIONS")
    assert "POST" in asked.fields["access-control-allow-methods"]
    assert (await front.tell("/r/demo/state", {})).status == 405


async def test_metrics_tell_of_it(front: Edge) -> None:
    await front.tell(HAND, {"name": "Ada"})
    await front.tell("/r/demo/react", {"r": "❤"})
    text = (await front.ask("/metrics")).body
    assert b"rostra_edge_hands 1\n" in text
    assert b"rostra_edge_reactions_total 1\n" in text
    assert b'rostra_edge_too_often_total{kind="rsvp"} 0\n' in text
