"""A room by invitation, before a real edge."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.async_api import Page

from rostra.edge.pages import Pages
from rostra.units import Role, RoomState
from rostra.wire.tokens import Claims, sign
from tests.edge.making import edge, room
from tests.web.conftest import until

pytestmark = pytest.mark.browser


async def test_an_edge_opens_to_a_link_whose_token_it_never_saw_in_the_address(page: Page) -> None:
    """What is behind the "#" only the page sees."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    link = sign(Claims("secret", Role.LISTENER, "", "listener", 4_000_000_000), key)
    record = room(RoomState.SCHEDULED, "secret", "An evening among friends", invited=True, words="About the sea.")
    async with edge(record, key=key.public_key(), pages=Pages()) as front:
        address = f"http://127.0.0.1:{front.port}/r/secret"
        answer = await page.goto(address)
        assert answer is not None and answer.status == 403
        await until(page, "s.says === 'invitation'")
        assert await page.text_content("#says") == "By invitation"
        assert "whole link" in str(await page.text_content("#follows"))
        assert "evening" not in await page.content() and "sea" not in str(await page.text_content("main"))
        await page.evaluate("link => { location.hash = `t=${link}` }", link)  # typed behind the address that is open
        await page.wait_for_url(f"{address}?t={link}")
        assert await page.text_content("h1") == "An evening among friends"
        assert await page.text_content("#words") == "About the sea."
        await page.goto(address)  # the cookie that the page left
        assert await page.text_content("h1") == "An evening among friends"
        await page.context.clear_cookies()
        await page.goto("about:blank")
        await page.goto(f"{address}#t={link}")
        await page.wait_for_url(f"{address}?t={link}")
        await page.goto("about:blank")
        await page.context.clear_cookies()
        await page.goto(f"{address}#t=made.up")
        await page.wait_for_url(f"{address}?t=made.up")
        assert "damaged" in str(await page.text_content("main"))
