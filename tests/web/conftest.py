"""Chromium for the tests of the pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module share a loop, as they share its browser: to start one takes longer than most of them."""
    shared = pytest.mark.asyncio(loop_scope="module")
    for item in items:
        if item.path.parent == Path(__file__).parent and "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(shared, append=False)


PHONE: Any = {"width": 390, "height": 844}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: the pages are not tried")
    async with async_playwright() as p:
        browser = await p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A phone. What the page complains of on the console, errors of the network aside, fails the test."""
    context = await browser.new_context(viewport=PHONE, color_scheme="light", locale="en-GB")
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


SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
NARROWEST = (320, 640)
"""CSS pixels: 1280 at a zoom of 400% (WCAG 2.2, 1.4.10)."""

PORTRAITS = os.environ.get("ROSTRA_PORTRAITS", "1") != "0"


async def portraits(page: Page, name: str) -> None:
    """Pictures of a state on phone and desktop, by day and night, into artefacts; and it fits, on the narrowest screen
    too. All on one loaded page. ``ROSTRA_PORTRAITS=0``: no pictures."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    await _resized(page, *NARROWEST, name)
    for size, (width, height) in SIZES.items():
        await _resized(page, width, height, name)
        for scheme in ("light", "dark") if PORTRAITS else ():
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.screenshot(path=ARTEFACTS / f"{name}-{size}-{scheme}.png", full_page=True)
    await page.emulate_media(color_scheme="light")
    if before:
        await page.set_viewport_size(before)


async def _resized(page: Page, width: int, height: int, name: str) -> None:
    await page.set_viewport_size({"width": width, "height": height})
    # What draws itself (the theatre) does so in the frame after it learns of its size.
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    overflow = await page.evaluate(OVERFLOW)
    assert overflow == [], f"{name} is too wide on {width} px"


OVERFLOW = """(() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  return [...document.querySelectorAll('body *')]
    .filter((e) => e.getBoundingClientRect().right > wide + 1)
    .map((e) => `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)}`);
})()"""
"""What reaches over the edge of the screen, if the page can be scrolled sideways."""


async def enlarged(page: Page, name: str) -> None:
    """Text twice as large (WCAG 2.2, 1.4.4): nothing is cut off, nothing lies over anything."""
    before = page.viewport_size
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    await _resized(page, 640, 800, name)
    cut = await page.evaluate(
        "[...document.querySelectorAll('button, a, label, h1, h2, h3, p, b')]"
        ".filter((e) => e.offsetParent && !e.closest('.sr, [aria-hidden]')"
        " && getComputedStyle(e).overflow !== 'visible'"
        " && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 4))"
        ".map((e) => e.outerHTML.slice(0, 120))"
    )
    assert cut == [], f"{name}: cut off in twice the size"
    if PORTRAITS:
        await page.screenshot(path=ARTEFACTS / f"{name}-enlarged.png", full_page=True)
    await page.evaluate("document.documentElement.style.fontSize = ''")
    if before:
        await page.set_viewport_size(before)


AXE = Path(rostra.__file__).parent / "web" / "node_modules" / "axe-core" / "axe.min.js"


async def accessible(page: Page) -> None:
    """axe-core finds nothing against WCAG 2.2 A and AA nor its own best practices, by day and night: at night the
    colours are others, and nothing else is."""
    if not await page.evaluate("!!window.axe"):
        await page.evaluate(AXE.read_text())
    for scheme, only in (("light", "{}"), ("dark", "{runOnly: ['color-contrast']}")):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = await page.evaluate(
            f"axe.run({{...{only}, resultTypes: ['violations']}})"
            ".then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))"
        )
        assert found == [], f"by {scheme}"
    await page.emulate_media(color_scheme="light")
