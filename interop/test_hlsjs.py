"""hls.js in Chromium in low-latency mode: no stall after the first five seconds. A minute; in `make soak` two."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route

import rostra
from interop.browsers import chromium, heard_in, listen_in
from interop.conftest import needs
from interop.hearing import likeness
from rostra.units import Pcm

pytestmark = [needs("chromium"), pytest.mark.timeout(240), pytest.mark.browser]

PLAYED_S = float(os.environ.get("HLSJS_SECONDS", "60"))

Words = dict[str, tuple[Path, Pcm]]

HLS_JS = Path(rostra.__file__).parent / "web" / "node_modules" / "hls.js" / "dist" / "hls.min.js"

PLAY = """
(address) => {
  const audio = document.querySelector("audio");
  const hls = new Hls({lowLatencyMode: true, backBufferLength: 10});
  window.__report = {stalls: [], errors: [], parts: 0, latency: []};
  const started = performance.now();
  hls.on(Hls.Events.ERROR, (_, data) => {
    const what = {at: (performance.now() - started) / 1000, details: data.details, fatal: data.fatal};
    window.__report.errors.push(what);
    if (data.details === "bufferStalledError") window.__report.stalls.push(what.at);
  });
  hls.on(Hls.Events.FRAG_LOADED, (_, data) => { if (data.part) window.__report.parts++; });
  hls.on(Hls.Events.FRAG_PARSING_METADATA, (_, data) => {
    window.__report.metadata = (window.__report.metadata || 0) + data.samples.length;
  });
  audio.addEventListener("waiting", () => window.__report.stalls.push((performance.now() - started) / 1000));
  setInterval(() => window.__report.latency.push(hls.latency), 1000);
  hls.loadSource(address); hls.attachMedia(audio); audio.play();
  window.__hls = hls;
}
"""


def play(page: Page, address: str) -> None:
    # A page of our own at the front door's origin: Chromium keeps invented origins away from loopback.
    home = f"{address.partition('/r/')[0]}/a-players-page"
    page.route(home, lambda route: route.fulfill(content_type="text/html", body="<audio></audio>"))
    page.goto(home)
    page.add_script_tag(content=HLS_JS.read_text())
    page.evaluate(PLAY, address)


def report(page: Page) -> dict[str, Any]:
    return {**page.evaluate("window.__report"), "played": page.evaluate("document.querySelector('audio').currentTime")}


def stalls_after(seconds: float, found: dict[str, Any]) -> list[float]:
    return [at for at in found["stalls"] if at > seconds]


@pytest.mark.parametrize("rendition", ["opus"])
def test_a_minute_without_a_stall(ann: str, words: Words, rendition: str) -> None:
    with chromium() as browser:
        page = browser.new_page()
        play(page, f"{ann}/hls/{rendition}.m3u8")
        page.wait_for_timeout(3_000)
        listen_in(page)
        page.wait_for_timeout((PLAYED_S - 3) * 1000)
        found, heard = report(page), heard_in(page)
    assert not [e for e in found["errors"] if e["fatal"]], found["errors"]
    assert stalls_after(5.0, found) == []
    assert found["parts"] > 1.25 * PLAYED_S, "it did not play parts: not low latency"
    assert found.get("metadata", 0) > 0.8 * PLAYED_S, "the ID3 riding in the parts was not surfaced"
    assert likeness(words["ann"][1], heard[-20 * 48_000 :]) >= 0.8


def test_negative_control_media_held_back_is_a_stall(ann: str) -> None:
    """Twelve seconds of held media in the middle: a check that sees no stall here sees none anywhere."""
    with chromium() as browser:
        page = browser.new_page()
        holding = False

        def hold(route: Route) -> None:
            if holding:
                route.abort()
            else:
                route.continue_()

        page.route("**/*.m4s", hold)
        play(page, f"{ann}/hls/opus.m3u8")
        page.wait_for_timeout(8_000)
        holding = True
        page.wait_for_timeout(12_000)
        holding = False
        page.wait_for_timeout(3_000)
        assert stalls_after(5.0, report(page))
