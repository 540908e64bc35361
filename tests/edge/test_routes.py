from __future__ import annotations

import pytest

from rostra.edge.routes import Kind, Route, resolve
from rostra.errors import NotFound
from rostra.units import Rendition


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", Route(Kind.HOME)),
        ("/rooms.json", Route(Kind.ROOMS)),
        ("/metrics", Route(Kind.METRICS)),
        ("/r/demo", Route(Kind.PAGE, "demo")),
        ("/r/demo/", Route(Kind.PAGE, "demo")),
        ("/r/demo/live", Route(Kind.LIVE, "demo")),
        ("/r/demo/live.mp3", Route(Kind.MP3, "demo")),
        ("/r/demo/state", Route(Kind.STATE, "demo")),
        ("/r/demo/hls/main.m3u8", Route(Kind.MASTER, "demo")),
        ("/r/demo/hls/aac.m3u8", Route(Kind.PLAYLIST, "demo", Rendition.AAC)),
        ("/r/demo/hls/opus/g3-init.mp4", Route(Kind.MEDIA, "demo", Rendition.OPUS, "g3-init.mp4")),
        ("/r/demo/hls/aac/g3-s120x5.m4s", Route(Kind.MEDIA, "demo", Rendition.AAC, "g3-s120x5.m4s")),
        ("/feed.xml", Route(Kind.ALL_FEED)),
        ("/r/demo/feed.xml", Route(Kind.FEED, "demo")),
        ("/r/demo/calendar.ics", Route(Kind.CALENDAR, "demo")),
        ("/r/demo/posts", Route(Kind.POSTS, "demo")),
        ("/r/demo/hand", Route(Kind.HAND, "demo")),
        ("/r/demo/rsvp", Route(Kind.RSVP, "demo")),
        ("/r/demo/react", Route(Kind.REACT, "demo")),
        ("/r/demo/report-abuse", Route(Kind.REPORT, "demo")),
        (f"/r/demo/hand/{'aB-_' * 5}xy", Route(Kind.HAND_ANSWER, "demo", name="aB-_" * 5 + "xy")),
        (f"/p/{'0af9' * 8}.webp", Route(Kind.PICTURE, name="0af9" * 8 + ".webp")),
        ("/assets/hls-1a2b.js", Route(Kind.ASSET, name="/assets/hls-1a2b.js")),
        ("/favicon.ico", Route(Kind.ASSET, name="/favicon.ico")),
    ],
)
def test_known(path: str, route: Route) -> None:
    assert resolve(path) == route


@pytest.mark.parametrize(
    "path",
    [
        "*",
        "/r/",
        "/r",
        "/r/Demo",
        "/r/-x",
        "/r/" + "a" * 41,
        "/r/demo/live/",
        "/r/demo/hls/mp3.m3u8",
        "/r/demo/hls/opus16.m3u8",
        "/r/demo/hls/mp3/g1-p1.m4s",
        "/r/demo/hls/opus/../../state",
        "/r/demo/hls/opus/g1-p1.mp4",
        "/r/de%6Do/live",
        "/assets/../manifest.json",
        "/r/demo/hand/",
        "/r/demo/hand/short",
        f"/r/demo/hand/{'a' * 23}",
        f"/p/{'0' * 32}.svg",
        f"/p/{'0' * 31}.png",
        f"/p/{'0' * 32}.png/",
        "/assets/a/b.js",
        "//r/demo",
        "/r/demo\n/live",
    ],
)
def test_unknown(path: str) -> None:
    with pytest.raises(NotFound):
        resolve(path)
