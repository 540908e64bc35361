"""What playlists must be over time, and beside one another. Each rule says in words what is wrong, or nothing."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from interop.hls_text import Fetched, ListedSegment, Playlist, Run, Seen
from rostra.wire.boxes import parse_part, walk_boxes

Complaints = Iterator[str]
EPSILON = 1e-6


@dataclass(frozen=True)
class Update:
    """A rule on a whole playlist and the one before it."""

    name: str
    clause: str
    check: Callable[[Playlist, Playlist], Complaints]


@dataclass(frozen=True)
class Over:
    """A rule on all that was seen."""

    name: str
    clause: str
    check: Callable[[Run], Complaints]


UPDATES: list[Update] = []
OVER: list[Over] = []


def update(clause: str) -> Callable[[Callable[[Playlist, Playlist], Complaints]], None]:
    return lambda check: UPDATES.append(Update(check.__name__, clause, check))


def over(clause: str) -> Callable[[Callable[[Run], Complaints]], None]:
    return lambda check: OVER.append(Over(check.__name__, clause, check))


def by_msn(p: Playlist) -> dict[int, ListedSegment]:
    return {s.msn: s for s in p.whole}


# --- from one playlist to the next ------------------------------------------------------------------------------------


@update("6.2.1")
def target_duration_stays(before: Playlist, now: Playlist) -> Complaints:
    if before.target != now.target:
        yield f"the target duration was {before.target} and is {now.target}"


@update("6.2.1")
def part_target_stays(before: Playlist, now: Playlist) -> Complaints:
    if before.part_target != now.part_target:
        yield f"the part target was {before.part_target} and is {now.part_target}"


@update("6.2.1")
def server_control_stays(before: Playlist, now: Playlist) -> Complaints:
    was, is_ = (p.first("#EXT-X-SERVER-CONTROL") for p in (before, now))
    if was and is_ and was.attributes != is_.attributes:
        yield "EXT-X-SERVER-CONTROL has changed"


@update("6.2.2")
def media_sequence_never_falls(before: Playlist, now: Playlist) -> Complaints:
    if now.media_sequence < before.media_sequence:
        yield f"the media sequence fell from {before.media_sequence} to {now.media_sequence}"


@update("6.2.2")
def media_sequence_counts_what_left(before: Playlist, now: Playlist) -> Complaints:
    numbers = {s.uri: s.msn for s in before.whole}
    for s in now.whole:
        if numbers.get(s.uri, s.msn) != s.msn:
            yield f"{s.uri} was number {numbers[s.uri]} and is {s.msn}"


@update("6.2.1")
def segments_stay_as_they_are(before: Playlist, now: Playlist) -> Complaints:
    was = by_msn(before)
    for s in now.whole:
        old = was.get(s.msn)
        if old is None:
            continue
        mine, theirs = (
            [t.text for t in x.tags if t.name != "#EXT-X-MAP"] + [x.uri, x.map_uri if not x.gap else None]
            for x in (s, old)
        )
        if mine != theirs:
            yield f"segment {s.msn} has changed"


@update("6.2.1")
def parts_stay_as_they_are(before: Playlist, now: Playlist) -> Complaints:
    was = {(x.msn, x.index): x.line.text for x in before.parts}
    for x in now.parts:
        if was.get((x.msn, x.index), x.line.text) != x.line.text:
            yield f"part {x.msn}.{x.index} has changed"


@update("6.2.2")
def parts_leave_in_order(before: Playlist, now: Playlist) -> Complaints:
    is_ = {x.uri for x in now.parts}
    kept = [x.uri in is_ for x in before.parts]
    if kept != sorted(kept):
        yield "parts have left from the middle"


@update("6.2.1")
def a_closed_segment_gets_no_more_parts(before: Playlist, now: Playlist) -> Complaints:
    was = by_msn(before)
    for s in now.whole:
        old = was.get(s.msn)
        if old is not None and old.parts and len(s.parts) > len(old.parts):
            yield f"segment {s.msn} got a part after it was closed"


@update("6.2.2")
def segments_leave_in_order(before: Playlist, now: Playlist) -> Complaints:
    is_ = {s.uri for s in now.whole}
    kept = [s.uri in is_ for s in before.whole]
    if kept != sorted(kept):
        yield "segments have left from the middle"


@update("6.2.1")
def the_end_never_goes_back(before: Playlist, now: Playlist) -> Complaints:
    if now.last < before.last:
        yield f"it ended with part {before.last} and ends with {now.last}"


@update("6.2.2")
def discontinuity_sequence_never_falls(before: Playlist, now: Playlist) -> Complaints:
    was, is_ = (p.integer("#EXT-X-DISCONTINUITY-SEQUENCE") or 0 for p in (before, now))
    if is_ < was:
        yield f"the discontinuity sequence fell from {was} to {is_}"


@update("6.2.2")
def discontinuity_numbers_stay(before: Playlist, now: Playlist) -> Complaints:
    was = by_msn(before)
    for s in now.whole:
        if s.msn in was and was[s.msn].discontinuity_number != s.discontinuity_number:
            yield f"segment {s.msn} had discontinuity number {was[s.msn].discontinuity_number}, now another"


@update("6.2.2")
def three_targets_stay_listed(before: Playlist, now: Playlist) -> Complaints:
    shorter = sum(s.duration for s in now.whole) < 3 * now.target - EPSILON
    if now.media_sequence > before.media_sequence and not now.ended and shorter:
        yield "segments have left, and less than three target durations are listed"


@update("4.4.3.4")
def nothing_comes_after_the_end(before: Playlist, now: Playlist) -> Complaints:
    if before.ended and now.last > before.last:
        yield "has ended and goes on"


@update("6.2.1")
def the_end_stays(before: Playlist, now: Playlist) -> Complaints:
    if before.ended and not now.ended:
        yield "EXT-X-ENDLIST is gone"


# --- over the whole run -----------------------------------------------------------------------------------------------


@over("6.2.1")
def parts_come_in_time(run: Run) -> Complaints:
    """ "within one Part Target Duration after it added the previous"; a tenth more for the scheduler."""
    for before, now in run.updates():
        due = before.at_s + 1.1 * now.playlist.part_target
        if not before.playlist.ended and now.at_s > due and not run.paused(before.at_s, now.at_s):
            yield f"{now.rendition}: a part came {now.at_s - before.at_s:.2f} s after the one before"


@over("6.2.1")
def segments_come_in_time(run: Run) -> Complaints:
    """ "no later than 1.5 times the Target Duration after the previous"."""
    for rendition in run.renditions:
        last: tuple[float, int] | None = None
        for seen in run.whole(rendition):
            newest = seen.playlist.whole[-1].msn if seen.playlist.whole else -1
            if last is None or newest > last[1]:
                if last and seen.at_s - last[0] > 1.5 * seen.playlist.target and not run.paused(last[0], seen.at_s):
                    yield f"{rendition}: a segment came {seen.at_s - last[0]:.1f} s after the one before"
                last = (seen.at_s, newest)


@over("4.4.5.3")
def hints_come_true(run: Run) -> Complaints:
    """What is hinted "MUST match the URI that will be subsequently added"; a new generation may change the plan."""
    for before, now in run.updates():
        hint = before.playlist.hint
        known = {x.uri for x in before.playlist.parts}
        new = [x for x in now.playlist.parts if x.uri not in known]
        if hint is None or not new:
            continue
        segment = next(s for s in now.playlist.segments if s.msn == new[0].msn)
        if new[0].uri != hint and not (segment.discontinuities and new[0].index == 0):
            yield f"{now.rendition}: {hint} was hinted, {new[0].uri} came"


@over("6.2.5.1")
def deltas_make_the_whole(run: Run) -> Complaints:
    """A delta and what a client had before are the playlist that others get whole (6.3.7)."""
    for rendition in run.renditions:
        before: Playlist | None = None
        whole = {s.at_s: s for s in run.whole(rendition)}
        for seen in (s for s in run.seen if s.rendition == rendition and s.skip):
            target = whole.get(seen.at_s)
            if target is not None and _merged(before, seen.playlist) != _listing(target.playlist):
                yield f"{rendition}: the delta at {seen.at_s:.2f} s does not make the whole"
            before = target.playlist if target is not None else before


def _listing(p: Playlist) -> list[str]:
    """Everything but the map of what was there before, which a delta need not repeat."""
    return [line.text for line in p.lines if line.name not in ("#EXT-X-SKIP", "#EXT-X-MAP")]


def _merged(before: Playlist | None, delta: Playlist) -> list[str] | None:
    lines = _listing(delta)
    if not delta.skipped:
        return lines
    wanted = range(delta.media_sequence, delta.media_sequence + delta.skipped)
    known = by_msn(before) if before is not None else {}
    if any(m not in known for m in wanted):
        return None
    # Segments that are skipped lie so far back that their parts are listed no more.
    skipped = [
        text for m in wanted for text in (*(t.text for t in known[m].tags if t.name != "#EXT-X-MAP"), str(known[m].uri))
    ]
    head = next(i for i, line in enumerate(delta.lines) if line.name == "#EXT-X-SKIP")
    at = sum(line.name not in ("#EXT-X-SKIP", "#EXT-X-MAP") for line in delta.lines[:head])
    return lines[:at] + skipped + lines[at:]


@over("6.3.7")
def deltas_skip_what_is_known(run: Run) -> Complaints:
    """A client asks for a delta if what it has "is no older than one-half of the Skip Boundary"."""
    for rendition in run.renditions:
        whole = run.whole(rendition)
        times = [s.at_s for s in whole]
        for seen in (s for s in run.seen if s.rendition == rendition and s.skip):
            p = seen.playlist
            boundary = p.attribute("#EXT-X-SERVER-CONTROL", "CAN-SKIP-UNTIL") or 0.0
            at = bisect.bisect_left(times, seen.at_s - boundary / 2)
            if at >= len(whole) or whole[at].at_s >= seen.at_s or not p.skipped or run.paused(times[at], seen.at_s):
                continue
            known = by_msn(whole[at].playlist)
            if any(m not in known for m in range(p.media_sequence, p.media_sequence + p.skipped)):
                yield f"{rendition}: the delta at {seen.at_s:.2f} s skips what was not listed {boundary / 2} s before"


@over("6.2.5.2")
def answers_hold_what_was_asked_for(run: Run) -> Complaints:
    for seen in run.seen:
        p = seen.playlist
        if seen.msn is None or p.ended:
            continue
        enough = (
            p.last >= (seen.msn, seen.part) if seen.part is not None else bool(p.whole) and p.whole[-1].msn >= seen.msn
        )
        if not enough:
            yield f"{seen.rendition}: asked for {seen.msn}.{seen.part}, got up to {p.last}"


@over("4.4.5.4")
def reports_are_true(run: Run) -> Complaints:
    """ "as up-to-date as the Playlist that contains it", to within a part (B.1)."""
    for seen in run.seen:
        for line in seen.playlist.all("#EXT-X-RENDITION-REPORT"):
            other = _latest(run, line.attributes.get("URI", "").removesuffix(".m3u8"), seen.at_s)
            said = (line.number_of("LAST-MSN"), line.number_of("LAST-PART"))
            if other is not None and said != (is_ := tuple(map(float, other.playlist.last))):
                yield f"{seen.rendition} at {seen.at_s:.2f} s reports {said}, {other.rendition} was at {is_}"


def _latest(run: Run, rendition: str, at_s: float) -> Seen | None:
    whole = run.whole(rendition)
    at = bisect.bisect_right([s.at_s for s in whole], at_s)
    return whole[at - 1] if at else None


@over("B.1")
def every_other_rendition_is_reported(run: Run) -> Complaints:
    for seen in run.seen:
        named = sorted(line.attributes.get("URI", "") for line in seen.playlist.all("#EXT-X-RENDITION-REPORT"))
        there = [r for r in run.renditions if r != seen.rendition and _latest(run, r, seen.at_s) is not None]
        if named != sorted(f"{r}.m3u8" for r in there):
            yield f"{seen.rendition} at {seen.at_s:.2f} s reports {named}"


@over("B.1")
def renditions_keep_step(run: Run) -> Complaints:
    """ "updated in sync, within an accuracy of one Part Target Duration"."""
    for seen in run.seen:
        for rendition in run.renditions:
            other = _latest(run, rendition, seen.at_s)
            if other is None or seen.playlist.ended or run.paused(seen.at_s - 1.0, seen.at_s + 1.0):
                continue
            mine, theirs = seen.playlist.end_date, other.playlist.end_date
            part = max(seen.playlist.part_target, other.playlist.part_target)
            if mine is not None and theirs is not None and mine - theirs > 1.1 * part:
                yield f"{rendition} is {mine - theirs:.2f} s behind {seen.rendition}"


def _lasts(run: Run) -> list[Seen]:
    return [run.whole(r)[-1] for r in run.renditions]


@over("6.2.4")
def renditions_have_one_target_duration(run: Run) -> Complaints:
    if len({s.playlist.target for s in _lasts(run)}) > 1:
        yield "renditions differ in their target duration"


@over("6.2.4")
def renditions_have_one_server_control(run: Run) -> Complaints:
    lines = [s.playlist.first("#EXT-X-SERVER-CONTROL") for s in _lasts(run)]
    if len({str(line and sorted(line.attributes.items())) for line in lines}) > 1:
        yield "renditions differ in EXT-X-SERVER-CONTROL"


@over("6.2.4")
def discontinuity_numbers_match(run: Run) -> Complaints:
    """Of content at the same date."""
    for at, seen in enumerate(run.seen):
        if seen.skip or at % 10:
            continue
        for rendition in run.renditions:
            other = _latest(run, rendition, seen.at_s)
            for s in seen.playlist.whole if other else ():
                twin = other and s.date and _at_date(other.playlist, s.date + s.duration / 2)
                if twin and twin.discontinuity_number != s.discontinuity_number:
                    yield f"{s.uri} has number {s.discontinuity_number}, {twin.uri} has {twin.discontinuity_number}"


def _at_date(p: Playlist, date: float) -> ListedSegment | None:
    return next((s for s in p.whole if s.date is not None and s.date <= date < s.date + s.duration), None)


@over("6.2.4")
def dates_are_in_all_renditions_or_none(run: Run) -> Complaints:
    if len({s.playlist.has("#EXT-X-PROGRAM-DATE-TIME") for s in _lasts(run)}) > 1:
        yield "some renditions have dates"


@over("6.2.4")
def dates_map_to_media_times_alike(run: Run) -> Complaints:
    """ "consistent mappings of date and time to media timestamps", to 50 ms."""
    bodies = {f.uri: f.body for f in run.fetched if f.body}
    zeros: dict[str, float] = {}
    for seen in run.seen:
        for s in seen.playlist.segments:
            body = bodies.get(s.parts[0].uri) if s.parts else None
            if body and s.date is not None:
                zeros[s.parts[0].uri] = s.date - parse_part(body).base_time / 48_000
    if zeros and max(zeros.values()) - min(zeros.values()) > 0.05:
        yield f"dates of media time 0 differ by {max(zeros.values()) - min(zeros.values()):.3f} s"


# --- media ------------------------------------------------------------------------------------------------------------


def _fetches(run: Run) -> dict[str, list[Fetched]]:
    found: dict[str, list[Fetched]] = {}
    for f in run.fetched:
        found.setdefault(f.uri, []).append(f)
    return found


def _listed(run: Run) -> dict[str, tuple[float, float, float]]:
    """Address of what is listed and is no gap: first and last time listed, and how long it must stay after that."""
    found: dict[str, tuple[float, float, float]] = {}
    for seen in run.seen:
        p = seen.playlist
        stays = [(x.uri, 3 * p.target) for x in p.parts if not x.gap]
        # RFC 8216, 6.2.2, which asks for more than bis: the segment, and the longest playlist that had it.
        stays += [(s.uri, s.duration + p.duration) for s in p.whole if s.uri is not None and not s.gap]
        stays += [(s.map_uri, 0.0) for s in p.whole if s.map_uri is not None and not s.gap]
        for uri, stay in stays:
            since, _, longest = found.get(uri, (seen.at_s, 0.0, 0.0))
            found[uri] = (since, seen.at_s, max(stay, longest))
    return found


@over("6.2.1")
def what_is_listed_can_be_had(run: Run) -> Complaints:
    fetches = _fetches(run)
    for uri, (since, until, _) in _listed(run).items():
        if not any(f.body for f in fetches.get(uri, ())):
            yield f"{uri} was never to be had"
        for f in fetches.get(uri, ()):
            if since <= f.at_s <= until and f.body is None:
                yield f"{uri} is listed and was not to be had at {f.at_s:.2f} s"


@over("6.2.2")
def what_left_can_be_had_for_a_while(run: Run) -> Complaints:
    fetches = _fetches(run)
    for uri, (_, until, stay) in _listed(run).items():
        for f in fetches.get(uri, ()):
            if until < f.at_s < until + stay and f.body is None:
                yield f"{uri} was gone {f.at_s - until:.2f} s after it left the playlist"


@over("3.2")
def segments_are_their_parts(run: Run) -> Complaints:
    bodies = {f.uri: f.body for f in run.fetched if f.body}
    checked: set[str] = set()
    for seen in run.seen:
        for s in seen.playlist.whole:
            if s.uri is None or s.uri in checked or not s.parts or s.uri not in bodies:
                continue
            checked.add(s.uri)
            if _media(bodies[s.uri]) != [_media(bodies.get(x.uri)) for x in s.parts]:
                yield f"{s.uri} is not its parts"


def _media(body: bytes | None) -> object:
    """The content of each mdat, and of the only one bare."""
    found = [body[b.body : b.end] for b in walk_boxes(body) if b.kind == b"mdat"] if body else []
    return found[0] if len(found) == 1 else found


@over("names")
def a_name_never_means_two_things(run: Run) -> Complaints:
    """A rule of ours, because caches keep media for ever."""
    for uri, found in _fetches(run).items():
        if len({f.body for f in found if f.body is not None}) > 1:
            yield f"{uri} has changed"


# --- the multivariant playlist ----------------------------------------------------------------------------------------


def _variants(run: Run) -> list[tuple[dict[str, str], str]]:
    p = Playlist(run.multivariant)
    return [(a.attributes, b.text) for a, b in pairwise(p.lines) if a.name == "#EXT-X-STREAM-INF"]


@over("4.4.6.2")
def variants_have_bandwidth_and_address(run: Run) -> Complaints:
    for attributes, uri in _variants(run):
        if not attributes.get("BANDWIDTH", "").isdigit() or not uri or uri.startswith("#"):
            yield f"{uri}: no BANDWIDTH or no address"


@over("4.4.6.2")
def variants_have_codecs(run: Run) -> Complaints:
    for attributes, uri in _variants(run):
        if not attributes.get("CODECS"):
            yield f"{uri}: no CODECS"


@over("4.4.6.2")
def bandwidth_is_the_peak(run: Run) -> Complaints:
    """ "the largest bit rate of any contiguous set of segments whose total duration is between 0.5 times" and 1.5 times
    the target duration and 0.5 s (4.1); here of single segments, which is as strict."""
    bodies = {f.uri: f.body for f in run.fetched if f.body}
    for attributes, uri in _variants(run):
        for seen in run.whole(uri.removesuffix(".m3u8")):
            p = seen.playlist
            for s in p.whole:
                body = bodies.get(s.uri or "")
                if not body or s.duration < 0.5 * p.target:
                    continue
                if len(body) * 8 / s.duration > int(attributes.get("BANDWIDTH", "0")):
                    yield f"{s.uri} has {len(body) * 8 / s.duration:.0f} bit/s, more than BANDWIDTH"


@over("4.4.3")
def the_multivariant_playlist_has_no_media_tags(run: Run) -> Complaints:
    p = Playlist(run.multivariant)
    if p.lines[0].text != "#EXTM3U":
        yield "the multivariant playlist does not begin with #EXTM3U"
    for line in p.lines:
        if line.name in ("#EXTINF", "#EXT-X-TARGETDURATION", "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-PART", "#EXT-X-MAP"):
            yield f"the multivariant playlist has {line.name}"


@over("6.2.4")
def the_multivariant_playlist_names_every_rendition(run: Run) -> Complaints:
    named = {uri for _, uri in _variants(run)}
    for rendition in run.renditions:
        if f"{rendition}.m3u8" not in named:
            yield f"{rendition} is not in the multivariant playlist"
