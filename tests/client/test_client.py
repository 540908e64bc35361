from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from rostra.client import RostraClient
from rostra.errors import NotFound
from tests.client.conftest import ROOM, Studio

Call = Callable[[RostraClient], Any]

HAND = {"ticket": "t", "name": "Ann", "why": "", "at": "2030-05-01T17:30:00Z", "state": "waiting"}
POST = {"id": "p", "at": "2030-05-01T17:30:00Z", "by": "Ann", "text": "x", "link": "", "picture": "", "pinned": True}
PAGE = "limit=100&cursor="

CALLS: list[tuple[Call, str, str, Any, Any]] = [
    (lambda r: r.room("talk").title, "GET /api/rooms/talk", "", ROOM, "A talk"),
    (lambda r: r.change_room("talk", title="B", speakers=("Ann",)).id, "PATCH /api/rooms/talk",
     '{"title":"B","speakers":["Ann"]}', ROOM, "talk"),
    (lambda r: r.delete_room("talk"), "DELETE /api/rooms/talk", "", {}, None),
    (lambda r: r.set_picture("talk", b"png").id, "PUT /api/rooms/talk/picture", "png", ROOM, "talk"),
    (lambda r: r.remove_picture("talk").id, "DELETE /api/rooms/talk/picture", "", ROOM, "talk"),
    (lambda r: r.open("talk").state, "POST /api/rooms/talk/open", "", ROOM, "scheduled"),
    (lambda r: r.start("talk").state, "POST /api/rooms/talk/start", "", ROOM, "scheduled"),
    (lambda r: r.end("talk").state, "POST /api/rooms/talk/end", "", ROOM, "scheduled"),
    (lambda r: r.cancel("talk", "Ill.").id, "POST /api/rooms/talk/cancel", '{"note":"Ill."}', ROOM, "talk"),
    (lambda r: r.postpone("talk", datetime(2031, 5, 1, tzinfo=UTC)).id, "POST /api/rooms/talk/postpone",
     '{"at":"2031-05-01T00:00:00+00:00","note":""}', ROOM, "talk"),
    (lambda r: r.invite("talk", "speaker", "Ann").link, "POST /api/rooms/talk/links", '{"role":"speaker","name":"Ann"}',
     {"link": "L", "identity": "i"}, "L"),
    (lambda r: r.reissue("talk", "host").link, "POST /api/rooms/talk/links/host/reissue", "",
     {"role": "host", "link": "L"}, "L"),
    (lambda r: r.revoke("talk", "i"), "DELETE /api/rooms/talk/links/i", "", {}, None),
    (lambda r: r.people("talk").seats[0].id, "GET /api/rooms/talk/people", "", {"seats": [{"id": "s1"}]}, "s1"),
    (lambda r: r.me("talk", "w", 3).notes[0]["kind"], "GET /api/rooms/talk/me?seat=w&after=3", "",
     {"seat": None, "notes": [{"n": 4, "kind": "muted"}], "state": "live"}, "muted"),
    (lambda r: r.mute_me("talk", False), "POST /api/rooms/talk/me/mute", '{"muted":false,"seat":""}', {}, None),
    (lambda r: r.mute("talk", "s1"), "POST /api/rooms/talk/seats/s1/mute", '{"muted":true}', {}, None),
    (lambda r: r.mute_all("talk"), "POST /api/rooms/talk/mute-all", "", {"muted": ["s1", "s2"]}, ("s1", "s2")),
    (lambda r: r.ask_unmute("talk", "s1"), "POST /api/rooms/talk/seats/s1/ask-unmute", "", {}, None),
    (lambda r: r.remove("talk", "s1", block=True).removed, "DELETE /api/rooms/talk/seats/s1?block=true", "",
     {"removed": ["s1"], "blocked": True, "hint": ""}, ("s1",)),
    (lambda r: r.appoint("talk", "s1", "cohost").link, "POST /api/rooms/talk/seats/s1/appoint", '{"role":"cohost"}',
     {"role": "cohost", "link": None}, None),
    (lambda r: r.lock("talk").id, "POST /api/rooms/talk/lock", '{"locked":true}', ROOM, "talk"),
    (lambda r: r.delay("talk", 7).id, "POST /api/rooms/talk/delay", '{"seconds":7}', ROOM, "talk"),
    (lambda r: r.dump("talk"), "POST /api/rooms/talk/dump", "", {"dumped_s": 3.5}, 3.5),
    (lambda r: [h.name for h in r.hands("talk", "an", "name")], f"GET /api/rooms/talk/hands?q=an&sort=name&{PAGE}", "",
     {"items": [HAND], "next": None, "total": 1, "waiting": 1, "lowering": None}, ["Ann"]),
    (lambda r: r.accept("talk", "t").ticket, "POST /api/rooms/talk/hands/t/accept", "", HAND, "t"),
    (lambda r: r.decline("talk", "t").ticket, "POST /api/rooms/talk/hands/t/decline", "", HAND, "t"),
    (lambda r: r.lower_all("talk").total, "POST /api/rooms/talk/hands/lower-all", "", {"total": 9, "done": 0}, 9),
    (lambda r: [x.said for x in r.reports("talk")], f"GET /api/rooms/talk/reports?{PAGE}", "",
     {"items": [{"id": 1, "room": "talk", "said": "Loud.", "about": ""}], "next": None}, ["Loud."]),
    (lambda r: list(r.reports()), f"GET /api/reports?{PAGE}", "", {"items": [], "next": None}, []),
    (lambda r: r.rsvps("talk"), "GET /api/rooms/talk/rsvps", "", {"count": 5}, 5),
    (lambda r: [p.pinned for p in r.posts("talk")], f"GET /api/rooms/talk/posts?{PAGE}", "",
     {"items": [POST], "next": None, "version": 1}, [True]),
    (lambda r: r.post("talk", "x", pinned=True).id, "POST /api/rooms/talk/posts",
     '{"text":"x","link":"","picture":"","pinned":true}', POST, "p"),
    (lambda r: r.change_post("talk", "p", pinned=False).id, "PATCH /api/rooms/talk/posts/p",
     '{"pinned":false}', POST, "p"),
    (lambda r: r.delete_post("talk", "p"), "DELETE /api/rooms/talk/posts/p", "", {}, None),
    (lambda r: r.add_picture("talk", b"png"), "POST /api/rooms/talk/pictures", "png", {"picture": "a.webp"}, "a.webp"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "address", "body", "answer", "expected"), CALLS, ids=[c[1] for c in CALLS])
def test_each_call_asks_one_address(
    studio: Studio, call: Call, address: str, body: str, answer: Any, expected: Any
) -> None:
    studio.answers = [answer]
    with studio.client() as rostra:
        assert call(rostra) == expected
    (asked,) = studio.asked
    assert f"{asked.method} {asked.path}" == address
    assert asked.body.decode() == body
    assert asked.headers["Authorization"] == "Bearer secret"


def test_a_room_is_asked_for_with_what_is_given_only(studio: Studio) -> None:
    studio.answers = [(201, ROOM)]
    with studio.client() as rostra:
        rostra.create_room("A talk")
        rostra.create_room("A talk", at=datetime(2031, 5, 1, 19, 30), tz="Europe/Berlin", invited=False, delay_s=0.0)
    assert studio.asked[0].json == {"title": "A talk"}
    assert studio.asked[1].json == {
        "title": "A talk", "at": "2031-05-01T19:30:00", "tz": "Europe/Berlin", "invited": False, "delay_s": 0.0,
    }  # fmt: skip


def test_links_are_all_of_all_pages(studio: Studio) -> None:
    first = {"identity": "i", "role": "speaker", "name": "Ann", "at": "2030-05-01T17:30:00Z", "revoked": None}
    page = {"shared": {"host": "h"}, "complete": True}
    studio.answers = [
        {**page, "items": [first], "next": "1"},
        {**page, "items": [{**first, "identity": "j"}], "next": None},
    ]
    with studio.client() as rostra:
        links = rostra.links("talk")
    assert [one.identity for one in links.items] == ["i", "j"]
    assert (links.shared, links.complete, links.raw["next"]) == ({"host": "h"}, True, None)


@pytest.mark.parametrize(
    "call",
    [
        lambda r: r.room(".."), lambda r: r.room(""), lambda r: r.room("a/b"), lambda r: r.rsvps("a?b"),
        lambda r: r.mute("talk", ".."), lambda r: r.revoke("talk", ""), lambda r: r.accept("talk", "a/b"),
        lambda r: r.delete_post("talk", "a#b"), lambda r: r.hands("../.."), lambda r: r.reissue("talk", "..",),
    ],
)  # fmt: skip
def test_odd_names_go_nowhere(studio: Studio, call: Call) -> None:
    with studio.client() as rostra, pytest.raises(NotFound):
        call(rostra)
    assert studio.asked == []
