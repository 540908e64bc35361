from __future__ import annotations

import pytest

from rostra.errors import WireError
from rostra.listening.playlist import first_part, read_playlist

TEXT = """#EXTM3U
#EXT-X-VERSION:9
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=24.0,HOLD-BACK=12.0,PART-HOLD-BACK=1.536
#EXT-X-PART-INF:PART-TARGET=0.50000
#EXT-X-MEDIA-SEQUENCE:120
#EXT-X-DISCONTINUITY-SEQUENCE:2
#EXT-X-MAP:URI="opus/g3-init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
#EXTINF:4.00000,
opus/g3-s120.m4s
#EXT-X-PART:DURATION=0.50000,INDEPENDENT=YES,URI="opus/g3-p968.m4s"
#EXT-X-PART:DURATION=0.50000,INDEPENDENT=YES,URI="opus/g3-p969.m4s"
#EXT-X-PART:DURATION=0.50000,GAP=YES,URI="opus/g3-p970.m4s"
#EXTINF:1.50000,
opus/g3-s121x3.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="opus/g4-init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:09.500Z
#EXT-X-PART:DURATION=0.50000,INDEPENDENT=YES,URI="opus/g4-p976.m4s"
#EXT-X-PART:DURATION=0.50000,INDEPENDENT=YES,URI="opus/g4-p977.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="opus/g4-p978.m4s"
#EXT-X-RENDITION-REPORT:URI="aac.m3u8",LAST-MSN=122,LAST-PART=1
"""
NEW_YEAR = 1767225600.0


def test_parts_and_what_comes_next() -> None:
    playlist = read_playlist(TEXT)
    assert [(p.msn, p.index) for p in playlist.parts] == [(121, 0), (121, 1), (121, 2), (122, 0), (122, 1)]
    assert [p.gap for p in playlist.parts] == [False, False, True, False, False]
    assert [p.map_uri for p in playlist.parts] == ["opus/g3-init.mp4"] * 3 + ["opus/g4-init.mp4"] * 2
    assert (playlist.next_msn, playlist.next_part) == (122, 2)
    assert playlist.hint == "opus/g4-p978.m4s"
    assert playlist.can_block
    assert not playlist.ended
    assert playlist.part_hold_back_s == 1.536


def test_wall_time_runs_through_segments_and_is_set_anew() -> None:
    walls = [p.wall for p in read_playlist(TEXT).parts]
    assert walls == [NEW_YEAR + 4, NEW_YEAR + 4.5, NEW_YEAR + 5, NEW_YEAR + 9.5, NEW_YEAR + 10]


def test_a_client_begins_at_the_hold_back() -> None:
    playlist = read_playlist(TEXT)
    assert playlist.parts[first_part(playlist)].uri == "opus/g3-p969.m4s"


def test_fewer_parts_than_the_hold_back() -> None:
    playlist = read_playlist('#EXTM3U\n#EXT-X-PART:DURATION=0.5,URI="a"\n')
    assert first_part(playlist) == 0
    assert playlist.parts[0].wall is None


def test_after_a_whole_segment_the_next_part_is_the_first_of_the_next() -> None:
    playlist = read_playlist(TEXT.split("#EXT-X-DISCONTINUITY\n", maxsplit=1)[0] + "#EXT-X-ENDLIST\n")
    assert (playlist.next_msn, playlist.next_part) == (122, 0)
    assert playlist.ended


def test_skipped_segments_count() -> None:
    playlist = read_playlist(
        '#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-SKIP:SKIPPED-SEGMENTS=5\n#EXT-X-PART:DURATION=1,URI="a"\n'
    )
    assert playlist.parts[0].msn == 15


def test_in_a_delta_update_the_map_of_before_still_holds() -> None:
    full = read_playlist(TEXT)
    assert full.can_skip
    delta = '#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:120\n#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n#EXT-X-PART:DURATION=0.5,URI="x"\n'
    part = read_playlist(delta, full).parts[0]
    assert (part.msn, part.map_uri) == (122, "opus/g4-init.mp4")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:x",
        '#EXTM3U\n#EXT-X-PART:URI="a"',
        "#EXTM3U\n#EXT-X-MAP:",
        '#EXTM3U\n#EXT-X-PART:DURATION=nan,URI="a"',
        '#EXTM3U\n#EXT-X-PART:DURATION=-1,URI="a"',
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:-5",
        "#EXTM3U" + "\n" * 6000,
    ],
)
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        read_playlist(text)
