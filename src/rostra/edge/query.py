"""Queries of the addresses that have one: LL-HLS delivery directives (rfc8216bis 6.2.5) and the codec of a push."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

from rostra.errors import BadRequest
from rostra.units import PARTS_PER_SEGMENT, Rendition

MAX_QUERY_BYTES = 1024
"""Three directives take 60 bytes; what a CDN or a site adds to tell its listeners apart has room."""

_NUMBER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Directives:
    """Which playlist is asked for. ``msn`` None: the one there is now."""

    msn: int | None = None
    part: int | None = None
    skip: bool = False

    def __post_init__(self) -> None:
        if self.part is not None and self.msn is None:
            raise ValueError("a part is of a segment")

    @property
    def blocking(self) -> bool:
        return self.msn is not None


def parse_directives(query: str) -> Directives:
    """:raises BadRequest: if a directive makes no sense. Parameters of others are ignored."""
    values = _parameters(query)
    msn = _number(values, "_HLS_msn")
    part = _number(values, "_HLS_part")
    if part is not None and msn is None:
        # 6.2.5.2: "If the _HLS_part is present, the _HLS_msn MUST also be present", or else 400
        raise BadRequest("_HLS_part needs _HLS_msn beside it.")
    if msn is not None and part is not None and part >= PARTS_PER_SEGMENT:
        # 6.2.5.2: a part beyond the last of its segment is the first of the next one
        msn, part = msn + 1, 0
    skip = values.get("_HLS_skip")
    if skip not in (None, "YES", "v2"):
        raise BadRequest("_HLS_skip is YES or v2.")
    return Directives(msn, part, skip is not None)


def parse_codec(query: str) -> Rendition:
    """The rendition that ``?codec=`` of a push asks for; Opus if it does not say. :raises BadRequest: if there is
    none.
    """
    codec = _parameters(query).get("codec", Rendition.OPUS.value)
    if codec not in (Rendition.OPUS, Rendition.AAC):
        raise BadRequest("codec is opus or aac; MP3 is at live.mp3.")
    return Rendition(codec)


def _parameters(query: str) -> dict[str, str]:
    if len(query) > MAX_QUERY_BYTES:
        raise BadRequest(f"A query may have {MAX_QUERY_BYTES} bytes.")
    values: dict[str, str] = {}
    for item in query.split("&"):
        name, _, value = item.partition("=")
        name = unquote_plus(name)
        if name in values and (name.startswith("_HLS_") or name == "codec"):
            raise BadRequest(f"{name[:32]} is there twice.")
        values[name] = unquote_plus(value)
    return values


def _number(values: dict[str, str], name: str) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if not _NUMBER.fullmatch(value):
        raise BadRequest(f"{name} is a whole number.")
    return int(value)
