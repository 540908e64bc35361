"""ffmpeg as a listener by three paths, and as a source of four formats."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from interop.conftest import Rostra, ffmpeg_pcm, needs, state, until
from interop.hearing import likeness
from rostra.units import Pcm

pytestmark = [needs("ffmpeg"), pytest.mark.timeout(240)]

Words = dict[str, tuple[Path, Pcm]]


PATHS = ["live", "live?codec=aac", "live.mp3", "hls/main.m3u8", "hls/opus.m3u8", "hls/aac.m3u8"]

Heard = dict[tuple[str, str], Pcm]


@pytest.fixture(scope="module")
def heard(ann: str, bob: str) -> Heard:
    """What ffmpeg hears on every path of both rooms, all at a time: they wait for sound, not for the machine."""
    wanted = {(name, path): f"{room}/{path}" for name, room in (("ann", ann), ("bob", bob)) for path in PATHS}
    with ThreadPoolExecutor(len(wanted)) as pool:
        return dict(zip(wanted, pool.map(lambda url: ffmpeg_pcm("-i", url, seconds=8), wanted.values()), strict=True))


@pytest.mark.parametrize("path", PATHS)
def test_ffmpeg_hears_what_was_said(heard: Heard, words: Words, path: str) -> None:
    assert heard["ann", path].size > 6 * 48_000
    assert likeness(words["ann"][1], heard["ann", path]) >= 0.8


@pytest.mark.parametrize("path", PATHS)
def test_negative_control_another_room_is_not_taken_for_it(heard: Heard, words: Words, path: str) -> None:
    assert heard["bob", path].size > 6 * 48_000
    assert likeness(words["ann"][1], heard["bob", path]) <= 0.3


SOURCES = {
    "ogg-opus": ["-c:a", "libopus", "-b:a", "64k", "-content_type", "application/ogg", "-f", "ogg"],
    "ogg-vorbis": ["-c:a", "libvorbis", "-content_type", "application/ogg", "-f", "ogg"],
    "mp3": ["-c:a", "libmp3lame", "-b:a", "128k", "-content_type", "audio/mpeg", "-f", "mp3"],
    "aac": ["-c:a", "aac", "-b:a", "96k", "-content_type", "audio/aac", "-f", "adts"],
}


def speaks(rostra: Rostra, words: tuple[Path, Pcm], form: str, legacy: bool) -> float:
    """A source takes a seat in a room of its own; how much of what a listener hears there is what it says.

    Real time on a machine that others use as well: up to four spells of 8 s, and the best of them counts.
    """
    file, said = words
    room = f"src-{form}-{'source' if legacy else 'put'}"
    made = rostra.create("From an encoder", room)
    token = made["links"]["host"].partition("#t=")[2]
    address = rostra.source.removeprefix("http://")
    child = rostra.start(
        "ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i", str(file),
        *SOURCES[form], "-legacy_icecast", "1" if legacy else "0", f"icecast://source:{token}@{address}/{room}",
    )  # fmt: skip
    try:
        until(lambda: state(rostra, room) == "live", 30)
        best = 0.0
        for _ in range(4):
            heard = ffmpeg_pcm("-i", f"{rostra.front}/r/{room}/live", seconds=8)
            best = max(best, likeness(said, heard[2 * 48_000 :]))
            if best >= 0.7:
                break
        return best
    finally:
        child.kill()
        rostra.command("room", "end", room)


@pytest.mark.parametrize("legacy", [False, True], ids=["put", "source"])
def test_ffmpeg_speaks_as_a_source(rostra: Rostra, words: Words, legacy: bool) -> None:
    with ThreadPoolExecutor(2) as pool:
        alike = dict(
            zip(SOURCES, pool.map(lambda form: speaks(rostra, words["ann"], form, legacy), SOURCES), strict=True)
        )
    assert min(alike.values()) >= 0.5, alike  # another voice is alike in nothing


def test_negative_control_a_source_without_the_right_is_refused(rostra: Rostra, words: Words) -> None:
    rostra.create("Nobody may", "src-refused")
    address = rostra.source.removeprefix("http://")
    child = rostra.start(
        "ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-i", str(words["ann"][0]),
        *SOURCES["mp3"], f"icecast://source:wrong@{address}/src-refused",
    )  # fmt: skip
    assert child.wait(20) != 0
    assert state(rostra, "src-refused") != "live"
