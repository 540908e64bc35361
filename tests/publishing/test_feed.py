from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from rostra.errors import BadRequest, Unsupported
from rostra.publishing.feed import AHEAD_FRAMES, Feed
from rostra.units import FRAME_SAMPLES, Pcm


def numbered(count: int) -> Iterator[Pcm]:
    for n in range(count):
        yield np.full(FRAME_SAMPLES, n, np.int16)


async def test_frames_come_in_order_and_then_none() -> None:
    feed = Feed(lambda: numbered(200))
    got = []
    while (frame := await feed.get()) is not None:
        got.append(int(frame[0]))
    assert got == list(range(200))
    assert await feed.get() is None


async def test_it_reads_ahead_a_little_and_no_more() -> None:
    taken = 0

    def counting() -> Iterator[Pcm]:
        nonlocal taken
        for frame in numbered(10_000):
            taken += 1
            yield frame

    feed = Feed(counting)
    await feed.get()
    await asyncio.sleep(0.2)
    assert AHEAD_FRAMES <= taken <= AHEAD_FRAMES + 2
    feed.close()


async def test_a_loop_begins_again() -> None:
    feed = Feed(lambda: numbered(3), repeat=True)
    assert [int((await feed.get())[0]) for _ in range(8)] == [0, 1, 2, 0, 1, 2, 0, 1]  # type: ignore[index]
    assert feed.rounds >= 2
    feed.close()


async def test_a_fault_comes_after_what_was_read_before_it() -> None:
    def broken() -> Iterator[Pcm]:
        yield from numbered(2)
        raise BadRequest("the disk is gone")

    feed = Feed(broken)
    assert await feed.get() is not None
    assert await feed.get() is not None
    with pytest.raises(BadRequest, match="disk is gone"):
        await feed.get()


async def test_a_decoders_own_error_becomes_a_sentence() -> None:
    def broken() -> Iterator[Pcm]:
        yield from numbered(1)
        raise RuntimeError("bits")

    feed = Feed(broken)
    await feed.get()
    with pytest.raises(Unsupported, match="could not be decoded: bits"):
        await feed.get()


async def test_an_empty_source_does_not_loop_for_ever() -> None:
    with pytest.raises(Unsupported, match="no sound"):
        await Feed(lambda: iter(()), repeat=True).get()


async def test_skip_drops_frames() -> None:
    feed = Feed(lambda: numbered(100))
    await feed.skip(60)
    assert int((await feed.get())[0]) == 60  # type: ignore[index]
    await feed.skip(1000)
    assert await feed.get() is None


async def test_a_read_that_never_returns_does_not_hold_up_the_loop() -> None:
    gate = threading.Event()

    def stuck() -> Iterator[Pcm]:
        yield from numbered(1)
        gate.wait(10)

    feed = Feed(stuck)
    await feed.get()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await feed.get()
    feed.close()
    gate.set()
