from rostra.packaging.segments import LiveSegment
from rostra.units import MediaTime, Rendition
from tests.packaging.making import stream, wall

PARTS = stream(4.0)


def segment_of(count: int, holes: tuple[int, ...] = ()) -> LiveSegment:
    segment = LiveSegment(Rendition.OPUS, 1, 1, MediaTime(0), wall=wall(0), discontinuities=1, begins_map=True)
    for i in range(count):
        if i in holes:
            segment.add_hole()
        else:
            segment.add(PARTS[i])
    return segment


def test_an_open_segment_has_parts_but_no_address() -> None:
    segment = segment_of(2)
    assert segment.lines(with_parts=True).splitlines() == [
        "#EXT-X-DISCONTINUITY",
        '#EXT-X-MAP:URI="opus/g1-init.mp4"',
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z",
        '#EXT-X-PART:DURATION=0.50000,INDEPENDENT=YES,URI="opus/g1-p8.m4s"',
        '#EXT-X-PART:DURATION=0.50000,INDEPENDENT=YES,URI="opus/g1-p9.m4s"',
    ]
    assert segment.read() is None


def test_a_closed_segment_is_its_parts() -> None:
    segment = segment_of(8)
    segment.close()
    assert segment.read() == b"".join(p.body for p in PARTS)
    assert segment.read() is segment.read()
    assert segment.duration == 192_000
    full, short = segment.lines(with_parts=True).splitlines(), segment.lines(with_parts=False).splitlines()
    assert full[-2:] == short[-2:] == ["#EXTINF:4.00000,", "opus/g1-s1.m4s"]
    assert [line for line in full if not line.startswith("#EXT-X-PART")] == short


def test_a_segment_that_was_cut_short_says_so_in_its_name() -> None:
    segment = segment_of(3)
    segment.close()
    assert segment.uri == "opus/g1-s1x3.m4s"
    assert segment.lines(with_parts=False).splitlines()[-2:] == ["#EXTINF:1.50000,", "opus/g1-s1x3.m4s"]


def test_a_hole_keeps_its_place() -> None:
    segment = segment_of(8, holes=(1, 7))
    segment.close()
    lines = segment.lines(with_parts=True).splitlines()
    assert lines[4] == '#EXT-X-PART:DURATION=0.50000,GAP=YES,URI="opus/g1-p9.m4s"'
    assert lines[-3:] == ["#EXT-X-GAP", "#EXTINF:4.00000,", "opus/g1-s1.m4s"]
    assert segment.read() is None and not segment.is_filler


def test_a_filler_stands_for_what_nobody_has() -> None:
    filler = LiveSegment.filler(Rendition.AAC, 7, MediaTime(0))
    assert filler.is_filler and filler.read() is None
    expected = ["#EXT-X-GAP", "#EXTINF:4.09600,", "aac/gap-s7.m4s"]
    assert filler.lines(with_parts=True).splitlines() == filler.lines(with_parts=False).splitlines() == expected
