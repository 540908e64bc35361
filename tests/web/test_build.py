"""What stands in dist/ is what the servers and the promise of one round trip need."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from typing import Any

import brotli
import pytest

from rostra.edge.announcing import head_of, title_of
from rostra.edge.negotiate import Encoding
from rostra.edge.pages import Pages
from rostra.edge.room import RoomOnAir
from rostra.packaging import RoomWindows
from rostra.units import RoomState, WallTime
from rostra.wire.rooms import Room
from tests.web.stub import DIST

FIRST_FLIGHT_BYTES = 14 * 1024
WORDS = """When the tide comes in it brings what somebody threw away far from here, and sometimes what somebody lost.
Three people who have walked the same beach for thirty years tell what they found, what it told them about the sea, and
which of it they gave back. Bring a question; there will be time for a few of them towards the end."""
WEB = DIST.parent


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return dict(json.loads((DIST / "manifest.json").read_text()))


def test_until_sound_plays_all_comes_in_one_flight(manifest: dict[str, Any]) -> None:
    """As an edge sends it: head, page, and in it the state and the tags that tell of the room."""
    page = (DIST / manifest["pages"]["room"]).read_bytes()
    room = Room(
        "a-talk",
        "What the sea remembers, and what it gives back",
        RoomState.LIVE,
        WallTime(1795502793.2414074),
        WallTime(1795402793.2414074),
        epoch=WallTime(1795502795.3184395),
        started=WallTime(1795502797.28),
        words=" ".join(WORDS.split()),
        tz="Europe/Berlin",
        speakers=("Ada Marlowe", "Jonas Brandt-Feuerstein", "Mei-Lin Okonkwo"),
        picture=f"{hashlib.md5(b'picture').hexdigest()}.webp",
        card=f"{hashlib.md5(b'card').hexdigest()}.png",
    )
    on_air = RoomOnAir(room.id, RoomWindows(), lambda *_: b"")
    on_air.on_record(room, 0.0)
    state = on_air.state_json(1795502810.676, 0.5, lasting=True)
    answers = Pages().room_answers(state, head_of(room, "https://rostra.example.org"), title_of(room))
    for encoding in (Encoding.GZIP, Encoding.BROTLI):
        assert len(answers[encoding].render(b"Tue, 24 Nov 2026 06:59:04 GMT")) <= FIRST_FLIGHT_BYTES, encoding
    fetched_at_once = re.findall(rb'(?:src|href)="(?!/"|data:)[^"]*"', page)
    assert fetched_at_once == [], "something else must be fetched before sound"
    assert not re.search(rb"\bimport\s*(?:[\w{*]|\"|')", page.split(b"<script")[1]), (
        "a static import in the page's script"
    )
    assert b"<!--rostra:state-->" in page and b"<!--rostra:meta-->" in page


def test_every_file_is_named_and_there(manifest: dict[str, Any]) -> None:
    for address, about in manifest["assets"].items():
        file = DIST / address.removeprefix("/")
        assert file.stat().st_size == about["size"]
        beside = {name: (DIST / address.removeprefix("/")).read_bytes() for name, address in about["encodings"].items()}
        assert gzip.decompress(beside["gzip"]) == brotli.decompress(beside["br"]) == file.read_bytes()
        assert re.fullmatch(r"/assets/[\w.]+-[\w-]{8,}\.(js|css)", address), "a name must change with the content"
    for name in ("home", "room", "host", "speak", "desk"):
        assert (DIST / manifest["pages"][name]).exists()
    named = {a.removeprefix("/assets/") for a in manifest["assets"]}
    assert {f.name for f in (DIST / "assets").iterdir()} == named | {f"{n}.{e}" for n in named for e in ("gz", "br")}


def test_what_pages_refer_to_exists(manifest: dict[str, Any]) -> None:
    for file in [*DIST.glob("*.html"), *(DIST / "assets").glob("*.js")]:
        for address in re.findall(r"/assets/[\w.-]+", file.read_text()):
            assert address in manifest["assets"], f"{file.name} wants {address}"


def test_the_policy_allows_the_inlined_and_nothing_else(manifest: dict[str, Any]) -> None:
    for name, policy in manifest["csp"].items():
        page = (DIST / manifest["pages"][name]).read_text()
        scripts = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
        styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
        for inline in scripts + styles:
            digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'")
        assert "http:" not in policy and "*." not in policy


def test_no_third_party(manifest: dict[str, Any]) -> None:
    """Addresses in the pages are those of namespaces and schemes, which nobody fetches."""
    known = {"http://www.w3.org", "https://aomedia.org"}
    for file in DIST.glob("*.html"):
        assert set(re.findall(r"https?://[\w.-]+", file.read_text())) <= known, file.name


def test_the_lock_names_no_download_address() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all("integrity" in p for name, p in lock["packages"].items() if name)
