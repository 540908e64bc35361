"""HLS playlists (draft-pantos-hls-rfc8216bis-22, "bis" below): values in, lines out; and the names of what they list.

Low latency needs protocol version 9 (``EXT-X-SKIP``). Lines are made once for each part and segment and joined
for each playlist; see ``packaging.window``. Durations come in samples at 48 kHz and go out in seconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rostra.units import SAMPLE_RATE, PartName, Rendition, WallTime

VERSION = 9
"""bis 8: "A Playlist MUST indicate an EXT-X-VERSION of 9 or higher if it contains: The EXT-X-SKIP tag"."""

HLS_RENDITIONS = (Rendition.OPUS, Rendition.AAC)
"""Renditions that have playlists, the default first. MP3 goes out as one endless stream only.

The small Opus has none. It begins in the middle of an evening and ends again, but "content that appears in a Media
Playlist of one Variant Stream but not in another ... MUST NOT be longer than the Target Duration" (bis 6.2.4); and
players read a Multivariant Playlist once: they would change to it by themselves when nobody makes it any more."""

TARGET_DURATION_S = 4
"""bis 4.4.3.1: a segment's duration, "when rounded to the nearest integer, MUST be less than or equal to the Target
Duration": 4.0 s of Opus and 4.096 s of AAC. One value for all renditions (bis 6.2.4) and for ever (6.2.1)."""

SKIP_BOUNDARY_S = 6 * TARGET_DURATION_S
"""bis 4.4.3.8: "The Skip Boundary MUST be at least six times the Target Duration"."""

HOLD_BACK_S = 3 * TARGET_DURATION_S
"""bis 4.4.3.8: HOLD-BACK "MUST be at least three times the Target Duration"."""

PART_HOLD_BACK_S = 3 * max(r.part_s for r in HLS_RENDITIONS)
"""bis 4.4.3.8: "If different Renditions have different Part Target Durations then PART-HOLD-BACK SHOULD be at least
three times the maximum Part Target Duration"."""

CLOSED_SEGMENTS_WITH_PARTS = 2
"""bis 6.2.2: "EXT-X-PART tags SHOULD be removed from the Playlist after they are greater than three Target Durations
from the end of the Playlist": those of the open segment and of two before it reach back 11.8 s at most. Some parsers
count segments instead of seconds and refuse a third, which would fit when one was cut short."""

# How long caches in front may keep an answer (bis, appendix B.1, "Low-Latency Server Configuration Profile").
BLOCKING_MAX_AGE_S = 6 * TARGET_DURATION_S
"""B.1: "Successful responses to blocking Playlist requests should be cached for six Target Durations": their address
names what they waited for."""
PLAIN_MAX_AGE_S = 1
"""An answer without ``_HLS_msn``. B.1 suggests half a target duration; 1 s brings newcomers nearer to the edge."""
MEDIA_MAX_AGE_S = 3600
"""Inits, parts and segments never change; an hour is longer than any playlist lists them."""
BLOCK_TIMEOUT_S = 3 * TARGET_DURATION_S
"""bis 6.2.5.2: "A Server that cannot provide the requested Playlist after blocking for more than three Target Durations
SHOULD return Service Unavailable"."""

MEDIA_TYPE = "audio/mp4"
PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
"""bis 4."""


# --- names ----------------------------------------------------------------------------------------------------------

_SHORT_NAME = re.compile(r"g[0-9]{1,10}-(?:init\.mp4|[ps][0-9]{1,20}(?:x[1-7])?\.m4s)")


def is_media_name(name: str) -> bool:
    """Whether a last path segment could be the name of an init, a part or a segment."""
    return _SHORT_NAME.fullmatch(name) is not None


def init_name(generation: int) -> str:
    return f"g{generation}-init.mp4"


def part_name(name: PartName) -> str:
    return f"g{name.generation}-p{name.sequence}.m4s"


def segment_name(generation: int, segment: int, parts: int) -> str:
    """``g3-s120.m4s``; ``g3-s120x5.m4s`` where a segment was cut short and has its first five parts only.

    Two edges may learn of a crash after different parts; with the count in the name both tell the truth, and no cache
    holds two things under one name.
    """
    return f"g{generation}-s{segment}.m4s" if parts == 8 else f"g{generation}-s{segment}x{parts}.m4s"


# --- lines ----------------------------------------------------------------------------------------------------------


def seconds(samples: int) -> str:
    """bis 4.4.4.1: "with enough accuracy to avoid perceptible error when segment durations are accumulated"."""
    return f"{samples / SAMPLE_RATE:.5f}"


def date_time(wall: WallTime) -> str:
    """bis 4.4.4.6: ISO 8601 with a time zone and "fractional parts of seconds, to millisecond accuracy"."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def part_line(uri: str, duration: int) -> str:
    """bis 4.4.4.9. Every part of ours can be decoded by itself, so that clients may begin at any."""
    return f'#EXT-X-PART:DURATION={seconds(duration)},INDEPENDENT=YES,URI="{uri}"\n'


def gap_part_line(uri: str, duration: int) -> str:
    """bis 4.4.4.9: GAP "is YES if the Partial Segment is not available"."""
    return f'#EXT-X-PART:DURATION={seconds(duration)},GAP=YES,URI="{uri}"\n'


def map_line(uri: str) -> str:
    """bis 4.4.4.5: applies to every segment after it "until the next EXT-X-MAP tag"."""
    return f'#EXT-X-MAP:URI="{uri}"\n'


def hint_line(uri: str) -> str:
    """bis 4.4.5.3: what a client may ask for before it is there. bis 6.2.6: "SHOULD NOT add more than one"."""
    return f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{uri}"\n'


DISCONTINUITY_LINE = "#EXT-X-DISCONTINUITY\n"
"""bis 4.4.4.3: "MUST be present if there is a change in ... timestamp sequence"."""

ENDLIST_LINE = "#EXT-X-ENDLIST\n"


def segment_head(wall: WallTime | None, discontinuities: int, map_uri: str | None) -> str:
    """What stands before a segment's parts."""
    lines = DISCONTINUITY_LINE * discontinuities
    if map_uri is not None:
        lines += map_line(map_uri)
    if wall is not None:
        lines += f"#EXT-X-PROGRAM-DATE-TIME:{date_time(wall)}\n"
    return lines


def segment_tail(uri: str, duration: int, *, gap: bool = False) -> str:
    """EXTINF and the address. bis 4.4.4.7: EXT-X-GAP "applies only to the next Media Segment"."""
    return f"{'#EXT-X-GAP' + chr(10) if gap else ''}#EXTINF:{seconds(duration)},\n{uri}\n"


@dataclass(frozen=True, slots=True)
class RenditionReport:
    """How far another rendition is (bis 4.4.5.4): "the Media Sequence Number of the last Partial Segment", its index.

    One for "each Media Playlist (Rendition) in the Multivariant Playlist, except for" the one it stands in (bis B.1).
    """

    uri: str
    last_msn: int
    last_part: int

    def line(self) -> str:
        return f'#EXT-X-RENDITION-REPORT:URI="{self.uri}",LAST-MSN={self.last_msn},LAST-PART={self.last_part}\n'


def media_head(rendition: Rendition, media_sequence: int, discontinuity_sequence: int) -> str:
    """What stands before the first segment. bis 4.4.3.2, 4.4.3.3: each sequence "MUST appear before the first Media
    Segment in the Playlist"."""
    return (
        f"{_HEADS[rendition]}#EXT-X-MEDIA-SEQUENCE:{media_sequence}\n"
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuity_sequence}\n"
    )


def skip_line(segments: int) -> str:
    """bis 4.4.5.2: stands for so many segments at the beginning of a delta update."""
    return f"#EXT-X-SKIP:SKIPPED-SEGMENTS={segments}\n"


def _head(rendition: Rendition) -> str:
    return (
        "#EXTM3U\n"  # bis 4.4.1.1: "MUST be the first line of every Media Playlist"
        f"#EXT-X-VERSION:{VERSION}\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        f"#EXT-X-TARGETDURATION:{TARGET_DURATION_S}\n"
        f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={SKIP_BOUNDARY_S:.1f},"
        f"HOLD-BACK={HOLD_BACK_S:.1f},PART-HOLD-BACK={PART_HOLD_BACK_S:.3f}\n"
        f"#EXT-X-PART-INF:PART-TARGET={seconds(rendition.part_samples)}\n"
    )


_HEADS = {r: _head(r) for r in HLS_RENDITIONS}


# --- multivariant ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Variant:
    """One stream to choose. ``bandwidth``: peak bits a second with everything, ``average``: over the whole."""

    rendition: Rendition
    bandwidth: int
    average: int


def nominal_variant(rendition: Rendition) -> Variant:
    """Before anything was measured: the encoder's rate, a kilobyte of boxes and metadata a second, a fifth at peaks."""
    average = rendition.bit_rate + 8_000
    return Variant(rendition, math.ceil(average * 1.2), average)


def multivariant(variants: Sequence[Variant] | None = None) -> bytes:
    """``main.m3u8`` (bis 4.4.6): sound alone, the same content in several encodings."""
    if variants is None:
        variants = [nominal_variant(r) for r in HLS_RENDITIONS]
    # bis 4.4.2.1: EXT-X-INDEPENDENT-SEGMENTS stands in the media playlists, so it "SHOULD NOT" stand here.
    return "".join(("#EXTM3U\n", "#EXT-X-VERSION:6\n", *_streams(variants))).encode()


def _streams(variants: Iterable[Variant]) -> Iterable[str]:
    for v in variants:
        # bis 4.4.6.2: BANDWIDTH is REQUIRED, "every EXT-X-STREAM-INF tag SHOULD include a CODECS attribute".
        yield (
            f"#EXT-X-STREAM-INF:BANDWIDTH={v.bandwidth},AVERAGE-BANDWIDTH={v.average},"
            f'CODECS="{v.rendition.codec}"\n{v.rendition}.m3u8\n'
        )
