from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rostra.errors import ConfigError
from rostra.rehearsal import report, summary
from rostra.rehearsal.charts import MAX_POINTS, Line, lines, number, thinned
from rostra.rehearsal.counting import Histogram
from rostra.rehearsal.objectives import judge
from rostra.rehearsal.scenario import AttackFile, AttackPlan, CrowdPlan, Kind
from tests.rehearsal.test_summary import evening


def made(problems: tuple[str, ...] = ()) -> dict[str, Any]:
    log = evening(attack=range(10, 15))
    log.events = [[3, "flush 2 s"], [9, "the door: <waiting>"]]
    attack = AttackFile(name="x", attack=(AttackPlan(kind=Kind.REQUESTS, from_s=10, for_s=5),))
    seconds = summary.series(log)
    figures = summary.figures(log, seconds)
    objectives = judge([], figures)
    return {
        "version": 1, "rostra": "0", "made": "2030-01-01T00:00:00+00:00",
        "target": {"origin": "http://127.0.0.1:80", "room": "<demo>", "tls": False},
        "machine": {"cores": 2, "memory_bytes": 2**34, "kernel": "6", "cpu": "A & B", "python": "3"},
        "same_machine": True, "crowd": CrowdPlan().model_dump(mode="json"),
        "attacks": [attack.model_dump(mode="json")], "isolation": ["niceness 0"], "figures": figures,
        "first_sound": Histogram.sum(log.firsts.values()).to_json(), "latency": {},
        "costs": summary.costs(log, [attack]),
        "samples": {"streams": 0}, "measured": summary.measured(seconds, 2, attack.attack), "events": log.events,
        "objectives": objectives, "problems": list(problems), "passed": all(o["passed"] for o in objectives),
        "seconds": seconds,
    }  # fmt: skip


class Checker(HTMLParser):
    """Every element that is opened is closed, and nothing is fetched."""

    VOID = frozenset({"meta", "br", "line", "polyline", "rect", "!doctype"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.fetched: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.fetched += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]
        if tag not in ("meta", "br", "line", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1] == tag, (self.open, tag)
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_stands_alone() -> None:
    page = report.page(made())
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert {"svg", "polyline", "table", "figure"} <= checker.seen
    assert not checker.seen & {"script", "link", "img", "iframe"}
    assert checker.fetched == []
    assert "url(" not in page
    assert "@import" not in page
    assert "prefers-color-scheme:dark" in page
    assert "width=device-width" in page


def test_what_others_named_is_text() -> None:
    page = report.page(made(("a <problem>",)))
    assert "<demo>" not in page
    assert "&lt;demo&gt;" in page
    assert "&lt;problem&gt;" in page
    assert "&lt;waiting&gt;" in page


def test_every_chart_is_there() -> None:
    page = report.page(made())
    for title in (
        "First sound: had it within", "Joins and refusals", "In at once", "First sound by when they came", "Underruns",
        "Tally against the truth", "The ladder", "CPU by process", "Memory by process",
    ):  # fmt: skip
        assert title in page, title
    assert "requests" in page, "the attack is marked"


def test_against_the_last() -> None:
    now, before = made(), made()
    before["figures"]["first_sound_p50"] = 0.04
    page = report.page(now, before)
    assert "before" in page
    assert "-50 %" in page


def test_written_and_read_again(tmp_path: Path) -> None:
    whole = made()
    page, data = report.write(whole, tmp_path / "new" / "folder")
    assert page.read_text().startswith("<!doctype html>")
    assert report.read(data) == report.read(tmp_path / "new" / "folder") == json.loads(json.dumps(whole))
    report.keep_last(whole, tmp_path)
    assert json.loads((tmp_path / "rehearsal" / "last.json").read_text())["measured"]["edges"] == 2
    for bad in ("", "[]", "{}", '{"version": 2, "figures": {}}'):
        (tmp_path / "bad.json").write_text(bad)
        with pytest.raises(ConfigError, match="not the report"):
            report.read(tmp_path / "bad.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        report.read(tmp_path / "none.json")


def test_charts_are_bounded_and_empty_ones_are_left_out() -> None:
    assert lines("x", "y", [Line("a", [])]) == ""
    many = [(float(n), float(n % 7)) for n in range(10_000)]
    assert len(thinned(many)) <= MAX_POINTS
    assert max(y for _, y in thinned(many)) == 6
    assert "<svg" in lines("x", "y", [Line("a", [(0.0, 0.0)])])
    assert "<svg" in lines("x", "y", [Line("a", [(0.0, 0.001), (1.0, 100.0)])], log=True)
    assert [number(v) for v in (None, 0, 0.12345, 1234.5, 25_000_000)] == ["-", "0", "0.123", "1,234", "25M"]


def test_axes_are_of_round_numbers_and_what_never_happened_is_said() -> None:
    chart = lines("x", "y", [Line("came", [(0.0, 0.0), (7.0, 37.0)]), Line("lost", [(0.0, 0.0), (7.0, 0.0)])])
    assert [f">{n}<" in chart for n in (10, 20, 30, 40, 2, 4)] == [True] * 6
    assert ">6 s<" in chart
    assert "never: lost" in chart
    assert chart.count("<polyline") == 1
    nothing = lines("x", "y", [Line("lost", [(0.0, 0.0), (7.0, 0.0)])])
    assert ">1<" in nothing
    assert "e-" not in nothing.partition("<svg")[2], "an axis of nothing is not one of billionths"


def test_an_attack_from_the_first_second_on_is_named() -> None:
    whole = made()
    whole["costs"][0]["before"] = None
    text = report.page(whole).partition("What each attack cost")[2]
    assert ">requests " in text
    assert "second 10 to 15" in text
