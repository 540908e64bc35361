"""What the pages of the stage go by: the stage's own word on whether one is heard, and on whether one may come back."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page

from tests.web.stage_stub import StageStub
from tests.web.visiting import done, join, says, sign

pytestmark = pytest.mark.browser


async def test_on_air_is_said_from_when_what_is_said_will_go_out(page: Page) -> None:
    async with StageStub(state="open", delay_s=30) as stage:
        await join(page, stage.link("host", "host", name="Ann"), then="You are on stage; it has not begun")
        await sign(page, "OFF AIR")
        stage.on_stage = "live"
        await sign(page, "ON AIR")
        await says(page, "You are on air")
        assert await page.get_by_role("button", name="Go on air").count() == 0
        stage.state, stage.on_stage = "live", "ended"
        await sign(page, "OVER")
        await page.get_by_role("button", name="Dump").first.wait_for()


async def test_a_room_that_is_moved_has_no_page_that_comes_back_by_itself(page: Page) -> None:
    async with StageStub(state="open") as stage:
        await join(page, stage.link("host", "host", name="Ann"), then="You are on stage")
        stage.state, stage.at = "scheduled", stage.at + 86_400
        await stage.drop()
        await says(page, "The room was moved to another time")
        await asyncio.sleep(2.5)
        assert stage.speakers == {}
        await page.get_by_role("button", name="Join again").click()
        await says(page, "You are on stage")


async def test_the_stage_says_itself_that_the_room_is_moved(page: Page) -> None:
    async with StageStub(state="open") as stage:
        await join(page, stage.link("host", "host", name="Ann"), then="You are on stage")
        stage.note_to(stage.seat_named("Ann")["id"], "moved")
        await says(page, "The room was moved to another time")
        assert stage.speakers == {}


async def test_a_microphone_is_tested_before_the_doors_are_open(page: Page) -> None:
    async with StageStub(state="scheduled") as stage:
        await join(page, stage.link("host", "host", name="Ann"), then="You are on stage")
        await page.get_by_text("(you)").wait_for()
        await sign(page, "OFF AIR")
        assert not done(stage, "POST", "/open")
        stage.at += 86_400
        await says(page, "The room was moved to another time")


async def test_a_stage_that_begins_anew_has_put_nobody_off(page: Page) -> None:
    async with StageStub() as stage:
        await join(page, stage.link("speak", "speaker"))
        await stage.begin_anew()
        await says(page, "You are on air", 20)
        async with asyncio.timeout(10):
            while not stage.speakers:
                await asyncio.sleep(0.05)


async def test_a_page_that_is_loaded_again_keeps_its_seat_and_one_that_leaves_does_not(page: Page) -> None:
    async with StageStub() as stage:
        link = stage.link("speak", "speaker")
        await join(page, link)
        (first,) = stage.speakers
        assert stage.proofs == [first], "the seat is proved to be ours"
        await page.reload()
        async with asyncio.timeout(10):
            while first not in stage.kept:
                await asyncio.sleep(0.05)
        await page.get_by_role("button", name="Allow the microphone").click()
        await page.get_by_role("button", name="Join the stage").click()
        await says(page, "You are on air")
        (second,) = stage.speakers
        await page.get_by_role("button", name="Mute").click()
        await says(page, "You are muted")
        assert done(stage, "POST", "/me/mute")[-1]["session"] == second
        await page.get_by_role("button", name="Leave the stage").click()
        await says(page, "You have left the stage")
        assert second not in stage.kept
