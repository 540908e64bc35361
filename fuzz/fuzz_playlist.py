"""Invariant: whatever a server calls a playlist is read or refused with WireError, and what is read adds up."""

from __future__ import annotations

import math

from rostra.errors import WireError
from rostra.listening.playlist import first_part, read_playlist

TEXT = """#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=24.0,HOLD-BACK=12.0,PART-HOLD-BACK=1.536
#EXT-X-PART-INF:PART-TARGET=0.50000
#EXT-X-MEDIA-SEQUENCE:120
#EXT-X-SKIP:SKIPPED-SEGMENTS=3
#EXT-X-MAP:URI="opus/g3-init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
#EXTINF:4.00000,
opus/g3-s120.m4s
#EXT-X-PART:DURATION=0.50000,INDEPENDENT=YES,URI="opus/g3-p968.m4s"
#EXT-X-PART:DURATION=0.50000,GAP=YES,URI="opus/g3-p970.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="opus/g4-p978.m4s"
#EXT-X-ENDLIST
"""


def seeds() -> list[bytes]:
    found = b"#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T0000\n0"  # a segment without its EXTINF
    slow = b"#EXTM3U\n#EXT-X-MAP:" + b"-" * 20_000  # was looked through over and over
    return [TEXT.encode(), slow, b"#EXTM3U\n", TEXT.replace("\n", "\r\n").encode(), found]


def target(data: bytes) -> None:
    try:
        playlist = read_playlist(data.decode("utf-8", "replace"))
    except WireError:
        return
    at = first_part(playlist)
    assert at == 0 or 0 <= at < len(playlist.parts), "the first part to fetch is one of those listed"
    assert all(math.isfinite(part.duration_s) and part.duration_s >= 0 for part in playlist.parts)
    assert all(part.wall is None or math.isfinite(part.wall) for part in playlist.parts)
    assert playlist.next_msn >= 0
    assert math.isfinite(playlist.part_hold_back_s)
