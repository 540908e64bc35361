"""What we write, read by feedparser, and by a plain XML parser for what feedparser does not know."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import feedparser
import pytest

from rostra.units import RoomState, WallTime
from rostra.wire.feeds import PODCAST, room_feed, rooms_feed, status
from rostra.wire.rooms import Room

FRONT = "https://live.example"
AT = WallTime(1_772_391_600.0)
CARD = "0" * 32 + ".jpg"


def room(**changes: Any) -> Room:
    made = Room("demo", "An evening", RoomState.SCHEDULED, AT, WallTime(AT - 100), tz="Europe/Berlin")
    return made.with_(**changes)


def live_items(data: bytes) -> list[ET.Element]:
    return ET.fromstring(data).findall(f"channel/{{{PODCAST}}}liveItem")


def test_a_podcast_app_can_read_it() -> None:
    found = feedparser.parse(room_feed(room(words="About <b>nothing</b>", card=CARD), FRONT, AT))
    assert not found.bozo
    assert found.version == "rss20"
    assert found.feed.title == "An evening"
    assert found.feed.link == f"{FRONT}/r/demo"
    assert found.feed.image.href == f"{FRONT}/p/{CARD}"
    assert found.feed.podcast_medium == "podcast"


def test_the_live_item_says_where_and_when() -> None:
    (item,) = live_items(room_feed(room(speakers=("Ada", "Grace")), FRONT, AT))
    assert item.get("start") == "2026-03-01T20:00:00+01:00"
    enclosure = item.find("enclosure")
    assert enclosure is not None
    assert (enclosure.get("url"), enclosure.get("type")) == (f"{FRONT}/r/demo/live.mp3", "audio/mpeg")
    link = item.find(f"{{{PODCAST}}}contentLink")
    assert link is not None
    assert link.get("href") == f"{FRONT}/r/demo"
    assert [p.text for p in item.findall(f"{{{PODCAST}}}person")] == ["Ada", "Grace"]
    guid = item.findtext("guid")
    assert guid
    assert guid == live_items(room_feed(room(state=RoomState.LIVE, at=AT + 60), FRONT, AT))[0].findtext("guid")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (RoomState.SCHEDULED, "pending"),
        (RoomState.OPEN, "pending"),
        (RoomState.LIVE, "live"),
        (RoomState.INTERRUPTED, "live"),
        (RoomState.ENDED, "ended"),
        (RoomState.CANCELLED, "ended"),
    ],
)
def test_status(state: RoomState, said: str) -> None:
    assert status(room(state=state)) == said
    assert live_items(rooms_feed([room(state=state)], FRONT, AT))[0].get("status") == said


def test_it_ended_when_it_ended() -> None:
    (item,) = live_items(room_feed(room(state=RoomState.ENDED, started=AT, ended=WallTime(AT + 60)), FRONT, AT))
    assert item.get("end") == "2026-03-01T20:01:00+01:00"


def test_no_text_breaks_out_and_none_makes_it_unreadable() -> None:
    hostile = "]]></title><script>alert(1)</script>&amp; \0\x0b\x1b\ud800\ufffe \U0001f600"
    data = room_feed(room(title=hostile, words=hostile, speakers=(hostile,)), FRONT, AT)
    (item,) = live_items(data)
    assert item.findtext("title") == "]]></title><script>alert(1)</script>&amp;  \U0001f600"
    assert b"<script" not in data
    assert not feedparser.parse(data).bozo


def test_an_invited_listener_takes_the_link_along() -> None:
    (item,) = live_items(room_feed(room(invited=True), FRONT, AT, "?t=abc"))
    enclosure = item.find("enclosure")
    assert enclosure is not None
    assert enclosure.get("url") == f"{FRONT}/r/demo/live.mp3?t=abc"
    assert item.findtext("link") == f"{FRONT}/r/demo?t=abc"


def test_many_rooms_in_one() -> None:
    rooms = [room(id=f"r{i}", title=f"T{i}") for i in range(50)]
    data = rooms_feed(rooms, FRONT, AT)
    assert [i.findtext("title") for i in live_items(data)] == [f"T{i}" for i in range(50)]
    assert not feedparser.parse(data).bozo
    assert not feedparser.parse(rooms_feed([], FRONT, AT)).bozo
