"""Queries of the addresses that have one: LL-HLS delivery directives (rfc8216bis 6.2.5), the codec of a push, the token
of a link; and the cookie that stands for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

from rostra.errors import BadRequest
from rostra.units import PARTS_PER_SEGMENT, Rendition
from rostra.wire.passes import PASS_LETTERS

MAX_QUERY_BYTES = 2048
"""Three directives take 60 bytes, a token 1 KiB at most; what a site adds to tell its listeners apart has room."""

MAX_COOKIES = 64
"""Looked at; browsers keep 50 or more a site, the one of the longest path first (RFC 6265, 5.4)."""

_NUMBER = re.compile(r"[0-9]{1,15}")
_PASS = re.compile(rf"[A-Za-z0-9_-]{{{PASS_LETTERS}}}")


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


def parse_codec(query: str) -> Rendition | None:
    """The rendition that ``?codec=`` of a push asks for; None if it does not say. :raises BadRequest: if there is
    none.
    """
    codec = _parameters(query).get("codec") if query else None
    if codec is None:
        return None
    if codec not in (Rendition.OPUS, Rendition.OPUS_LOW, Rendition.AAC):
        raise BadRequest("codec is opus, opus16 or aac; MP3 is at live.mp3.")
    return Rendition(codec)


def token_of(query: str) -> str:
    """The token of the link that was opened (``?t=``); empty: none. :raises BadRequest: if the query is too long."""
    return _parameters(query).get("t", "") if query else ""


def token_in_cookies(field: str, room: str) -> str:
    """The token that the page of ``room`` left with the browser (RFC 6265, 4.2); empty: none."""
    name = cookie_name(room)
    for pair in field.split(";")[:MAX_COOKIES]:
        found, _, value = pair.strip().partition("=")
        if found == name:
            return value
    return ""


def pass_of(query: str, cookies: str, room: str) -> str:
    """The place in the line that is shown (``?w=``, or the cookie ``w-ROOM``); empty: none. :raises BadRequest: if the
    query is too long."""
    if query and (shown := _parameters(query).get("w", "")):
        return shown
    if "w-" not in cookies:
        return ""
    name = f"w-{room}"
    for pair in cookies.split(";")[:MAX_COOKIES]:
        found, _, value = pair.strip().partition("=")
        if found == name:
            return value
    return ""


def shown_pass(query: str) -> str:
    """What ``?w=`` shows, if it could be a pass: it may stand in an address then. :raises BadRequest: if the query is
    too long."""
    shown = _parameters(query).get("w", "")
    return shown if _PASS.fullmatch(shown) else ""


def cookie_name(room: str) -> str:
    return f"rostra_{room}"


def _parameters(query: str) -> dict[str, str]:
    if len(query) > MAX_QUERY_BYTES:
        raise BadRequest(f"A query may have {MAX_QUERY_BYTES} bytes.")
    values: dict[str, str] = {}
    for item in query.split("&"):
        name, _, value = item.partition("=")
        name = unquote_plus(name)
        if name in values and (name.startswith("_HLS_") or name in ("codec", "t", "w")):
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
