"""What listeners are told, how often, and how large it is."""

from __future__ import annotations

from rostra.stage.news import COUNT_AGE_S, FULL_AT_MOST_EVERY, LINGER_S, REACTIONS_AGE_S, Counts, News, on_stage
from rostra.stage.seats import Seats
from rostra.units import PARTS_PER_SEGMENT, MediaTime, Monotonic, Rendition, Role, RoomState
from rostra.wire.emsg import snapshot_emsg
from rostra.wire.listeners import MEAN_METADATA_BYTES, Snapshot
from rostra.wire.reactions import REACTIONS


def stage(people: int, name: str = "Ann") -> Seats:
    seats = Seats({Role.SPEAKER: 32, Role.HOST: 1}, 30.0)
    for n in range(people):
        seats.claim(str(n), Role.SPEAKER, name, f"l{n}")
        seats.connected(f"l{n}")
    return seats


def tell(news: News, parts: int, at: int = 0) -> list[Snapshot]:
    return [news.snapshot("opus", first=(at + n) % PARTS_PER_SEGMENT == 0) for n in range(parts)]


def test_a_segment_begins_with_a_full_picture_and_the_rest_is_what_moves() -> None:
    news = News()
    news.set_stage(on_stage(stage(2).all()))
    told = tell(news, 16)
    assert [s.stage is not None for s in told] == [True, *[False] * 7] * 2
    assert told[0].stage is not None and [s.id for s in told[0].stage] == ["s1", "s2"]


def test_a_change_is_told_at_the_next_part_but_not_at_every() -> None:
    news = News()
    tell(news, 5)
    news.set_state(RoomState.LIVE)
    (first, *_) = tell(news, 1, at=5)
    assert first.stage is not None and first.state == "live"
    news.set_state(RoomState.INTERRUPTED)
    told = tell(news, 2, at=6)
    assert [s.stage for s in told] == [None, None] and told[0].state == "interrupted", "the state is in every part"


def test_who_is_still_joining_is_not_told_and_who_is_away_is() -> None:
    seats, news = stage(1), News()
    seats.claim("x", Role.HOST, "Host", "lx")
    seats.dropped("l0", Monotonic(0.0))
    news.set_stage(on_stage(seats.all()))
    (told,) = tell(news, 1)
    assert told.stage is not None and [s.name for s in told.stage] == ["Ann"]


def test_levels_are_the_highest_of_half_a_second() -> None:
    news = News()
    for level in (-40, -12, -30):
        news.heard({"s1": level, "s2": level - 5})
    assert tell(news, 1)[0].levels == {"s1": -12, "s2": -17}
    for _ in range(25):
        news.heard({})
    assert tell(news, 1)[0].levels == {}


def test_renditions_do_not_take_news_from_one_another() -> None:
    news = News()
    tell(news, 8)
    news.set_state(RoomState.LIVE)
    assert news.snapshot("aac", first=False).stage is not None
    assert news.snapshot("opus", first=False).stage is not None


def test_a_new_board_is_told_as_a_change_and_its_version_in_full_pictures() -> None:
    news = News()
    assert [s.board for s in tell(news, 6)] == [None] * 6, "nothing was posted yet"
    news.set_board(7)
    told = tell(news, 3, at=6)
    assert [s.board for s in told] == [7, None, 7] and told[0].stage == ()


def test_the_mean_size_holds_with_a_full_stage_that_never_rests_and_a_crowd_that_cheers() -> None:
    news, seats = News(), stage(13, "Anna-Katharina Weißenberger")
    news.listening = 1_234_567
    news.reactions = dict.fromkeys(REACTIONS, 12_345)
    news.set_board(1234)
    sizes = []
    for part in range(80):
        seats.mute("s1", part % 2 == 0)
        news.set_stage(on_stage(seats.all()))
        news.heard({f"s{n}": -20 - n for n in range(1, 6)})
        snapshot = news.snapshot("opus", first=part % PARTS_PER_SEGMENT == 0)
        sizes.append(len(snapshot_emsg(snapshot, MediaTime(part * 24_000))))
    assert sum(sizes) / len(sizes) < MEAN_METADATA_BYTES
    assert FULL_AT_MOST_EVERY > 1


def test_the_tally_is_what_edges_said_within_three_seconds() -> None:
    counts = Counts("a")
    counts.take("e1", {"rooms": {"a": {"push": 5, "hls": 2}, "b": {"push": 9}}}, Monotonic(0.0))
    counts.take("e2", {"rooms": {"a": {"mp3": 1}}}, Monotonic(1.0))
    assert counts.listening(Monotonic(1.0)) == 8
    assert counts.listening(Monotonic(COUNT_AGE_S + 0.5)) == 1, "the first edge is gone"
    counts.take("e2", {"rooms": {}}, Monotonic(4.0))
    assert counts.listening(Monotonic(4.0)) == 0


def test_mp3_is_wanted_until_a_while_after_the_last_who_wanted_it() -> None:
    counts = Counts("a")
    assert not counts.wanted("mp3", Monotonic(0.0))
    counts.take("e1", {"want": ["b/mp3", "a/flac", 7]}, Monotonic(0.0))
    assert not counts.wanted("mp3", Monotonic(0.0))
    counts.take("e1", {"want": ["a/mp3"]}, Monotonic(1.0))
    assert counts.wanted("mp3", Monotonic(1.0 + LINGER_S)) and not counts.wanted("mp3", Monotonic(1.1 + LINGER_S))


def test_what_is_always_made_is_not_to_be_wanted_and_the_small_opus_is_by_itself() -> None:
    counts = Counts("a")
    counts.take("e1", {"want": ["a/opus16", "a/opus", "a/aac"]}, Monotonic(1.0))
    assert [r.value for r in Rendition if counts.wanted(r.value, Monotonic(2.0))] == ["opus16"]


def test_reactions_are_those_of_the_last_second_from_all_edges() -> None:
    counts = Counts("a")
    counts.take("e1", {"react": {"a": {"❤": 5, "👏": 1}, "b": {"❤": 100}}}, Monotonic(0.0))
    counts.take("e2", {"react": {"a": {"❤": 2}}}, Monotonic(0.5))
    assert counts.reactions(Monotonic(0.9)) == {"❤": 7, "👏": 1}
    assert counts.reactions(Monotonic(REACTIONS_AGE_S + 0.1)) == {"❤": 2}
    counts.take("e2", {"rooms": {}}, Monotonic(1.4))
    assert counts.reactions(Monotonic(1.4)) == {}


def test_malformed_counts_are_nothing() -> None:
    counts = Counts("a")
    for count in (
        {},
        {"rooms": 7},
        {"rooms": {"a": 7}},
        {"rooms": {"a": {"push": "x", "hls": -3, "mp3": True}}, "want": 1},
        {"react": 7},
        {"react": {"a": [1]}},
        {"react": {"a": {"": 1, "❤": -1, "👏": True, "x": 5, "😂": "many"}}},
    ):
        counts.take("e", count, Monotonic(0.0))
    assert counts.reactions(Monotonic(0.0)) == {}
    assert counts.listening(Monotonic(0.0)) == 0
