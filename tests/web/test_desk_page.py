"""The operator's desk."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page

from rostra.errors import BadToken
from tests.web.conftest import accessible
from tests.web.stage_room import OPERATOR
from tests.web.stage_stub import StageStub
from tests.web.test_host_page import PIXEL
from tests.web.visiting import portraits, says, tab

pytestmark = pytest.mark.browser


async def enter(page: Page, stage: StageStub) -> None:
    await page.goto(f"{stage.base}/desk#t={OPERATOR}")
    await page.get_by_text("What the sea remembers").wait_for()


async def test_signing_in_and_out(page: Page) -> None:
    async with StageStub() as stage:
        await page.goto(f"{stage.base}/desk")
        await page.get_by_label("Operator's token").fill("wrong")
        await accessible(page)
        await portraits(page, "desk-sign-in")
        await page.get_by_role("button", name="Enter").click()
        await page.get_by_role("alert").get_by_text("This is not the operator's token.").wait_for()
        await page.get_by_label("Operator's token").fill(OPERATOR)
        await page.get_by_role("button", name="Enter").click()
        await page.get_by_text("What the sea remembers").wait_for()
        await page.reload()
        await page.get_by_text("What the sea remembers").wait_for()
        await page.get_by_role("button", name="Sign out").click()
        await page.reload()
        await page.get_by_label("Operator's token").wait_for()


async def test_the_token_of_the_command_line_does_not_stay_in_the_address(page: Page) -> None:
    async with StageStub() as stage:
        await enter(page, stage)
        assert page.url == f"{stage.base}/desk"
        stage.refuse_api["/rooms"] = BadToken("This is not the operator's token.")
        await page.get_by_role("alert").get_by_text("This is not the operator's token.").wait_for()
        await page.get_by_label("Operator's token").wait_for()


async def test_rooms_are_paged_and_show_their_links(page: Page) -> None:
    async with StageStub() as stage:
        stage.rooms = [stage.view(id=f"room-{n}", title=f"Room {n:02}", state="ended") for n in range(45)]
        await enter(page, stage)
        assert await page.locator(".rooms > li").count() == 20
        await page.get_by_label("Links and console: What the sea remembers").click()
        await page.get_by_label("For listeners", exact=True).wait_for()
        console = page.get_by_role("link", name="Open the host's console")
        assert str(await console.get_attribute("href")).startswith("/host/sea#t=")
        await accessible(page)
        await portraits(page, "desk-rooms")
        await page.get_by_role("button", name="Next").click()
        await page.get_by_text("Room 25").wait_for()
        await page.get_by_role("button", name="Next").click()
        await page.get_by_text("Room 44").wait_for()
        assert await page.locator(".rooms > li").count() == 6


async def test_a_room_is_made(page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "sea.png"
    picture.write_bytes(PIXEL)
    async with StageStub() as stage:
        await enter(page, stage)
        await tab(page, "New room")
        await page.get_by_role("button", name="Make the room").click()
        await page.get_by_text("A room has a title.").wait_for()
        assert await page.get_by_label("Title").evaluate("e => e === document.activeElement")
        zone = await page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
        assert await page.get_by_label("Time zone").input_value() == zone
        await page.get_by_label("Title").fill("please refuse this")
        await page.get_by_role("button", name="Make the room").click()
        await page.get_by_text("that word is not for titles.").wait_for()
        await accessible(page)
        await portraits(page, "desk-new-error")
        await page.get_by_label("Title").fill("Tides")
        await page.get_by_label("What it is about").fill("Of the sea")
        await page.get_by_label("Begins").fill("2031-05-01T20:00")
        await page.get_by_label("Time zone").select_option("Asia/Tokyo")
        await page.get_by_label("Speakers").fill("Ada\nMei-Lin")
        await page.get_by_label("A picture").set_input_files(picture)
        await page.get_by_label("Only by invitation").check()
        await page.get_by_label("Doors open, minutes before").fill("30")
        await page.get_by_label("Broadcast delay, seconds").fill("7")
        await page.get_by_role("button", name="Make the room").click()
        await page.get_by_role("heading", name="Tides is announced").wait_for()
        bodies = [body for m, p, body in stage.calls if (m, p) == ("POST", "/api/rooms")]
        assert bodies[-1] == {
            "title": "Tides",
            "words": "Of the sea",
            "speakers": ["Ada", "Mei-Lin"],
            "listed": False,
            "invited": True,
            "at": "2031-05-01T11:00:00.000Z",
            "tz": "Asia/Tokyo",
            "doors_s": 1800,
            "delay_s": 7,
        }
        assert len(set(stage.once)) == 2, "another wish has another key"
        assert stage.uploads == [("image/png", PIXEL)]
        await page.get_by_label("For speakers", exact=True).wait_for()
        await page.get_by_role("link", name="Open the host's console").wait_for()
        await accessible(page)
        await portraits(page, "desk-made")
        await page.get_by_role("button", name="Make another").click()
        assert await page.get_by_label("Title").input_value() == ""


async def test_rooms_are_cancelled_and_deleted(page: Page) -> None:
    async with StageStub() as stage:
        stage.rooms = [stage.view(id="lake", title="The lake", state="scheduled")]
        await enter(page, stage)
        await page.get_by_role("button", name="Cancel it: The lake").click()
        await page.get_by_label("A note for those who wait").fill("Frozen")
        await accessible(page)
        await portraits(page, "desk-cancel-sure")
        await page.get_by_role("button", name="Yes, cancel it").click()
        await says(page, "Cancelled.")
        assert (stage.rooms[0]["state"], stage.rooms[0]["note"]) == ("cancelled", "Frozen")
        await page.get_by_role("button", name="Delete: The lake").click()
        assert len(stage.rooms) == 1
        await page.get_by_role("button", name="Yes, delete").click()
        await says(page, "Deleted.")
        assert stage.rooms == []


async def test_reports_across_rooms(page: Page) -> None:
    async with StageStub() as stage:
        stage.reports = [{"id": 3, "room": "lake", "at": "2026-05-01T18:00:00Z", "said": "Rude", "about": "s1"}]
        await enter(page, stage)
        await tab(page, "Reports")
        await page.get_by_text("Rude").wait_for()
        await page.get_by_text("lake · s1").wait_for()
        await accessible(page)
        await portraits(page, "desk-reports")
