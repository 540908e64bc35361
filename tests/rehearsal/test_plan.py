from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rostra.errors import ConfigError
from rostra.rehearsal import plan as planning
from rostra.rehearsal import summary
from rostra.rehearsal.plan import PRICES, Wish, plan, read_prices, sentences
from tests.rehearsal.test_summary import evening


def known(joins_s: int = 100) -> dict[str, Any]:
    seconds = summary.series(evening(joins_s=joins_s))
    return {"target": {"tls": False}, "measured": summary.measured(seconds, 2, [], 0.02), "seconds": seconds}


def test_it_says_what_bounds_and_what_it_costs() -> None:
    found = plan(Wish(1_300_000, 60), known(), read_prices())
    assert found["wish"]["joins_s"] == pytest.approx(21_667, rel=0.001)
    assert found["machines"] >= 1
    assert found["bound"] == max(found["by"], key=lambda name: found["by"][name])
    assert found["gbit_s"] == pytest.approx(1_300_000 * 3000 * 8 / 1e9, rel=0.02)
    cost = found["cost"]
    assert cost["total"] == pytest.approx(cost["machines"] + cost["traffic"])
    assert any("EUR" in line for line in sentences(found))


def test_it_says_what_was_measured_and_what_is_extrapolated() -> None:
    near = plan(Wish(2000, 20, flush_s=2.0), known(), read_prices())
    far = plan(Wish(200_000, 20, tls=True), known(), read_prices())
    assert "measured at this size" in near["known"][0]["how"]
    assert "extrapolated 100.0 times" in far["known"][0]["how"]
    assert any(one["what"] == "TLS" and "not measured" in one["how"] for one in far["known"])
    assert not any(one["what"] == "TLS" for one in near["known"])


def test_more_of_anything_costs_no_less() -> None:
    base = plan(Wish(100_000, 60), known(), read_prices())
    for wish in (Wish(200_000, 60), Wish(100_000, 5), Wish(100_000, 60, tls=True), Wish(100_000, 60, flush_s=0.5)):
        assert plan(wish, known(), read_prices())["cores"] > base["cores"]
    assert plan(Wish(100_000, 60, ladder=True), known(), read_prices())["gbit_s"] < base["gbit_s"]


def test_a_prediction_is_held_against_a_larger_run() -> None:
    found = planning.check(known(), known(joins_s=400))
    assert found["times"] == 4.0
    for figure in ("cores", "join_cores", "memory_bytes", "out_bytes_s"):
        assert abs(found[figure]["error"]) < 0.02, figure
        assert found[figure]["measured"] > 0
    assert any("cores while all are in predicted" in line for line in planning.check_sentences(found))
    with pytest.raises(ConfigError, match="measured"):
        planning.check(known(), {"seconds": []})


def test_prices_and_nonsense(tmp_path: Path) -> None:
    assert read_prices(PRICES).machine.cores == 16
    path = tmp_path / "prices.toml"
    for bad, said in (
        ("machine = 1\n", "machine"),
        ("[machine]\ncores = 0\n", "cores"),
        ("[", "cannot be read"),
        ("[x]\n", "Known"),
    ):
        path.write_text(bad)
        with pytest.raises(ConfigError, match=said):
            read_prices(path)
    small = known()
    small["measured"]["cpu_share_seen"] = 0.0
    with pytest.raises(ConfigError, match="too small: 1,000 listeners"):
        plan(Wish(10, 1), small, read_prices())
    with pytest.raises(ConfigError, match="measured nothing"):
        plan(Wish(10, 1), {"target": {}, "measured": None}, read_prices())
