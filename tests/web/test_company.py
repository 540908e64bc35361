"""What listeners do besides listening: come early, say that they will come, react, ask to speak, read posts, report."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from rostra.units import WallTime
from rostra.wire.boards import Board, Post
from tests.web.conftest import accessible, portraits, stats, until
from tests.web.stub import PICTURE, Stub

pytestmark = pytest.mark.browser

ANNOUNCED: dict[str, Any] = {
    "state": "scheduled",
    "started": 0.0,
    "seats": (),
    "listening": 0,
    "words": "When the tide comes in it brings what somebody threw away.\nBring a question.",
    "speakers": ("Ada Marlowe", "Jonas Brandt-Feuerstein"),
    "picture": PICTURE,
    "tz": "Pacific/Auckland",
}


def seconds(shown: str) -> int:
    """``1:02:03`` or ``2:03`` at the end of a text."""
    total = 0
    for part in shown.rsplit(maxsplit=1)[-1].split(":"):
        total = 60 * total + int(part)
    return total


async def listen(page: Page, stub: Stub) -> None:
    await page.goto(stub.page)
    await page.click("#go")
    await until(page, "s.heard")
    await page.locator("#react").wait_for()


async def test_before_it_begins_the_page_tells_all_that_is_announced(page: Page) -> None:
    async with Stub(at=time.time() + 7384, **ANNOUNCED) as stub:
        await page.goto(stub.page)
        await until(page, "s.says === 'soon'")
        await page.get_by_text("Bring a question.").wait_for()
        await page.get_by_text("With Ada Marlowe, Jonas Brandt-Feuerstein").wait_for()
        await page.get_by_text("in Auckland").wait_for()
        await page.wait_for_function("() => document.getElementById('picture').naturalWidth > 0")
        assert 7370 < seconds(str(await page.text_content("#count"))) <= 7384
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Add to calendar").click()
        assert (await download.value).url == f"{stub.page}/calendar.ics"
        assert await page.locator("#react, #hand").filter(visible=True).count() == 0
        await accessible(page)
        await portraits(page, "before")


async def test_the_countdown_is_the_servers_whatever_the_phone_shows(page: Page) -> None:
    await page.add_init_script("const now = Date.now; Date.now = () => now() + 5 * 3600_000;")
    async with Stub(at=time.time() + 1800, **ANNOUNCED) as stub:
        await page.goto(stub.page)
        await until(page, "s.says === 'soon'")
        shown = await page.wait_for_function("() => document.getElementById('count').textContent")
        assert abs(seconds(str(await shown.json_value())) - (stub.room.at - time.time())) < 3


async def test_the_countdown_survives_sleep(page: Page) -> None:
    """The even clock stood still meanwhile, as some do; the time of day did not."""
    await page.add_init_script("const now = Date.now; window.asleep = 0; Date.now = () => now() + window.asleep;")
    async with Stub(at=time.time() + 7200, **ANNOUNCED) as stub:
        await page.goto(stub.page)
        await page.wait_for_function("() => document.getElementById('count').textContent")
        asked = stub.requests.count("/r/sea/state")
        stub.room.at -= 3600  # An hour later, as seen from the page's even clock.
        await page.evaluate("window.asleep = 3600_000")
        await page.wait_for_function("() => /in 59:|in 1:00:0/.test(document.getElementById('count').textContent)")
        assert stub.requests.count("/r/sea/state") > asked


async def test_one_says_that_one_will_come_once(page: Page) -> None:
    async with Stub(at=time.time() + 7200, **ANNOUNCED) as stub:
        await page.goto(stub.page)
        stub.unwell = 429
        await page.get_by_role("button", name="I will come").click()
        await page.get_by_text("too often from your network").wait_for()
        stub.unwell = 0
        await page.get_by_role("button", name="I will come").click()
        await page.get_by_text("The host knows that one more will come.").wait_for()
        assert await page.get_by_role("button", name="You will come").is_disabled()
        assert len(stub.rsvps) == 1
        kept = await page.evaluate("localStorage.getItem('rostra')")
        assert stub.rsvps[0] in kept
        await page.reload()
        await page.get_by_role("button", name="You will come").wait_for()
        assert len(stub.rsvps) == 1
        await accessible(page)


async def test_without_storage_one_may_come_too(page: Page) -> None:
    await page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    async with Stub(at=time.time() + 7200, **ANNOUNCED) as stub:
        await page.goto(stub.page)
        await page.get_by_role("button", name="I will come").click()
        await page.get_by_role("button", name="You will come").wait_for()
        assert len(stub.rsvps) == 1


async def test_the_address_is_shared(page: Page) -> None:
    await page.add_init_script(
        "Object.defineProperty(navigator, 'share', { value: async (what) => { window.shared = what; } });"
    )
    async with Stub() as stub:
        await page.goto(f"{stub.page}?via=push#x")
        await page.get_by_role("button", name="Share").click()
        assert await page.evaluate("shared") == {"title": "What the sea remembers", "url": stub.page}


async def test_the_doors_open_for_who_waited_and_the_countdown_runs_on(page: Page) -> None:
    async with Stub(at=time.time() + 60, doors_s=59.0, **ANNOUNCED) as stub:
        await page.goto(stub.page)
        await page.click("#go")
        await until(page, "s.says === 'armed'")
        stub.room.state = "open"
        await until(page, "s.heard && s.says === 'open'", 30)
        left = seconds(str(await page.text_content("#count")))
        assert abs(left - (stub.room.at - time.time())) < 2
        assert stub.requests.count("/r/sea/live") == 1
        await accessible(page)
        await portraits(page, "doors-open")
        stub.room.state, stub.room.started = "live", time.time()
        await until(page, "s.says === 'live'")
        assert stub.requests.count("/r/sea/live") == 1
        assert (await stats(page))["underruns"] == 0


@pytest.mark.parametrize("state", ["scheduled", "open"])
async def test_the_host_is_late(page: Page, state: str) -> None:
    async with Stub(at=time.time() - 45, **{**ANNOUNCED, "state": state}) as stub:
        await page.goto(stub.page)
        await until(page, "s.says === 'late'")
        assert str(await page.text_content("#says")) == "The host is late"
        assert "Announced for" in str(await page.text_content("#when"))
        await page.locator("#about .actions").wait_for()
        await accessible(page)
        await portraits(page, f"late-{state}")
        if state == "open":
            await page.click("#go")
            await until(page, "s.heard && s.says === 'late'")


async def test_cancelled_says_why_and_lets_nobody_wait(page: Page) -> None:
    async with Stub(at=time.time() + 7200, **ANNOUNCED) as stub:
        await page.goto(stub.page)
        await page.click("#go")
        await until(page, "s.says === 'armed'")
        stub.room.state, stub.room.note = "cancelled", "<i>The storm</i> took the hall.\nWe are sorry."
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await until(page, "s.says === 'cancelled'")
        assert await page.text_content("#note") == stub.room.note
        assert await page.is_disabled("#go")
        assert await page.evaluate("document.getElementById('audio').paused") is True
        assert await page.get_by_role("button", name="I will come").count() == 0
        await accessible(page)
        await portraits(page, "cancelled")


async def test_postponed_says_so_with_the_new_time(page: Page) -> None:
    async with Stub(at=time.time() + 600, **ANNOUNCED) as stub:
        await page.goto(stub.page)
        await until(page, "s.says === 'soon'")
        stub.room.at += 86_400
        stub.room.moved = 1
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await until(page, "s.says === 'moved'")  # whether or not somebody says why
        stub.room.note = "Our guest's train is late: tomorrow instead."
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await page.get_by_text(stub.room.note).wait_for()
        assert seconds(str(await page.text_content("#count"))) > 86_000
        await page.locator("#about .actions").wait_for()
        await accessible(page)
        await portraits(page, "postponed")


async def test_who_holds_the_stream_when_it_is_moved_waits_for_the_new_time_at_once(page: Page) -> None:
    """What else would tell it, a poll, comes 80 s later."""
    async with Stub(**{**ANNOUNCED, "state": "open"}, at=time.time() + 300) as stub:
        await page.goto(stub.page)
        await page.click("#go")
        await until(page, "s.heard && s.says === 'open'")
        await page.wait_for_timeout(500)
        stub.room.state, stub.room.at, stub.room.moved, stub.silent = "scheduled", stub.room.at + 86_400, 1, True
        begun, asked = time.monotonic(), len(stub.requests)
        stub.notice("moved", at=stub.room.at)
        await until(page, "s.says === 'movedIn'", 5)
        assert time.monotonic() - begun < 2
        assert seconds(str(await page.text_content("#count"))) > 86_000
        await page.wait_for_timeout(3500)
        assert [r for r in stub.requests[asked:] if r.startswith("/r/sea")].count("/r/sea/state") == 1
        await accessible(page)
        await portraits(page, "moved-while-waiting")
        stub.room.state, stub.silent = "open", False
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await until(page, "s.heard && s.says === 'open'", 20)


async def test_by_invitation(page: Page) -> None:
    async with Stub(invited=True) as stub:
        await page.goto(stub.page)
        await until(page, "s.says === 'invitation'")
        assert await page.is_disabled("#go")
        await accessible(page)
        await portraits(page, "invitation")
        await page.goto(f"{stub.page}#t={stub.link}")  # the page comes anew by itself
        await page.wait_for_url(f"{stub.page}?t={stub.link}")
        await page.click("#go")
        await until(page, "s.heard")
        assert f"/r/sea/live?t={stub.link}" in stub.requests
        assert await page.get_by_role("button", name="Share").count() == 0
        stub.link = "another"
        stub.drop()
        await until(page, "s.says === 'invitation'", 20)


async def test_reactions_are_sampled_and_everyones_flow(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        love = page.get_by_role("button", name="Love")
        begun = time.monotonic()
        for _ in range(20):
            await love.click()
        await asyncio.sleep(0.3)
        took = time.monotonic() - begun
        assert {kind for _, kind in stub.reacted} == {"❤"}
        assert 3 <= len(stub.reacted) <= 3 * (took + 1)
        stub.room.reactions = {"❤": 120, "👏": 40}
        await page.get_by_text("In the last minute: ❤").wait_for()
        await page.wait_for_function("() => document.querySelectorAll('.flow span').length > 3")
        most = 0
        for _ in range(15):
            most = max(most, await page.evaluate("document.querySelectorAll('.flow span').length"))
            await asyncio.sleep(0.1)
        assert most <= 30
        assert await page.locator("[role=status] #react, [aria-live] #react, #react [aria-live]").count() == 0
        await accessible(page)
        await portraits(page, "reactions")
        s = await stats(page)
        assert (s["underruns"], s["reconnects"]) == (0, 0)
        stub.room.reactions = {}


async def test_reactions_stand_still_where_motion_is_not_wanted(page: Page) -> None:
    async with Stub() as stub:
        await page.emulate_media(reduced_motion="reduce")
        await listen(page, stub)
        stub.room.reactions = {"😂": 7}
        await page.get_by_text("In the last minute: 😂").wait_for()
        await page.get_by_role("button", name="Love").click()
        assert await page.evaluate("document.querySelectorAll('.flow span').length") == 0


async def ask_to_speak(page: Page, stub: Stub) -> str:
    await page.get_by_role("button", name="Raise your hand").click()
    await page.get_by_label("Your name").fill("Ines Okafor")
    await page.get_by_label("A word on why").fill("<b>The wreck</b> of 1911")
    await page.get_by_role("button", name="Ask the host").click()
    await page.get_by_text("Your hand is up").wait_for()
    (ticket,) = [t for t, hand in stub.hands.items() if hand["state"] == "waiting"]
    return ticket


async def test_a_hand_goes_up_and_is_accepted(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        await page.get_by_role("button", name="Raise your hand").click()
        await accessible(page)
        await portraits(page, "hand-form")
        await page.get_by_role("button", name="Cancel").click()
        ticket = await ask_to_speak(page, stub)
        assert stub.hands[ticket] == {"name": "Ines Okafor", "why": "<b>The wreck</b> of 1911", "state": "waiting"}
        await accessible(page)
        await portraits(page, "hand-waiting")
        await page.reload()
        await page.get_by_text("Your hand is up").wait_for()
        stub.hands[ticket] |= {"state": "accepted", "link": f"{stub.url}/speak#t=abc"}
        await page.get_by_text("You are invited to speak").wait_for(timeout=15_000)
        asked, since = len(stub.requests), time.monotonic()
        assert (
            await page.get_by_role("link", name="Come to the stage").get_attribute("href") == f"{stub.url}/speak#t=abc"
        )
        await accessible(page)
        await portraits(page, "hand-accepted")
        await asyncio.sleep(max(0.0, 6.2 - (time.monotonic() - since)))
        assert [r for r in stub.requests[asked:] if "/hand/" in r] == []


async def test_who_was_on_the_stage_may_ask_again(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        ticket = await ask_to_speak(page, stub)
        stub.hands[ticket] |= {"state": "accepted", "link": f"{stub.url}/speak#t=abc"}
        again = page.get_by_role("button", name="Ask again")
        await again.click(timeout=15_000)
        await page.get_by_role("button", name="Cancel").click()
        await page.get_by_role("link", name="Come to the stage").wait_for()
        await again.click()
        await page.get_by_label("Your name").fill("Ines Okafor")
        await page.get_by_role("button", name="Ask the host").click()
        await page.get_by_text("Your hand is up").wait_for()
        (second,) = [other for other in stub.hands if other != ticket]
        stub.hands[second]["state"] = "over"
        await page.get_by_text("Your invitation is over").wait_for(timeout=15_000)
        await accessible(page)
        await portraits(page, "hand-over")
        await again.click()
        await page.get_by_role("button", name="Ask the host").click()
        await page.get_by_text("Your hand is up").wait_for()
        assert [hand["state"] for hand in stub.hands.values()] == ["accepted", "over", "waiting"]


async def test_a_hand_is_declined_and_lowered_and_withdrawn(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        ticket = await ask_to_speak(page, stub)
        stub.hands[ticket]["state"] = "declined"
        await page.get_by_text("Not this time").wait_for(timeout=15_000)
        await accessible(page)
        await portraits(page, "hand-declined")
        ticket = await ask_to_speak(page, stub)
        stub.hands[ticket]["state"] = "lowered"
        await page.get_by_text("All hands were taken down").wait_for(timeout=15_000)
        ticket = await ask_to_speak(page, stub)
        await page.get_by_role("button", name="Take your hand down").click()
        await page.get_by_text("Your hand is down").wait_for()
        assert stub.hands[ticket]["state"] == "withdrawn"
        ticket = await ask_to_speak(page, stub)
        del stub.hands[ticket]
        await page.get_by_text("Your hand was up too long ago").wait_for(timeout=15_000)


async def test_a_link_that_is_a_script_leads_nowhere(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        ticket = await ask_to_speak(page, stub)
        stub.hands[ticket] |= {"state": "accepted", "link": "javascript:alert(1)"}
        await page.get_by_text("You are invited to speak").wait_for(timeout=15_000)
        assert "javascript" not in str(await page.get_attribute("#hand a", "href"))


HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script> \u202eesrever'


async def test_posts_come_when_they_are_told_of_and_are_text(page: Page) -> None:
    async with Stub() as stub:
        first = Post("1", WallTime(time.time() - 300), "Ada Marlowe", "Low tide is at nine.", pinned=True)
        stub.room.board = Board(1, (first,))
        await listen(page, stub)
        await page.get_by_text("Low tide is at nine.").wait_for()
        second = Post("2", WallTime(time.time()), "<b>Ada</b>", HOSTILE, "https://example.org/wreck?x=<y>", PICTURE)
        stub.room.board = Board(2, (second, first))
        told = time.monotonic()
        stub.notice("posts", version=2.0)
        await page.locator("#posts li").nth(1).wait_for()
        assert time.monotonic() - told < 4.5
        posts = page.locator("#posts li")
        assert "Pinned" in str(await posts.nth(0).text_content())
        assert HOSTILE in str(await posts.nth(1).text_content())
        assert await page.locator("#posts script, #posts .text *").count() == 0
        link = page.locator("#posts a")
        assert await link.get_attribute("rel") == "noopener nofollow ugc"
        assert await link.text_content() == "example.org"
        await posts.nth(1).locator("img").scroll_into_view_if_needed()
        await page.wait_for_function("() => document.querySelector('#posts img').naturalWidth > 0")
        await accessible(page)
        await portraits(page, "posts")
        stub.room.board = Board(3, (first,))
        await page.locator("#posts li").nth(1).wait_for(state="detached", timeout=15_000)  # Told by a full picture.
        stub.room.board = Board(4, (replace(first, text="Low tide is at ten."),))
        await page.get_by_text("Low tide is at ten.").wait_for(timeout=15_000)


async def test_abuse_is_reported(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        await page.get_by_role("button", name="Report abuse").click()
        await page.get_by_label("What is it about?").select_option(label="Jonas Brandt-Feuerstein")
        await page.get_by_label("What is wrong?").fill("He reads out\nan address.")
        await accessible(page)
        await portraits(page, "report")
        stub.unwell = 503
        await page.get_by_role("button", name="Send the report").click()
        await page.get_by_text("could not be stored just now").wait_for()
        stub.unwell = 0
        await page.get_by_role("button", name="Send the report").click()
        await page.get_by_text("Thank you. The host and the operator have it.").wait_for()
        assert stub.reports == [("He reads out\nan address.", "s1")]
        await accessible(page)
        await page.keyboard.press("Escape")
        assert await page.evaluate("document.activeElement.textContent") == "Report abuse"
        await page.keyboard.press("m")
        assert await page.get_attribute("#mute", "aria-pressed") == "true"


async def test_by_keyboard_alone(page: Page) -> None:
    async with Stub() as stub:
        await page.goto(stub.page)
        await page.keyboard.press("Space")
        await page.locator("#hand").wait_for()
        await page.get_by_role("button", name="Raise your hand").focus()
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "hand-name"
        await page.keyboard.type("m and space M")
        await page.keyboard.press("Enter")
        await page.get_by_text("Your hand is up").wait_for()
        assert [hand["name"] for hand in stub.hands.values()] == ["m and space M"]
        assert await page.get_attribute("#mute", "aria-pressed") == "false"
        assert (await stats(page))["heard"] is True


async def test_in_german(browser: Browser) -> None:
    async with Stub() as stub:
        context = await browser.new_context(locale="de-DE", viewport={"width": 360, "height": 740})
        page = await context.new_page()
        await page.goto(stub.page)
        await page.get_by_role("button", name="Zuhören").click()
        await page.get_by_role("button", name="Hand heben").click()
        await page.get_by_label("Ihr Name").fill("Jürgen")
        await page.get_by_role("button", name="Um das Wort bitten").click()
        await page.get_by_text("Ihre Hand ist oben").wait_for()
        await page.get_by_role("button", name="Beifall").click()
        await accessible(page)
        await portraits(page, "company-german")
        await context.close()
