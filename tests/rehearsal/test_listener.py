from __future__ import annotations

import json

from rostra.rehearsal.listener import Pass, read_pass, read_serving


def test_a_pass_is_served_when_its_line_has_come_so_far() -> None:
    mine = Pass("x" * 54, "late", 5000)
    assert not mine.served({"late": 5000})
    assert mine.served({"late": 5001})
    assert not mine.served({"early": 9000})
    assert not mine.served({"late": "soon"})


def test_what_the_door_answers() -> None:
    body = json.dumps({"pass": "abc", "line": "early", "rank": 7, "serving": {"early": 3}}).encode()
    found = read_pass(body)
    assert found is not None
    assert (found[0].text, found[0].line, found[0].rank, found[1]) == ("abc", "early", 7, {"early": 3})
    assert read_pass(b"nonsense") is None
    assert read_pass(b'{"pass": "x"}') is None


def test_who_is_served_stands_in_the_state() -> None:
    assert read_serving(b'{"serving": {"late": 3}}') == {"late": 3}
    assert read_serving(b'{"door": {"step": "waiting", "serving": {"late": 3}}}') == {"late": 3}
    assert read_serving(b'{"state": "live"}') is None
    assert read_serving(b"[]") is None
