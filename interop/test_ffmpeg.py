"""ffmpeg as a listener by three paths, and as a source of four formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from interop.conftest import Rostra, ffmpeg_pcm, needs, state, until
from interop.hearing import likeness
from rostra.units import Pcm

pytestmark = [needs("ffmpeg"), pytest.mark.timeout(180)]

Words = dict[str, tuple[Path, Pcm]]


@pytest.mark.parametrize(
    "path", ["live", "live?codec=aac", "live.mp3", "hls/main.m3u8", "hls/opus.m3u8", "hls/aac.m3u8"]
)
def test_ffmpeg_hears_what_was_said(ann: str, words: Words, path: str) -> None:
    heard = ffmpeg_pcm("-i", f"{ann}/{path}", seconds=8)
    assert heard.size > 6 * 48_000
    assert likeness(words["ann"][1], heard) >= 0.8


@pytest.mark.parametrize("path", ["live", "live.mp3", "hls/opus.m3u8"])
def test_negative_control_another_room_is_not_taken_for_it(bob: str, words: Words, path: str) -> None:
    heard = ffmpeg_pcm("-i", f"{bob}/{path}", seconds=6)
    assert heard.size > 4 * 48_000
    assert likeness(words["ann"][1], heard) <= 0.3


SOURCES = {
    "ogg-opus": ["-c:a", "libopus", "-b:a", "64k", "-content_type", "application/ogg", "-f", "ogg"],
    "ogg-vorbis": ["-c:a", "libvorbis", "-content_type", "application/ogg", "-f", "ogg"],
    "mp3": ["-c:a", "libmp3lame", "-b:a", "128k", "-content_type", "audio/mpeg", "-f", "mp3"],
    "aac": ["-c:a", "aac", "-b:a", "96k", "-content_type", "audio/aac", "-f", "adts"],
}


@pytest.mark.parametrize("legacy", [False, True], ids=["put", "source"])
@pytest.mark.parametrize("form", SOURCES)
def test_ffmpeg_speaks_as_a_source(rostra: Rostra, words: Words, form: str, legacy: bool) -> None:
    room = f"src-{form}-{'source' if legacy else 'put'}"
    made = rostra.create("From an encoder", room)
    token = made["links"]["host"].partition("#t=")[2]
    address = rostra.source.removeprefix("http://")
    child = rostra.start(
        "ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i", str(words["ann"][0]),
        *SOURCES[form], "-legacy_icecast", "1" if legacy else "0", f"icecast://source:{token}@{address}/{room}",
    )  # fmt: skip
    until(lambda: state(rostra, room) == "live", 20)
    heard = ffmpeg_pcm("-i", f"{rostra.front}/r/{room}/live", seconds=7)
    child.kill()
    assert likeness(words["ann"][1], heard) >= 0.7
    rostra.command("room", "end", room)


def test_negative_control_a_source_without_the_right_is_refused(rostra: Rostra, words: Words) -> None:
    rostra.create("Nobody may", "src-refused")
    address = rostra.source.removeprefix("http://")
    child = rostra.start(
        "ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-i", str(words["ann"][0]),
        *SOURCES["mp3"], f"icecast://source:wrong@{address}/src-refused",
    )  # fmt: skip
    assert child.wait(20) != 0
    assert state(rostra, "src-refused") != "live"
