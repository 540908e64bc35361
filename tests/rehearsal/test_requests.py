from __future__ import annotations

import pytest

from rostra.edge.head import parse_head
from rostra.rehearsal.listener import Asked
from rostra.rehearsal.requests import Requests, below
from rostra.rehearsal.target import Target
from rostra.units import Rendition

REQUESTS = Requests(Target("live.example.org", 8080, False, "demo", ("127.0.0.1",), before="/radio"))


@pytest.mark.parametrize(
    ("what", "rendition", "path", "address"),
    [
        (Asked.LIVE, Rendition.OPUS, "", "/radio/r/demo/live"),
        (Asked.LIVE, Rendition.AAC, "", "/radio/r/demo/live?codec=aac"),
        (Asked.PAGE, Rendition.OPUS, "", "/radio/r/demo"),
        (Asked.SERVING, Rendition.OPUS, "", "/radio/r/demo/state"),
        (Asked.PLAYLIST, Rendition.AAC, "?_HLS_msn=3&_HLS_part=1", "/radio/r/demo/hls/aac.m3u8?_HLS_msn=3&_HLS_part=1"),
        (Asked.PART, Rendition.OPUS, "g1-p3.m4s", "/radio/r/demo/hls/opus/g1-p3.m4s"),
        (Asked.INIT, Rendition.OPUS, "opus/g1-init.mp4", "/radio/r/demo/hls/opus/g1-init.mp4"),
        (Asked.CHALLENGE, Rendition.OPUS, "", "/radio/r/demo/door"),
    ],
)
def test_what_is_asked(what: Asked, rendition: Rendition, path: str, address: str) -> None:
    line, fields = parse_head(REQUESTS.make(what, rendition, path))
    assert line.path + (f"?{line.query}" if line.query else "") == address
    assert (line.method, fields.hosts, fields.body_bytes) == ("GET", 1, 0)


def test_a_pass_is_shown_where_sound_begins_and_nowhere_else() -> None:
    def path(what: Asked, query: str = "") -> str:
        return REQUESTS.make(what, Rendition.AAC, query, pass_="P").split()[1].decode()

    assert path(Asked.LIVE) == "/radio/r/demo/live?codec=aac&w=P"
    assert path(Asked.PLAYLIST).endswith("aac.m3u8?w=P")
    assert path(Asked.PLAYLIST, "?_HLS_msn=1").endswith("?_HLS_msn=1&w=P")
    assert path(Asked.SERVING) == "/radio/r/demo/state"


def test_what_is_sent() -> None:
    head, _, body = REQUESTS.make(Asked.DOOR, Rendition.OPUS, body=b'{"a":1}').partition(b"\r\n\r\n")
    line, fields = parse_head(head + b"\r\n\r\n")
    assert (line.method, line.path, fields.body_bytes, body) == ("POST", "/radio/r/demo/door", 7, b'{"a":1}')


def test_addresses_in_playlists() -> None:
    assert below(Rendition.OPUS, "/r/demo/hls/opus/x.m4s") == "opus/x.m4s"
    assert below(Rendition.OPUS, "https://cdn.example/r/demo/hls/opus/x.m4s") == "opus/x.m4s"
    assert below(Rendition.AAC, "x.m4s") == "aac/x.m4s"
