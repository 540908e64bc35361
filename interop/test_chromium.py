"""A real browser speaks, and a real browser hears what it said."""

from __future__ import annotations

from pathlib import Path

import pytest

from interop.browsers import chromium, heard_in, listen_in, outbound, speak
from interop.conftest import Rostra, needs, state, until
from interop.hearing import likeness
from rostra.units import Pcm

pytestmark = [pytest.mark.alone, needs("chromium"), pytest.mark.timeout(180), pytest.mark.browser]

Words = dict[str, tuple[Path, Pcm]]


def test_chromium_speaks_and_chromium_hears_it(rostra: Rostra, words: Words) -> None:
    made = rostra.create("From a browser", "browser")
    token = made["links"]["host"].partition("#t=")[2]
    with chromium(words["ann"][0]) as browser:
        speaker = browser.new_page()
        assert speak(speaker, rostra.studio, "browser", token) == 201
        until(lambda: state(rostra, "browser") == "live", 20)

        listener = browser.new_page()
        listener.goto(f"{rostra.front}/r/browser")
        listener.get_by_role("button").first.click()
        played = "document.querySelector('audio')?.currentTime ?? 0"
        until(lambda: listener.evaluate(played) > 1, 20)
        listen_in(listener)
        listener.wait_for_timeout(8_000)
        heard = heard_in(listener)

        stats = outbound(speaker)
        assert stats["outbound-rtp"]["packetsSent"] > 300
        assert stats["remote-inbound-rtp"]["packetsLost"] == 0
    assert heard.size > 6 * 48_000
    assert likeness(words["ann"][1], heard) >= 0.7
    assert likeness(words["bob"][1], heard) <= 0.3, "the check takes anybody for Ann"
    until(lambda: state(rostra, "browser") == "interrupted", 20)


def test_negative_control_a_browser_with_another_rooms_token_is_refused(rostra: Rostra, words: Words) -> None:
    made = rostra.create("Mine", "mine")
    rostra.create("Theirs", "theirs")
    token = made["links"]["host"].partition("#t=")[2]
    with chromium(words["ann"][0]) as browser:
        assert speak(browser.new_page(), rostra.studio, "theirs", token) in (401, 403)
