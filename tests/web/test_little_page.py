"""What a browser shows where nothing else can be shown."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from rostra.errors import Forbidden, Full, NotFound, RostraError, TooMany
from rostra.little_page import little_page
from tests.web.conftest import accessible, enlarged, portraits

pytestmark = pytest.mark.browser


async def test_it_looks_like_the_others(page: Page) -> None:
    refusals: list[RostraError] = [
        Forbidden("This link has been taken back. Ask the host for a new one."),
        NotFound("There is nothing at this address."),
        TooMany("That is too often. Wait a little, then go on.", 3.0),
        Full("Every place is taken at the moment. Please try again in a moment.", 5.0),
    ]
    for error in refusals:
        await page.set_content(little_page(error.title, str(error)).decode())
        await page.get_by_role("heading", name=error.title).wait_for()
        await accessible(page)
        await portraits(page, f"refused-{error.status}")
    await enlarged(page, "refused")
