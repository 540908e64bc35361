from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from benchmarks.results import RESULTS, Must, Result
from benchmarks.table import PAGE, load, page


def made(name: str) -> dict[str, Any]:
    result = Result(name, "CPU to send", {"transport": "plain", "loopback": True, "flush_s": 1.0})
    result.add("CPU", "edge", "us", [9.876, 10.2, 11.0])
    result.add("lost", "edge", "", [0, 0, 2], Must("<=", 0, every=True))
    result.left_out = ["icecast2 is not installed"]
    return {**result.to_json(), "machine": describe(), "made": "2026-01-02T03:04:05+00:00", "quick": False}


def test_rows_are_what_the_result_says() -> None:
    text = page([made("send")])
    assert "| CPU | edge | 10.2 us | 9.88 to 11 |  |" in text
    assert "| lost | edge | 0 | 0 to 2 | <= 0 in every round: **not met** |" in text
    assert "transport: plain; loopback: yes; flush s: 1." in text
    assert "Left out: icecast2 is not installed." in text


def test_results_come_in_the_order_of_the_benchmarks(tmp_path: Path) -> None:
    for name in ("hls", "send", "stranger"):
        (tmp_path / f"{name}.json").write_text(json.dumps(made(name)))
    assert [r["name"] for r in load(tmp_path)] == ["send", "hls"]


def test_the_page_in_docs_is_made_from_the_results_in_the_repository() -> None:
    if RESULTS.exists():
        assert PAGE.read_text() == page(load(RESULTS))
