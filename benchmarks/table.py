"""``python -m benchmarks.table``: docs/benchmarks.md from the result files. Nothing in that page is typed by hand."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import NAMES
from benchmarks.programs import ROOT
from benchmarks.results import RESULTS

PAGE = ROOT / "docs" / "benchmarks.md"

_HEAD = """# Speed and size

Made by `python -m benchmarks.table` from `benchmarks/results/*.json`, which `make bench` writes; never typed. How each
figure is taken, and what its words mean, is in [topics/benchmarks.md](topics/benchmarks.md). A figure is the median of
its rounds, with the least and the most beside it.
"""


def page(results: list[dict[str, Any]]) -> str:
    return "\n".join([_HEAD, *(_section(r) for r in results)])


def _section(result: dict[str, Any]) -> str:
    rows = [_row(f) for f in result["figures"]]
    machine = result["machine"]
    about = (
        f"{result['made'][:10]}, {machine['cores']} cores ({machine['cpu']}), {machine['memory_gib']:g} GiB, "
        f"Linux {machine['kernel']}, Python {machine['python']}, {machine['open_files_a_process']} open files "
        f"a process; load when it began {machine['load_before']:g}."
    )
    small = ["A quick run: it shows that the tool works, its figures do not count."] if result["quick"] else []
    return "\n".join(
        [
            f"## {result['title']}",
            "",
            *small,
            _terms(result["terms"]) + ".",
            "",
            "| what | whose | median | least to most | must |",
            "| --- | --- | ---: | ---: | --- |",
            *rows,
            "",
            *(f"Left out: {text}." for text in result["left_out"]),
            about,
            "",
        ]
    )


def _row(figure: dict[str, Any]) -> str:
    unit = f" {figure['unit']}" if figure["unit"] else ""
    must = ""
    if "must" in figure:
        must = f"{figure['must']}: " + ("met" if figure["met"] else "**not met**")
    spread = f"{_number(figure['min'])} to {_number(figure['max'])}"
    return f"| {figure['what']} | {figure['of']} | {_number(figure['median'])}{unit} | {spread} | {must} |"


def _number(value: float) -> str:
    """Three figures, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


def _terms(terms: dict[str, Any]) -> str:
    return "; ".join(f"{k.replace('_', ' ')}: {_value(v)}" for k, v in terms.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_value(v)}" for k, v in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def load(folder: Path) -> list[dict[str, Any]]:
    files = [folder / f"{name}.json" for name in NAMES]
    return [json.loads(f.read_text()) for f in files if f.exists()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is not what it should be")
    options = parser.parse_args()
    text = page(load(options.results))
    if options.check:
        same = options.page.exists() and options.page.read_text() == text
        print("docs/benchmarks.md is up to date" if same else "docs/benchmarks.md: run python -m benchmarks.table")
        return 0 if same else 1
    options.page.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
