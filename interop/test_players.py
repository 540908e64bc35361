"""VLC and Liquidsoap from Debian: as people use them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from interop.conftest import Rostra, as_nobody, ffmpeg_pcm, needs, state, until
from interop.hearing import likeness
from rostra.units import Pcm
from tests.stage.client import same_speech

pytestmark = pytest.mark.timeout(180)

Words = dict[str, tuple[Path, Pcm]]


def vlc_hears(address: str, folder: Path, seconds: int) -> Pcm:
    """What VLC writes down when it plays an address for so many seconds."""
    folder.chmod(0o777)
    for parent in folder.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    out = folder / "vlc.wav"
    subprocess.run(
        [*as_nobody(), "env", f"HOME={folder}", "cvlc", "-q", "--no-video", "--run-time", str(seconds), "--sout",
         f"#transcode{{acodec=s16l,channels=1,samplerate=48000}}:std{{access=file,mux=wav,dst={out}}}", address, "vlc://quit"],
        timeout=seconds + 40, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return ffmpeg_pcm("-i", str(out), seconds=seconds)


@needs("cvlc", "ffmpeg")
# VLC does not play an endless MP4 over HTTP, so the pushed stream is not asked of it.
@pytest.mark.parametrize("path", ["live.mp3", "hls/aac.m3u8"])
def test_vlc_hears_what_was_said(ann: str, words: Words, tmp_path: Path, path: str) -> None:
    heard = vlc_hears(f"{ann}/{path}", tmp_path, 9)
    assert heard.size > 4 * 48_000
    assert likeness(words["ann"][1], heard) >= 0.6  # another voice is alike in nothing


@needs("cvlc", "ffmpeg")
def test_negative_control_vlc_in_another_room(bob: str, words: Words, tmp_path: Path) -> None:
    heard = vlc_hears(f"{bob}/live.mp3", tmp_path, 7)
    assert heard.size > 3 * 48_000
    assert likeness(words["ann"][1], heard) <= 0.3


def liquidsoap(folder: Path, script: str) -> list[str]:
    file = folder / "station.liq"
    file.write_text(f"settings.init.allow_root.set(true)\nsettings.log.stdout.set(false)\n{script}\n")
    return ["liquidsoap", str(file)]


@needs("liquidsoap", "ffmpeg")
@pytest.mark.parametrize(
    "form", ["%vorbis", "%mp3(bitrate=128)", '%ffmpeg(format="ogg",%audio(codec="libopus",samplerate=48000))']
)
def test_liquidsoap_speaks_as_a_source(rostra: Rostra, words: Words, tmp_path: Path, form: str) -> None:
    room = "liq-" + "".join(c for c in form if c.isalpha())[:12].lower()
    made = rostra.create("A station", room)
    token = made["links"]["host"].partition("#t=")[2]
    host, _, port = rostra.source.removeprefix("http://").rpartition(":")
    child = rostra.start(*liquidsoap(
        tmp_path,
        f'output.icecast({form}, host="{host}", port={port}, user="source", password="{token}", mount="/{room}",'
        f' mksafe(single("{words["ann"][0]}")))',
    ))  # fmt: skip
    until(lambda: state(rostra, room) == "live", 30)
    try:
        # Its encoder sends in bursts, so the stage plays a little slower or faster until its reserve has found its
        # size: the rhythm of four seconds is compared, not each wave, and it may take a few tries.
        pieces = [ffmpeg_pcm("-i", f"{rostra.front}/r/{room}/live", seconds=6)[2 * 48_000 :]]
        while same_speech(pieces[-1], np.tile(words["ann"][1], 2)) < 0.8:
            assert len(pieces) < 6, "what it says is not heard"
            pieces.append(ffmpeg_pcm("-i", f"{rostra.front}/r/{room}/live", seconds=6)[2 * 48_000 :])
        assert same_speech(pieces[-1], np.tile(words["bob"][1], 2)) < 0.7, "the check takes anybody for Ann"
    finally:
        child.kill()
    rostra.command("room", "end", room)


@needs("liquidsoap", "ffmpeg")
def test_liquidsoap_relays_what_it_hears(ann: str, words: Words, tmp_path: Path) -> None:
    out = tmp_path / "relay.wav"
    script = f'output.file(fallible=true, %wav, "{out}", input.http("{ann}/live.mp3"))'
    child = subprocess.Popen(liquidsoap(tmp_path, script), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: out.exists() and out.stat().st_size > 8 * 44_100 * 4, 60)
    finally:
        child.kill()
        child.wait(5)
    heard = ffmpeg_pcm("-i", str(out), seconds=8)
    assert likeness(words["ann"][1], heard) >= 0.7
