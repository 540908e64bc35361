"""The catalog asked from the loop: when it is slow, away and back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rostra.errors import CatalogUnavailable, Conflict
from rostra.studio import files as files_module
from rostra.studio.files import REST_S, Files


class Book:
    """A catalog in which things are written down."""

    def __init__(self) -> None:
        self.away, self.closed, self.written = False, False, list[str]()

    def write(self, word: str) -> str:
        if self.away:
            raise CatalogUnavailable
        if word == "refused":
            raise Conflict("That stands there already.")
        self.written.append(word)
        return word

    def close(self) -> None:
        self.closed = True


class Desk:
    def __init__(self) -> None:
        self.book, self.now, self.opened = Book(), 100.0, 0
        self.files = Files(self._open, lambda: self.now)

    def _open(self) -> Any:
        self.opened += 1
        return self.book

    async def ask(self, word: str, **more: float) -> str:
        return await self.files.ask(lambda catalog: catalog.write(word), **more)  # type: ignore[attr-defined,no-any-return]

    async def surely(self, word: str) -> None:
        await self.files.surely(lambda catalog: catalog.write(word))  # type: ignore[attr-defined]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    found = Desk()
    yield found
    await found.files.close()
    assert found.book.closed or not found.opened


async def test_it_is_opened_once_when_it_is_first_asked(desk: Desk) -> None:
    assert desk.opened == 0
    assert await asyncio.gather(*(desk.ask(str(n)) for n in range(8))) == [str(n) for n in range(8)]
    assert desk.opened == 1


async def test_one_that_cannot_be_opened_is_tried_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise CatalogUnavailable

    monkeypatch.setattr(desk.files, "_opener", away)
    with pytest.raises(CatalogUnavailable):
        await desk.ask("a")
    monkeypatch.setattr(desk.files, "_opener", desk._open)
    desk.now += REST_S
    assert await desk.ask("a") == "a"


async def test_after_no_answer_nobody_waits_for_a_while(desk: Desk) -> None:
    desk.book.away = True
    with pytest.raises(CatalogUnavailable):
        await desk.ask("a")
    desk.book.away = False
    desk.now += REST_S - 0.01
    with pytest.raises(CatalogUnavailable):
        await desk.ask("b")
    desk.now += 0.01
    assert await desk.ask("c") == "c"
    assert desk.book.written == ["c"]


async def test_one_that_is_stuck_is_not_waited_for(desk: Desk) -> None:
    go = threading.Event()
    with pytest.raises(CatalogUnavailable):
        await desk.files.ask(lambda _: go.wait(10), within_s=0.05)
    with pytest.raises(CatalogUnavailable):
        await desk.ask("at once")
    go.set()
    desk.now += REST_S
    assert await desk.ask("b") == "b"


async def test_what_it_refuses_is_no_failure(desk: Desk) -> None:
    with pytest.raises(Conflict):
        await desk.ask("refused")
    assert await desk.ask("a") == "a"


async def test_only_so_many_wait_for_a_thread(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "MAX_ASKING", 6)
    go = threading.Event()
    asking = [asyncio.ensure_future(desk.files.ask(lambda _: go.wait(10))) for _ in range(6)]
    await asyncio.sleep(0)
    with pytest.raises(CatalogUnavailable):
        await desk.ask("one more")
    go.set()
    assert await asyncio.gather(*asking) == [True] * 6
    assert await desk.ask("a") == "a"


async def test_what_must_be_written_down_waits_for_it_in_order(desk: Desk) -> None:
    desk.book.away = True
    for word in ("one", "refused", "two"):
        await desk.surely(word)
    with pytest.raises(CatalogUnavailable):
        await desk.files.catch_up()
    desk.book.away = False
    desk.now += REST_S
    await desk.files.catch_up()
    assert desk.book.written == ["one", "two"]
    await desk.files.catch_up()
    assert desk.book.written == ["one", "two"], "once"
    await desk.surely("refused")  # known already: nobody is told
    await desk.surely("three")
    assert desk.book.written[-1] == "three"


async def test_so_much_waits_and_the_oldest_is_lost() -> None:
    desk = Desk()
    desk.files._later = type(desk.files._later)(maxlen=2)
    desk.book.away = True
    for word in ("one", "two", "three"):
        await desk.surely(word)
    desk.book.away = False
    desk.now += REST_S
    await desk.files.catch_up()
    assert desk.book.written == ["two", "three"]
    await desk.files.close()
