"""For each rule a run that breaks it: what a server would have sent that got it wrong.

The negative control of the checker: a rule that lets its mutant pass checks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from interop.hls_text import Run, Seen

Mutant = Callable[[Run], Run]
Edit = Callable[[str], str]
Pick = Callable[[Seen], bool]


# --- which playlist ---------------------------------------------------------------------------------------------------


def whole(s: Seen) -> bool:
    """A whole one well after the crash; it lists a gap, a discontinuity, and a segment with parts."""
    return s.at_s > 66 and s.rendition == "opus" and not s.skip


def delta(s: Seen) -> bool:
    return s.at_s > 66 and s.rendition == "opus" and s.skip


def ended(s: Seen) -> bool:
    return s.playlist.ended and not s.skip and s.rendition == "opus"


def aac(s: Seen) -> bool:
    return s.rendition == "aac"


def one(pick: Pick, edit: Edit) -> Mutant:
    """The first that is picked, changed."""

    def mutate(run: Run) -> Run:
        at = next(i for i, s in enumerate(run.seen) if pick(s))
        seen = list(run.seen)
        seen[at] = changed(seen[at], edit)
        return replace(run, seen=seen)

    return mutate


def every(pick: Pick, edit: Edit) -> Mutant:
    """All that are picked, changed in the same way."""
    return lambda run: replace(run, seen=[changed(s, edit) if pick(s) else s for s in run.seen])


def changed(seen: Seen, edit: Edit) -> Seen:
    text = seen.body.decode()
    new = edit(text)
    assert new != text, "the mutant is no mutant"
    return replace(seen, body=new.encode())


# --- how it is changed ------------------------------------------------------------------------------------------------


def sub(pattern: str, by: str, count: int = 1) -> Edit:
    return lambda text: re.sub(pattern, by, text, count=count, flags=re.MULTILINE)


def drop(pattern: str, count: int = 1) -> Edit:
    """Lines that begin so."""
    return sub(rf"^{pattern}.*\n", "", count)


def twice(pattern: str) -> Edit:
    return sub(rf"^({pattern}.*\n)", r"\1\1")


def append(line: str) -> Edit:
    return lambda text: f"{text}{line}\n"


def bump(tag: str, by: int) -> Edit:
    return lambda text: re.sub(rf"({tag}[:=])(\d+)", lambda m: m[1] + str(int(m[2]) + by), text, count=1)


def move(pattern: str, before: str) -> Edit:
    """The first line that begins so, to before the first that begins otherwise (or to the very end)."""

    def edit(text: str) -> str:
        line = re.search(rf"^{pattern}.*\n", text, re.MULTILINE)
        assert line
        rest = text.replace(line[0], "", 1)
        at = re.search(rf"^{before}", rest, re.MULTILINE) if before else None
        return rest[: at.start()] + line[0] + rest[at.start() :] if at else rest + line[0]

    return edit


def shift_dates(seconds: int) -> Edit:
    from datetime import datetime, timedelta

    def later(m: re.Match[str]) -> str:
        moved = datetime.fromisoformat(m[1]) + timedelta(seconds=seconds)
        return "DATE-TIME:" + moved.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    return lambda text: re.sub(r"DATE-TIME:(\S+)", later, text)


def in_parts(edit: Edit) -> Edit:
    """Only where parts of a closed segment are listed."""

    def apply(text: str) -> str:
        at = text.index("#EXT-X-PART:")
        return text[:at] + edit(text[at:])

    return apply


def both(*edits: Edit) -> Edit:
    def apply(text: str) -> str:
        for edit in edits:
            text = edit(text)
        return text

    return apply


# --- mutants of more than one playlist --------------------------------------------------------------------------------


def swapped(run: Run) -> Run:
    """Two answers in the wrong order, as from a server that does not change playlists atomically."""
    at = next(i for i, s in enumerate(run.seen) if whole(s))
    after = next(i for i, s in enumerate(run.seen) if i > at and whole(s))
    seen = list(run.seen)
    seen[at], seen[after] = replace(seen[at], body=seen[after].body), replace(seen[after], body=seen[at].body)
    return replace(run, seen=seen)


def late(seconds: float, rendition: str) -> Mutant:
    """Everything of a rendition from 60 s to 75 s that much later."""

    def mutate(run: Run) -> Run:
        seen = [
            replace(s, at_s=s.at_s + seconds) if s.rendition == rendition and 60 < s.at_s < 75 else s for s in run.seen
        ]
        return replace(run, seen=sorted(seen, key=lambda s: s.at_s))

    return mutate


def after_the_end(edit: Edit) -> Mutant:
    def mutate(run: Run) -> Run:
        last = next(s for s in run.seen if ended(s))
        return replace(run, seen=[*run.seen, replace(changed(last, edit), at_s=last.at_s + 1)])

    return mutate


def asked_for_more(run: Run) -> Run:
    at = next(i for i, s in enumerate(run.seen) if whole(s))
    seen = list(run.seen)
    seen[at] = replace(seen[at], part=(seen[at].part or 0) + 1)
    return replace(run, seen=seen)


def fetched(pattern: str, body: Callable[[bytes], bytes | None], *, last: bool = False) -> Mutant:
    """One answer for an address like that, changed."""

    def mutate(run: Run) -> Run:
        order = reversed(range(len(run.fetched))) if last else range(len(run.fetched))
        at = next(i for i in order if re.search(pattern, run.fetched[i].uri) and run.fetched[i].body)
        found = list(run.fetched)
        found[at] = replace(found[at], body=body(found[at].body or b""))
        return replace(run, fetched=found)

    return mutate


def gone_at_once(run: Run) -> Run:
    """A segment that cannot be had any more from the moment on that it is not listed."""
    uri = "opus/g1-s2.m4s"
    until = max(s.at_s for s in run.seen if any(x.uri == uri for x in s.playlist.whole))
    return replace(
        run, fetched=[replace(f, body=None) if f.uri == uri and f.at_s > until else f for f in run.fetched]
    )  # fmt: skip


def multivariant(edit: Edit) -> Mutant:
    def mutate(run: Run) -> Run:
        text = run.multivariant.decode()
        assert edit(text) != text
        return replace(run, multivariant=edit(text).encode())

    return mutate


def without_the_first(segments: int) -> Edit:
    """So many segments gone from the front, rightly counted."""

    def edit(text: str) -> str:
        head, first, rest = re.split(r"^(?=#EXT-X-MAP)", text, maxsplit=1, flags=re.MULTILINE)[0], "", text
        first = text[len(head) :]
        for _ in range(segments):
            first = first[re.search(r"^[^#].*\n", first, re.MULTILINE).end() :]  # type: ignore[union-attr]
        rest = bump("#EXT-X-MEDIA-SEQUENCE", segments)(head)
        return rest + '#EXT-X-MAP:URI="opus/g3-init.mp4"\n' + first

    return edit


CONTROL = "#EXT-X-SERVER-CONTROL:"

MUTANTS: dict[str, Mutant] = {
    # one playlist
    "is_utf8_without_bom": one(whole, lambda t: "\ufeff" + t),
    "has_no_control_characters": one(whole, sub("^#EXTINF:4.00000,", "#EXTINF:4.00000,\ta title")),
    "has_no_stray_whitespace": one(whole, sub(",HOLD-BACK", ", HOLD-BACK")),
    "addresses_are_uris": one(whole, sub(r"^opus/g1-s(\d+)", r"opus/<\1>")),
    "begins_with_extm3u": one(whole, drop("#EXTM3U")),
    "has_one_version": one(whole, twice("#EXT-X-VERSION")),
    "version_is_enough": one(delta, sub("VERSION:9", "VERSION:8")),
    "version_is_not_too_high": one(whole, sub("VERSION:9", "VERSION:12")),
    "attribute_lists_are_well_formed": one(whole, sub("HOLD-BACK", "Hold-Back")),
    "attributes_stand_once": one(whole, sub("CONTROL:", "CONTROL:CAN-BLOCK-RELOAD=YES,")),
    "general_tags_stand_once": one(whole, twice("#EXT-X-INDEPENDENT-SEGMENTS")),
    "media_tags_stand_once": one(whole, twice("#EXT-X-TARGETDURATION")),
    "has_no_multivariant_tags": one(whole, append('#EXT-X-SESSION-DATA:DATA-ID="a",VALUE="b"')),
    "has_no_playlist_type": one(whole, sub("^(#EXT-X-VERSION.*)", r"\1\n#EXT-X-PLAYLIST-TYPE:EVENT")),
    "target_duration_is_there": one(whole, drop("#EXT-X-TARGETDURATION")),
    "segments_fit_the_target_duration": one(whole, sub("EXTINF:4.00000", "EXTINF:4.50000")),
    "media_sequence_comes_first": one(whole, move("#EXT-X-MEDIA-SEQUENCE", "")),
    "discontinuity_sequence_comes_first": one(whole, move("#EXT-X-DISCONTINUITY-SEQUENCE", "")),
    "discontinuity_sequence_comes_before_discontinuities": one(
        whole, sub("^#EXT-X-DISCONTINUITY-SEQUENCE", "#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY-SEQUENCE")
    ),
    "part_inf_is_there": one(whole, drop("#EXT-X-PART-INF")),
    "part_target_is_a_number": one(whole, sub("PART-TARGET=0.5", 'PART-TARGET="0.5"')),
    "skip_boundary_is_six_targets": one(whole, sub("UNTIL=24.0", "UNTIL=23.9")),
    "hold_back_is_three_targets": one(whole, sub(",HOLD-BACK=12.0", ",HOLD-BACK=11.9")),
    "part_hold_back_is_there": one(whole, sub(",PART-HOLD-BACK=1.536", "")),
    "part_hold_back_is_two_parts": one(whole, sub("PART-HOLD-BACK=1.536", "PART-HOLD-BACK=0.999")),
    "part_hold_back_is_three_parts": one(whole, sub("PART-HOLD-BACK=1.536", "PART-HOLD-BACK=1.499")),
    "reload_can_block": one(whole, sub("CAN-BLOCK-RELOAD=YES,", "")),
    "segments_have_extinf": one(whole, drop("#EXTINF")),
    "durations_are_accurate": one(whole, sub("EXTINF:4.00000", "EXTINF:4")),
    "parts_add_up_to_their_segment": one(whole, in_parts(sub("EXTINF:4.00000", "EXTINF:3.99000"))),
    "maps_have_addresses": one(whole, sub("MAP:URI", "MAP:NAME")),
    "segments_have_a_map": one(whole, drop("#EXT-X-MAP")),
    "dates_are_whole": one(whole, sub(r"(DATE-TIME:.*)Z$", r"\1")),
    "has_dates": one(whole, drop("#EXT-X-PROGRAM-DATE-TIME", 0)),
    "discontinuities_have_dates": one(whole, sub(r"(#EXT-X-DISCONTINUITY\n#EXT-X-MAP.*\n)#EXT-X-PROGRAM.*\n", r"\1")),
    "dates_are_not_ambiguous": one(whole, lambda t: t[:400] + shift_dates(-10)(t[400:])),
    "segments_have_addresses_of_their_own": one(whole, sub(r"^(opus/g1-s\d+\.m4s)((.*\n)*?)^opus/g1.*", r"\1\2\1")),
    "parts_have_address_and_duration": one(whole, sub(r'(#EXT-X-PART:.*),URI=".*"', r"\1")),
    "flags_of_parts_are_yes": one(whole, sub("INDEPENDENT=YES", "INDEPENDENT=NO")),
    "parts_fit_the_part_target": one(whole, sub("DURATION=0.50000", "DURATION=0.51000")),
    "parts_are_not_too_short": one(whole, sub("DURATION=0.50000,INDEPENDENT=YES", "DURATION=0.42000")),
    "tags_of_a_segment_come_before_its_parts": one(whole, sub(r"^(#EXT-X-PROGRAM.*\n)(#EXT-X-PART:.*\n)", r"\2\1")),
    "parts_are_listed_near_the_end_only": one(
        whole, sub("^(#EXTINF)", '#EXT-X-PART:DURATION=0.5,INDEPENDENT=YES,URI="opus/x.m4s"\n' + r"\1")
    ),
    "there_is_one_hint_of_a_type": one(whole, twice("#EXT-X-PRELOAD-HINT")),
    "hints_have_type_and_address": one(whole, sub("HINT:TYPE=PART,", "HINT:")),
    "what_is_hinted_is_not_listed_yet": one(
        whole, sub(r'(URI="(opus/g3-p\d+\.m4s)"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=)".*"', r'\1"\2"')
    ),
    "next_part_is_hinted": one(whole, drop("#EXT-X-PRELOAD-HINT")),
    "nothing_is_hinted_after_the_end": one(ended, append('#EXT-X-PRELOAD-HINT:TYPE=PART,URI="opus/x.m4s"')),
    "reports_are_whole": one(whole, sub(r",LAST-PART=\d+", "")),
    "reports_have_relative_addresses": one(whole, sub('REPORT:URI="', 'REPORT:URI="//host/')),
    "there_is_one_skip": one(delta, twice("#EXT-X-SKIP")),
    "skips_say_how_many": one(delta, sub(r"SKIPPED-SEGMENTS=\d+", "SKIPPED-SEGMENTS=0")),
    "nothing_is_skipped_after_the_end": one(ended, sub("^(#EXT-X-MAP)", r"#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n\1")),
    "nothing_before_the_boundary_is_skipped": one(
        delta, both(bump("SKIPPED-SEGMENTS", 2), sub(r"X-SKIP(.*\n)((#.*\n)+?[^#].*\n){2}", r"X-SKIP\1"))
    ),
    # one playlist and the next
    "target_duration_stays": one(whole, bump("TARGETDURATION", 1)),
    "part_target_stays": one(whole, sub("PART-TARGET=0.50000", "PART-TARGET=0.50100")),
    "server_control_stays": one(whole, sub(",HOLD-BACK=12.0", ",HOLD-BACK=13.0")),
    "media_sequence_never_falls": one(whole, bump("MEDIA-SEQUENCE", 100)),
    "media_sequence_counts_what_left": one(whole, bump("MEDIA-SEQUENCE", 1)),
    "segments_stay_as_they_are": one(whole, sub("EXTINF:4.00000", "EXTINF:3.99000")),
    "parts_stay_as_they_are": one(whole, sub(r"(#EXT-X-PART:DURATION=)0.50000", r"\g<1>0.49000")),
    "parts_leave_in_order": one(whole, sub(r"(#EXT-X-PART:.*\n)#EXT-X-PART:.*\n", r"\1")),
    "a_closed_segment_gets_no_more_parts": one(
        whole, in_parts(sub("^#EXTINF", '#EXT-X-PART:DURATION=0.5,INDEPENDENT=YES,URI="opus/x.m4s"\n#EXTINF'))
    ),
    "segments_leave_in_order": one(whole, sub(r"(^opus/g1.*\n(.*\n)*?)(#.*\n)+?^opus/g1.*\n", r"\1")),
    "the_end_never_goes_back": swapped,
    "discontinuity_sequence_never_falls": one(whole, bump("DISCONTINUITY-SEQUENCE", 5)),
    "discontinuity_numbers_stay": one(whole, bump("DISCONTINUITY-SEQUENCE", 1)),
    "three_targets_stay_listed": one(whole, without_the_first(10)),
    "nothing_comes_after_the_end": after_the_end(
        sub("^#EXT-X-ENDLIST", "#EXTINF:4.00000,\nopus/g3-s99.m4s\n#EXT-X-ENDLIST")
    ),
    "the_end_stays": after_the_end(drop("#EXT-X-ENDLIST")),
    # all of it
    "parts_come_in_time": late(0.3, "opus"),
    "segments_come_in_time": late(2.5, "opus"),
    "hints_come_true": one(whole, sub(r"(HINT:TYPE=PART,URI=\"opus/g3-p)\d+", r"\g<1>1")),
    "deltas_make_the_whole": one(delta, sub(r"^(opus/g\d-s\d+)", r"\1x7")),
    "deltas_skip_what_is_known": one(delta, bump("SKIPPED-SEGMENTS", 30)),
    "answers_hold_what_was_asked_for": asked_for_more,
    "reports_are_true": one(whole, bump("LAST-MSN", 1)),
    "every_other_rendition_is_reported": one(whole, drop("#EXT-X-RENDITION-REPORT")),
    "renditions_keep_step": late(1.5, "aac"),
    "renditions_have_one_target_duration": every(aac, bump("TARGETDURATION", 1)),
    "renditions_have_one_server_control": every(aac, sub(",HOLD-BACK=12.0", ",HOLD-BACK=13.0")),
    "discontinuity_numbers_match": every(aac, bump("DISCONTINUITY-SEQUENCE", 1)),
    "dates_are_in_all_renditions_or_none": every(aac, drop("#EXT-X-PROGRAM-DATE-TIME", 0)),
    "dates_map_to_media_times_alike": every(aac, shift_dates(1)),
    "what_is_listed_can_be_had": fetched(r"-p\d+\.m4s", lambda body: None),
    "what_left_can_be_had_for_a_while": gone_at_once,
    "segments_are_their_parts": fetched(r"opus/g3-s\d+\.m4s", lambda b: b[:-1] + b"?", last=True),
    "a_name_never_means_two_things": fetched(r"opus/g1-s\d+\.m4s", lambda b: b + b"?", last=True),
    "variants_have_bandwidth_and_address": multivariant(sub(r"INF:BANDWIDTH=\d+,", "INF:")),
    "variants_have_codecs": multivariant(sub(r',CODECS=".*"', "")),
    "bandwidth_is_the_peak": multivariant(sub(r"INF:BANDWIDTH=\d+", "INF:BANDWIDTH=20000")),
    "the_multivariant_playlist_has_no_media_tags": multivariant(append("#EXT-X-TARGETDURATION:4")),
    "the_multivariant_playlist_names_every_rendition": multivariant(sub("^aac.m3u8", "mp3.m3u8")),
}
