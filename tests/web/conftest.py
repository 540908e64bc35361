"""Chromium for the tests of the pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

import rostra

ARTEFACTS = Path(__file__).parents[1] / "artefacts" / "web"
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: the pages are not tried")
    async with async_playwright() as p:
        browser = await p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A phone. What the page complains of on the console, errors of the network aside, fails the test."""
    context = await browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="light", locale="en-GB")
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda e: complaints.append(str(e)))
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" and "net::" not in m.text else None)
    yield page
    await context.close()
    assert [c for c in complaints if "Failed to load resource" not in c] == []


async def stats(page: Page) -> dict[str, Any]:
    return dict(await page.evaluate("rostra.stats()"))


async def until(page: Page, condition: str, timeout_s: float = 10.0) -> None:
    """Waits for a condition on ``s``, the page's figures."""
    await page.wait_for_function(f"() => {{ const s = rostra.stats(); return {condition}; }}", timeout=timeout_s * 1000)


SIZES = {"phone": (390, 844), "narrow": (360, 640), "desktop": (1280, 800)}


PORTRAITS = bool(os.environ.get("ROSTRA_PORTRAITS"))


async def portraits(page: Page, name: str) -> None:
    """The page fits three screens. With ROSTRA_PORTRAITS=1, pictures of it by day and night go into artefacts."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    for size, (width, height) in SIZES.items():
        await page.set_viewport_size({"width": width, "height": height})
        overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{overflow} px too wide on {size}"
        for scheme in ("light", "dark") if PORTRAITS else ():
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.wait_for_timeout(120)
            await page.screenshot(path=ARTEFACTS / f"{name}-{size}-{scheme}.png", full_page=True)
    await page.emulate_media(color_scheme="light")
    if before:
        await page.set_viewport_size(before)


AXE = Path(rostra.__file__).parent / "web" / "node_modules" / "axe-core" / "axe.min.js"


async def accessible(page: Page) -> None:
    """axe-core finds nothing against WCAG 2.2 A and AA nor its own best practices, by day and night."""
    await page.evaluate(AXE.read_text())
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = await page.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
        assert found == [], f"by {scheme}"
    await page.emulate_media(color_scheme="light")
