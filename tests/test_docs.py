"""Pages made from code say what the code says; links between pages lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import make_docs

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("fuzz/*.md"), *ROOT.glob("benchmarks/*.md")])


def test_pages_made_from_code_have_not_drifted() -> None:
    # In a process of its own: a command keeps the help option of whoever invoked it first, here another test.
    command = [sys.executable, "-m", "tools.make_docs", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_drift_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(make_docs, "DOCS", tmp_path / "docs")
    (tmp_path / "docs").mkdir()
    assert make_docs.run([]) == 0
    assert make_docs.run(["--check"]) == 0
    settings = tmp_path / "docs" / "settings.md"
    settings.write_text(settings.read_text().replace("8080", "9090"))
    assert make_docs.run(["--check"]) == 1
    assert "make docs" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path = target.split("#")[0]
        if path and "://" not in path and not path.startswith("mailto:"):
            assert (page.parent / path).exists(), f"{page.name} points to {target}"
