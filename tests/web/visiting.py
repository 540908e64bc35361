"""What people do on the pages behind the stage door."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

from tests.web import conftest
from tests.web.stage_room import someone
from tests.web.stage_stub import StageStub

PLAYED_MICROPHONE = """
navigator.mediaDevices.getUserMedia = async () => {
  const context = new AudioContext();
  const voice = context.createOscillator();
  const gain = context.createGain();
  const into = context.createMediaStreamDestination();
  voice.frequency.value = 300;
  gain.gain.value = 0.2;
  voice.connect(gain).connect(into);
  voice.start();
  window.speak = (loud) => gain.gain.setValueAtTime(loud, context.currentTime);
  window.given = into.stream.getAudioTracks()[0];
  return into.stream;
};
"""
"""A microphone that is as loud as the test says: ``speak(0)`` is nothing at all, ``speak(4)`` far too loud."""


def others() -> list[dict[str, Any]]:
    return [
        someone("s8", "Ada Marlowe", "cohost", level=-20, delay_ms=61),
        someone(
            "s9", "Jonas Brandt-Feuerstein", muted=True, level=None, loss_percent=7.2, delay_ms=190, echo=True,
        ),
        someone("s10", "Mei-Lin Okonkwo", state="away", level=None),
    ]  # fmt: skip


async def says(page: Page, text: str, timeout_s: float = 15.0) -> None:
    """The page says so where screen readers hear it."""
    await page.get_by_role("status").filter(has_text=text).first.wait_for(timeout=timeout_s * 1000)


async def join(page: Page, link: str, name: str = "Mei-Lin", then: str = "You are on air") -> None:
    await page.goto(link)
    await page.get_by_role("button", name="Allow the microphone").click()
    await page.get_by_role("button", name="Join the stage").wait_for()
    field = page.get_by_label("Your name")
    if await field.count():
        await field.fill(name)
    await page.get_by_role("button", name="Join the stage").click()
    await says(page, then)


async def sign(page: Page, words: str, timeout_s: float = 10.0) -> None:
    """The sign over everything, and with it the tab's title."""
    await (
        page.get_by_role("region", name="On air or not")
        .get_by_text(words, exact=True)
        .wait_for(timeout=timeout_s * 1000)
    )


async def portraits(page: Page, name: str) -> None:
    """From the top: the sign stays in view, and would stand in the middle of a picture of the whole page."""
    await page.evaluate("scrollTo(0, 0)")
    await conftest.portraits(page, name)


async def tab(page: Page, name: str) -> None:
    await page.get_by_role("tab", name=name).click()


async def focused(page: Page) -> str:
    """What has the focus, by its name."""
    name = "e.ariaLabel || (e.labels && e.labels[0] ? e.labels[0].textContent : e.textContent)"
    return str(await page.evaluate(f"(() => {{ const e = document.activeElement; return {name}; }})()")).strip()


async def tab_to(page: Page, name: str, *, back: bool = False) -> None:
    for _ in range(60):
        if await focused(page) == name:
            height = await page.evaluate("document.activeElement.getBoundingClientRect().height")
            assert height > 0, "the focus is to be seen"
            return
        await page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"{name} is not reached by the tab key; the focus is on {await focused(page)!r}")


def done(stage: StageStub, method: str, path: str) -> list[Any]:
    """The bodies that were sent to an address of the room."""
    return [body for m, p, body in stage.calls if (m, p) == (method, f"/api/rooms/sea{path}")]
