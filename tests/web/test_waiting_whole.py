"""A full house, as it is: a page waits in a line of real people, is called, and hears."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Browser, Page

from tests.edge.making import Client
from tests.processes.serving import Serving, serving
from tests.publishing.test_sound import wav
from tests.sounds import voice
from tests.web.conftest import stats, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

ROOM = "small"
PLACES = 3
HOUSE = {"ROSTRA_DOOR_PLACES": str(PLACES), "ROSTRA_DOOR_CHALLENGE_TRIALS": "[100, 100]"}


@pytest.fixture(scope="module")
def rostra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A room on air, with three places."""
    folder: Path = tmp_path_factory.mktemp("small")
    sound = folder / "voice.wav"
    wav(sound, voice(20.0, seed=5))
    with serving(folder / "data", edges=1, environment=HOUSE) as running:
        links = running.room("create", "A small house", "--id", ROOM)["links"]
        token = links["host"].rsplit("#t=", 1)[1]
        url = f"{running.studio}/api/rooms/{ROOM}/open"
        httpx.post(url, headers={"Authorization": f"Bearer {token}"}, timeout=15.0, trust_env=False).raise_for_status()
        command = [sys.executable, "-m", "rostra", "publish", links["speaker"], str(sound), "--loop", "--name", "Ada"]
        speaking = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        yield running
        speaking.send_signal(signal.SIGTERM)
        try:
            speaking.wait(10)
        finally:
            speaking.kill()


async def listener(rostra: Serving) -> Client | None:
    """Somebody who listens; None: there is no place."""
    at = urlsplit(rostra.front)
    found = Client(*await asyncio.open_connection(at.hostname, at.port))
    found.get(f"/r/{ROOM}/live")
    if (await found.head()).status == 200:
        return found
    await found.close()
    return None


async def keep_reading(client: Client) -> None:
    while await client.reader.read(65536):
        pass


async def test_a_full_house(browser: Browser, page: Page, rostra: Serving) -> None:
    await page.goto(f"{rostra.front}/r/{ROOM}")
    await until(page, "s.room === 'live'", 30)
    await page.click("#go")
    await until(page, "s.heard", 20)
    inside: list[Client] = []
    reading: list[asyncio.Task[None]] = []
    async with asyncio.timeout(20):
        while (one := await listener(rostra)) is not None:
            inside.append(one)
            reading.append(asyncio.create_task(keep_reading(one)))
            await asyncio.sleep(0.05)
    assert len(inside) == PLACES - 1

    context = await browser.new_context(locale="en-GB")
    waiting = await context.new_page()
    await waiting.goto(f"{rostra.front}/r/{ROOM}")
    await until(waiting, "s.room === 'live'", 30)
    await waiting.click("#go")
    await waiting.get_by_text("You are in the line").first.wait_for(timeout=20_000)
    await waiting.get_by_text("You are next").first.wait_for(timeout=20_000)
    assert f"w-{ROOM}" in {c["name"] for c in await context.cookies()}
    await asyncio.sleep(2)
    assert not (await stats(waiting))["heard"]
    await inside.pop().close()
    await until(waiting, "s.heard && s.says === 'live'", 30)

    # Who was in before the door shut was told a word, and comes in again however full it is.
    await page.wait_for_function(f"() => document.cookie.includes('w-{ROOM}=')", timeout=40_000)
    await page.click("#go")
    await until(page, "!s.heard", 5)
    await page.click("#go")
    await until(page, "s.heard", 15)
    await context.close()
    for one in inside:
        await one.close()
    await asyncio.gather(*reading, return_exceptions=True)
