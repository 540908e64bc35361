"""Cursors: where a page of a list ended, as a word for the client to bring back. Pure.

A cursor names the last entry that was shown, not how many were: what is added meanwhile moves nothing.
"""

from __future__ import annotations

import base64
import json
import math

from rostra.errors import BadRequest

MAX_CURSOR_CHARS = 200
"""Ours have about 80."""


def write_cursor(created: float, name: str) -> str:
    """For lists in the order of a time and then a name."""
    text = json.dumps([created, name], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[float, str]:
    """:raises BadRequest: if we never gave out such a one."""
    try:
        if len(cursor) > MAX_CURSOR_CHARS:
            raise ValueError("too long")
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        created, name = json.loads(text)
        created = float(created)
        if not (isinstance(name, str) and name.isascii() and name.isprintable() and math.isfinite(created)):
            raise ValueError("not what we write")
    except (ValueError, TypeError, OverflowError, RecursionError) as e:
        raise BadRequest("That cursor is none of ours. Begin without one, and go on with what `next` says.") from e
    return created, name
