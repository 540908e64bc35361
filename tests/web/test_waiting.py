"""The page at a full house: a number, a little work, waiting, coming back, being called."""

from __future__ import annotations

import asyncio
import json
import time
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.async_api import Page

from rostra.admission.challenge import challenge, check
from rostra.admission.waiting import told
from rostra.errors import BadPass
from rostra.units import WallTime
from rostra.wire.door import SHUFFLED, DoorRecord, LineRecord
from rostra.wire.passes import DoorKey, DoorKeys, Line, Pass, sign, verify
from tests.web.conftest import accessible, portraits, until
from tests.web.stub import Stub

pytestmark = pytest.mark.browser

KEYS = DoorKeys(0, MappingProxyType({0: DoorKey(bytes(range(32)), WallTime(0.0))}))
OPENED = WallTime(time.time() - 100)


class Door(Stub):
    """A front door with nobody's place free, until the test calls."""

    def __init__(self, line: Line = Line.LATE, **room: Any) -> None:
        super().__init__(**room)
        self.asks = False
        """Whether a number costs a challenge."""
        self.knows_line = True
        self.line = line
        self.serving = SHUFFLED
        self.numbers = 0
        self.shown: list[str] = []
        """What was shown at ``/live``: cookie or address."""
        plain = self.room.to_json
        self.room.to_json = lambda: {**plain(), "door": {"step": "waiting"}, **told(self.record)}  # type: ignore[method-assign]

    @property
    def record(self) -> DoorRecord:
        waiting = LineRecord(self.serving, ((self.serving, self.serving + 10_000_000, 4000),))
        return DoorRecord("sea", OPENED, bytes(16), {self.line: waiting}, pace=(20.0, 20.0))

    def call(self) -> None:
        self.serving = SHUFFLED + 10_000_000

    def _answer(self, target: Any, writer: asyncio.StreamWriter) -> bool:
        if target.path == "/r/sea/live":
            by_cookie = dict(c.split("=", 1) for c in self.cookie.split("; ") if "=" in c).get("w-sea", "")
            by_address = "".join(parse_qs(target.query).get("w", ()))
            self.shown.append("cookie" if by_cookie else "address" if by_address else "")
            try:
                verify(by_cookie or by_address, KEYS, "sea", WallTime(time.time()))
                in_ = self.serving > SHUFFLED
            except BadPass:
                in_ = False
            self.refuse = None if in_ else (428 if self.asks else 503, 60)
        return super()._answer(target, writer)

    def _posted(self, path: str, body: bytes, kind: str, writer: asyncio.StreamWriter) -> None:
        if path != "/r/sea/door" or not self.knows_line:
            return super()._posted(path, body, kind, writer) if path != "/r/sea/door" else self._nothing(writer)
        asked = json.loads(body)
        now = WallTime(time.time())
        if self.asks and "answer" not in asked:
            problem = {"title": "A little work first", "challenge": challenge(KEYS, "sea", b"", 0.0, now)}
            return self._send(writer, 428, "application/problem+json", json.dumps(problem).encode())
        id_ = check(KEYS, asked["answer"], "sea", b"", now) if self.asks else bytes(8)
        self.numbers += 1
        given = {"pass": sign(Pass("sea", self.line, now, id_, 0), KEYS), "line": self.line.label, "rank": None}
        return self._send(writer, 200, "application/json", json.dumps(given).encode())

    def _nothing(self, writer: asyncio.StreamWriter) -> None:
        self._send(writer, 404, "application/problem+json", b"{}")


async def says(page: Page, text: str) -> None:
    await page.get_by_text(text).first.wait_for()


async def test_a_number_is_worked_for_and_kept_and_called(page: Page) -> None:
    async with Door() as door:
        door.asks = True
        await page.goto(door.page)
        await page.click("#go")
        await says(page, "You are in the line")
        assert door.numbers == 1
        await says(page, "before you.")
        states = door.requests.count("/r/sea/state")
        await asyncio.sleep(3)
        assert door.requests.count("/r/sea/state") <= states + 1, "and it asks no more often than it must"
        assert "minutes" in str(await page.text_content("#count"))
        await accessible(page)
        await portraits(page, "waiting")

        await page.reload()
        await says(page, "Your place is kept. Tap, and the sound begins by itself.")
        await page.click("#go")
        await says(page, "even if you close this page")
        assert door.numbers == 1, "who comes back has a number"

        door.call()
        await until(page, "s.heard", 30)
        assert door.shown[-1] == "cookie"
        assert door.numbers == 1


async def test_who_has_no_cookies_shows_it_in_the_address(page: Page) -> None:
    await page.add_init_script("Object.defineProperty(document, 'cookie', { get: () => '', set: () => {} })")
    async with Door() as door:
        await page.goto(door.page)
        await page.click("#go")
        await says(page, "You are in the line")
        door.call()
        await until(page, "s.heard", 30)
        assert door.shown[-1] == "address"


async def test_those_of_a_crowded_network_are_told_so(page: Page) -> None:
    async with Door(Line.CROWDED) as door:
        await page.goto(f"{door.page}?lang=de")
        await page.click("#go")
        await says(page, "Sie stehen in der Schlange")
        await says(page, "Aus Ihrem Netz kommen sehr viele")
        await page.click("#go")
        await says(page, "Tippen, dann beginnt der Ton von selbst")


async def test_where_there_is_no_line_the_page_tries_by_itself(page: Page) -> None:
    async with Door() as door:
        door.knows_line = False
        await page.goto(door.page)
        await page.click("#go")
        await says(page, "Every place is taken at the moment")
        await asyncio.sleep(2)
        await says(page, "Every place is taken at the moment")
        assert door.shown == [""], "and not before it was told to"
