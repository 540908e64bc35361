"""Times as a clock on the wall shows them, in zones that change their clocks twice a year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def moment(at: datetime, tz: str) -> tuple[float, str]:
    """UTC seconds, and what must be said about it. ``tz``: the name of a zone that there is.

    A time without an offset is what the clock on the wall shows in ``tz``. An hour that it skips is taken as if the
    clock had not been changed yet; one that comes twice is taken the first time (RFC 5545, 3.3.5).
    """
    if at.tzinfo is not None:
        return at.timestamp(), ""
    where = ZoneInfo(tz)
    first, second = at.replace(tzinfo=where, fold=0), at.replace(tzinfo=where, fold=1)
    seconds = first.timestamp()
    shown = datetime.fromtimestamp(seconds, UTC).astimezone(where)
    if shown.replace(tzinfo=None) != at.replace(fold=0):
        return seconds, (
            f"There is no {at:%H:%M} on {at:%d.%m.%Y} in {tz}: the clock is put forward then. It is {shown:%H:%M}."
        )
    if first.utcoffset() != second.utcoffset():
        ahead = first.utcoffset() or timedelta()
        return seconds, (
            f"It is {at:%H:%M} twice on {at:%d.%m.%Y} in {tz}: the clock is put back then. "
            f"It is the first time, {_offset(ahead)} from UTC."
        )
    return seconds, ""


def _offset(ahead: timedelta) -> str:
    minutes = int(ahead.total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
