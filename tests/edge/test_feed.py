from __future__ import annotations

import pytest

from rostra.edge.feed import BACKLOG_S, MAX_WAITING_S, Feed
from rostra.edge.framing import Form, Piece
from rostra.units import Part, Rendition
from tests.edge.making import stream


def fed(feed: Feed, parts: list[Part], flush_s: float) -> list[list[Piece]]:
    """Each flush, when parts come as they are made."""
    flushes, now = [], 0.0
    for part in parts:
        now += part.duration / 48_000
        feed.add(part, now)
        if feed.due(flush_s, now):
            flushes.append(feed.flush())
    return flushes


@pytest.mark.parametrize("rendition", [Rendition.OPUS, Rendition.AAC])
@pytest.mark.parametrize(("flush_s", "parts"), [(0.5, 1), (1.0, 2), (2.0, 4), (4.0, 8)])
def test_a_flush_gathers_parts(rendition: Rendition, flush_s: float, parts: int) -> None:
    flushes = fed(Feed(rendition), stream(16.5, rendition), flush_s)
    assert {sum(1 for p in f if p.seconds) for f in flushes} == {parts}


def test_init_once_then_parts_as_they_are() -> None:
    parts = stream(8)
    flushes = fed(Feed(Rendition.OPUS), parts, 0.5)
    assert flushes[0][0] == Piece(parts[0].init)
    assert [p.data for f in flushes for p in f if p.seconds] == [p.body for p in parts]
    assert sum(1 for f in flushes for p in f if not p.seconds) == 1


def test_a_new_generation_brings_its_init() -> None:
    feed = Feed(Rendition.OPUS)
    fed(feed, stream(4), 0.5)
    second = stream(4, generation=2, first=16, base=960 * 300)
    flushes = fed(feed, second, 0.5)
    assert flushes[0][0].data == second[0].init
    backlog = feed.backlog(4.0)
    assert [p.data for p in backlog] == [second[0].init, *[p.body for p in second]]


def test_a_newcomer_between_generations_gets_the_old_one_whole_and_then_the_new_init() -> None:
    feed = Feed(Rendition.OPUS)
    old, new = stream(4), stream(4, generation=2, first=16, base=960 * 300)
    fed(feed, old, 0.5)
    feed.add(new[0], 10.0)
    assert [p.data for p in feed.backlog(0.5)] == [old[0].init, *[p.body for p in old[-2:]]]
    assert [p.data for p in feed.flush()] == [new[0].init, new[0].body]


def test_what_was_made_before_a_rendition_was_not_is_forgotten() -> None:
    """The stage stops making what nobody wants, and begins again minutes later, in the same generation."""
    feed = Feed(Rendition.OPUS_LOW)
    fed(feed, stream(4, Rendition.OPUS_LOW), 0.5)
    assert feed.flushed_s == 4.0
    again = stream(2, Rendition.OPUS_LOW, first=80, base=960 * 50_000)
    feed.add(again[0], 100.0)
    assert not feed.has_backlog
    feed.flush()
    assert [p.data for p in feed.backlog(1.0)] == [again[0].init, again[0].body]
    assert feed.flushed_s == 0.5


@pytest.mark.parametrize(("flush_s", "parts"), [(0.5, 2), (1.0, 4), (2.0, 8), (4.0, 16)])
def test_backlog_is_two_flushes(flush_s: float, parts: int) -> None:
    made = stream(30)
    feed = Feed(Rendition.OPUS)
    fed(feed, made, 0.5)
    assert [p.data for p in feed.backlog(flush_s)[1:]] == [p.body for p in made[-parts:]]
    assert feed.backlog(flush_s, fresh=False) == [Piece(made[0].init)]


def test_what_is_kept_is_bounded() -> None:
    feed = Feed(Rendition.OPUS)
    fed(feed, stream(60), 0.5)
    assert len(feed._flushed) == BACKLOG_S / 0.5


def test_before_the_first_part_there_is_nothing() -> None:
    feed = Feed(Rendition.OPUS)
    assert feed.backlog(1.0) == []
    assert not feed.has_backlog
    assert not feed.due(0.5, 100.0)


def test_a_part_that_has_no_successor_is_not_kept() -> None:
    feed = Feed(Rendition.OPUS)
    feed.add(stream(0.5)[0], 0.0)
    assert not feed.due(4.0, 5.9)
    assert feed.due(4.0, 6.1)


def test_a_flush_is_bounded_whatever_the_ladder_says() -> None:
    feed = Feed(Rendition.OPUS)
    for part in stream(MAX_WAITING_S):
        feed.add(part, 0.0)
    assert feed.due(1000.0, 0.0)


def test_notices_go_out_at_once_and_only_where_boxes_are_understood() -> None:
    feed, mp3 = Feed(Rendition.OPUS), Feed(Rendition.MP3)
    feed.add(stream(0.5)[0], 1.0)
    for f in (feed, mp3):
        f.notify(b"box", 1.0)
    assert feed.due(4.0, 1.0)
    assert feed.flush()[-1] == Piece(b"box")
    assert not mp3.due(0.5, 100.0)


def test_a_standing_notice_is_told_to_newcomers() -> None:
    feed = Feed(Rendition.OPUS)
    fed(feed, stream(1), 0.5)
    feed.standing = b"box"
    assert feed.backlog(0.5)[-1] == Piece(b"box")


def test_welcome_begins_with_the_head() -> None:
    parts = stream(4, Rendition.MP3)
    feed = Feed(Rendition.MP3, "T")
    fed(feed, parts, 0.5)
    welcome = feed.welcome(b"head", Form.ICY, 0.5)
    assert welcome.pieces[0] == Piece(b"head")
    assert welcome.data.startswith(b"head" + parts[-2].payload)
    assert welcome.data.count(b"StreamTitle='T';") == 1
    assert welcome.data.endswith(parts[-1].payload + b"\0")
