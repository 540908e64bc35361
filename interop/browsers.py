"""Debian's Chromium, and the few lines of script that let a test speak and hear through it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from rostra.units import Pcm

CHROMIUM = "/usr/bin/chromium"

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--disable-features=WebRtcHideLocalIpsWithMdns",
]  # fmt: skip

EAR = """
async (selector) => {
  const element = document.querySelector(selector);
  const context = new AudioContext({sampleRate: 48000});
  await context.resume();
  const source = context.createMediaElementSource(element);
  const ear = context.createScriptProcessor(4096, 1, 1);
  window.__heard = [];
  ear.onaudioprocess = (e) => window.__heard.push(e.inputBuffer.getChannelData(0).slice());
  source.connect(ear); ear.connect(context.destination);
}
"""

TAKE = """
() => {
  const heard = window.__heard; window.__heard = [];
  const out = new Int16Array(heard.reduce((n, b) => n + b.length, 0));
  let at = 0;
  for (const block of heard) for (const x of block) out[at++] = Math.max(-32768, Math.min(32767, Math.round(x * 32767)));
  let text = ""; const bytes = new Uint8Array(out.buffer);
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}
"""


@contextmanager
def chromium(microphone: Path | None = None) -> Iterator[Browser]:
    """A headless browser; ``microphone`` is a WAV file that its fake microphone plays in a loop."""
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"] if microphone else FLAGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            browser.close()


def listen_in(page: Page, selector: str = "audio") -> None:
    """From now on what the element plays is written down."""
    page.evaluate(EAR, selector)


def heard_in(page: Page) -> Pcm:
    """What was written down since last asked."""
    return np.frombuffer(base64.b64decode(page.evaluate(TAKE)), np.int16)


SPEAK = """
async ([room, token]) => {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
  const peer = new RTCPeerConnection();
  peer.addTransceiver(stream.getAudioTracks()[0], {direction: "sendonly", streams: [stream]});
  await peer.setLocalDescription();
  await new Promise(done => { if (peer.iceGatheringState === "complete") done();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done(); });
  const answer = await fetch(`/stage/${room}/whip`, {method: "POST", body: peer.localDescription.sdp,
    headers: {"Content-Type": "application/sdp", "Authorization": `Bearer ${token}`}});
  if (answer.status !== 201) return answer.status;
  await peer.setRemoteDescription({type: "answer", sdp: await answer.text()});
  window.__peer = peer;
  return answer.status;
}
"""


def speak(page: Page, studio: str, room: str, token: str) -> int:
    """Takes a seat over WHIP (RFC 9725) from a page of the stage door. Returns the status of the answer."""
    page.goto(f"{studio}/speak/{room}")  # where a microphone is allowed
    return int(page.evaluate(SPEAK, [room, token]))


def outbound(page: Page) -> dict[str, Any]:
    """``getStats`` of what the page sends, and what the far end reports of it."""
    return dict(page.evaluate("""async () => {
      const found = {};
      for (const s of (await window.__peer.getStats()).values())
        if (["outbound-rtp", "remote-inbound-rtp", "candidate-pair"].includes(s.type)) found[s.type] = s;
      return found;
    }"""))  # fmt: skip
