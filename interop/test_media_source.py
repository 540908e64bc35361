"""Chromium's MediaSource takes our boxes: init and parts appended as the page appends them, and plays what was said."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import Page

from interop.browsers import chromium, heard_in, listen_in
from interop.conftest import needs
from interop.hearing import likeness
from rostra.packaging import first_sequence
from rostra.units import SAMPLE_RATE, MediaTime, Part, Rendition
from tests.packaging.making import BASE, BOXED, packaged
from tests.sounds import voice

pytestmark = [needs("chromium"), pytest.mark.browser]

APPEND = """
async ([type, pieces]) => {
  const audio = document.querySelector("audio");
  const source = new MediaSource();
  audio.src = URL.createObjectURL(source);
  await new Promise(open => source.addEventListener("sourceopen", open, {once: true}));
  const buffer = source.addSourceBuffer(type);
  const failed = [];
  buffer.addEventListener("error", () => failed.push("buffer"));
  audio.addEventListener("error", () => failed.push(audio.error.message));
  for (const piece of pieces) {
    if (failed.length) break;
    const bytes = Uint8Array.from(atob(piece), c => c.charCodeAt(0));
    const done = new Promise(end => buffer.addEventListener("updateend", end, {once: true}));
    try { buffer.appendBuffer(bytes); await done; } catch (e) { failed.push(String(e)); }
  }
  const ranges = [];
  for (let i = 0; !failed.length && i < buffer.buffered.length; i++)
    ranges.push([buffer.buffered.start(i), buffer.buffered.end(i)]);
  return {failed, ranges};
}
"""

PLAY = """
async (at) => {
  const audio = document.querySelector("audio");
  audio.currentTime = at;
  await audio.play();
}
"""


def append(page: Page, rendition: Rendition, pieces: Sequence[bytes]) -> Any:
    page.route("http://player.test/", lambda r: r.fulfill(content_type="text/html", body="<audio></audio>"))
    page.goto("http://player.test/")
    texts = [base64.b64encode(p).decode() for p in pieces]
    return page.evaluate(APPEND, [f'audio/mp4; codecs="{rendition.codec}"', texts])


def pushed(parts: Sequence[Part]) -> list[bytes]:
    """As they come over `/live`: each generation's init, then bodies, emsg and all."""
    return [piece for p in parts for piece in ((p.init, p.body) if p.discontinuity else (p.body,))]


@pytest.mark.parametrize("rendition", BOXED)
def test_parts_join_without_a_seam_and_are_heard(rendition: Rendition) -> None:
    sound = voice(8.0, seed=31)
    parts = packaged(rendition, sound)
    with chromium() as browser:
        page = browser.new_page()
        result = append(page, rendition, pushed(parts))
        assert result["failed"] == []
        assert len(result["ranges"]) == 1
        start, end = result["ranges"][0]
        assert start == pytest.approx(parts[0].time / SAMPLE_RATE, abs=0.002)
        assert end == pytest.approx(parts[-1].end / SAMPLE_RATE, abs=0.002)
        listen_in(page)
        page.evaluate(PLAY, BASE / SAMPLE_RATE + 0.5)
        page.wait_for_timeout(3500)
        heard = heard_in(page)
        assert page.evaluate("document.querySelector('audio').currentTime") > BASE / SAMPLE_RATE + 3
        assert page.evaluate("document.querySelector('audio').error") is None
    assert likeness(sound, heard) > 0.8
    assert likeness(voice(8.0, seed=32, pitch_hz=210), heard) < 0.2, "the negative control: another voice"


@pytest.mark.parametrize("rendition", BOXED)
def test_a_new_generation_is_taken_in_the_same_buffer(rendition: Rendition) -> None:
    one = packaged(rendition, voice(3.0, seed=33))
    base = -(-(one[-1].end + SAMPLE_RATE) // 960) * 960
    first = first_sequence(rendition, 2, MediaTime(base), one[-1].name.sequence)
    two = packaged(rendition, voice(3.0, seed=34), generation=2, first=first, base=base)
    with chromium() as browser:
        result = append(browser.new_page(), rendition, pushed([*one, *two]))
    assert result["failed"] == []
    expected = [(run[0].time / SAMPLE_RATE, run[-1].end / SAMPLE_RATE) for run in (one, two)]
    assert [tuple(r) for r in result["ranges"]] == [pytest.approx(r, abs=0.03) for r in expected]


@pytest.mark.parametrize("rendition", BOXED)
def test_broken_boxes_are_refused_there(rendition: Rendition) -> None:
    """The negative control: the same bytes, one of them wrong, or without the init."""
    parts = packaged(rendition, voice(2.0, seed=35))
    damaged = bytearray(parts[0].payload)
    damaged[damaged.index(b"tfdt") + 3] = 0x78
    with chromium() as browser:
        page = browser.new_page()
        assert append(page, rendition, [parts[0].init, bytes(damaged)])["failed"]
        assert append(page, rendition, [p.body for p in parts])["failed"]
