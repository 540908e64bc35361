"""The front page in a real browser."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import Page

from tests.web.conftest import accessible, enlarged, portraits
from tests.web.stub import PICTURE, Stub

pytestmark = pytest.mark.browser


async def test_rooms_on_air_come_first_and_lead_to_their_pages(page: Page) -> None:
    async with Stub() as stub:
        now = time.time()
        stub.rooms = [
            {
                "id": "later",
                "title": "<b>Letters</b> & bells",
                "state": "scheduled",
                "at": now + 90_000,
                "listening": 0,
                "speakers": ["Ada Marlowe", "Jonas Brandt-Feuerstein"],
                "picture": PICTURE,
                "invited": True,
            },
            {"id": "small", "title": "A small room", "state": "interrupted", "at": now - 600, "listening": 3},
            {"id": "doors", "title": "Doors", "state": "open", "at": now - 60, "listening": 0, "late": True},
            {"id": "sea", "title": "What the sea remembers", "state": "live", "at": now - 900, "listening": 12_034},
        ]
        await page.goto(stub.url)
        await page.get_by_role("heading", name="On air", exact=True).wait_for()
        titles = await page.locator("li b").all_text_contents()
        assert titles == ["What the sea remembers", "A small room", "Doors", "<b>Letters</b> & bells"]
        assert "12,034 listening" in str(await page.locator("li").first.text_content())
        assert "The host is late" in str(await page.locator("li").nth(2).text_content())
        last = str(await page.locator("li").nth(3).text_content())
        assert "By invitation" in last and "With Ada Marlowe, Jonas Brandt-Feuerstein" in last
        await accessible(page)
        await portraits(page, "home")
        await enlarged(page, "home")
        await page.get_by_text("What the sea remembers").click()
        await page.wait_for_url(stub.page)


async def test_no_rooms_and_no_list(page: Page) -> None:
    async with Stub() as stub:
        await page.goto(stub.url)
        await page.get_by_text("The list cannot be had at the moment").wait_for()
        stub.rooms = []
        await page.reload()
        await page.get_by_role("heading", name="Nothing is announced at the moment").wait_for()
        await page.get_by_text("rostra room create").wait_for()
        await portraits(page, "home-empty")
        await accessible(page)
