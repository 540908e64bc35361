import pytest

from rostra.packaging import RoomWindows
from rostra.units import Rendition
from tests.packaging.making import stream

OPUS, AAC = Rendition.OPUS, Rendition.AAC


def test_renditions_report_one_another_but_not_themselves() -> None:
    room = RoomWindows()
    for part in stream(5.0, OPUS):
        assert room.add(part)
    for part in stream(4.2, AAC):
        assert room.add(part)
    opus = room[OPUS].playlist().raw.decode().splitlines()
    aac = room[AAC].playlist().raw.decode().splitlines()
    assert opus[-1] == '#EXT-X-RENDITION-REPORT:URI="aac.m3u8",LAST-MSN=1,LAST-PART=7'
    assert aac[-1] == '#EXT-X-RENDITION-REPORT:URI="opus.m3u8",LAST-MSN=2,LAST-PART=1'
    assert sum("RENDITION-REPORT" in line for line in opus + aac) == 2


@pytest.mark.parametrize(("rendition", "parts"), [(Rendition.MP3, 9), (Rendition.OPUS_LOW, 10)])
def test_what_is_made_when_it_is_wanted_has_a_window_but_no_playlist(rendition: Rendition, parts: int) -> None:
    room = RoomWindows()
    for part in stream(5.0, rendition):
        assert room.add(part)
    assert room.multivariant is None
    assert len(room[rendition].parts()) == parts
    for part in stream(5.0, OPUS):
        assert room.add(part)
    main = room.multivariant
    assert main is not None and main.raw.count(b"#EXT-X-STREAM-INF") == 1
    assert b"RENDITION-REPORT" not in room[OPUS].playlist().raw


def test_the_multivariant_playlist_has_what_has_sound() -> None:
    room = RoomWindows()
    for part in stream(5.0, OPUS):
        room.add(part)
    first = room.multivariant
    assert first is not None and first.raw.count(b"#EXT-X-STREAM-INF") == 1 and b"opus.m3u8" in first.raw
    for part in stream(5.0, AAC):
        room.add(part)
    second = room.multivariant
    assert second is not None and second.raw.count(b"#EXT-X-STREAM-INF") == 2
    assert room.multivariant is second, "it changes with the set of renditions only"


def test_rates_are_measured_but_never_below_the_nominal() -> None:
    room = RoomWindows()
    for part in stream(5.0, OPUS):
        room.add(part)
    assert room.multivariant is not None
    assert b"BANDWIDTH=38400,AVERAGE-BANDWIDTH=32000" in room.multivariant.raw


def test_all_playlists_end_together() -> None:
    room = RoomWindows()
    for rendition in (OPUS, AAC):
        for part in stream(5.0, rendition):
            room.add(part)
    room.end()
    for rendition in (OPUS, AAC):
        assert b"#EXT-X-ENDLIST" in room[rendition].playlist().raw
