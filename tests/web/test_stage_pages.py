"""The speaker's, the host's and the operator's pages in a real browser, with real WebRTC."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.web.conftest import accessible, portraits
from tests.web.stage_stub import StageStub

pytestmark = pytest.mark.browser

OTHERS: list[dict[str, Any]] = [
    {
        "seat": "s8",
        "name": "Ada Marlowe",
        "role": "host",
        "state": "here",
        "muted": False,
        "level": -20,
        "loss_percent": 0.0,
        "delay_ms": 61,
        "echo": False,
        "session": "a",
    },
    {
        "seat": "s9",
        "name": "Jonas Brandt-Feuerstein",
        "role": "speaker",
        "state": "away",
        "muted": True,
        "level": None,
        "loss_percent": 4.2,
        "delay_ms": 190,
        "echo": True,
        "session": "b",
    },
]


async def says(page: Page, text: str, timeout_s: float = 15.0) -> None:
    await page.get_by_role("status").get_by_text(text).wait_for(timeout=timeout_s * 1000)


async def join(page: Page, link: str, name: str = "Mei-Lin") -> None:
    await page.goto(link)
    await page.get_by_role("button", name="Allow the microphone").click()
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Join the stage").click()
    await says(page, "You are on air")


async def test_a_speaker_joins_is_heard_mutes_and_leaves(page: Page) -> None:
    async with StageStub(people=[dict(p) for p in OTHERS]) as stage:
        await page.goto(stage.link("speak", "speaker"))
        await page.get_by_role("heading", name="What the sea remembers").wait_for()
        await accessible(page)
        await portraits(page, "speak-before")
        await page.get_by_role("button", name="Allow the microphone").click()
        await page.get_by_label("Your name").fill("Mei-Lin")
        moved = (
            "() => parseFloat(getComputedStyle(document.querySelector('.seat .meter')).getPropertyValue('--l')) > 0.2"
        )
        await page.wait_for_function(moved)
        await accessible(page)
        await portraits(page, "speak-ready")
        await page.get_by_role("button", name="Join the stage").click()
        await says(page, "You are on air")
        (speaker,) = stage.speakers.values()
        assert speaker.query["name"] == "Mei-Lin"
        assert len(speaker.query["seat"]) > 10
        await page.get_by_text("(you)").wait_for()
        await page.wait_for_function("() => document.querySelector('.seat audio').currentTime > 0.5")
        packets = await _received(stage)
        await asyncio.sleep(1)
        assert await _received(stage) > packets + 20
        await accessible(page)
        await portraits(page, "speak-on")
        await page.get_by_role("button", name="Mute").click()
        await says(page, "You are muted")
        await page.get_by_role("button", name="Unmute").click()
        await says(page, "You are on air")
        await page.get_by_role("button", name="Leave the stage").click()
        await says(page, "You have left the stage")
        assert stage.speakers == {}
        assert [c[0] for c in stage.calls if c[1].startswith("/stage/")] == ["DELETE", "DELETE"]


async def _received(stage: StageStub) -> int:
    total = 0
    for speaker in stage.speakers.values():
        report = await speaker.connection.getStats()
        total += sum(s.packetsReceived for s in report.values() if s.type == "inbound-rtp")
    return total


async def test_a_personal_link_names_its_holder_and_is_one_seat(page: Page) -> None:
    async with StageStub() as stage:
        await page.goto(stage.link("speak", "speaker", name="Mei-Lin Okonkwo", jti="j7"))
        await page.get_by_role("button", name="Allow the microphone").click()
        assert await page.get_by_label("Your name").count() == 0
        await page.get_by_role("button", name="Join the stage").click()
        await says(page, "You are on air")
        (speaker,) = stage.speakers.values()
        assert speaker.query == {"name": "Mei-Lin Okonkwo"}


async def test_a_lost_connection_is_taken_up_again_on_the_same_seat(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        (first,) = stage.speakers.values()
        stage.refuse = (503, "The stage is not there.")
        await stage.drop()
        await says(page, "Your connection was lost")
        await says(page, "Your seat is kept for")
        await accessible(page)
        await portraits(page, "speak-lost")
        stage.refuse = None
        await says(page, "You are on air", 20)
        (second,) = stage.speakers.values()
        assert second.query == first.query


async def test_who_was_replaced_elsewhere_does_not_fight_for_the_seat(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        await stage.oust(next(iter(stage.speakers)))
        await says(page, "You have joined somewhere else")
        await asyncio.sleep(3)
        assert stage.speakers == {}
        await accessible(page)
        await page.get_by_role("button", name="Speak from here instead").click()
        await says(page, "You are on air")


async def test_who_was_removed_is_told_and_stays_away(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        await stage.take_back(next(iter(stage.speakers)))
        await says(page, "You are no longer on the stage")
        await asyncio.sleep(3)
        assert stage.speakers == {}


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


async def test_the_end_is_told(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        stage.state = "ended"
        await says(page, "It has ended")


async def test_a_link_without_its_token(page: Page) -> None:
    async with StageStub() as stage:
        await page.goto(f"{stage.url}/speak/sea")
        await page.get_by_role("heading", name="This link is not whole").wait_for()
        await accessible(page)


async def test_the_host_opens_mutes_invites_and_ends(page: Page) -> None:
    async with StageStub(state="scheduled", people=[dict(p) for p in OTHERS]) as stage:
        await page.goto(stage.link("host", "host"))
        await page.get_by_role("button", name="Open the doors").click()
        await page.get_by_text("Doors open, nothing heard yet").wait_for()
        await page.get_by_role("button", name="Unmute Jonas Brandt-Feuerstein").click()
        await page.get_by_role("button", name="Mute Jonas Brandt-Feuerstein").wait_for()
        await page.get_by_role("button", name="Mute Ada Marlowe").click()
        await page.get_by_role("button", name="Unmute Ada Marlowe").wait_for()
        assert ("POST", "/api/rooms/sea/seats/s8/mute", {"muted": True}) in stage.calls
        await page.get_by_role("button", name="Remove Ada Marlowe").click()
        await page.get_by_role("button", name="Really remove? Ada Marlowe").wait_for()
        await accessible(page)
        assert "Loss 4.2%" in str(await page.text_content(".people"))
        assert "it is ducked" in str(await page.text_content(".people"))
        await page.get_by_role("button", name="Really remove? Ada Marlowe").click()
        await page.get_by_text("Ada Marlowe").wait_for(state="detached")
        await page.get_by_label("Name", exact=True).fill("Nadia")
        await page.get_by_role("button", name="Make a link").click()
        made = page.get_by_label("Nadia", exact=True)
        assert (await made.input_value()).startswith(f"{stage.url}/speak/sea#t=")
        stage.state = "live"
        await page.get_by_text("On air", exact=True).wait_for()
        await accessible(page)
        await portraits(page, "host")
        await page.get_by_role("button", name="End it").click()
        await accessible(page)
        assert stage.state == "live", "nothing ends without a second question"
        await page.get_by_role("button", name="Yes, end it").click()
        await page.get_by_text("Ended", exact=True).wait_for()
        assert stage.state == "ended"


async def test_the_desk_lists_rooms_and_their_links(page: Page) -> None:
    async with StageStub() as stage:
        await page.goto(f"{stage.url}/desk")
        await page.get_by_label("Operator's token").fill("secret")
        await accessible(page)
        await page.get_by_role("button", name="Enter").click()
        await page.get_by_text("What the sea remembers").wait_for()
        await page.get_by_text("Links").click()
        await page.get_by_label("Listeners · sea", exact=True).wait_for()
        await accessible(page)
        await portraits(page, "desk")
