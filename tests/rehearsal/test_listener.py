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
    undrawn = read_pass(b'{"pass": "abc", "line": "late", "rank": null}')
    assert undrawn is not None
    assert not undrawn[0].served({"late": 10**12})
    assert read_pass(b"nonsense") is None
    assert read_pass(b'{"pass": "x"}') is None


def test_who_is_served_stands_in_the_state() -> None:
    for body in (b'{"serving": {"late": 3}}', b'{"door": {"step": "waiting", "serving": {"late": 3}}}'):
        found = read_serving(body)
        assert found is not None
        assert found.serving == {"late": 3}
    assert read_serving(b'{"state": "live"}') is None
    assert read_serving(b"[]") is None


def test_who_is_near_the_front_asks_more_often() -> None:
    told = read_serving(
        json.dumps(
            {
                "serving": {"early": 5, "late": 100}, "pace": [10.0, 5.0],
                "ahead": {"early": [[9, 40]], "late": [[200, 0], [4000, 1000], [9000, 9000]]},
            }
        ).encode()
    )  # fmt: skip
    assert told is not None
    assert told.ask_again_s(Pass("x", "early", 6)) == 2.0
    near, far = told.ask_again_s(Pass("x", "late", 3000)), told.ask_again_s(Pass("x", "late", 8000))
    assert 10 < near < 13
    assert far == 60.0
    assert told.ask_again_s(None) == 2.0, "nobody knows where they stand"
    stands = read_serving(b'{"serving": {"late": 3}, "pace": [0, 0], "ahead": {"late": "x", "early": [[9, 40]]}}')
    assert stands is not None
    assert stands.ask_again_s(Pass("x", "late", 9)) == 20.0
    assert stands.ask_again_s(Pass("x", "early", 9)) == 5.0
    assert read_serving(b'{"serving": {"late": 3}, "pace": "x"}') is None
