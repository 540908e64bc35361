"""Buckets with more in them than one answer holds: their stream is a list here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from nats.aio.msg import Msg

from rostra.bus import streams
from rostra.bus.buckets import BOARDS, HANDS, ROOMS, Store
from rostra.bus.server import MAX_PAYLOAD_BYTES
from rostra.bus.streams import Stored
from rostra.errors import BusUnavailable
from rostra.units import RoomState, WallTime
from rostra.wire.boards import MAX_LINK, MAX_POST_TEXT, MAX_POSTS, Board, Post, encode_board
from rostra.wire.hands import Hand, HandState, encode_hand
from rostra.wire.rooms import MAX_ANNOUNCED, MAX_NAME, MAX_REVOKED, MAX_TITLE, MAX_WORDS, Room, encode_room

MANY = 70_000
"""More than one list of a stream holds (65,536)."""


def hand(n: int, state: HandState = HandState.WAITING) -> Hand:
    return Hand("demo", f"{n:022}", "Ada", "", WallTime(1.0), state)


class Wire:
    """A connection and a stream of hands behind it."""

    def __init__(self, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stored = [Stored(HANDS.subject(hand(n).key), n + 1, encode_hand(hand(n)), False) for n in range(count)]
        self.handler: Callable[[Msg], Awaitable[None]] | None = None
        self.fault_after: int | None = None
        monkeypatch.setattr(streams, "_direct", self.direct)

    async def subscribe(self, subject: str, handler: Callable[[Msg], Awaitable[None]]) -> None:
        self.handler = handler

    async def direct(self, connection: Any, stream: str, query: dict[str, Any]) -> tuple[list[Stored], int]:
        if self.fault_after is not None and query["seq"] > self.fault_after:
            raise BusUnavailable("gone")
        rest = [s for s in self.stored[max(0, query["seq"] - len(self.stored) - 1) :] if s.sequence >= query["seq"]]
        return rest[: query["batch"]], max(0, len(rest) - query["batch"])

    async def news(self, key: str, value: Hand | None, revision: int) -> None:
        assert self.handler is not None
        headers = {"Nats-Sequence": str(revision)} | ({} if value else {"KV-Operation": "DEL"})
        message = Msg(None, f"{HANDS.news}{key}", "", encode_hand(value) if value else b"", headers)  # type: ignore[arg-type]
        await self.handler(message)


async def test_all_of_a_large_bucket_is_told_and_none_is_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BATCH", 8192)
    wire = Wire(MANY, monkeypatch)
    store = Store(wire, HANDS)  # type: ignore[arg-type]
    told: dict[str, Hand | None] = {}
    await store.watch(told.__setitem__)
    assert len(told) == MANY
    told.clear()
    await store.catch_up()
    assert told == {}
    del wire.stored[5]
    await store.catch_up()
    assert told == {hand(5).key: None}


async def test_what_could_not_be_read_to_its_end_is_not_gone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(streams, "BATCH", 10)
    wire = Wire(50, monkeypatch)
    store = Store(wire, HANDS)  # type: ignore[arg-type]
    told: list[str] = []
    await store.watch(lambda key, value: told.append(key))
    assert len(told) == 50
    for fault_after, most in ((30, 1_000_000), (None, 30)):
        wire.fault_after = fault_after
        monkeypatch.setattr("rostra.bus.buckets.MAX_VALUES", most)
        await store.catch_up()
        assert len(told) == 50
        assert "going on with what we know" in caplog.text
        caplog.clear()


async def test_who_follows_is_told_what_changes_and_when_something_was_missed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wire = Wire(50, monkeypatch)
    store = Store(wire, HANDS)  # type: ignore[arg-type]
    told: list[tuple[str, HandState | None]] = []
    lost: list[bool] = []
    await store.follow(lambda key, value: told.append((key, value and value.state)), lambda: lost.append(True))
    assert told == []
    await wire.news(hand(1).key, hand(1, HandState.DECLINED), 51)
    await wire.news(hand(2).key, None, 52)
    assert wire.handler is not None
    await wire.handler(Msg(None, f"{HANDS.news}x", "", b"{", {"Nats-Sequence": "53"}))  # type: ignore[arg-type]
    assert told == [(hand(1).key, HandState.DECLINED), (hand(2).key, None)]
    assert "cannot be read" in caplog.text and lost == []
    await store.catch_up()
    assert (lost, len(told)) == ([True], 2)


LONGEST = "\N{GRINNING FACE}"
"""Four bytes in UTF-8, as many as a character can take."""


def test_the_largest_room_and_the_largest_board_fit_into_their_buckets() -> None:
    room = Room(
        "r" * 40, LONGEST * MAX_TITLE, RoomState.SCHEDULED, WallTime(1.5e9), WallTime(1.5e9), words=LONGEST * MAX_WORDS,
        speakers=(LONGEST * MAX_NAME,) * MAX_ANNOUNCED, picture="0" * 32 + ".webp", card="0" * 32 + ".webp",
        revoked=tuple(f"{n:032}" for n in range(MAX_REVOKED)), note=LONGEST * MAX_WORDS,
    )  # fmt: skip
    assert len(encode_room(room)) < ROOMS.max_value_bytes < MAX_PAYLOAD_BYTES
    link, picture = "https://" + LONGEST * (MAX_LINK - 8), "0" * 32 + ".webp"
    post = Post("0" * 16, WallTime(1.5e9), LONGEST * MAX_NAME, LONGEST * MAX_POST_TEXT, link, picture)
    board = Board(10**9, (post,) * MAX_POSTS)
    assert len(encode_board(board)) < BOARDS.max_value_bytes < MAX_PAYLOAD_BYTES
