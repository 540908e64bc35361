"""What a request asks for among the forms an answer can have: encoding, page or problem, a range of bytes."""

from __future__ import annotations

import re
from enum import StrEnum

from rostra.errors import OutOfRange


class Encoding(StrEnum):
    """Content codings that are made ahead (RFC 9110, 8.4.1; RFC 7932)."""

    IDENTITY = "identity"
    GZIP = "gzip"
    BROTLI = "br"


_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)


def accepted_encoding(field: str) -> Encoding:
    """The best coding that an ``Accept-Encoding`` allows (RFC 9110, 12.5.3): brotli, then gzip; identity if neither."""
    weights = _weights(field)
    for encoding, names in ((Encoding.BROTLI, ("br",)), (Encoding.GZIP, ("gzip", "x-gzip"))):
        weight = max((weights[n] for n in names if n in weights), default=weights.get("*", 0.0))
        if weight > 0:
            return encoding
    return Encoding.IDENTITY


def prefers_html(field: str) -> bool:
    """Whether an ``Accept`` names HTML (a browser that shows a page); ``*/*`` alone does not."""
    weights = _weights(field)
    page = max(weights.get("text/html", 0.0), weights.get("application/xhtml+xml", 0.0))
    problem = max(weights.get("application/problem+json", 0.0), weights.get("application/json", 0.0))
    return page > 0 and page >= problem


def _weights(field: str) -> dict[str, float]:
    """Each name in a list like ``gzip;q=0.5, br`` with its weight; a weight that is malformed counts as 0."""
    found: dict[str, float] = {}
    for item in field.split(",")[:32]:  # 32 is more than any client sends
        name, *parameters = (p.strip().lower() for p in item.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                match = _WEIGHT.fullmatch(parameter)
                weight = float(match.group(1)) if match else 0.0
        if name:
            found[name] = weight
    return found


def byte_range(field: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last that a ``Range`` asks for (RFC 9110, 14.2); None: send all.

    Several ranges, other units and malformed ones are ignored, as 14.2 allows: "A server MAY ignore the Range header
    field."

    :raises OutOfRange: if none of the bytes are there (15.5.17).
    """
    match = _RANGE.fullmatch(field.strip())
    if not match or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first == "":
        if int(last) == 0 or size == 0:
            raise OutOfRange(size)
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise OutOfRange(size)
    return int(first), min(size, int(last) + 1) if last else size
