from __future__ import annotations

import pytest

from rostra.errors import BadRequest
from rostra.listening.address import Via, read_target
from rostra.units import Rendition

HERE = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (f"{HERE}/r/demo", f"{HERE}/r/demo/live"),
        (f"{HERE}/r/demo/", f"{HERE}/r/demo/live"),
        (f"{HERE}/r/demo/live?codec=aac", f"{HERE}/r/demo/live?codec=aac"),
        (f"{HERE}/r/demo/live?codec=opus16", f"{HERE}/r/demo/live?codec=opus16"),
        (f"{HERE}/r/demo/live.mp3", f"{HERE}/r/demo/live.mp3"),
        (f"{HERE}/r/demo/hls/main.m3u8", f"{HERE}/r/demo/hls/opus.m3u8"),
        (f"{HERE}/r/demo/hls/aac.m3u8", f"{HERE}/r/demo/hls/aac.m3u8"),
        ("https://cdn.example/live/r/demo", "https://cdn.example/live/r/demo/live"),
        (f"{HERE}/r/r", f"{HERE}/r/r/live"),
    ],
)
def test_any_address_of_a_room_will_do(given: str, url: str) -> None:
    assert read_target(given).url == url


@pytest.mark.parametrize("given", ["?t=a.b", "#t=a.b", "/live?codec=aac&t=a.b", "/live.mp3?t=a.b#t=c.d"])
def test_the_token_of_an_invitation_is_passed_on_and_shown_to_nobody(given: str) -> None:
    target = read_target(f"{HERE}/r/demo{given}")
    assert target.link == {"t": "a.b"}
    assert "a.b" not in target.url and "a.b" not in target.state_url
    assert read_target(f"{HERE}/r/demo#top").link == {}


def test_what_is_asked_for_wins() -> None:
    target = read_target(f"{HERE}/r/demo/live.mp3", Via.HLS, Rendition.AAC)
    assert target.url == f"{HERE}/r/demo/hls/aac.m3u8"
    assert target.state_url == f"{HERE}/r/demo/state"
    assert read_target(f"{HERE}/r/demo", Via.MP3, Rendition.AAC).rendition is Rendition.MP3


@pytest.mark.parametrize(
    "given", ["", "demo", "ftp://a/r/demo", "http://a.example/", "http://a.example/r", "http:///r/x"]
)
def test_what_is_no_room_is_said(given: str) -> None:
    with pytest.raises(BadRequest, match="not the address of a room"):
        read_target(given)


def test_a_bad_room_id_and_what_does_not_come_that_way_are_refused() -> None:
    with pytest.raises(BadRequest, match="not a room id"):
        read_target(f"{HERE}/r/Not_A_Room")
    with pytest.raises(BadRequest, match="--via mp3"):
        read_target(f"{HERE}/r/demo", Via.PUSH, Rendition.MP3)
    with pytest.raises(BadRequest, match="no playlist"):
        read_target(f"{HERE}/r/demo/live?codec=opus16", Via.HLS)
