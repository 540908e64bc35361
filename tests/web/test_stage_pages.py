"""The speaker's page in a real browser, with real WebRTC."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, Page, Route

from rostra.errors import NotFound
from tests.web.conftest import accessible, enlarged
from tests.web.stage_room import someone, token
from tests.web.stage_stub import StageStub
from tests.web.visiting import PLAYED_MICROPHONE, done, focused, join, others, portraits, says, sign, tab_to

pytestmark = pytest.mark.browser


async def test_a_speaker_joins_is_heard_mutes_and_leaves(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        await page.goto(stage.link("speak", "speaker"))
        await page.get_by_role("heading", name="What the sea remembers").wait_for()
        await sign(page, "OFF AIR")
        await accessible(page)
        await portraits(page, "speak-before")
        await page.get_by_role("button", name="Allow the microphone").click()
        await page.get_by_label("Your name").fill("Mei-Lin")
        moved = (
            "() => parseFloat(getComputedStyle(document.querySelector('.seat .meter')).getPropertyValue('--l')) > 0.2"
        )
        await page.wait_for_function(moved)
        await says(page, "We hear you.")
        await accessible(page)
        await portraits(page, "speak-ready")
        await page.get_by_role("button", name="Join the stage").click()
        await says(page, "You are on air")
        await sign(page, "ON AIR")
        (speaker,) = stage.speakers.values()
        assert speaker.query["name"] == "Mei-Lin"
        assert len(speaker.query["seat"]) > 10
        await page.get_by_text("(you)").wait_for()
        await page.wait_for_function("() => document.querySelector('.seat audio').currentTime > 0.5")
        packets = await _received(stage)
        await asyncio.sleep(1)
        assert await _received(stage) > packets + 20
        listed = str(await page.text_content(".people"))
        assert "Bad connection" in listed and "Loss 7.2%" in listed
        assert "It is turned down" in listed
        assert "lost, may come back" in listed
        assert await page.locator(".people button").count() == 0, "a speaker moderates nobody"
        await accessible(page)
        await portraits(page, "speak-on")
        await page.get_by_role("button", name="Mute").click()
        await says(page, "You are muted")
        await sign(page, "MUTED")
        await accessible(page)
        await portraits(page, "speak-muted")
        await page.get_by_role("button", name="Unmute").click()
        await says(page, "You are on air")
        assert [b["muted"] for b in done(stage, "POST", "/me/mute")] == [True, False]
        await page.get_by_role("button", name="Leave the stage").click()
        await says(page, "You have left the stage")
        await sign(page, "OFF AIR")
        assert stage.speakers == {}
        assert [c[0] for c in stage.calls if c[1].startswith("/stage/")] == ["DELETE", "DELETE"]
        await page.get_by_role("button", name="Join again").click()
        await says(page, "You are on air")


WAKE = """
window.locks = [];
Object.defineProperty(navigator, "wakeLock", { value: { request: async (kind) => {
  const lock = { kind, released: false, release: async () => { lock.released = true; } };
  window.locks.push(lock);
  return lock;
} } });
"""


async def test_the_phone_stays_awake_on_stage_and_only_there(page: Page) -> None:
    await page.add_init_script(WAKE)
    held = "() => window.locks.map(lock => lock.kind + (lock.released ? ' released' : ''))"
    async with StageStub(people=others()) as stage:
        await page.goto(stage.link("speak", "speaker"))
        await page.get_by_role("button", name="Allow the microphone").click()
        await page.get_by_label("Your name").fill("Mei-Lin")
        assert await page.evaluate(held) == []
        await page.get_by_role("button", name="Join the stage").click()
        await says(page, "You are on air")
        await page.wait_for_function("() => window.locks.length === 1")
        # A browser takes the lock away from a page that is not seen; it is asked for again when it is.
        await page.evaluate(
            "() => { window.locks[0].released = true; document.dispatchEvent(new Event('visibilitychange')); }"
        )
        await page.wait_for_function("() => window.locks.length === 2")
        assert await page.evaluate(held) == ["screen released", "screen"]
        await page.get_by_role("button", name="Leave the stage").click()
        await page.wait_for_function("() => window.locks.every(lock => lock.released)")
        assert await page.evaluate("() => window.locks.length") == 2


async def _received(stage: StageStub) -> int:
    total = 0
    for speaker in stage.speakers.values():
        report = await speaker.connection.getStats()
        total += sum(s.packetsReceived for s in report.values() if s.type == "inbound-rtp")
    return total


async def test_on_and_off_air_differ_in_words_title_and_icon(page: Page) -> None:
    async with StageStub(state="open") as stage:
        await join(page, stage.link("speak", "speaker"), then="You are on stage; it has not begun")
        await sign(page, "OFF AIR")
        await page.get_by_text("Nobody but the stage hears you", exact=True).wait_for()
        icon = "document.querySelector('link[rel=icon]').href"
        before = await page.evaluate(icon)
        assert await page.title() == "○ OFF AIR · What the sea remembers"
        await page.get_by_role("timer").wait_for()
        await accessible(page)
        await portraits(page, "speak-green-room")
        stage.state = "live"
        await says(page, "You are on air")
        await sign(page, "ON AIR")
        assert await page.title() == "● ON AIR · What the sea remembers"
        assert await page.evaluate(icon) != before
        stage.delay_s = 7
        await page.get_by_text("Listeners hear you, 7 seconds later").wait_for()


async def test_the_countdown_goes_by_the_servers_clock(page: Page) -> None:
    async with StageStub(state="scheduled", clock_ahead_s=3 * 3600) as stage:
        stage.at += 3 * 3600
        await page.goto(stage.link("speak", "speaker"))
        shown = page.get_by_role("timer").locator("b")
        await shown.filter(has_text=":").wait_for()
        minutes, _, _ = str(await shown.text_content()).partition(":")
        assert minutes in ("9", "10")
        await page.get_by_role("button", name="Allow the microphone").click()
        assert await page.get_by_role("button", name="Join the stage").is_disabled()
        await page.get_by_text("The doors are not open yet.").wait_for()
        await accessible(page)
        await portraits(page, "speak-shut")
        stage.state, stage.at = "open", stage.at - 700
        await page.get_by_text("the host has not begun yet").wait_for()


async def test_one_hears_oneself_and_nobody_else_does(page: Page) -> None:
    async with StageStub() as stage:
        await page.goto(stage.link("speak", "speaker"))
        await page.get_by_role("button", name="Allow the microphone").click()
        await page.get_by_role("button", name="Record 3 seconds and hear yourself").click()
        await page.get_by_role("button", name="Speak: recording 3 seconds").wait_for()
        await page.get_by_role("button", name="This is how you sound").wait_for()
        await page.wait_for_function("() => document.querySelector('.hearback audio').currentTime > 0.3")
        await page.get_by_role("button", name="Record 3 seconds and hear yourself").wait_for()
        assert stage.speakers == {}
        assert {m for m, _, _ in stage.calls} == {"GET"}, "nothing was sent"


async def test_a_personal_link_names_its_holder_and_is_one_seat(page: Page) -> None:
    async with StageStub() as stage:
        await page.goto(stage.link("speak", "speaker", name="Mei-Lin Okonkwo", jti="j7"))
        await page.get_by_role("button", name="Allow the microphone").click()
        await page.get_by_text("You will be named Mei-Lin Okonkwo.").wait_for()
        assert await page.get_by_label("Your name").count() == 0
        await page.get_by_role("button", name="Join the stage").click()
        await says(page, "You are on air")
        (speaker,) = stage.speakers.values()
        assert speaker.query == {"name": "Mei-Lin Okonkwo"}


async def test_keys_mute_but_not_while_typing_and_can_be_turned_off(page: Page) -> None:
    async with StageStub() as stage:
        await page.goto(stage.link("speak", "speaker"))
        await page.get_by_role("button", name="Allow the microphone").click()
        await page.get_by_label("Your name").press_sequentially("Mim M")
        assert await page.get_by_label("Your name").input_value() == "Mim M"
        await page.get_by_role("button", name="Join the stage").click()
        await says(page, "You are on air")
        await page.evaluate("document.activeElement.blur()")
        for key in ("m", "Space"):
            await page.keyboard.press(key)
            await says(page, "You are muted")
            await page.keyboard.press(key)
            await says(page, "You are on air")
        told = len(done(stage, "POST", "/me/mute"))
        # Both in one turn of the page, before it is drawn anew.
        await page.get_by_label("Keys: M or the space bar mutes").evaluate(
            "(box) => { box.click(); box.dispatchEvent(new KeyboardEvent('keydown', {key: 'm', bubbles: true})); }"
        )
        await page.keyboard.press("m")
        await asyncio.sleep(0.5)
        await says(page, "You are on air")
        assert len(done(stage, "POST", "/me/mute")) == told


async def test_news_of_the_moment_of_unmuting_does_not_mute_again(page: Page) -> None:
    """The stage has opened the microphone, its answer is still on the way, and news of it comes first."""
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        await page.get_by_role("button", name="Mute", exact=True).click()
        await says(page, "You are muted")
        held: asyncio.Event = asyncio.Event()

        async def late(route: Route) -> None:
            answer = await route.fetch()
            await held.wait()
            await route.fulfill(response=answer)

        await page.route("**/me/mute", late)
        await page.get_by_role("button", name="Unmute").click()
        news = len(done(stage, "GET", "/me"))
        while len(done(stage, "GET", "/me")) < news + 3:
            await asyncio.sleep(0.1)
        held.set()
        await says(page, "You are on air")
        assert [b["muted"] for b in done(stage, "POST", "/me/mute")] == [True, False]
        assert stage.seat_named("Mei-Lin")["muted"] is False
        await page.unroute("**/me/mute")


async def test_speaking_by_keyboard_alone(page: Page) -> None:
    """From the first key to the last: the focus is never lost, and what happens is said where it is read aloud."""
    async with StageStub(people=others()) as stage:
        await page.goto(stage.link("speak", "speaker"))
        await tab_to(page, "Allow the microphone")
        await page.keyboard.press("Enter")
        await page.wait_for_function("() => document.activeElement.labels?.[0]?.textContent.startsWith('Your name')")
        await page.keyboard.type("Mei-Lin")
        await page.keyboard.press("Enter")
        await says(page, "You are on air")
        await page.wait_for_function("() => document.activeElement.textContent === 'Mute'")
        await page.keyboard.press("Enter")
        await says(page, "You are muted")
        assert await focused(page) == "Unmute"
        me = stage.seat_named("Mei-Lin")["id"]
        stage.note_to(me, "ask_unmute")
        await page.get_by_role("alert").get_by_text("The host asks you to unmute.").wait_for()
        assert await focused(page) == "Unmute", "a question takes the focus from nobody"
        await tab_to(page, "Not now", back=True)
        await page.keyboard.press("Enter")
        await page.wait_for_function("() => document.activeElement.textContent === 'Unmute'")
        await page.keyboard.press("Enter")
        await says(page, "You are on air")
        order = []
        for _ in range(3):
            await page.keyboard.press("Tab")
            order.append(await focused(page))
        assert order == ["Microphone", "Keys: M or the space bar mutes", "Leave the stage"]
        await page.keyboard.press("Enter")
        await says(page, "You have left the stage")
        await page.wait_for_function("() => document.activeElement.textContent === 'Join again'")
        await page.keyboard.press("Enter")
        await says(page, "You are on air")
        await page.wait_for_function("() => document.activeElement.textContent === 'Mute'")


async def test_words_twice_as_large(page: Page) -> None:
    async with StageStub(people=others(), title="Überwachungsaufgabenübertragungsgesetz 🌊 מה הים זוכר") as stage:
        await page.goto(stage.link("speak", "speaker"))
        await page.get_by_role("button", name="Allow the microphone").click()
        await page.get_by_role("button", name="Join the stage").wait_for()
        await portraits(page, "speak-long-words")
        await enlarged(page, "speak-ready")


async def test_too_loud_is_told_on_stage(page: Page) -> None:
    await page.add_init_script(PLAYED_MICROPHONE)
    async with StageStub(people=others()) as stage:
        await join(page, stage.link("speak", "speaker"))
        await page.evaluate("speak(8)")
        await page.get_by_role("alert").filter(has_text="You are too loud").wait_for()
        await accessible(page)
        await portraits(page, "speak-clipping")


async def test_muted_by_the_host_only_oneself_opens_again(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        me = stage.seat_named("Mei-Lin")
        me["muted"] = True
        stage.note_to(me["id"], "muted", by="Ada")
        await says(page, "The host has muted you")
        await sign(page, "MUTED")
        await accessible(page)
        await portraits(page, "speak-muted-by-host")
        await page.get_by_role("button", name="Unmute").click()
        await says(page, "You are on air")
        assert me["muted"] is False
        assert done(stage, "POST", "/me/mute")[-1]["muted"] is False


async def test_an_unmute_that_the_stage_does_not_take_is_told_and_one_stays_muted(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        await page.get_by_role("button", name="Mute").click()
        await says(page, "You are muted")
        stage.refuse_api["/me/mute"] = NotFound("You have no seat on this stage.")
        await page.get_by_role("button", name="Unmute").click()
        await page.get_by_role("alert").get_by_text("You have no seat on this stage.").wait_for()
        await says(page, "You are muted")


async def test_a_host_asks_to_unmute(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        me = stage.seat_named("Mei-Lin")
        stage.note_to(me["id"], "ask_unmute")
        await asyncio.sleep(1.2)
        assert await page.get_by_role("button", name="Unmute now").count() == 0, "who is not muted is not asked"
        await page.get_by_role("button", name="Mute").click()
        await says(page, "You are muted")
        stage.note_to(me["id"], "ask_unmute")
        await page.get_by_role("alert").get_by_text("The host asks you to unmute.").wait_for()
        await accessible(page)
        await portraits(page, "speak-asked")
        await page.get_by_role("button", name="Not now").click()
        await page.get_by_role("button", name="Unmute now").wait_for(state="detached")
        stage.note_to(me["id"], "ask_unmute")
        await page.get_by_role("button", name="Unmute now").click()
        await says(page, "You are on air")
        await page.get_by_role("button", name="Unmute now").wait_for(state="detached")


async def test_a_call_that_comes_in_mutes_and_says_so(page: Page) -> None:
    await page.add_init_script(PLAYED_MICROPHONE)
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        await page.evaluate("given.dispatchEvent(new Event('mute'))")
        await says(page, "something else took your microphone")
        await sign(page, "MUTED")
        me = stage.seat_named("Mei-Lin")
        await asyncio.sleep(0.5)
        assert me["muted"] is True
        assert await page.evaluate("given.enabled") is False
        await page.evaluate("given.dispatchEvent(new Event('unmute'))")
        await asyncio.sleep(0.5)
        await says(page, "something else took your microphone")
        await accessible(page)
        await portraits(page, "speak-call")
        await page.get_by_role("button", name="Unmute").click()
        await says(page, "You are on air")
        assert await page.evaluate("given.enabled") is True


async def test_a_microphone_that_ended_is_opened_anew(page: Page) -> None:
    await page.add_init_script(PLAYED_MICROPHONE)
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        await page.evaluate("given.stop(); window.gone = given; given.dispatchEvent(new Event('ended'))")
        await says(page, "something else took your microphone")
        await page.get_by_role("button", name="Unmute").click()
        await says(page, "You are on air")
        assert await page.evaluate("given !== gone && given.readyState === 'live'")


async def test_what_is_wrong_with_a_microphone_is_told(page: Page) -> None:
    await page.add_init_script(PLAYED_MICROPHONE)
    async with StageStub() as stage:
        await page.goto(stage.link("speak", "speaker"))
        await page.get_by_role("button", name="Allow the microphone").click()
        await page.evaluate("speak(0)")
        alert = page.get_by_role("alert")
        # A moment of the voice may have been heard before it was silenced.
        await alert.filter(has_text="wrong device").or_(alert.filter(has_text="is silent")).wait_for(timeout=20_000)
        await accessible(page)
        await portraits(page, "speak-wrong-device")
        await page.evaluate("speak(8)")
        await alert.filter(has_text="You are too loud").wait_for()
        await page.evaluate("speak(0.1)")
        await alert.filter(has_text="You are too loud").wait_for(state="detached")
        await page.get_by_label("Your name").fill("Mei-Lin")
        await page.get_by_role("button", name="Join the stage").click()
        await says(page, "You are on air")
        stage.seat_named("Mei-Lin")["source"] = "silent"
        await alert.filter(has_text="nothing of it reaches the stage").wait_for()


async def test_a_lost_connection_is_taken_up_again_on_the_same_seat(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        (first,) = stage.speakers.values()
        stage.refuse = (503, "The stage is not there.")
        await stage.drop()
        await says(page, "Your connection was lost")
        await says(page, "Your seat is kept for")
        await sign(page, "OFF AIR")
        await accessible(page)
        await portraits(page, "speak-lost")
        stage.refuse = None
        await says(page, "You are on air", 20)
        (second,) = stage.speakers.values()
        assert second.query == first.query


async def test_who_comes_back_to_a_muted_seat_is_muted_and_told(page: Page) -> None:
    kept = someone("s1", "Mei-Lin", muted=True, state="away")
    async with StageStub(people=[kept], keys={"s1": "j7/"}) as stage:
        await join(page, stage.link("speak", "speaker", name="Mei-Lin", jti="j7"), then="You are")
        await says(page, "You are muted")
        assert stage.seat_named("Mei-Lin")["muted"] is True


async def test_who_was_replaced_elsewhere_does_not_fight_for_the_seat(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        await stage.oust(next(iter(stage.speakers)))
        await says(page, "You have joined somewhere else")
        await accessible(page)
        await asyncio.sleep(1.5)
        assert stage.speakers == {}
        await page.get_by_role("button", name="Speak from here instead").click()
        await says(page, "You are on air")


async def test_who_was_removed_is_told_and_stays_away(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        await stage.take_back(next(iter(stage.speakers)))
        await says(page, "You are no longer on the stage")
        await accessible(page)
        await portraits(page, "speak-removed")
        await asyncio.sleep(1.5)
        assert stage.speakers == {}


async def test_a_note_that_one_is_removed_stops_everything_at_once(page: Page) -> None:
    await page.add_init_script(PLAYED_MICROPHONE)
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        stage.note_to(stage.seat_named("Mei-Lin")["id"], "removed", by="Ada", blocked=False)
        await says(page, "You are no longer on the stage")
        await says(page, "Ada has taken you off the stage.")
        await sign(page, "OFF AIR")
        assert await page.evaluate("given.readyState") == "ended", "the microphone is off"
        stage.refuse = (403, "You have been blocked in this room.")
        await page.get_by_role("button", name="Join again").click()
        await says(page, "You have been blocked in this room.")


async def test_a_speaker_who_is_appointed_changes_over_without_leaving(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        await join(page, stage.link("speak", "speaker"))
        await page.get_by_role("button", name="Mute").click()
        await says(page, "You are muted")
        me = stage.seat_named("Mei-Lin")["id"]
        stage.note_to(me, "link", link=stage.link("host", "cohost", name="Mei-Lin", jti="j42"), role="cohost")
        await says(page, "You are a co-host now.")
        await says(page, "You are muted")
        assert page.url.startswith(f"{stage.base}/host/sea#t=")
        (speaker,) = stage.speakers.values()
        assert speaker.claims["jti"] == "j42"
        await page.get_by_role("tab", name="Hands").wait_for()
        await page.get_by_role("button", name="Unmute", exact=True).click()
        await says(page, "You are on air")
        await accessible(page)
        await portraits(page, "cohost-changed-over")


async def test_a_link_to_another_room_is_not_followed(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        elsewhere = f"https://evil.example/host/lake#t={token('host', room='lake')}"
        stage.note_to(stage.seat_named("Mei-Lin")["id"], "link", link=elsewhere, role="host")
        asked = len(done(stage, "GET", "/me"))
        while len(done(stage, "GET", "/me")) < asked + 2:
            await asyncio.sleep(0.1)
        assert page.url.startswith(f"{stage.base}/speak/sea#t=")
        await says(page, "You are on air")


async def test_a_second_tab_takes_over_and_the_first_is_told(browser: Browser) -> None:
    async with StageStub() as stage:
        context = await browser.new_context()
        first, second = await context.new_page(), await context.new_page()
        link = stage.link("speak", "speaker")
        await join(first, link)
        await second.goto(link)
        await second.get_by_role("button", name="Allow the microphone").click()
        await second.get_by_role("button", name="Join the stage").click()
        await says(first, "Another tab or device has your seat now.")
        await says(second, "You are on air")
        await context.close()


async def test_a_refusal_is_told_in_the_servers_words(page: Page) -> None:
    async with StageStub(refuse=(409, "All ten seats for speakers are taken.")) as stage:
        await page.goto(stage.link("speak", "speaker", name="M", jti="x"))
        await page.get_by_role("button", name="Allow the microphone").click()
        await page.get_by_role("button", name="Join the stage").click()
        await says(page, "All ten seats for speakers are taken.")
        await accessible(page)
        await portraits(page, "speak-refused")


async def test_a_browser_that_gives_no_microphone(page: Page) -> None:
    refuse = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); };"
    await page.add_init_script(refuse)
    async with StageStub() as stage:
        await page.goto(stage.link("speak", "speaker"))
        await page.get_by_role("button", name="Allow the microphone").click()
        await page.get_by_role("alert").get_by_text("Allow it in the address bar").wait_for()
        await accessible(page)


async def test_the_end_is_told(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        stage.state = "ended"
        await says(page, "It has ended")
        await sign(page, "OVER")
        await accessible(page)
        await portraits(page, "speak-over")


async def test_a_link_that_was_taken_back(page: Page) -> None:
    async with StageStub(issues={"speaker": 1}) as stage:
        await page.goto(stage.link("speak", "speaker"))
        await page.get_by_role("alert").get_by_text("This link has been taken back.").wait_for()
        await accessible(page)
        await portraits(page, "speak-taken-back")
        before = len(stage.calls)
        await asyncio.sleep(2.5)
        assert len(stage.calls) == before, "a link that is not good is not tried again and again"


async def test_a_link_without_its_token(page: Page) -> None:
    async with StageStub() as stage:
        await page.goto(f"{stage.url}/speak/sea")
        await page.get_by_role("heading", name="This link is not whole").wait_for()
        await accessible(page)


async def test_script_in_names_stays_text(page: Page) -> None:
    script = "<img src=x onerror=document.title='owned'>\u202e\u200b"
    async with StageStub(people=others(), title=script) as stage:
        stage.people[0]["name"] = script
        await join(page, stage.link("speak", "speaker", name=script[:60], jti="j1"))
        await page.locator(".people b").filter(has_text="<img").first.wait_for()
        assert await page.locator(".people img, h1 img").count() == 0
        assert "owned" not in (await page.title()).removeprefix("● ON AIR · " + script)
