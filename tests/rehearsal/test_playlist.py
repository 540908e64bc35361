from __future__ import annotations

import pytest

from rostra.errors import WireError
from rostra.rehearsal.listener import PARTS_KEPT, HlsSession
from rostra.rehearsal.playlist import read_playlist
from rostra.units import Rendition
from rostra.wire import playlists


def text(first: int, segments: int, open_parts: int, *, skip: int = 0, ended: bool = False) -> str:
    lines = playlists.media_head(Rendition.OPUS, first, 0)
    lines += playlists.skip_line(skip) if skip else playlists.map_line("opus/g1-init.mp4")
    for msn in range(first + skip, first + segments):
        if msn >= first + segments - 2:
            for index in range(8):
                lines += playlists.part_line(f"opus/g1-p{msn * 8 + index}.m4s", 24_000)
        lines += playlists.segment_tail(f"opus/g1-s{msn}.m4s", 8 * 24_000)
    for index in range(open_parts):
        lines += playlists.part_line(f"opus/g1-p{(first + segments) * 8 + index}.m4s", 24_000)
    return lines + (playlists.ENDLIST_LINE if ended else playlists.hint_line("opus/next.m4s"))


def test_a_playlist_says_where_it_is_and_where_to_begin() -> None:
    found = read_playlist(text(100, 5, 3))
    assert (found.next_msn, found.next_part, found.init) == (105, 3, "opus/g1-init.mp4")
    assert len(found.parts) == 19
    begin = found.parts[found.first()]
    assert (begin.msn, begin.index) == (104, 7), "1.536 s from the end: four parts of half a second"


def test_a_player_asks_for_what_is_new() -> None:
    session = HlsSession()
    assert session.reload() == ""
    session.take(read_playlist(text(100, 5, 3)))
    session.parts.clear()
    assert session.reload() == "?_HLS_msn=105&_HLS_part=3&_HLS_skip=YES"
    session.take(read_playlist(text(100, 5, 5, skip=3)))
    assert [(p.msn, p.index) for p in session.parts] == [(105, 3), (105, 4)]
    for n in range(40):
        session.take(read_playlist(text(106 + n, 5, 0)))
    assert len(session.parts) <= PARTS_KEPT


def test_the_end_is_seen_and_nonsense_is_said() -> None:
    assert read_playlist(text(1, 3, 0, ended=True)).ended
    for bad in ("", "<html>", "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:x\n"):
        with pytest.raises(WireError):
            read_playlist(bad)
