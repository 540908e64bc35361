"""Real players in Chromium: the listener's page and hls.js, with an ear at the sound card's side of the element.

What an element plays goes through WebAudio, block by block, each with the wall time at which it leaves for the output
(``playbackTime`` and ``getOutputTimestamp``).
"""

from __future__ import annotations

import base64
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import rostra
from benchmarks.clicks import find
from benchmarks.programs import LeftOut
from rostra.units import SAMPLE_RATE, Pcm

HLS_JS = Path(rostra.__file__).parent / "web" / "node_modules" / "hls.js" / "dist" / "hls.min.js"

_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip

_EAR = """
async () => {
  const element = document.querySelector("audio");
  const context = new AudioContext({sampleRate: 48000, latencyHint: "interactive"});
  await context.resume();
  const source = context.createMediaElementSource(element);
  const ear = context.createScriptProcessor(1024, 1, 1);
  window.__blocks = [];
  ear.onaudioprocess = (e) => {
    const stamp = context.getOutputTimestamp();
    const wall = performance.timeOrigin + stamp.performanceTime + (e.playbackTime - stamp.contextTime) * 1000;
    window.__blocks.push([wall / 1000, e.inputBuffer.getChannelData(0).slice()]);
  };
  source.connect(ear); ear.connect(context.destination);
}
"""

_TAKE = """
() => {
  const blocks = window.__blocks; window.__blocks = [];
  const all = new Int16Array(blocks.length * 1024);
  blocks.forEach(([, block], n) => block.forEach((x, i) => {
    all[n * 1024 + i] = Math.max(-32768, Math.min(32767, Math.round(x * 32767)));
  }));
  let text = ""; const bytes = new Uint8Array(all.buffer);
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return [blocks.map(b => b[0]), btoa(text)];
}
"""

_HLS = """
(address) => {
  const audio = document.querySelector("audio");
  const hls = new Hls({lowLatencyMode: true, backBufferLength: 10});
  hls.loadSource(address); hls.attachMedia(audio); audio.play();
}
"""


class Player:
    """One page that plays."""

    def __init__(self, name: str, page: Any) -> None:
        self.name = name
        self._page = page

    def clicks(self) -> list[tuple[int, float]]:
        """(kind, wall time) of each click that left for the output."""
        times, text = self._page.evaluate(_TAKE)
        pcm: Pcm = np.frombuffer(base64.b64decode(text), np.int16)
        return [(c.kind, times[c.at // 1024] + c.at % 1024 / SAMPLE_RATE) for c in find(pcm)]


@contextlib.contextmanager
def players(front: str, room: str) -> Iterator[list[Player]]:
    """Both, playing for five seconds already.

    :raises LeftOut: without Chromium, playwright or hls.js.
    """
    chromium = shutil.which("chromium")
    if not chromium or not HLS_JS.exists():
        raise LeftOut("Chromium or hls.js is not installed")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as e:
        raise LeftOut("playwright is not installed") from e
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        try:
            page = browser.new_page()
            page.goto(f"{front}/r/{room}")
            page.get_by_role("button").first.click()
            _playing(page)
            hls = browser.new_page()
            address = f"{front}/a-page-of-the-benchmark"
            hls.route(address, lambda r: r.fulfill(content_type="text/html", body="<audio></audio>"))
            hls.goto(address)
            hls.add_script_tag(content=HLS_JS.read_text())
            hls.evaluate(_HLS, f"{front}/r/{room}/hls/opus.m3u8")
            _playing(hls)
            both = [Player("the page", page), Player("hls.js", hls)]
            hls.wait_for_timeout(5000)  # both have settled where they want to be
            for player in (page, hls):
                player.evaluate(_EAR)
            yield both
        finally:
            browser.close()


def _playing(page: Any) -> None:
    page.wait_for_function("document.querySelector('audio')?.currentTime > 0.5", timeout=20_000)
