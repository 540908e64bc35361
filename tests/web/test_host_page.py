"""The host's console against a room that does what the test says."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from rostra.errors import Unavailable
from tests.web.conftest import accessible, enlarged
from tests.web.stage_room import someone, token
from tests.web.stage_stub import StageStub
from tests.web.visiting import done, focused, join, others, portraits, says, sign, tab, tab_to

pytestmark = pytest.mark.browser

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "sea.png"
    path.write_bytes(PIXEL)
    return path


async def console(page: Page, stage: StageStub, role: str = "host", **claims: str) -> None:
    await page.goto(stage.link("host", role, **claims))
    await page.get_by_role("heading", name="What the sea remembers").wait_for()


async def test_from_doors_to_the_end(page: Page) -> None:
    async with StageStub(state="scheduled", people=others()) as stage:
        await console(page, stage)
        await says(page, "Announced")
        await page.get_by_text("42 want to come", exact=True).wait_for()
        await accessible(page)
        await portraits(page, "host-announced")
        await page.get_by_role("button", name="Open the doors").click()
        await says(page, "Doors open, not begun")
        await page.get_by_text("1,234 listeners").wait_for()
        await sign(page, "OFF AIR")
        await accessible(page)
        await portraits(page, "host-open")
        await page.get_by_role("button", name="Go on air").click()
        await says(page, "On air")
        assert stage.state == "live"
        await page.get_by_text("The room is on air without you").wait_for()
        await accessible(page)
        await portraits(page, "host-live")
        await page.get_by_role("button", name="End it").click()
        await accessible(page)
        await portraits(page, "host-end-sure")
        assert await page.evaluate("document.activeElement.textContent") == "No", "the focus is on the harmless answer"
        assert stage.state == "live", "nothing ends without a second question"
        await page.keyboard.press("Escape")
        await page.wait_for_function("() => document.activeElement.textContent === 'End it'")
        await page.get_by_role("button", name="End it").click()
        await page.get_by_role("button", name="Yes, end it").click()
        await says(page, "Ended")
        assert stage.state == "ended"
        await sign(page, "OVER")
        await accessible(page)
        await portraits(page, "host-ended")


async def test_a_host_who_is_late_is_told(page: Page) -> None:
    async with StageStub(state="open", at=time.time() - 5) as stage:
        await console(page, stage)
        await page.get_by_text("Listeners wait, and are told that the host is late.").wait_for()
        await accessible(page)
        await portraits(page, "host-late")


async def test_mute_one_mute_all_and_ask(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        await join(page, stage.link("host", "host"), "Priya")
        await page.get_by_role("button", name="Mute Ada Marlowe").click()
        await says(page, "Ada Marlowe is muted.")
        await page.get_by_role("button", name="Ask to unmute: Ada Marlowe").click()
        await says(page, "Ada Marlowe is asked to unmute.")
        assert stage.notes["s8"][-1]["kind"] == "ask_unmute"
        assert await page.get_by_role("button", name="Unmute Ada Marlowe").count() == 0, "nobody opens another's"
        stage.people[0]["muted"] = False
        await page.get_by_role("button", name="Mute Ada Marlowe").wait_for()
        await page.get_by_role("button", name="Mute all others").click()
        await says(page, "All others are muted.")
        assert all(p["muted"] for p in stage.people if p["name"] != "Priya")
        assert stage.seat_named("Priya")["muted"] is False
        await says(page, "You are on air")
        assert await page.get_by_role("button", name="Mute all others").is_disabled()
        assert await page.locator(".people").get_by_role("button", name="Mute Priya").count() == 0


async def test_remove_and_block_are_asked_about(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        await console(page, stage)
        await page.get_by_label("More for Jonas").click()
        await page.get_by_role("button", name="Remove Jonas").click()
        await accessible(page)
        await portraits(page, "host-remove-sure")
        await page.get_by_role("button", name="No", exact=True).click()
        assert len(stage.people) == 3
        await page.get_by_role("button", name="Remove Jonas").click()
        await page.get_by_role("button", name="Yes, remove").click()
        await says(page, "Jonas Brandt-Feuerstein is off the stage.")
        await page.get_by_label("More for Mei-Lin").click()
        await page.get_by_role("button", name="Block Mei-Lin").click()
        await page.get_by_role("button", name="Yes, block").click()
        await says(page, "Mei-Lin Okonkwo is blocked. Issue the link of speakers anew.")
        assert [p["name"] for p in stage.people] == ["Ada Marlowe"]
        assert stage.notes["s9"][-1]["block"] is False
        assert stage.notes["s10"][-1]["block"] is True


async def test_the_stage_is_locked_and_unlocked(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        await console(page, stage)
        await page.get_by_role("button", name="Lock the stage").click()
        await says(page, "The stage is locked.")
        assert stage.locked
        await page.get_by_role("button", name="Unlock the stage").click()
        await says(page, "open to newcomers again")
        assert not stage.locked


async def test_the_broadcast_delay_and_the_dump(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        await console(page, stage)
        assert await page.get_by_role("button", name="Dump").count() == 0, "there is nothing to dump"
        slider = page.get_by_label("Broadcast delay")
        await slider.focus()
        for _ in range(7):
            await page.keyboard.press("ArrowRight")
        assert stage.delay_s == 0
        await page.get_by_role("button", name="Set to 7 seconds").click()
        await says(page, "What is said goes out 7 seconds later.")
        assert stage.delay_s == 7
        await page.get_by_role("button", name="Dump").click()
        await says(page, "Dumped: 7 seconds never go out.")
        await accessible(page)
        await portraits(page, "host-dumped")
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("d")
        await asyncio.sleep(1)
        assert len(done(stage, "POST", "/dump")) == 1, "a slip of the finger dumps nothing"
        await page.keyboard.down("d")
        await asyncio.sleep(0.9)
        await page.keyboard.up("d")
        await asyncio.sleep(0.3)
        assert len(done(stage, "POST", "/dump")) == 2
        stage.refuse_api["/dump"] = Unavailable("The stage does not answer. Try again.")
        await page.get_by_role("button", name="Dump").click()
        await page.get_by_role("alert").get_by_text("The stage does not answer. Try again.").wait_for()


async def test_ten_thousand_hands(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        stage.raise_hands(10_000)
        await console(page, stage)
        await page.get_by_role("tab", name="Hands 10,000").wait_for()
        await tab(page, "Hands")
        await page.get_by_role("heading", name="10,000 hands are up").wait_for()
        hands = page.locator(".hands li")
        assert await hands.count() == 20, "one page of them is in the document"
        await accessible(page)
        await portraits(page, "host-hands")
        await page.get_by_role("button", name="Next").click()
        await page.get_by_text("Listener 00020").wait_for()
        await says(page, "Page 2")
        assert await hands.count() == 20
        await page.get_by_role("button", name="Back").click()
        await page.get_by_text("Listener 00000").wait_for()
        await page.get_by_label("Search by name").fill("listener 0777")
        await page.get_by_text("Listener 07770").wait_for()
        assert await hands.count() == 10
        await page.get_by_role("button", name="Accept Listener 07770").click()
        await says(page, "Listener 07770 gets a link to the stage.")
        assert len(stage.hands) == 9_999
        await page.wait_for_function("() => document.activeElement.ariaLabel === 'Accept Listener 07771'")
        await page.get_by_role("button", name="Decline Listener 07771").click()
        await says(page, "Listener 07771 is told that it is not the moment.")
        assert await hands.count() == 8
        await page.get_by_label("Search by name").fill("")
        await page.get_by_text("Listener 00001").wait_for()
        await page.get_by_label("Order").select_option("By name")
        await page.get_by_role("button", name="Lower all hands").click()
        await page.get_by_role("button", name="Yes, lower all").click()
        await says(page, "All hands are lowered.")
        await page.get_by_text("Nobody asks to speak.").wait_for()
        assert stage.hands == []


async def test_hands_are_asked_for_at_most_every_other_second_and_keep_the_focus(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        stage.raise_hands(50)
        await console(page, stage)
        await tab(page, "Hands")
        await page.get_by_text("Listener 00003").wait_for()
        await page.get_by_role("button", name="Decline Listener 00003").focus()
        before, unchanged = len(done(stage, "GET", "/hands")), stage.unchanged
        stage.hands.append({**stage.hands[0], "ticket": "t" * 22, "name": "Somebody new"})
        await asyncio.sleep(4.5)
        assert len(done(stage, "GET", "/hands")) - before <= 3
        assert stage.unchanged > unchanged, "what has not changed is not sent again"
        assert await page.evaluate("document.activeElement.ariaLabel") == "Decline Listener 00003"


async def test_a_link_for_one_person_by_name(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        await console(page, stage)
        await tab(page, "Links")
        await page.get_by_label("Name", exact=True).fill("Nadia")
        await page.get_by_label("As", exact=True).select_option("Co-host")
        await page.get_by_role("button", name="Make a link").click()
        made = page.get_by_label("Link for Nadia", exact=True)
        assert (await made.input_value()).startswith(f"{stage.base}/host/sea#t=")
        assert stage.once, "a second press makes no second link"
        await page.locator(".personal").get_by_text("Nadia").wait_for()
        await accessible(page)
        await portraits(page, "host-links")
        await page.get_by_role("button", name="Take back the link of Nadia").click()
        await page.get_by_role("button", name="Yes, take it back").click()
        await says(page, "The link does not work any more.")
        await page.locator(".personal").wait_for(state="detached")
        assert stage.invitations[0]["revoked"]


async def test_all_links_for_one_person_are_found_the_last_ones_first(page: Page) -> None:
    async with StageStub() as stage:
        stage.invitations = [
            {"identity": f"j{n}", "role": "speaker", "name": f"Guest {n}", "revoked": None} for n in range(1, 131)
        ]
        await console(page, stage)
        await tab(page, "Links")
        names = page.locator(".personal b")
        await names.first.get_by_text("Guest 130", exact=True).wait_for()
        pages = page.get_by_role("navigation", name="Pages")
        for first in range(110, 0, -20):
            await pages.get_by_role("button", name="Next").click()
            await names.first.get_by_text(f"Guest {first}", exact=True).wait_for()
        await accessible(page)
        await page.get_by_role("button", name="Take back the link of Guest 1", exact=True).click()
        await page.get_by_role("button", name="Yes, take it back").click()
        await says(page, "The link does not work any more.")
        assert stage.invitations[0]["revoked"]


async def test_a_leaked_link_is_issued_anew(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        await console(page, stage)
        await tab(page, "Links")
        field = page.get_by_label("For speakers", exact=True)
        old = await field.input_value()
        await page.get_by_role("button", name="Issue anew: For speakers").click()
        await page.get_by_role("alertdialog").get_by_text("The old link stops working at once").wait_for()
        await page.get_by_role("button", name="Yes, issue anew").click()
        await says(page, "Issued anew.")
        await page.wait_for_function(
            "(old) => ![...document.querySelectorAll('input')].some(i => i.value === old)", arg=old
        )
        assert await field.input_value() == stage.shared()["speaker"]


async def test_the_hosts_own_link_is_issued_anew_and_the_page_goes_with_it(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("host", "host"), "Priya")
        await tab(page, "Links")
        await page.get_by_role("button", name="Issue anew: For the host").click()
        await page.get_by_role("button", name="Yes, issue anew").click()
        await says(page, "Your link was issued anew")
        await says(page, "You are on air")
        assert page.url == stage.shared()["host"]
        (speaker,) = stage.speakers.values()
        assert speaker.claims["jti"] == "host-1"


async def test_appoint_and_hand_over(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        await console(page, stage)
        await page.get_by_label("More for Jonas").click()
        await page.get_by_role("button", name="Make co-host: Jonas Brandt-Feuerstein").click()
        await says(page, "gets a co-host's link")
        assert stage.notes["s9"][-1]["role"] == "cohost"
        await page.get_by_label("More for Ada").click()
        await page.get_by_role("button", name="Hand over the host's seat to Ada Marlowe").click()
        await page.get_by_role("button", name="Yes, hand over").click()
        await says(page, "You are a co-host now.")
        assert stage.notes["s8"][-1]["role"] == "host"
        await page.get_by_role("button", name="Lock the stage").wait_for()
        assert await page.get_by_role("button", name="End it").count() == 0


async def test_a_cohost_is_made_a_speaker_and_what_remains_to_be_done_is_told(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        await console(page, stage)
        await page.get_by_label("More for Ada").click()
        await page.get_by_role("button", name="No longer co-host: Ada Marlowe").click()
        await page.get_by_role("alertdialog").get_by_text("Their co-host's link is taken back.").wait_for()
        await accessible(page)
        await page.get_by_role("button", name="Yes, make speaker").click()
        await says(page, "Ada Marlowe is a speaker now. Issue it anew.")
        assert stage.notes["s8"][-1]["role"] == "speaker"


async def test_the_old_host_becomes_a_cohost(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("host", "host"), "Priya")
        await page.get_by_role("button", name="End it").wait_for()
        me = stage.seat_named("Priya")["id"]
        stage.note_to(me, "link", link=stage.link("host", "cohost", name="Priya", jti="j9"), role="cohost")
        await says(page, "You are a co-host now.")
        await says(page, "You are on air")
        assert await page.get_by_role("button", name="End it").count() == 0


async def test_a_cohost_is_shown_what_a_cohost_may(page: Page) -> None:
    async with StageStub(state="open", people=[*others(), someone("s1", "Priya", "host")]) as stage:
        await console(page, stage, "cohost")
        await page.get_by_role("button", name="Go on air").wait_for()
        await page.get_by_role("button", name="Mute Priya").wait_for()
        await page.get_by_label("More for Jonas").click()
        for name in ("Remove Jonas", "Block Jonas"):
            await page.get_by_role("button", name=name).wait_for()
        for name in ("Make co-host", "Hand over", "End it", "Remove Priya", "Block Priya"):
            assert await page.get_by_role("button", name=name).count() == 0, name
        await tab(page, "Links")
        await page.get_by_label("For speakers", exact=True).wait_for()
        assert await page.get_by_label("For the host", exact=True).count() == 0
        anew = page.get_by_role("button", name="Issue anew")
        assert await anew.count() == 1, "a leaked link of speakers, with the host gone"
        await anew.click()
        await page.get_by_role("button", name="Yes, issue anew").click()
        await says(page, "Issued anew.")
        assert stage.issues["speaker"] == 1
        assert await page.get_by_role("option", name="Co-host").count() == 0
        await tab(page, "Announcement")
        await page.get_by_role("button", name="Move it").wait_for()
        assert await page.get_by_role("button", name="Cancel it").count() == 0
        await accessible(page)
        await portraits(page, "cohost-announcement")


async def test_posts_with_a_picture_pinned_and_deleted(page: Page, picture: Path) -> None:
    async with StageStub() as stage:
        await console(page, stage, "host", name="Priya", jti="j1")
        await tab(page, "Posts")
        await page.get_by_text("Nothing is posted yet.").wait_for()
        await page.get_by_role("button", name="Post", exact=True).click()
        await page.get_by_text("Write something, or give a link or a picture.").wait_for()
        await page.get_by_label("A link").fill("ftp://sea")
        await page.get_by_role("button", name="Post", exact=True).click()
        await page.get_by_text("A link begins with https://").wait_for()
        assert await page.get_by_label("A link").get_attribute("aria-invalid") == "true"
        await accessible(page)
        await portraits(page, "host-post-errors")
        await page.get_by_label("A few words").fill("The chart we speak of\n<b>now</b>")
        await page.get_by_label("A link").fill("https://sea.example/chart")
        await page.get_by_label("A picture").set_input_files(picture)
        await page.get_by_role("img", name="Preview of sea.png").wait_for()
        await page.get_by_label("Pin it to the top").check()
        await page.get_by_role("button", name="Post", exact=True).click()
        await says(page, "Posted.")
        assert stage.uploads == [("image/png", PIXEL)]
        (post,) = stage.posts
        assert (post["text"], post["pinned"], bool(post["picture"])) == (
            "The chart we speak of\n<b>now</b>",
            True,
            True,
        )
        item = page.locator(".posts li")
        await item.get_by_role("link", name="https://sea.example/chart").wait_for()
        assert await item.locator(".text b").count() == 0
        await item.get_by_role("link", name="The picture of this post").wait_for()
        await accessible(page)
        await portraits(page, "host-posts")
        await item.get_by_role("button", name="Unpin").click()
        await says(page, "Not pinned any more.")
        assert post["pinned"] is False
        await item.get_by_role("button", name="Delete").click()
        await page.get_by_role("button", name="Yes, delete").click()
        await says(page, "Deleted.")
        assert stage.posts == []


async def test_what_is_no_picture_is_not_sent(page: Page, tmp_path: Path) -> None:
    drawing, huge, broken = tmp_path / "a.svg", tmp_path / "b.png", tmp_path / "c.png"
    drawing.write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    huge.write_bytes(PIXEL + bytes(9_000_000))
    broken.write_bytes(b"GIF, or is it?")
    async with StageStub() as stage:
        await console(page, stage)
        await tab(page, "Posts")
        for file, sentence in (
            (drawing, "This is no picture that we can show."),
            (huge, "This picture has more than 8 MB."),
            (broken, "This is no picture that we can show."),
        ):
            await page.get_by_label("A picture").set_input_files(file)
            await page.get_by_text(sentence).wait_for()
            await page.get_by_label("A picture").set_input_files([])
        assert stage.uploads == []


async def test_the_announcement_is_edited(page: Page, picture: Path) -> None:
    async with StageStub(state="scheduled", tz="Europe/Berlin", speakers_announced=["Ada"]) as stage:
        await console(page, stage)
        await tab(page, "Announcement")
        await page.get_by_label("Title").fill("  ")
        await page.get_by_role("button", name="Save").click()
        await page.get_by_text("A room has a title.").wait_for()
        assert await page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
        await page.get_by_label("Title").fill("What the sea forgets")
        await page.get_by_label("What it is about").fill("Tides\nand time")
        await page.get_by_label("Speakers").fill("Ada\nMei-Lin\n\n")
        await page.get_by_label("Begins").fill("2031-03-30T02:30")
        await page.get_by_text("Clocks in Europe/Berlin skip that time").wait_for()
        await accessible(page)
        await portraits(page, "host-announcement")
        await page.get_by_label("Begins").fill("2030-10-27T02:30")
        await page.get_by_label("That time comes twice").select_option("The second time (UTC+1)")
        await page.get_by_label("A picture").set_input_files(picture)
        await page.get_by_role("button", name="Save").click()
        await says(page, "Saved.")
        (sent,) = done(stage, "PATCH", "")
        assert (sent["at"], sent["tz"]) == ("2030-10-27T01:30:00.000Z", "Europe/Berlin")
        assert (stage.title, stage.words) == ("What the sea forgets", "Tides\nand time")
        assert stage.speakers_announced == ["Ada", "Mei-Lin"]
        assert stage.uploads == [("image/png", PIXEL)]
        await page.get_by_role("heading", name="What the sea forgets", level=1).wait_for()


async def test_postpone_and_cancel_with_a_note(page: Page) -> None:
    async with StageStub(state="open") as stage:
        await console(page, stage)
        await tab(page, "Announcement")
        await page.get_by_label("New time").fill("2001-01-01T20:00")
        await page.get_by_role("button", name="Move it").click()
        await page.get_by_text("That time is over.").wait_for()
        await page.get_by_label("New time").fill("2031-01-01T20:00")
        await page.get_by_label("A note for those who wait").fill("A storm")
        await page.get_by_role("button", name="Move it").click()
        await says(page, "Moved to")
        assert done(stage, "POST", "/postpone") == [{"at": "2031-01-01T20:00:00.000Z", "note": "A storm"}]
        await says(page, "Announced")
        await page.get_by_role("button", name="Cancel it").click()
        await page.get_by_role("alertdialog").get_by_label("A note for those who wait").fill("The storm stays")
        await accessible(page)
        await portraits(page, "host-cancel-sure")
        await page.get_by_role("button", name="Yes, cancel it").click()
        await says(page, "Cancelled")
        assert (stage.state, stage.note) == ("cancelled", "The storm stays")
        await page.get_by_text("It is over: nothing is announced any more.").wait_for()


async def test_reports_of_abuse(page: Page) -> None:
    said: dict[str, Any] = {
        "id": 1,
        "room": "sea",
        "at": "2026-05-01T18:00:00Z",
        "said": "Rude <i>words</i>",
        "about": "s8",
    }
    async with StageStub(people=others(), reports=[said]) as stage:
        await console(page, stage)
        await page.get_by_role("tab", name="Reports new").click()
        await page.get_by_text("Rude <i>words</i>").wait_for()
        await page.get_by_role("tab", name="Reports", exact=True).wait_for()
        await page.get_by_text("about Ada Marlowe").wait_for()
        await accessible(page)
        await portraits(page, "host-reports")


async def test_the_stage_is_away_for_a_while(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        await console(page, stage)
        await page.locator(".people").get_by_text("Ada Marlowe").wait_for()
        stage.refuse_api["/people"] = Unavailable("The stage does not answer.")
        await page.get_by_text("The stage does not answer at the moment.").wait_for()
        await page.locator(".people").get_by_text("Ada Marlowe").wait_for()
        stage.refuse_api.clear()
        await page.get_by_text("The stage does not answer at the moment.").wait_for(state="detached")


async def test_at_a_glance_on_air_or_not_who_speaks_and_who_wants_to(page: Page) -> None:
    async with StageStub(people=others()) as stage:
        await console(page, stage)
        glance = page.get_by_role("list", name="At a glance").get_by_role("listitem")
        await glance.filter(has_text="Ada Marlowe speaks").wait_for()
        assert await glance.nth(0).text_content() == "The room: on air"
        await glance.get_by_role("button", name="Nobody asks to speak").wait_for()
        stage.raise_hands(5)
        ask = glance.get_by_role("button", name="5 ask to speak")
        await ask.wait_for()
        await accessible(page)
        await portraits(page, "host-five-hands")
        await ask.click()
        await page.get_by_text("Listener 00000").wait_for()
        assert await focused(page) == "Hands 5"
        stage.people[0]["level"] = None
        await glance.filter(has_text="Nobody speaks").wait_for()


async def test_words_twice_as_large_long_ones_and_from_right_to_left(page: Page) -> None:
    title = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrente 🌊 מה הים זוכר"
    crowd = [someone("s8", "Rindfleischetikettierungsüberwachungsaufgabe", "cohost"), someone("s9", "עדה מרלו 🎉")]
    async with StageStub(people=crowd, title=title, delay_s=7) as stage:
        stage.raise_hands(2)
        stage.hands[0] |= {"name": "محمد بن عبد الله", "why": "Grundstücksverkehrsgenehmigungszuständigkeit" * 3}
        await page.goto(stage.link("host", "host"))
        await page.locator(".people").get_by_text("עדה").wait_for()
        await page.get_by_role("button", name="2 ask to speak").wait_for()
        await accessible(page)
        await portraits(page, "host-long-words")
        await enlarged(page, "host-stage")
        await tab(page, "Hands")
        await page.get_by_text("محمد").wait_for()
        await enlarged(page, "host-hands")
        await tab(page, "Announcement")
        await page.get_by_label("Title").wait_for()
        await enlarged(page, "host-announcement")


async def test_everything_by_keyboard(page: Page) -> None:
    async with StageStub(people=[someone("s8", "Ada Marlowe")]) as stage:
        stage.raise_hands(3)
        await console(page, stage)
        await page.locator(".people").get_by_text("Ada Marlowe").wait_for()
        await tab_to(page, "Allow the microphone")
        await page.keyboard.press("Enter")
        await tab_to(page, "Your name, as listeners see it")
        await page.keyboard.type("Priya")
        await page.keyboard.press("Enter")
        await says(page, "You are on air")
        await tab_to(page, "On stage 2")
        await page.keyboard.press("ArrowRight")
        await page.get_by_text("Listener 00000").wait_for()
        assert await focused(page) == "Hands 3"
        await tab_to(page, "Accept Listener 00000")
        await page.keyboard.press("Enter")
        await says(page, "Listener 00000 gets a link")
        await page.wait_for_function("() => document.activeElement.ariaLabel === 'Accept Listener 00001'")
        await page.keyboard.press("m")
        await says(page, "You are muted")
        await page.get_by_role("tab", name="Hands 2").wait_for()
        await tab_to(page, "Hands 2", back=True)
        await page.keyboard.press("Home")
        await tab_to(page, "More for Ada Marlowe")
        await page.keyboard.press("Enter")
        await tab_to(page, "Remove Ada Marlowe")
        await page.keyboard.press("Enter")
        assert await focused(page) == "No"
        await page.keyboard.press("Escape")
        assert await focused(page) == "Remove Ada Marlowe", "the focus goes back to what was pressed"
        assert len(stage.people) == 2
        await page.keyboard.press("Enter")
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await says(page, "Ada Marlowe is off the stage.")
        assert await page.evaluate("document.activeElement.className") == "people", "what had the focus has gone"
        await tab_to(page, "End it", back=True)
        await page.keyboard.press("Enter")
        await tab_to(page, "Yes, end it", back=True)
        await page.keyboard.press("Enter")
        await says(page, "Ended")
        assert await focused(page) == "The room"


async def test_a_stranger_at_the_hosts_address(page: Page) -> None:
    async with StageStub() as stage:
        await page.goto(f"{stage.base}/host/sea#t={token('speaker')}")
        await page.get_by_role("heading", name="What the sea remembers").wait_for()
        assert await page.get_by_role("tab").count() == 0, "the role is the link's, whatever the address"
