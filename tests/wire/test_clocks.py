from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rostra.wire.clocks import moment


@pytest.mark.parametrize(
    ("at", "tz", "meant", "said"),
    [
        ("2031-05-01T19:30", "Europe/Berlin", "2031-05-01T17:30", ""),
        ("2031-05-01T19:30+02:00", "Asia/Tokyo", "2031-05-01T17:30", ""),
        ("2031-03-30T02:30", "Europe/Berlin", "2031-03-30T01:30", "There is no 02:30 on 30.03.2031 in Europe/Berlin"),
        ("2031-10-26T02:30", "Europe/Berlin", "2031-10-26T00:30", "It is the first time, +02:00 from UTC."),
        ("2031-11-02T01:30", "America/New_York", "2031-11-02T05:30", "It is the first time, -04:00 from UTC."),
    ],
)
def test_what_the_clock_on_the_wall_shows(at: str, tz: str, meant: str, said: str) -> None:
    seconds, remark = moment(datetime.fromisoformat(at), tz)
    assert datetime.fromtimestamp(seconds, UTC) == datetime.fromisoformat(meant).replace(tzinfo=UTC)
    assert said in remark and bool(said) is bool(remark)
