import pytest

from rostra.errors import WireError
from rostra.packaging import Packager, first_sequence
from rostra.units import EncodedFrame, MediaTime, Part, Rendition
from rostra.wire.boxes import parse_part
from tests.packaging.making import CONFIGS, frame, stream, wall

RENDITIONS = list(Rendition)


@pytest.mark.parametrize("rendition", RENDITIONS)
def test_parts_have_their_frames_names_times_and_places(rendition: Rendition) -> None:
    parts = stream(10.0, rendition, generation=3, first=16, base=960_000)
    assert len(parts) == int(10.0 / rendition.part_s)
    for i, part in enumerate(parts):
        assert (part.name.rendition, part.name.generation, part.name.sequence) == (rendition, 3, 16 + i)
        assert (part.segment, part.index) == divmod(16 + i, 8)
        assert part.time == 960_000 + i * rendition.part_samples
        assert (part.duration, part.wall) == (rendition.part_samples, wall(part.time))
        assert part.discontinuity == (i == 0)
        assert bool(part.init) == (part.index == 0 and rendition is not Rendition.MP3)
        assert payloads(part) == [
            frame(rendition, part.time + k * rendition.frame_samples).payload for k in range(rendition.frames_per_part)
        ]


def payloads(part: Part) -> list[bytes]:
    if part.name.rendition is Rendition.MP3:
        return [part.payload[i : i + 192] for i in range(0, len(part.payload), 192)]
    parsed = parse_part(part.payload)
    assert parsed.base_time == part.time
    return parsed.frames


def test_mp3_goes_out_in_blocks_of_4032_bytes() -> None:
    assert {len(p.payload) for p in stream(5.0, Rendition.MP3)} == {4032}


def test_mp3_of_another_rate_is_refused() -> None:
    packager = Packager(Rendition.MP3, 1, 8, b"")
    with pytest.raises(ValueError, match="192 bytes"):
        for i in range(21):
            packager.add(EncodedFrame(Rendition.MP3, MediaTime(i * 1152), bytes(193)), wall(0))


def test_metadata_is_asked_for_once_a_part_when_it_closes() -> None:
    packager = Packager(Rendition.OPUS, 1, 8, CONFIGS[Rendition.OPUS])
    asked: list[int] = []

    def metadata(time: MediaTime) -> bytes:
        asked.append(time)
        return b"emsg%d" % time

    parts = [packager.add(frame(Rendition.OPUS, i * 960), wall(0), metadata) for i in range(75)]
    made = [p for p in parts if p]
    assert asked == [0, 24_000, 48_000]
    assert [p.metadata for p in made] == [b"emsg0", b"emsg24000", b"emsg48000"]
    assert made[0].body == made[0].metadata + made[0].payload


def test_a_hole_ends_the_part_and_its_segment() -> None:
    packager = Packager(Rendition.OPUS, 1, 8, CONFIGS[Rendition.OPUS])
    times = [i * 960 for i in range(60)] + [i * 960 for i in range(100, 160)]
    parts = [p for t in times if (p := packager.add(frame(Rendition.OPUS, t), wall(t)))]
    assert [(p.name.sequence, p.time // 960, p.duration // 960) for p in parts] == [
        (8, 0, 25),
        (9, 25, 25),
        (10, 50, 10),
        (16, 100, 25),
        (17, 125, 25),
    ]
    assert parts[3].init and not parts[3].discontinuity
    last = packager.close()
    assert last is not None and (last.name.sequence, last.duration) == (18, 10 * 960)
    assert packager.close() is None


def test_a_hole_right_after_a_part_ends_only_the_segment() -> None:
    packager = Packager(Rendition.OPUS, 1, 8, CONFIGS[Rendition.OPUS])
    times = [i * 960 for i in range(25)] + [i * 960 for i in range(100, 125)]
    parts = [p for t in times if (p := packager.add(frame(Rendition.OPUS, t), wall(t)))]
    assert [p.name.sequence for p in parts] == [8, 16]


def test_frames_that_cannot_be_next_are_refused() -> None:
    packager = Packager(Rendition.OPUS, 1, 8, CONFIGS[Rendition.OPUS])
    packager.add(frame(Rendition.OPUS, 960), wall(0))
    with pytest.raises(ValueError, match="backwards"):
        packager.add(frame(Rendition.OPUS, 960), wall(0))
    with pytest.raises(ValueError, match="frame for"):
        packager.add(frame(Rendition.AAC, 1920), wall(0))


def test_a_generation_begins_a_segment() -> None:
    with pytest.raises(ValueError, match="begins a segment"):
        Packager(Rendition.OPUS, 1, 12, CONFIGS[Rendition.OPUS])
    with pytest.raises(WireError):
        Packager(Rendition.OPUS, 1, 8, b"")


@pytest.mark.parametrize(("last", "expected"), [(8, 16), (15, 16), (16, 24), (963, 968)])
def test_the_next_generation_follows_what_the_window_has(last: int, expected: int) -> None:
    assert first_sequence(Rendition.OPUS, 9, MediaTime(10**9), last) == expected


def test_without_a_window_no_number_is_used_twice() -> None:
    """Generations that each crash after a random while, their windows lost: numbers only rise."""
    for rendition in RENDITIONS:
        reached = -1
        time = 0
        for generation, lived in enumerate((3, 1000, 0, 0, 1, 7, 123456), start=1):
            base = -(-time // 960) * 960
            first = first_sequence(rendition, generation, MediaTime(base), None)
            assert first % 8 == 0 and first > reached
            reached = first + lived - 1 if lived else reached
            time = base + lived * rendition.part_samples
