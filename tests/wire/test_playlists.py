import pytest

from rostra.units import PartName, Rendition, WallTime
from rostra.wire import playlists as pl


def test_names() -> None:
    assert pl.init_name(3) == "g3-init.mp4"
    assert pl.part_name(PartName(Rendition.OPUS, 3, 965)) == "g3-p965.m4s"
    assert pl.segment_name(3, 120, 8) == "g3-s120.m4s"
    assert pl.segment_name(3, 120, 5) == "g3-s120x5.m4s"


@pytest.mark.parametrize("name", ["g3-init.mp4", "g3-p965.m4s", "g3-s120.m4s", "g3-s120x5.m4s"])
def test_names_that_may_be_media(name: str) -> None:
    assert pl.is_media_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "init.mp4", "g-init.mp4", "g3-p.m4s", "g3-s1x8.m4s", "g3-p965.m4s\n", "../g3-p965.m4s", "g3-p9" + "9" * 20],
)
def test_names_that_may_not(name: str) -> None:
    assert not pl.is_media_name(name)


@pytest.mark.parametrize(
    ("samples", "text"), [(24_000, "0.50000"), (24_576, "0.51200"), (196_608, "4.09600"), (0, "0.00000")]
)
def test_durations_are_exact(samples: int, text: str) -> None:
    assert pl.seconds(samples) == text


def test_dates_are_utc_to_the_millisecond() -> None:
    assert pl.date_time(WallTime(1_700_000_000.1234)) == "2023-11-14T22:13:20.123Z"
    assert pl.date_time(WallTime(1_700_000_000.0)) == "2023-11-14T22:13:20.000Z"


def test_limits_keep_the_clauses_they_quote() -> None:
    for rendition in pl.HLS_RENDITIONS:
        assert round(rendition.segment_s) <= pl.TARGET_DURATION_S
        assert 3 * rendition.part_s <= pl.PART_HOLD_BACK_S
    assert pl.SKIP_BOUNDARY_S >= 6 * pl.TARGET_DURATION_S
    assert pl.HOLD_BACK_S >= 3 * pl.TARGET_DURATION_S


def test_the_head_of_a_media_playlist() -> None:
    assert pl.media_head(Rendition.AAC, 12, 2).splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:9",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-TARGETDURATION:4",
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=24.0,HOLD-BACK=12.0,PART-HOLD-BACK=1.536",
        "#EXT-X-PART-INF:PART-TARGET=0.51200",
        "#EXT-X-MEDIA-SEQUENCE:12",
        "#EXT-X-DISCONTINUITY-SEQUENCE:2",
    ]


def test_server_control_is_the_same_for_all_renditions() -> None:
    """bis 6.2.4: "all Media Playlists ... MUST contain that tag, with the same attributes and values"."""
    controls = {
        line
        for rendition in pl.HLS_RENDITIONS
        for line in pl.media_head(rendition, 0, 0).splitlines()
        if line.startswith("#EXT-X-SERVER-CONTROL")
    }
    assert len(controls) == 1


def test_lines_of_a_segment() -> None:
    assert pl.segment_head(WallTime(0.0), 2, "opus/g3-init.mp4") == (
        "#EXT-X-DISCONTINUITY\n"
        "#EXT-X-DISCONTINUITY\n"
        '#EXT-X-MAP:URI="opus/g3-init.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z\n"
    )
    assert pl.segment_head(None, 0, None) == ""
    assert pl.segment_tail("a.m4s", 192_000) == "#EXTINF:4.00000,\na.m4s\n"
    assert pl.segment_tail("a.m4s", 192_000, gap=True) == "#EXT-X-GAP\n#EXTINF:4.00000,\na.m4s\n"
    assert pl.part_line("p", 24_000) == '#EXT-X-PART:DURATION=0.50000,INDEPENDENT=YES,URI="p"\n'
    assert pl.gap_part_line("p", 24_000) == '#EXT-X-PART:DURATION=0.50000,GAP=YES,URI="p"\n'
    assert pl.hint_line("p") == '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p"\n'
    assert pl.skip_line(6) == "#EXT-X-SKIP:SKIPPED-SEGMENTS=6\n"
    report = pl.RenditionReport("aac.m3u8", 15, 6)
    assert report.line() == '#EXT-X-RENDITION-REPORT:URI="aac.m3u8",LAST-MSN=15,LAST-PART=6\n'


def test_the_multivariant_playlist() -> None:
    assert pl.multivariant().decode().splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:6",
        '#EXT-X-STREAM-INF:BANDWIDTH=38400,AVERAGE-BANDWIDTH=32000,CODECS="opus"',
        "opus.m3u8",
        '#EXT-X-STREAM-INF:BANDWIDTH=86400,AVERAGE-BANDWIDTH=72000,CODECS="mp4a.40.2"',
        "aac.m3u8",
    ]
    one = pl.multivariant([pl.Variant(Rendition.AAC, 2, 1)])
    assert one.decode().splitlines()[2:] == [
        '#EXT-X-STREAM-INF:BANDWIDTH=2,AVERAGE-BANDWIDTH=1,CODECS="mp4a.40.2"',
        "aac.m3u8",
    ]
