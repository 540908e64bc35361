"""What one playlist must be, by itself. Each rule says in words what is wrong, or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from interop.hls_text import ATTRIBUTE, ATTRIBUTE_TAGS, DATE, Playlist, as_number

Complaints = Iterator[str]


@dataclass(frozen=True)
class Single:
    """A rule on one playlist: the clause of bis it comes from, and the check."""

    name: str
    clause: str
    check: Callable[[Playlist], Complaints]


SINGLE: list[Single] = []


def single(clause: str) -> Callable[[Callable[[Playlist], Complaints]], Callable[[Playlist], Complaints]]:
    def register(check: Callable[[Playlist], Complaints]) -> Callable[[Playlist], Complaints]:
        SINGLE.append(Single(check.__name__, clause, check))
        return check

    return register


MEDIA_TAGS = (
    "TARGETDURATION", "MEDIA-SEQUENCE", "DISCONTINUITY-SEQUENCE", "ENDLIST", "PLAYLIST-TYPE", "I-FRAMES-ONLY",
    "PART-INF", "SERVER-CONTROL",
)  # fmt: skip
MULTIVARIANT_TAGS = ("MEDIA", "STREAM-INF", "I-FRAME-STREAM-INF", "SESSION-DATA", "SESSION-KEY", "CONTENT-STEERING")
EPSILON = 1e-6


# --- text -------------------------------------------------------------------------------------------------------------


@single("4.1")
def is_utf8_without_bom(p: Playlist) -> Complaints:
    if p.body.startswith(b"\xef\xbb\xbf"):
        yield "begins with a byte order mark"
    if "�" in p.text:
        yield "is not UTF-8"


@single("4.1")
def has_no_control_characters(p: Playlist) -> Complaints:
    if found := re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]", p.text):
        yield f"has the control character {found[0]!r}"


@single("4.1")
def has_no_stray_whitespace(p: Playlist) -> Complaints:
    for line in p.lines:
        bare = re.sub(r'"[^"]*"', "", line.text)
        if line.text != line.text.strip() or (line.name != "#EXTINF" and " " in bare):
            yield f"line {line.number} has whitespace"


@single("4.1")
def addresses_are_uris(p: Playlist) -> Complaints:
    for line in p.lines:
        if line.text and not line.name and not re.fullmatch(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", line.text):
            yield f"line {line.number} is no URI (RFC 3986)"


@single("4.4.1.1")
def begins_with_extm3u(p: Playlist) -> Complaints:
    if p.lines[0].text != "#EXTM3U":
        yield f"begins with {p.lines[0].text!r}"


@single("4.4.1.2")
def has_one_version(p: Playlist) -> Complaints:
    if (count := len(p.all("#EXT-X-VERSION"))) != 1:
        yield f"has {count} EXT-X-VERSION"


@single("8")
def version_is_enough(p: Playlist) -> Complaints:
    needed = 9 if p.has("#EXT-X-SKIP") else 6 if p.has("#EXT-X-MAP") else 3
    if (p.integer("#EXT-X-VERSION") or 0) < needed:
        yield f"is of version {p.integer('#EXT-X-VERSION')}, what is in it needs {needed}"


@single("6.2.1")
def version_is_not_too_high(p: Playlist) -> Complaints:
    """The version is that of "the Playlist file, its associated media, and its server" (4.4.1.2): deltas need 9."""
    if (p.integer("#EXT-X-VERSION") or 0) > 9:
        yield f"is of version {p.integer('#EXT-X-VERSION')}, nothing in it needs more than 9"


@single("4.2")
def attribute_lists_are_well_formed(p: Playlist) -> Complaints:
    for line in p.lines:
        if line.name in ATTRIBUTE_TAGS and "".join(m[0] for m in ATTRIBUTE.finditer(line.value)) != line.value:
            yield f"line {line.number} is no attribute list"


@single("4.2")
def attributes_stand_once(p: Playlist) -> Complaints:
    for line in p.lines:
        names = [m[1] for m in ATTRIBUTE.finditer(line.value)] if line.name in ATTRIBUTE_TAGS else []
        if len(names) != len(set(names)):
            yield f"line {line.number} has an attribute twice"


@single("4.4.2")
def general_tags_stand_once(p: Playlist) -> Complaints:
    for name in ("#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-START"):
        if len(p.all(name)) > 1:
            yield f"has {name} more than once"


@single("4.4.3")
def media_tags_stand_once(p: Playlist) -> Complaints:
    for name in MEDIA_TAGS:
        if len(p.all(f"#EXT-X-{name}")) > 1:
            yield f"has {name} more than once"


@single("4.4.6")
def has_no_multivariant_tags(p: Playlist) -> Complaints:
    for name in MULTIVARIANT_TAGS:
        if p.has(f"#EXT-X-{name}"):
            yield f"has {name}"


@single("6.2.2")
def has_no_playlist_type(p: Playlist) -> Complaints:
    if p.has("#EXT-X-PLAYLIST-TYPE"):
        yield "is live and has EXT-X-PLAYLIST-TYPE"


# --- head -------------------------------------------------------------------------------------------------------------


@single("4.4.3.1")
def target_duration_is_there(p: Playlist) -> Complaints:
    if not p.integer("#EXT-X-TARGETDURATION"):
        yield "has no EXT-X-TARGETDURATION of at least 1"


@single("4.4.3.1")
def segments_fit_the_target_duration(p: Playlist) -> Complaints:
    for s in p.whole:
        if s.extinf is not None and int(s.extinf + 0.5) > p.target:
            yield f"segment {s.msn} lasts {s.extinf} s"


def _stands_before_segments(p: Playlist, name: str) -> Complaints:
    line = p.first(name)
    first = min((s.number for s in p.lines if s.text and not s.name), default=len(p.lines) + 1)
    if line is not None and line.number > first:
        yield f"{name} comes after a segment"


@single("4.4.3.2")
def media_sequence_comes_first(p: Playlist) -> Complaints:
    yield from _stands_before_segments(p, "#EXT-X-MEDIA-SEQUENCE")


@single("4.4.3.3")
def discontinuity_sequence_comes_first(p: Playlist) -> Complaints:
    yield from _stands_before_segments(p, "#EXT-X-DISCONTINUITY-SEQUENCE")


@single("4.4.3.3")
def discontinuity_sequence_comes_before_discontinuities(p: Playlist) -> Complaints:
    line, jump = p.first("#EXT-X-DISCONTINUITY-SEQUENCE"), p.first("#EXT-X-DISCONTINUITY")
    if line is not None and jump is not None and line.number > jump.number:
        yield "EXT-X-DISCONTINUITY-SEQUENCE comes after an EXT-X-DISCONTINUITY"


@single("4.4.3.7")
def part_inf_is_there(p: Playlist) -> Complaints:
    if p.has("#EXT-X-PART") and not p.has("#EXT-X-PART-INF"):
        yield "has parts and no EXT-X-PART-INF"


@single("4.4.3.7")
def part_target_is_a_number(p: Playlist) -> Complaints:
    if p.has("#EXT-X-PART-INF") and not p.part_target:
        yield "has no PART-TARGET that is a number"


@single("4.4.3.8")
def skip_boundary_is_six_targets(p: Playlist) -> Complaints:
    value = p.attribute("#EXT-X-SERVER-CONTROL", "CAN-SKIP-UNTIL")
    if value is not None and value < 6 * p.target - EPSILON:
        yield f"CAN-SKIP-UNTIL={value}"


@single("4.4.3.8")
def hold_back_is_three_targets(p: Playlist) -> Complaints:
    value = p.attribute("#EXT-X-SERVER-CONTROL", "HOLD-BACK")
    if value is not None and value < 3 * p.target - EPSILON:
        yield f"HOLD-BACK={value}"


@single("4.4.3.8")
def part_hold_back_is_there(p: Playlist) -> Complaints:
    if p.has("#EXT-X-PART-INF") and p.attribute("#EXT-X-SERVER-CONTROL", "PART-HOLD-BACK") is None:
        yield "has EXT-X-PART-INF and no PART-HOLD-BACK"


@single("4.4.3.8")
def part_hold_back_is_two_parts(p: Playlist) -> Complaints:
    value = p.attribute("#EXT-X-SERVER-CONTROL", "PART-HOLD-BACK")
    if value is not None and value < 2 * p.part_target - EPSILON:
        yield f"PART-HOLD-BACK={value}"


@single("4.4.3.8")
def part_hold_back_is_three_parts(p: Playlist) -> Complaints:
    value = p.attribute("#EXT-X-SERVER-CONTROL", "PART-HOLD-BACK")
    if value is not None and value < 3 * p.part_target - EPSILON:
        yield f"PART-HOLD-BACK={value} (it should be three parts)"


@single("4.4.3.8")
def reload_can_block(p: Playlist) -> Complaints:
    line = p.first("#EXT-X-SERVER-CONTROL")
    if line is None or line.attributes.get("CAN-BLOCK-RELOAD") != "YES":
        yield "does not say CAN-BLOCK-RELOAD=YES"


# --- segments ---------------------------------------------------------------------------------------------------------


@single("4.4.4.1")
def segments_have_extinf(p: Playlist) -> Complaints:
    for s in p.whole:
        if s.extinf is None:
            yield f"segment {s.msn} has no EXTINF"


@single("4.4.4.1")
def durations_are_accurate(p: Playlist) -> Complaints:
    for line in p.all("#EXTINF"):
        if not re.fullmatch(r"\d+\.\d{3,},.*", line.value):
            yield f"line {line.number} is rounded"


@single("3.2")
def parts_add_up_to_their_segment(p: Playlist) -> Complaints:
    for s in p.whole:
        if s.parts and s.extinf is not None and abs(sum(x.duration for x in s.parts) - s.extinf) > 0.001:
            yield f"the parts of segment {s.msn} do not last as long as it does"


@single("4.4.4.5")
def maps_have_addresses(p: Playlist) -> Complaints:
    for line in p.all("#EXT-X-MAP"):
        if not line.attributes.get("URI"):
            yield f"line {line.number} has no URI"


@single("3.1.2")
def segments_have_a_map(p: Playlist) -> Complaints:
    """What a delta update skips may have brought the map."""
    for s in p.segments:
        if not s.gap and s.map_uri is None and not p.has("#EXT-X-SKIP"):
            yield f"segment {s.msn} has no EXT-X-MAP"


@single("4.4.4.6")
def dates_are_whole(p: Playlist) -> Complaints:
    for line in p.all("#EXT-X-PROGRAM-DATE-TIME"):
        if not DATE.fullmatch(line.value):
            yield f"line {line.number} lacks a time zone or milliseconds"


@single("B.1")
def has_dates(p: Playlist) -> Complaints:
    if any(not s.gap for s in p.segments) and not p.has("#EXT-X-PROGRAM-DATE-TIME"):
        yield "has no EXT-X-PROGRAM-DATE-TIME"


@single("6.2.1")
def discontinuities_have_dates(p: Playlist) -> Complaints:
    for s in p.segments:
        if s.discontinuities and s.date is None:
            yield f"segment {s.msn} follows a discontinuity and has no date"


@single("6.2.1")
def dates_are_not_ambiguous(p: Playlist) -> Complaints:
    until: float | None = None
    for s in p.segments:
        if s.date is not None and until is not None and s.date < until - 1.0:
            yield f"segment {s.msn} begins {until - s.date:.1f} s before the end of the one before"
        until = None if (start := s.date if s.date is not None else until) is None else start + s.duration


@single("6.2.1")
def segments_have_addresses_of_their_own(p: Playlist) -> Complaints:
    uris = [s.uri for s in p.whole]
    if len(uris) != len(set(uris)):
        yield "has an address twice"


# --- parts ------------------------------------------------------------------------------------------------------------


@single("4.4.4.9")
def parts_have_address_and_duration(p: Playlist) -> Complaints:
    for line in p.all("#EXT-X-PART"):
        if not line.attributes.get("URI") or as_number(line.attributes.get("DURATION")) is None:
            yield f"line {line.number} lacks URI or DURATION"


@single("4.4.4.9")
def flags_of_parts_are_yes(p: Playlist) -> Complaints:
    for line in p.all("#EXT-X-PART"):
        if {line.attributes.get(n, "YES") for n in ("INDEPENDENT", "GAP")} != {"YES"}:
            yield f"line {line.number} has a flag that is not YES"


@single("4.4.4.9")
def parts_fit_the_part_target(p: Playlist) -> Complaints:
    for x in p.parts:
        if x.duration > p.part_target + EPSILON:
            yield f"part {x.msn}.{x.index} lasts {x.duration} s"


@single("4.4.4.9")
def parts_are_not_too_short(p: Playlist) -> Complaints:
    for s in p.segments:
        for x, after in zip(s.parts, s.parts[1:], strict=False):  # the last of a segment may be as short as it likes
            if not (x.independent or x.gap or after.gap) and x.duration < 0.85 * p.part_target - EPSILON:
                yield f"part {x.msn}.{x.index} lasts {x.duration} s"


@single("4.4.4.9")
def tags_of_a_segment_come_before_its_parts(p: Playlist) -> Complaints:
    for s in p.segments:
        first = s.parts[0].line.number if s.parts else len(p.lines) + 1
        for t in s.tags:
            if t.name in ("#EXT-X-DISCONTINUITY", "#EXT-X-MAP", "#EXT-X-PROGRAM-DATE-TIME") and t.number > first:
                yield f"line {t.number} comes after a part of its segment"


@single("6.2.2")
def parts_are_listed_near_the_end_only(p: Playlist) -> Complaints:
    left = p.duration
    for s in p.segments:
        if s.parts and left > 3 * p.target + EPSILON:
            yield f"the parts of segment {s.msn} begin {left} s before the end"
        left -= s.duration


# --- hints, reports, deltas -------------------------------------------------------------------------------------------


@single("6.2.6")
def there_is_one_hint_of_a_type(p: Playlist) -> Complaints:
    kinds = [line.attributes.get("TYPE") for line in p.all("#EXT-X-PRELOAD-HINT")]
    if len(kinds) != len(set(kinds)):
        yield "has two hints of one type"


@single("4.4.5.3")
def hints_have_type_and_address(p: Playlist) -> Complaints:
    for line in p.all("#EXT-X-PRELOAD-HINT"):
        if line.attributes.get("TYPE") not in ("PART", "MAP") or not line.attributes.get("URI"):
            yield f"line {line.number} lacks TYPE or URI"


@single("4.4.5.3")
def what_is_hinted_is_not_listed_yet(p: Playlist) -> Complaints:
    if p.hint is not None and p.hint in {x.uri for x in p.parts}:
        yield f"hints {p.hint}, which it lists"


@single("B.1")
def next_part_is_hinted(p: Playlist) -> Complaints:
    if p.has("#EXT-X-PART") and not p.ended and p.hint is None:
        yield "hints nothing"


@single("4.4.5.3")
def nothing_is_hinted_after_the_end(p: Playlist) -> Complaints:
    if p.ended and p.has("#EXT-X-PRELOAD-HINT"):
        yield "has ended and hints"


@single("4.4.5.4")
def reports_are_whole(p: Playlist) -> Complaints:
    for line in p.all("#EXT-X-RENDITION-REPORT"):
        if not line.attributes.get("URI") or None in (line.number_of("LAST-MSN"), line.number_of("LAST-PART")):
            yield f"line {line.number} lacks URI, LAST-MSN or LAST-PART"


@single("4.4.5.4")
def reports_have_relative_addresses(p: Playlist) -> Complaints:
    for line in p.all("#EXT-X-RENDITION-REPORT"):
        if re.match(r"[a-z][a-z0-9+.-]*:|//", line.attributes.get("URI", "")):
            yield f"line {line.number} has an absolute address"


@single("4.4.5.2")
def there_is_one_skip(p: Playlist) -> Complaints:
    if len(p.all("#EXT-X-SKIP")) > 1:
        yield "has EXT-X-SKIP more than once"


@single("4.4.5.2")
def skips_say_how_many(p: Playlist) -> Complaints:
    for line in p.all("#EXT-X-SKIP"):
        if not re.fullmatch(r"[1-9]\d*", line.attributes.get("SKIPPED-SEGMENTS", "")):
            yield f"line {line.number} does not say how many"


@single("6.2.5.1")
def nothing_is_skipped_after_the_end(p: Playlist) -> Complaints:
    if p.ended and p.has("#EXT-X-SKIP"):
        yield "has ended and skips"


@single("6.2.5.1")
def nothing_before_the_boundary_is_skipped(p: Playlist) -> Complaints:
    boundary = p.attribute("#EXT-X-SERVER-CONTROL", "CAN-SKIP-UNTIL")
    if p.has("#EXT-X-SKIP") and boundary is not None and p.duration < boundary - EPSILON:
        yield f"skips what is {p.duration} s from the end"
