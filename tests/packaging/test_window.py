import gzip
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.packaging import LiveWindow, first_sequence
from rostra.packaging.window import LISTED_SEGMENTS
from rostra.units import MediaTime, Part, PartName, Rendition
from rostra.wire import playlists as pl
from tests.packaging.making import stream


def window_of(parts: list[Part]) -> LiveWindow:
    window = LiveWindow(parts[0].name.rendition)
    for part in parts:
        window.add(part)
    return window


def lines(window: LiveWindow, *, skip: bool = False) -> list[str]:
    return window.playlist(skip=skip).raw.decode().splitlines()


def value(text: list[str], tag: str) -> int:
    return next(int(line.partition(":")[2]) for line in text if line.startswith(tag + ":"))


def listed(window: LiveWindow) -> dict[int, str]:
    """Media sequence number to address, as a client counts."""
    text = lines(window)
    first = value(text, "#EXT-X-MEDIA-SEQUENCE")
    return dict(enumerate((line for line in text if not line.startswith("#")), start=first))


def discontinuities(window: LiveWindow) -> dict[str, int]:
    """Address to discontinuity sequence number, as a client counts (bis 6.2.1)."""
    text, out = lines(window), {}
    number = value(text, "#EXT-X-DISCONTINUITY-SEQUENCE")
    for line in text:
        number += line == "#EXT-X-DISCONTINUITY"
        if not line.startswith("#"):
            out[line] = number
    return out


def after(parts: list[Part], seconds: float, *, generation: int = 2, pause_s: float = 3.0) -> list[Part]:
    """The generation that takes over from the one of ``parts``."""
    last = parts[-1]
    base = -(-(last.end + round(pause_s * 48_000)) // 960) * 960
    first = first_sequence(last.name.rendition, generation, MediaTime(base), last.name.sequence)
    return stream(seconds, last.name.rendition, generation=generation, first=first, base=base)


# --- what comes in ----------------------------------------------------------------------------------------------------


def test_nothing_comes_in_twice_or_out_of_order() -> None:
    parts = stream(6.0)
    window = LiveWindow(Rendition.OPUS)
    assert [window.add(p) for p in parts] == [True] * 12
    version = window.version
    assert not any(window.add(p) for p in parts)
    assert window.version == version
    assert window.parts() == parts


def test_a_lower_generation_is_fenced_off() -> None:
    old = stream(20.0)
    new = after(old[:9], 4.0)
    window = window_of(old[:9] + new[:1])
    assert not window.add(old[9])
    late = replace(old[-1], name=PartName(Rendition.OPUS, 1, 8000), segment=1000, index=0, init=b"init")
    assert late.time > new[0].time and not window.add(late)
    assert window.generation == 2


def test_a_stage_that_was_believed_dead_costs_a_part_and_no_more() -> None:
    """It goes on while the next one begins: times overlap."""
    old = stream(20.0)
    new = after(old[:10], 4.0, pause_s=0.1)
    window = window_of(old[:12])
    assert [window.add(p) for p in new[:2]] == [False, False], "before the end of what is here"
    assert not window.add(old[12]), "fenced off, although nothing of the new one was taken yet"
    assert [window.add(p) for p in new[2:6]] == [True] * 4
    assert lines(window).count('#EXT-X-PART:DURATION=0.50000,GAP=YES,URI="opus/g2-p25.m4s"') == 1
    assert window.media("g2-init.mp4") == new[0].init == window.backlog(2.0).init
    times = [p.time for p in window.parts()]
    assert times == sorted(times)


def test_parts_that_contradict_themselves_are_dropped() -> None:
    parts = stream(8.0)
    window = window_of(parts[:3])
    assert not window.add(replace(parts[3], segment=parts[3].segment + 1))
    assert not window.add(replace(parts[3], index=5))
    assert not window.add(replace(parts[3], time=MediaTime(0)))
    later = replace(parts[3], name=PartName(Rendition.OPUS, 2, 11), init=b"init")
    assert not window.add(later), "a new generation begins a new segment"
    assert window.add(parts[3])


def test_a_part_whose_init_is_not_here_is_of_no_use() -> None:
    parts = stream(8.0)
    window = LiveWindow(Rendition.OPUS)
    assert [window.add(p) for p in parts[3:10]] == [False] * 5 + [True] * 2
    assert list(listed(window)) == []
    assert value(lines(window), "#EXT-X-MEDIA-SEQUENCE") == 2


def test_a_part_of_another_rendition_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="aac part"):
        LiveWindow(Rendition.OPUS).add(stream(1.0, Rendition.AAC)[0])


def test_mp3_needs_no_init() -> None:
    parts = stream(8.0, Rendition.MP3)
    window = window_of(parts[3:])
    assert window.parts() == parts[3:]
    assert window.init == b"" and window.backlog(1.0).parts == tuple(parts[-2:])


# --- what is listed ---------------------------------------------------------------------------------------------------


def test_a_playlist_whole() -> None:
    window = window_of(stream(5.0, generation=1, first=8))
    assert lines(window)[6:] == [
        "#EXT-X-MEDIA-SEQUENCE:1",
        "#EXT-X-DISCONTINUITY-SEQUENCE:0",
        '#EXT-X-MAP:URI="opus/g1-init.mp4"',
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z",
        *[f'#EXT-X-PART:DURATION=0.50000,INDEPENDENT=YES,URI="opus/g1-p{n}.m4s"' for n in range(8, 16)],
        "#EXTINF:4.00000,",
        "opus/g1-s1.m4s",
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:24.000Z",
        *[f'#EXT-X-PART:DURATION=0.50000,INDEPENDENT=YES,URI="opus/g1-p{n}.m4s"' for n in range(16, 18)],
        '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="opus/g1-p18.m4s"',
    ]


@pytest.mark.parametrize("rendition", pl.HLS_RENDITIONS)
def test_twelve_segments_are_listed_and_parts_of_the_last_12_seconds(rendition: Rendition) -> None:
    window = window_of(stream(130.0, rendition))
    text = lines(window)
    assert len(listed(window)) == 12
    durations = [float(d) for d in re.findall(r"#EXT-X-PART:DURATION=([0-9.]+)", "\n".join(text))]
    assert 16 * rendition.part_s <= sum(durations) <= 12.0


def test_what_is_listed_depends_on_the_parts_alone() -> None:
    """An edge that starts late has the last 60 s from the bus, begun in the middle of a segment."""
    parts = stream(180.0)
    for at in range(240, 280):
        late = window_of(parts[at - 120 : at])
        assert late.playlist().raw == window_of(parts[:at]).playlist().raw
        assert late.playlist(skip=True).raw == window_of(parts[:at]).playlist(skip=True).raw


def test_media_that_left_the_playlist_stays_for_a_while_and_no_longer() -> None:
    parts = stream(600.0)
    window = LiveWindow(Rendition.OPUS)
    most = 0
    seen: dict[str, int] = {}
    for i, part in enumerate(parts):
        window.add(part)
        for uri in listed(window).values():
            seen[uri.rpartition("/")[2]] = i
        most = max(most, len(window._media))
    for name, last_listed in seen.items():
        gone_for_s = (len(parts) - 1 - last_listed) * 0.5
        if gone_for_s < 57.4:  # RFC 8216, 6.2.2: the segment and the longest playlist with it
            assert window.media(name) is not None
        elif gone_for_s > 70:
            assert window.media(name) is None
    assert most < 31 * 9 + 2


def test_names_lead_to_bytes() -> None:
    parts = stream(9.0)
    window = window_of(parts)
    assert window.media("g1-init.mp4") == parts[0].init == window.init
    assert window.media("g1-p9.m4s") == parts[1].body
    assert window.media("g1-s1.m4s") == b"".join(p.body for p in parts[:8])
    for name in ("g1-s3.m4s", "g1-p26.m4s", "g2-init.mp4", "gap-s1.m4s", "", "../x"):
        assert window.media(name) is None


# --- holes and generations --------------------------------------------------------------------------------------------


def test_a_lost_part_is_a_gap_and_its_segment_cannot_be_had() -> None:
    parts = stream(9.0)
    window = window_of(parts[:3] + parts[4:])
    text = lines(window)
    assert '#EXT-X-PART:DURATION=0.50000,GAP=YES,URI="opus/g1-p11.m4s"' in text
    assert text[text.index("opus/g1-s1.m4s") - 2] == "#EXT-X-GAP"
    assert window.media("g1-s1.m4s") is None and window.media("g1-p12.m4s") == parts[4].body


def test_the_window_tells_what_was_lost_before_a_part() -> None:
    parts = stream(12.0)
    window = window_of(parts[:3])
    assert window.missing_before(parts[3]) == range(0)
    assert window.missing_before(parts[6]) == range(11, 14)
    assert window.missing_before(after(parts[:3], 1.0)[0]) == range(0)
    assert LiveWindow(Rendition.OPUS).missing_before(parts[5]) == range(0)


def test_the_lost_tail_of_a_segment_is_a_gap_too() -> None:
    parts = stream(9.0)
    window = window_of(parts[:5] + parts[8:])
    assert listed(window) == {1: "opus/g1-s1.m4s", 2: "opus/g1-s2.m4s"}
    assert lines(window).count("#EXT-X-GAP") == 1
    assert window.media("g1-s1.m4s") is None


def test_lost_segments_leave_no_hole_in_the_count() -> None:
    parts = stream(40.0)
    window = window_of(parts[:20] + parts[45:])
    assert listed(window) == {
        1: "opus/g1-s1.m4s",
        2: "opus/g1-s2.m4s",
        3: "opus/g1-s3.m4s",
        4: "opus/gap-s4.m4s",
        5: "opus/gap-s5.m4s",
        6: "opus/g1-s6.m4s",
        7: "opus/g1-s7.m4s",
        8: "opus/g1-s8.m4s",
        9: "opus/g1-s9.m4s",
        10: "opus/g1-s10.m4s",
    }
    assert len([line for line in lines(window) if line.startswith("#EXT-X-MAP")]) == 1


def test_a_new_generation_cuts_the_segment_and_brings_its_init() -> None:
    old = stream(9.0)
    new = after(old, 4.5)
    window = window_of(old + new)
    assert listed(window) == {
        1: "opus/g1-s1.m4s",
        2: "opus/g1-s2.m4s",
        3: "opus/g1-s3x2.m4s",
        4: "opus/g2-s4.m4s",
    }
    text = lines(window)
    at = text.index("opus/g1-s3x2.m4s")
    assert text[at - 1] == "#EXTINF:1.00000,"
    assert text[at + 1 : at + 3] == ["#EXT-X-DISCONTINUITY", '#EXT-X-MAP:URI="opus/g2-init.mp4"']
    assert text[at + 3].startswith("#EXT-X-PROGRAM-DATE-TIME:")
    assert window.media("g1-s3x2.m4s") == b"".join(p.body for p in old[16:])
    assert window.media("g1-init.mp4") and window.media("g2-init.mp4")


def test_edges_that_learn_of_a_crash_after_different_parts_use_different_names() -> None:
    old = stream(9.0)
    new = after(old, 1.0)
    first, second = window_of(old + new), window_of(old[:-1] + new)
    assert (first.media("g1-s3x2.m4s"), second.media("g1-s3x2.m4s")) == (old[16].body + old[17].body, None)
    assert (first.media("g1-s3x1.m4s"), second.media("g1-s3x1.m4s")) == (None, old[16].body)


def test_discontinuities_are_counted_by_generations() -> None:
    """A generation that made nothing counts, so that those who were not here then count the same."""
    one = stream(9.0)
    three = after(one, 30.0, generation=3)
    five = after(three, 80.0, generation=5)
    whole = one + three + five
    for at in range(19, len(whole), 7):
        numbers = discontinuities(window_of(whole[:at]))
        for uri, number in numbers.items():
            assert number == int(uri.partition("/g")[2].partition("-")[0]) - 1
    late = discontinuities(window_of(whole[60:]))
    old = discontinuities(window_of(whole))
    assert {uri: old[uri] for uri in late} == late


def test_a_number_far_ahead_leaves_a_playlist_of_gaps() -> None:
    old = stream(60.0)
    base = 48_000 * 100
    new = stream(10.0, generation=2, first=8000, base=base)
    window = window_of(old + new)
    addresses = listed(window)
    assert [*addresses][-2:] == [1000, 1001] and addresses[1000] == "opus/g2-s1000.m4s"
    assert all(uri == f"opus/gap-s{msn}.m4s" for msn, uri in [*addresses.items()][:-2])
    assert sum(4.0 for _ in addresses) >= 48.0
    assert window.media("g1-s5.m4s") is not None, "what was listed a moment ago is still there"


def test_a_stage_that_crashes_all_the_time_does_not_grow_the_window() -> None:
    parts = stream(0.6)
    window = window_of(parts)
    for generation in range(2, 200):
        parts = after(parts, 0.6, generation=generation, pause_s=0.0)
        for part in parts:
            assert window.add(part)
        assert len(listed(window)) <= LISTED_SEGMENTS
    assert len(window._media) <= LISTED_SEGMENTS * 3 + 400
    assert len(window._inits) < 200


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_a_request_waits_until_what_it_names_is_listed() -> None:
    window = window_of(stream(5.0))  # segment 1 whole, parts 0 and 1 of segment 2
    assert window.position == (2, 1)
    answered = [(0, None), (1, None), (1, 0), (1, 7), (2, 0), (2, 1), (0, 99)]
    waiting = [(2, None), (3, None), (2, 2), (2, 7), (3, 0)]
    assert [window.has(m, p) for m, p in answered] == [True] * len(answered)
    assert [window.has(m, p) for m, p in waiting] == [False] * len(waiting)


def test_a_part_after_a_segments_last_is_the_next_segments_first() -> None:
    window = window_of(stream(4.0))
    assert not window.has(1, 8) and not window.has(2, 0)
    window.add(stream(4.5)[-1])
    assert window.has(1, 8) and window.has(1, 99) and window.has(2, 0)


def test_a_part_that_a_crash_prevented_is_answered_by_the_next_generation() -> None:
    old = stream(9.0)
    window = window_of(old)  # segment 3 has parts 0 and 1
    assert not window.has(3, 2) and not window.has(3, None)
    new = after(old, 4.0)
    window.add(new[0])
    assert window.has(3, None) and window.has(3, 2) and window.has(3, 7) and window.has(4, 0)
    assert not window.has(4, 1)


def test_what_is_too_far_ahead_is_refused() -> None:
    window = window_of(stream(5.0))  # the last whole segment is 1, the last part is 17 = (2, 1)
    assert not window.too_far(3, None) and window.too_far(4, None)
    assert not window.too_far(2, 7) and window.too_far(3, 0), "three seconds are six parts"
    assert not window.too_far(0, None) and not window.too_far(1, 99)
    assert not LiveWindow(Rendition.OPUS).too_far(99, None)


def test_the_next_part_is_hinted_and_others_are_hopeless() -> None:
    parts = stream(9.0)
    window = window_of(parts)
    assert window.hint == "g1-p26.m4s"
    assert not window.hopeless("g1-p26.m4s") and not window.hopeless("g1-p25.m4s")
    assert window.hopeless("g1-p27.m4s") and window.hopeless("g1-s3.m4s")
    window.add(after(parts, 0.5)[0])
    assert window.hopeless("g1-p26.m4s") and window.hint == "g2-p33.m4s"
    assert LiveWindow(Rendition.OPUS).hint is None


# --- the end ----------------------------------------------------------------------------------------------------------


def test_after_the_end_nothing_waits_and_nothing_comes() -> None:
    parts = stream(5.2, close=True)
    window = window_of(parts)
    window.end()
    window.end()
    text = lines(window)
    assert text[-1] == "#EXT-X-ENDLIST"
    assert text[-3:-1] == ["#EXTINF:1.20000,", "opus/g1-s2x3.m4s"]
    assert not any("PRELOAD-HINT" in line for line in text)
    assert window.has(99, 0) and not window.too_far(99, 0) and window.hint is None
    assert window.media("g1-s2x3.m4s") == b"".join(p.body for p in parts[8:])
    assert not window.add(after(parts, 1.0)[0])


def test_a_delta_is_not_given_after_the_end() -> None:
    window = window_of(stream(60.0))
    window.end()
    assert window.playlist(skip=True) is window.playlist()


# --- playlists as bytes -----------------------------------------------------------------------------------------------


def test_a_delta_and_what_was_known_before_make_the_whole() -> None:
    old = stream(45.0)
    whole = old + after(old, 70.0)
    window = LiveWindow(Rendition.OPUS)
    known: list[str] = []
    deltas = 0
    for part in whole:
        window.add(part)
        text = lines(window)
        delta = lines(window, skip=True)
        skips = [line for line in delta if line.startswith("#EXT-X-SKIP")]
        if skips:
            deltas += 1
            count = int(skips[0].partition("=")[2])
            at = [i for i, line in enumerate(text) if not line.startswith("#")][count - 1]
            assert delta[: delta.index(skips[0])] == text[:8]
            assert delta[delta.index(skips[0]) + 1 :] == text[at + 1 :]
            assert {u for u in text[:at] if not u.startswith("#")} <= set(known), "what is skipped was listed before"
        known += text
    assert deltas > 100


def test_too_little_to_skip_is_sent_whole() -> None:
    window = window_of(stream(27.9))
    assert window.playlist(skip=True) is window.playlist()
    window = window_of(stream(28.0))
    assert "#EXT-X-SKIP:SKIPPED-SEGMENTS=1" in lines(window, skip=True)


def test_it_is_rendered_once_a_part_and_shared() -> None:
    parts = stream(40.0)
    asked: list[int] = []

    def reports() -> list[pl.RenditionReport]:
        asked.append(1)
        return [pl.RenditionReport("aac.m3u8", 3, 4)]

    window = LiveWindow(Rendition.OPUS, reports)
    for part in parts[:-1]:
        window.add(part)
    first = window.playlist()
    assert window.playlist() is first and window.playlist(skip=True) is window.playlist(skip=True)
    assert len(asked) == 2
    assert first.gzip is first.gzip and gzip.decompress(first.gzip) == first.raw
    assert len(first.gzip) < len(first.raw) / 4
    assert first.raw.endswith(b'#EXT-X-RENDITION-REPORT:URI="aac.m3u8",LAST-MSN=3,LAST-PART=4\n')
    window.add(parts[-1])
    assert window.playlist() is not first


def test_before_the_first_part_there_is_an_empty_playlist() -> None:
    window = LiveWindow(Rendition.OPUS)
    assert not window.ready and window.position is None and window.report() is None
    assert lines(window)[6:] == ["#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-DISCONTINUITY-SEQUENCE:0"]
    assert not window.has(0, 0) and window.backlog(2.0).parts == ()


# --- newcomers to the pushed stream -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "count"), [(0.0, 0), (0.1, 1), (0.5, 1), (0.6, 2), (2.0, 4), (8.0, 16)])
def test_a_newcomer_gets_at_least_so_many_seconds(seconds: float, count: int) -> None:
    parts = stream(20.0)
    backlog = window_of(parts).backlog(seconds)
    assert backlog.parts == tuple(parts[len(parts) - count :])
    assert backlog.init == parts[0].init
    assert backlog.duration_s == count * 0.5


def test_a_newcomer_gets_nothing_of_an_earlier_generation() -> None:
    old = stream(20.0)
    new = after(old, 1.0)
    backlog = window_of(old + new).backlog(8.0)
    assert backlog.parts == tuple(new) and backlog.init == new[0].init


# --- whatever happens -------------------------------------------------------------------------------------------------

FOUR_GENERATIONS: list[Part] = stream(9.3)
for _generation, _seconds, _pause in ((2, 6.6, 2.0), (4, 0.5, 0.0), (5, 14.0, 70.0)):
    _alive = [p for p in FOUR_GENERATIONS if p.name.generation < _generation]
    FOUR_GENERATIONS += after(_alive, _seconds, generation=_generation, pause_s=_pause)


@settings(max_examples=60)
@given(st.lists(st.integers(0, len(FOUR_GENERATIONS) - 1), max_size=len(FOUR_GENERATIONS)), st.data())
def test_no_name_ever_means_two_things(lost: list[int], data: st.DataObject) -> None:
    """Edges that lose and repeat parts at random disagree on what they have, never on what a name means."""
    gone = set(lost)
    arriving = [p for i, p in enumerate(FOUR_GENERATIONS) if i not in gone]
    again = data.draw(st.lists(st.integers(0, max(0, len(arriving) - 1)), max_size=5))
    for at in again:
        arriving[at:at] = arriving[at : at + 1]
    window = LiveWindow(Rendition.OPUS)
    names: set[str] = set()
    before: dict[int, str] = {}
    for part in arriving:
        window.add(part)
        now = listed(window)
        for msn, uri in now.items():
            assert re.search(rf"-s{msn}(x[1-7])?\.m4s$", uri), "the count and the name agree"
            assert before.get(msn, uri) == uri, "what is listed does not change"
        before |= now
        names |= {uri.rpartition("/")[2] for uri in now.values()}
        numbers = [*discontinuities(window).values()]
        assert numbers == sorted(numbers)
    by_name = {pl.part_name(p.name): p.body for p in FOUR_GENERATIONS}
    for name in names:
        media = window.media(name)
        if media is not None and (match := re.fullmatch(r"g(\d+)-s(\d+)(?:x(\d))?\.m4s", name)):
            generation, segment, count = int(match[1]), int(match[2]), int(match[3] or 8)
            assert media == b"".join(by_name[f"g{generation}-p{8 * segment + i}.m4s"] for i in range(count))
