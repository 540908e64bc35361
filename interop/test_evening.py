"""A whole evening in real browsers: announced, waited for, begun at its minute; a hand, a mute, a removal, a host who
is cut off and comes back, a dump, an end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from interop.browsers import CHROMIUM, FLAGS, heard_in, listen_in
from interop.conftest import Rostra, needs, state, until
from interop.hearing import likeness
from rostra.units import Pcm

pytestmark = [pytest.mark.alone, needs("chromium"), pytest.mark.timeout(420), pytest.mark.browser]

Words = dict[str, tuple[Path, Pcm]]

BEGINS_IN_S = 50
WAITING = 20
"""Pages that wait for the start."""


@pytest.fixture
def browsers() -> Iterator[Any]:
    """``browsers(file)``: a browser whose microphone plays ``file``."""
    with sync_playwright() as playwright, ExitStack() as stack:

        def make(microphone: Path | None = None) -> Browser:
            flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"] if microphone else FLAGS
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
            stack.callback(browser.close)
            return browser

        yield make


def step(what: str) -> None:
    print(f"{time.strftime('%X')} {what}", flush=True)


def on_stage(context: BrowserContext, link: str, name: str = "") -> Page:
    """Goes to the stage by a link, as people do."""
    page = context.new_page()
    page.goto(link)
    allow = page.get_by_role("button", name="Allow the microphone")
    join = page.get_by_role("button", name="Join the stage")
    expect(allow.or_(join).first).to_be_visible(timeout=15_000)
    if allow.is_visible():
        allow.click()
    expect(join).to_be_enabled(timeout=15_000)
    if name:
        page.get_by_label("Your name, as listeners see it").fill(name)
    join.click()
    expect(page.get_by_role("button", name="Leave the stage")).to_be_visible(timeout=20_000)
    return page


def loudness(page: Page, seconds: float) -> tuple[Pcm, float]:
    """What the page plays in so many seconds from now, and its level in dBFS."""
    heard_in(page)
    page.wait_for_timeout(seconds * 1000)
    pcm = heard_in(page)
    return pcm, float(20 * np.log10(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)) / 32768 + 1e-9))


def alike(page: Page, said: Pcm, least: float, within_s: float = 40.0) -> None:
    """The page plays what was said. Another voice is alike in nothing at all; pages that are twenty on two cores play a
    little slower or faster to keep up, and what is stretched is not alike either."""
    deadline, best = time.monotonic() + within_s, 0.0
    while best < least:
        assert time.monotonic() < deadline, f"only {best:.2f} of what is heard was said"
        best = max(best, likeness(said, loudness(page, 5.0)[0]))


def test_a_whole_evening(rostra: Rostra, words: Words, browsers: Any, tmp_path: Path) -> None:
    begins = datetime.now(UTC) + timedelta(seconds=BEGINS_IN_S)
    rostra.command("room", "create", "The evening", "--id", "evening", "--at", begins.isoformat(timespec="seconds"))
    operator = (rostra.data / "keys" / "operator-token").read_text().strip()
    with httpx.Client(base_url=f"{rostra.studio}/api", headers={"Authorization": f"Bearer {operator}"}) as api:
        links = api.get("/rooms/evening").json()["links"]
        public = f"{rostra.front}/r/evening"
        step("announced; the doors open by themselves")
        until(lambda: state(rostra, "evening") == "open", 20)

        # Without what moves: twenty pages that draw take more of two cores than the sound of all of them. Each is a
        # visitor of its own: a browser opens six connections to a host, and each page holds one.
        quiet = browsers()
        visitors = [quiet.new_context(reduced_motion="reduce") for _ in range(WAITING)]
        waiting = [visitor.new_page() for visitor in visitors]
        for page in waiting:
            page.goto(public)
            page.get_by_role("button", name="Listen").click()
        ear = waiting[0]
        until(lambda: ear.evaluate("document.querySelector('audio')?.currentTime ?? 0") > 1, 30)
        listen_in(ear)

        step("the stage meets in the green room")
        anns = browsers(words["ann"][0])
        host = on_stage(anns.new_context(permissions=["microphone"]), links["host"], "Ann")
        expect(host.get_by_text("OFF AIR").first).to_be_visible(timeout=20_000)
        if datetime.now(UTC) < begins - timedelta(seconds=8):
            assert loudness(ear, 3.0)[1] < -45, "the green room is heard outside"

        step("it begins at its minute, and nobody had to do anything")
        until(lambda: state(rostra, "evening") == "live", BEGINS_IN_S + 20)
        assert abs(time.time() - begins.timestamp()) < 5 or datetime.now(UTC) > begins
        expect(host.get_by_text("ON AIR").first).to_be_visible(timeout=15_000)
        for page, visitor in zip(waiting, visitors, strict=True):
            # Twenty browsers on two cores are late now and then, and say so; each that was seen makes room for another.
            expect(page.get_by_text("Live").first).to_be_visible(timeout=60_000)
            if page not in waiting[:4]:
                visitor.close()
        alike(ear, words["ann"][1], 0.4)

        step("a listener raises a hand, is lifted and speaks")
        bobs = browsers(words["bob"][0]).new_context(permissions=["microphone"])
        guest = bobs.new_page()
        guest.goto(public)
        guest.get_by_role("button", name="Listen").click()
        guest.get_by_role("button", name="Ask to speak").or_(guest.get_by_text("Raise your hand")).first.click()
        guest.get_by_label("name", exact=False).first.fill("Bob")
        guest.get_by_role("button", name="Ask the host").click()
        host.get_by_role("tab", name="Hands").click()
        host.get_by_role("button", name="Accept Bob").click(timeout=20_000)
        expect(guest.get_by_text("You are invited to speak")).to_be_visible(timeout=20_000)
        invited = (
            guest.get_by_role("link", name="stage", exact=False).or_(guest.get_by_role("button", name="Speak")).first
        )
        link = invited.get_attribute("href") or ""
        guest.close()
        speaker = on_stage(bobs, link)
        host.get_by_role("button", name="Mute", exact=True).click()  # two at once are like neither
        alike(ear, words["bob"][1], 0.4, 60)
        host.get_by_role("button", name="Unmute", exact=True).click()

        step("muted by the host, asked back, removed for good")
        host.get_by_role("tab", name="On stage").click()
        host.get_by_role("button", name="Mute Bob").click()
        expect(speaker.get_by_text("The host has muted you")).to_be_visible(timeout=15_000)
        host.get_by_role("button", name="Ask to unmute: Bob").click()
        expect(speaker.get_by_role("button", name="Unmute now")).to_be_visible(timeout=15_000)
        speaker.get_by_role("button", name="Unmute now").click()
        seat = next(s for s in api.get("/rooms/evening/people").json()["seats"] if s["name"] == "Bob")
        assert api.request("DELETE", f"/rooms/evening/seats/{seat['id']}", params={"block": True}).status_code == 200
        expect(speaker.get_by_text("You are no longer on the stage").first).to_be_visible(timeout=15_000)
        token = link.partition("#t=")[2]
        again = httpx.get(f"{rostra.studio}/api/rooms/evening/people", headers={"Authorization": f"Bearer {token}"})
        assert again.status_code == 401, "the link of someone who was blocked still works"

        step("the host is cut off, the co-host carries on, the host comes back")
        cohost = on_stage(browsers(words["bob"][0]).new_context(permissions=["microphone"]), links["cohost"], "Cem")
        until(lambda: len(api.get("/rooms/evening/people").json()["seats"]) == 2, 20)
        anns.close()
        alike(ear, words["bob"][1], 0.4, 60)
        assert state(rostra, "evening") == "live"
        host = on_stage(browsers(words["ann"][0]).new_context(permissions=["microphone"]), links["host"], "Ann")
        until(lambda: {"host", "cohost"} <= {s["role"] for s in api.get("/rooms/evening/people").json()["seats"]}, 30)

        step("a broadcast delay, and a dump")
        assert api.post("/rooms/evening/delay", json={"seconds": 4}).status_code == 200

        def dumped() -> bool:
            """Of what has filled up. On a busy machine the stage answers late, and it is asked again."""
            time.sleep(6)
            answer = api.post("/rooms/evening/dump")
            return answer.status_code == 200 and answer.json()["dumped_s"] == pytest.approx(4, abs=0.5)

        until(dumped, 40)
        # What was in the delay is gone: listeners hear nothing until it has filled up again, though two go on talking.
        until(lambda: loudness(ear, 1.5)[1] < -45, 15)
        until(lambda: loudness(ear, 1.5)[1] > -35, 15)

        step("it ends, and everyone is told")
        cohost.close()
        host.get_by_role("button", name="End it").click()
        host.get_by_role("button", name="Yes, end it").click()
        until(lambda: state(rostra, "evening") == "ended", 30)
        for page in waiting[:4]:
            expect(page.get_by_text("It has ended").first).to_be_visible(timeout=30_000)
        ear.screenshot(path=tmp_path / "ended.png")
