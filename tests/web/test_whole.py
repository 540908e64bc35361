"""The pages against a running Rostra: voices taken in by its stage, pushed by its edges, heard in a browser."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest
from playwright.async_api import Browser, Page, Route

from tests.processes.serving import Serving, serving
from tests.publishing.test_sound import wav
from tests.sounds import voice
from tests.web.conftest import accessible, stats, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

ROOM = "whole"


@pytest.fixture(scope="module")
def rostra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One Rostra with a room on air, in which one voice speaks without end."""
    folder = tmp_path_factory.mktemp("whole")
    sound = folder / "voice.wav"
    wav(sound, voice(20.0, seed=5))
    with serving(folder / "data") as running:
        links = running.room("create", "The whole of it", "--id", ROOM)["links"]
        token = links["host"].rsplit("#t=", 1)[1]
        url = f"{running.studio}/api/rooms/{ROOM}/open"
        httpx.post(url, headers={"Authorization": f"Bearer {token}"}, timeout=15.0, trust_env=False).raise_for_status()
        command = [
            sys.executable,
            "-m",
            "rostra",
            "publish",
            links["speaker"],
            str(sound),
            "--loop",
            "--name",
            "Ada Marlowe",
        ]
        speaking = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        running.host = links["host"]  # type: ignore[attr-defined]
        yield running
        speaking.send_signal(signal.SIGTERM)
        try:
            speaking.wait(10)
        finally:
            speaking.kill()


def host_link(rostra: Serving) -> str:
    return str(rostra.host)  # type: ignore[attr-defined]


async def listen(page: Page, rostra: Serving, query: str = "") -> None:
    await page.goto(f"{rostra.front}/r/{ROOM}{query}")
    await until(page, "s.room === 'live'", 30)
    await page.click("#go")
    await until(page, "s.heard && s.says === 'live'", 20)


async def loud(page: Page) -> float:
    """The loudest moment of a second of what the element plays, 0 to 1."""
    return float(
        await page.evaluate(
            """async () => {
              const context = new AudioContext();
              const node = context.createMediaStreamSource(document.getElementById('audio').captureStream());
              const analyser = context.createAnalyser();
              node.connect(analyser);
              await context.resume();
              const samples = new Float32Array(analyser.fftSize);
              let loudest = 0;
              for (let i = 0; i < 50; i++) {
                await new Promise((r) => setTimeout(r, 30));
                analyser.getFloatTimeDomainData(samples);
                for (const s of samples) loudest = Math.max(loudest, Math.abs(s));
              }
              await context.close();
              return loudest;
            }"""
        )
    )


@pytest.mark.parametrize("query", ["", "?codec=aac"])
async def test_a_voice_is_heard_by_push(page: Page, rostra: Serving, query: str) -> None:
    await listen(page, rostra, query)
    await asyncio.sleep(3)
    s = await stats(page)
    assert (s["via"], s["rendition"]) == ("push", "aac" if query else "opus")
    assert (s["underruns"], s["reconnects"]) == (0, 0), s
    assert 0 < s["behindS"] < 3 and -0.5 < s["latencyS"] < 5, s
    assert await loud(page) > 0.02
    assert await page.locator("#voices b").all_text_contents() == ["Ada Marlowe"]
    assert "listening" in str(await page.text_content("#tally"))
    await accessible(page)


async def test_hlsjs_takes_over_where_push_does_not_get_through(page: Page, rostra: Serving) -> None:
    async def kept(route: Route) -> None:
        """What a proxy does that collects an answer until its end."""

    await page.route("**/live*", kept)
    await page.goto(f"{rostra.front}/r/{ROOM}")
    await page.click("#go")
    await until(page, "s.via === 'hls' && s.heard", 40)
    assert await loud(page) > 0.02
    assert await page.locator("#voices b").all_text_contents() == ["Ada Marlowe"]
    assert (await stats(page))["says"] == "live"


async def test_the_browsers_own_hls_plays(page: Page, rostra: Serving) -> None:
    """Chromium's, which is not Apple's: it shows that our half of that way is whole, and no more."""
    await page.goto(f"{rostra.front}/r/{ROOM}?via=native")
    await page.click("#go")
    await until(page, "s.via === 'native' && s.heard", 30)
    await asyncio.sleep(3)
    s = await stats(page)
    assert s["mediaTimeS"] > 1 and s["reconnects"] == 0, s
    assert s["says"] == "live"


async def test_a_browsers_microphone_is_heard_and_its_holder_shown(
    browser: Browser, page: Page, rostra: Serving
) -> None:
    await listen(page, rostra)
    context = await browser.new_context()
    host = await context.new_page()
    await host.goto(host_link(rostra))
    await host.get_by_role("button", name="Allow the microphone").click()
    await host.get_by_label("Your name").fill("Mei-Lin")
    await host.get_by_role("button", name="Join the stage").click()
    await host.get_by_role("status").get_by_text("You are on air").wait_for(timeout=20_000)
    await page.locator("#voices b").get_by_text("Mei-Lin").wait_for(timeout=10_000)
    await host.get_by_text("(you)").wait_for()
    await host.wait_for_function("() => document.querySelector('.seat audio').currentTime > 2")
    await host.get_by_role("button", name="Mute", exact=True).click()
    await host.get_by_role("status").get_by_text("You are muted").wait_for()
    await page.locator("#voices .muted").get_by_text("Mei-Lin").wait_for(timeout=10_000)
    await host.get_by_role("button", name="Unmute", exact=True).click()
    await host.get_by_role("status").get_by_text("You are on air").wait_for()
    await host.get_by_role("button", name="Leave the stage").click()
    await page.locator("#voices b").get_by_text("Mei-Lin").wait_for(state="detached", timeout=15_000)
    await context.close()


async def test_the_stage_dies_and_the_place_is_kept(page: Page, rostra: Serving) -> None:
    await listen(page, rostra)
    said: list[str] = []
    for pid in rostra.pids("stage"):
        psutil.Process(pid).kill()
    for _ in range(150):
        s: dict[str, Any] = await stats(page)
        if not said or said[-1] != s["says"]:
            said.append(s["says"])
        if "interrupted" in said and said[-1] == "live" and s["heard"]:
            break
        await asyncio.sleep(0.1)
    assert "interrupted" in said and said[-1] == "live", said
    assert set(said) <= {"live", "dry", "interrupted"}, said
    assert (await stats(page))["reconnects"] == 0


async def test_an_edge_dies_and_its_listener_is_back(page: Page, rostra: Serving) -> None:
    await listen(page, rostra)
    for pid in rostra.pids("edge"):
        psutil.Process(pid).kill()
    await until(page, "s.reconnects > 0", 5)
    await until(page, "s.phase === 'sounding' && s.heard", 20)
    assert (await stats(page))["says"] == "live"


async def test_the_host_ends_it(browser: Browser, page: Page, rostra: Serving) -> None:
    """Last of all: the room is over after it."""
    await listen(page, rostra)
    context = await browser.new_context()
    host = await context.new_page()
    await host.goto(host_link(rostra))
    await host.get_by_role("button", name="End it").click()
    await host.get_by_role("button", name="Yes, end it").click()
    await until(page, "s.says === 'ended'", 20)
    assert await page.is_disabled("#go")
    await page.reload()
    await until(page, "s.says === 'ended'", 5)
    await context.close()
