"""From a problem (RFC 9457) back to the exception it was made from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rostra import errors
from rostra.errors import RostraError

_PREFIX = "urn:rostra:problem:"

MAX_SENTENCE = 2000

Kind = type[RostraError]

_TREE: list[Kind] = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RostraError)]
_BY_SLUG: dict[str, Kind] = {kind.slug: kind for kind in reversed(_TREE)}
"""Of several with one slug the uppermost."""

_BY_STATUS: dict[int, Kind] = {
    400: errors.BadRequest, 401: errors.BadToken, 403: errors.Forbidden, 404: errors.NotFound, 408: errors.TooSlow,
    409: errors.Conflict, 410: errors.Gone, 413: errors.TooLarge, 415: errors.Unsupported, 422: errors.BadRequest,
    429: errors.TooMany, 502: errors.Unavailable, 503: errors.Unavailable, 504: errors.Unavailable,
}  # fmt: skip


def error(status: int, body: object, retry_after: str = "") -> RostraError:
    """What the studio refused with, by its type, or by the status where that says nothing."""
    found: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    sentence = str(found.get("detail") or f"The studio answered with status {status}.")[:MAX_SENTENCE]
    kind = _BY_SLUG.get(str(found.get("type", "")).removeprefix(_PREFIX)) or _BY_STATUS.get(status, RostraError)
    if issubclass(kind, errors.TooMany | errors.Full):
        wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 7 else 2.0
        return kind(sentence, wait)
    made: RostraError = kind.__new__(kind)
    Exception.__init__(made, sentence)  # some build their sentence from data that the answer does not have
    return made
