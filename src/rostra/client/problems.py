"""From a problem (RFC 9457) back to the exception it was made from. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rostra import errors
from rostra.errors import RostraError

_PREFIX = "urn:rostra:problem:"


def _tree(kind: type[RostraError]) -> Iterator[type[RostraError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)


_BY_SLUG = {kind.slug: kind for kind in reversed(list(_tree(errors.RostraError)))}
_BY_STATUS = {400: errors.BadRequest, 401: errors.BadToken, 403: errors.Forbidden, 404: errors.NotFound,
              409: errors.Conflict, 413: errors.TooLarge, 415: errors.Unsupported, 422: errors.BadRequest,
              503: errors.Unavailable}  # fmt: skip


def error(status: int, body: object, retry_after: str = "") -> RostraError:
    """What the studio refused with, by its type, or by the status where that says nothing."""
    found: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    sentence = str(found.get("detail") or f"The studio answered with status {status}.")
    kind = _BY_SLUG.get(str(found.get("type", "")).removeprefix(_PREFIX)) or _BY_STATUS.get(status, RostraError)
    if kind in (errors.TooMany, errors.Full):
        wait = float(retry_after) if retry_after.isdigit() else 2.0
        return kind(sentence, wait)
    made = kind.__new__(kind)
    Exception.__init__(made, sentence)  # some build their sentence from data that the answer does not have
    return made
