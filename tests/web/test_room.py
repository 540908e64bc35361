"""The listener's page in a real browser, before a front door that does what the test says."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from rostra.units import Rendition
from rostra.wire.listeners import SeatView
from tests.web.conftest import ARTEFACTS, PHONE, accessible, enlarged, portraits, stats, until
from tests.web.stub import Stub

pytestmark = pytest.mark.browser


async def says(page: Page) -> str:
    return str(await page.text_content("#says"))


async def listen(page: Page, stub: Stub) -> None:
    await page.goto(stub.page)
    await page.click("#go")
    await until(page, "s.heard")


async def test_one_tap_plays_and_it_stays_about_a_second_behind(page: Page) -> None:
    async with Stub(media_offset_s=7200.0) as stub:
        await page.goto(stub.page)
        assert await page.text_content("h1") == "What the sea remembers"
        assert await says(page) == "On air now"
        await accessible(page)
        await portraits(page, "idle")
        await page.click("#go")
        await until(page, "s.heard && s.says === 'live'")
        begun = (await stats(page))["mediaTimeS"]
        assert begun > 7200
        await until(page, f"s.mediaTimeS > {begun} + 5")
        s = await stats(page)
        assert (s["via"], s["rendition"], s["underruns"], s["reconnects"]) == ("push", "opus", 0, 0)
        assert 0.5 < s["behindS"] < 2.2, s
        assert await page.evaluate("document.getElementById('audio').paused") is False
        assert await page.text_content("#tally") == "1,234 listening"
        assert await page.locator("#voices b").all_text_contents() == [seat.name for seat in stub.room.seats]
        assert "muted" in str(await page.locator("#voices li").nth(2).text_content())
        assert stub.requests.count("/r/sea/live") == 1
        await accessible(page)
        await portraits(page, "live")


async def test_levels_move_with_the_sound(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        await page.evaluate(
            """() => {
              window.seen = new Set();
              window.setInterval(() => {
                for (const li of document.querySelectorAll('#voices li'))
                  seen.add(li.style.getPropertyValue('--l').slice(0, 4));
              }, 50);
            }"""
        )
        await page.wait_for_function("() => seen.size > 15")


async def test_aac_when_asked_for(page: Page) -> None:
    async with Stub(rendition=Rendition.AAC) as stub:
        await page.goto(f"{stub.page}?codec=aac")
        await page.click("#go")
        await until(page, "s.heard && s.mediaTimeS > 6")
        s = await stats(page)
        assert (s["rendition"], s["underruns"]) == ("aac", 0)
        assert "/r/sea/live?codec=aac" in stub.requests


async def test_interrupted_keeps_the_place_and_a_new_stage_is_heard_on_the_same_connection(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        await asyncio.sleep(1)
        stub.silent = True
        stub.notice("interrupted")
        await page.wait_for_function("() => document.getElementById('says').textContent.includes('your place is kept')")
        await accessible(page)
        await portraits(page, "interrupted")
        await asyncio.sleep(1)
        before = (await stats(page))["mediaTimeS"]
        stub.new_stage()
        stub.notice("resumed")
        await until(page, f"s.says === 'live' && s.heard && s.mediaTimeS > {before} + 1")
        s = await stats(page)
        assert (s["underruns"], s["reconnects"]) == (0, 0)
        assert stub.requests.count("/r/sea/live") == 1
        assert s["behindS"] < 2.5, s


async def test_a_dropped_connection_comes_back_by_itself(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        await asyncio.sleep(1)
        dropped = time.monotonic()
        stub.drop()
        await until(page, "s.reconnects === 1 && s.phase === 'reconnecting'")
        await until(page, "s.phase === 'sounding' && s.heard")
        assert 0.2 <= stub.joins[1] - dropped < 3
        assert (await stats(page))["says"] == "live"
        assert await says(page) == "Live"


async def test_while_the_server_is_away_it_says_so(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        stub.refuse = (502, 0)
        stub.drop()
        await until(page, "s.says === 'reconnecting'", 15)
        await accessible(page)
        await portraits(page, "reconnecting")
        stub.refuse = None
        await until(page, "s.says === 'live'", 20)


async def test_full_counts_down_and_comes_in_by_itself(page: Page) -> None:
    async with Stub() as stub:
        stub.refuse = (503, 3)
        await page.goto(stub.page)
        await page.click("#go")
        await until(page, "s.says === 'full'")
        assert (await page.text_content("#count") or "").startswith("Next try in")
        await accessible(page)
        await portraits(page, "full")
        stub.refuse = None
        await until(page, "s.heard")
        assert stub.joins[1] - stub.joins[0] >= 3


async def test_it_plays_to_the_end_and_then_says_that_it_has_ended(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        await asyncio.sleep(1)
        stub.room.state = "ended"
        stub.room.ended = time.time()
        stub.silent = True
        stub.notice("ended")
        stub.close_gently()
        await until(page, "s.says === 'ended'")
        assert await page.is_disabled("#go")
        await accessible(page)
        await portraits(page, "ended")
        assert stub.requests.count("/r/sea/live") == 1


async def test_a_room_that_has_ended_offers_nothing_to_press(page: Page) -> None:
    async with Stub(state="ended", ended=time.time() - 60, seats=()) as stub:
        await page.goto(stub.page)
        await until(page, "s.says === 'ended'")
        assert await page.is_disabled("#go")


async def test_before_it_begins_one_tap_waits_and_sound_begins_by_itself(page: Page) -> None:
    async with Stub(state="scheduled", at=time.time() + 3723, started=0.0, seats=(), listening=0) as stub:
        await page.goto(stub.page)
        await until(page, "s.says === 'soon'")
        assert "1:02:0" in str(await page.text_content("#count"))
        await portraits(page, "scheduled")
        stub.room.at = time.time() + 20
        await page.reload()
        await page.click("#go")
        await until(page, "s.says === 'armed'")
        await page.wait_for_function(
            "() => { const a = document.getElementById('audio'); return a.loop && !a.paused; }"
        )
        await accessible(page)
        await portraits(page, "armed")
        stub.room.state = "open"
        await until(page, "s.heard && s.says === 'open'", 30)
        await accessible(page)
        await portraits(page, "open")
        stub.room.state, stub.room.started = "live", time.time()
        await until(page, "s.says === 'live'")
        assert (await stats(page))["underruns"] == 0


async def test_a_longer_flush_announced_before_it_is_taken_is_not_heard(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        await asyncio.sleep(2)
        stub.notice("flush", flush_s=1.0)
        await until(page, "s.flushS === 1 && s.rate < 1", 10)
        await until(page, "s.rate === 1", 40)
        stub.room.flush_s = 1.0
        await asyncio.sleep(4)
        s = await stats(page)
        assert s["underruns"] == 0, s
        assert 1.5 < s["behindS"] < 2.8, s


async def test_a_missed_part_is_skipped(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        await asyncio.sleep(1)
        stub.skip_part()
        before = (await stats(page))["mediaTimeS"]
        await until(page, f"s.mediaTimeS > {before} + 3")
        assert (await stats(page))["phase"] == "sounding"


async def test_an_edge_that_drains_is_left_without_a_gap(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        stub.notice("draining", in_s=1.0)
        for _ in range(50):
            if len(stub.joins) > 1:
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        s = await stats(page)
        assert len(stub.joins) == 2
        assert (s["underruns"], s["reconnects"], s["says"]) == (0, 0, "live")


async def test_running_dry_is_counted_and_recovers(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        await asyncio.sleep(1)
        stub.silent = True
        await until(page, "s.says === 'dry'")
        assert (await stats(page))["underruns"] == 1
        stub.silent = False
        await until(page, "s.says === 'live' && s.heard")


async def test_stop_and_again_is_live_again(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        await page.click("#go")
        await until(page, "s.says === 'paused' && !s.heard")
        await asyncio.sleep(1)
        await page.click("#go")
        await until(page, "s.heard && s.says === 'live'")
        assert (await stats(page))["behindS"] < 2.5


async def test_keyboard(page: Page) -> None:
    async with Stub() as stub:
        await page.goto(stub.page)
        await page.keyboard.press("Space")
        await until(page, "s.heard")
        await page.locator("#volume").wait_for()
        await page.keyboard.press("m")
        assert await page.get_attribute("#mute", "aria-pressed") == "true"
        assert await page.evaluate("document.getElementById('audio').muted") is True
        await page.keyboard.press("M")
        volume = "document.getElementById('audio').volume"
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate(volume) == 1, "away from the player the arrows scroll"
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.id") == "go"
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate(volume) == pytest.approx(0.95**2)
        await page.keyboard.press("Space")
        await until(page, "s.says === 'paused'")


async def test_keys_that_are_letters_can_be_turned_off(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        await page.locator("#volume").wait_for()
        await page.click("summary")
        await page.get_by_label("Keys: M mutes").uncheck()
        await page.keyboard.press("m")
        assert await page.get_attribute("#mute", "aria-pressed") == "false"
        await page.reload()
        await page.click("summary")
        await page.get_by_label("Keys: M mutes").wait_for()
        assert await page.get_by_label("Keys: M mutes").is_checked() is False


async def test_the_state_is_told_to_screen_readers_and_the_tally_is_not(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        assert await page.locator("[role=status] #says").count() == 1
        assert await page.locator("[role=status] #tally, [aria-live] #tally").count() == 0
        assert await page.get_attribute("#go", "aria-label") == "Stop listening"


async def test_details_show_the_figures(page: Page) -> None:
    async with Stub() as stub:
        await listen(page, stub)
        await page.click("summary")
        await page.wait_for_function("() => document.querySelectorAll('#figures dd').length === 4")
        text = " ".join(await page.locator("#figures").all_text_contents())
        assert "Opus, pushed" in text and "never" in text
        assert await page.get_attribute("#elsewhere a", "href") == "/r/sea/live.mp3"
        await accessible(page)
        await portraits(page, "details")


async def test_details_say_what_the_door_does_while_it_does_something(page: Page) -> None:
    async with Stub(door="small-sound") as stub:
        await listen(page, stub)
        await page.click("summary")
        figures = page.locator("#figures")
        await figures.get_by_text("nearly full: who comes now gets a smaller sound").wait_for()
        for step, words in enumerate(
            ("", "filling", "nearly full", "levels", "as good as", "waits in line", "when to")
        ):
            stub.notice("door", step=step)
            if words:
                await figures.get_by_text(words).wait_for()
            else:
                await page.wait_for_function("() => document.querySelectorAll('#figures dd').length === 4")


async def test_the_small_opus_may_be_asked_for(page: Page) -> None:
    async with Stub(rendition=Rendition.OPUS_LOW) as stub:
        await page.goto(f"{stub.page}?codec=opus16")
        await page.click("#go")
        await until(page, "s.heard && s.bufferS > 0")
        assert "/r/sea/live?codec=opus16" in stub.requests


async def test_who_comes_again_and_gets_the_small_opus_hears_no_seam(page: Page) -> None:
    """The same decoder goes on: it has the same configuration, and its parts begin where the others do."""
    async with Stub(flush_s=2.0) as stub:
        await listen(page, stub)
        await until(page, "s.bufferS > 2")
        stub.room.rendition = Rendition.OPUS_LOW
        await asyncio.sleep(1.2)
        changed = await stats(page)
        stub.drop()
        await until(page, f"s.heard && s.reconnects === 1 && s.mediaTimeS > {changed['mediaTimeS'] + 5}", 20)
        assert stub.room.parts[-1].name.rendition is Rendition.OPUS_LOW
        assert (await stats(page))["underruns"] == 0


async def test_the_media_session_has_title_and_pause(page: Page) -> None:
    await page.add_init_script(
        "window.handlers = {}; const set = MediaSession.prototype.setActionHandler;"
        "MediaSession.prototype.setActionHandler = function (a, f) { window.handlers[a] = f; set.call(this, a, f); };"
    )
    async with Stub() as stub:
        await listen(page, stub)
        session: dict[str, Any] = await page.evaluate(
            "({title: navigator.mediaSession.metadata.title, state: navigator.mediaSession.playbackState})"
        )
        assert session == {"title": "What the sea remembers", "state": "playing"}
        await page.evaluate("handlers.pause()")
        await until(page, "s.says === 'paused'")
        await page.evaluate("handlers.play()")
        await until(page, "s.heard")


async def test_no_such_room(page: Page) -> None:
    async with Stub() as stub:
        await page.goto(f"{stub.url}/r/see")
        await until(page, "s.says === 'absent'")
        await accessible(page)
        await portraits(page, "absent")


async def test_the_addresses_for_other_players_are_there_before_sound(page: Page) -> None:
    async with Stub() as stub:
        await page.goto(stub.page)
        await page.click("summary")
        await page.get_by_role("link", name="MP3").wait_for()


async def test_a_browser_that_plays_nothing_is_told_where_else(page: Page) -> None:
    await page.add_init_script("delete window.MediaSource; HTMLMediaElement.prototype.canPlayType = () => '';")
    async with Stub() as stub:
        await page.goto(stub.page)
        await page.click("#go")
        await until(page, "s.says === 'unsupported'")
        await page.get_by_role("link", name="MP3").wait_for()
        await accessible(page)


async def test_in_german(browser: Browser) -> None:
    async with Stub() as stub:
        context = await browser.new_context(locale="de-DE", viewport={"width": 360, "height": 740})
        page = await context.new_page()
        await page.goto(stub.page)
        await page.get_by_text("Jetzt live").wait_for()
        assert await page.get_attribute("html", "lang") == "de"
        await page.get_by_role("button", name="Zuhören").click()
        await until(page, "s.heard")
        await page.get_by_role("button", name="Nicht mehr zuhören").wait_for()
        await page.get_by_text("1.234 hören zu").wait_for()
        await page.get_by_text("Ton und Verbindung").click()
        await page.get_by_text("Opus, zugeschickt").wait_for()
        await page.get_by_text("Leitung").or_(page.get_by_text("spricht")).first.wait_for()
        await accessible(page)
        await portraits(page, "german")
        await page.goto(f"{stub.page}?lang=en")
        await page.get_by_text("On air now").wait_for()
        await context.close()


async def test_words_twice_as_large_long_ones_and_from_right_to_left(page: Page) -> None:
    title = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrente 🌊 מה הים זוכר"
    seats = (
        SeatView("host", "Rindfleischetikettierungsüberwachungsaufgabe", "host"),
        SeatView("s1", "محمد بن عبد الله 🎉", "speaker", muted=True),
    )
    words = "Grundstücksverkehrsgenehmigungszuständigkeitsübertragungsverordnung.\nعن البحر وما يعيده"
    async with Stub(title=title, seats=seats, words=words, speakers=("Rindfleischetikettierung", "محمد")) as stub:
        await listen(page, stub)
        await page.locator("#react").wait_for()
        await accessible(page)
        await portraits(page, "long-words")
        await enlarged(page, "room")


async def test_without_script_it_says_how_to_listen(browser: Browser) -> None:
    async with Stub() as stub:
        context = await browser.new_context(java_script_enabled=False, viewport=PHONE)
        page = await context.new_page()
        await page.goto(stub.page)
        await page.locator("noscript").wait_for()
        assert "Add /live.mp3 to its address" in await page.locator("noscript").inner_text()
        assert await page.locator("#go, summary").filter(visible=True).count() == 0, "nothing that cannot be pressed"
        await page.screenshot(path=ARTEFACTS / "no-script-phone-light.png")
        await context.close()


async def test_motion_is_off_where_it_is_not_wanted(page: Page) -> None:
    async with Stub() as stub:
        await page.emulate_media(reduced_motion="reduce")
        await listen(page, stub)
        assert await page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches") is True
        await until(page, "s.heard")


@pytest.mark.parametrize("via", ["native", "hls"])
async def test_the_other_ways_come_back_too_when_there_is_nothing_to_play(page: Page, via: str) -> None:
    """This front door has no playlists. That they do play is seen against a running Rostra."""
    async with Stub() as stub:
        await page.goto(f"{stub.page}?via={via}")
        await page.click("#go")
        await until(page, f"s.via === '{via}' && s.reconnects >= 2", 20)
        assert (await stats(page))["phase"] in ("reconnecting", "connecting")
        await page.click("#go")
        await until(page, "s.says === 'paused'")
        asked = len([r for r in stub.requests if "/hls/" in r])
        await asyncio.sleep(2)
        assert len([r for r in stub.requests if "/hls/" in r]) == asked >= 2
