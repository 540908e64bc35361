"""``python -m benchmarks [NAME...] [--quick] [--out DIR] [--repeat N]``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import NAMES, machine, table
from benchmarks.programs import LeftOut
from benchmarks.results import RESULTS, Result
from benchmarks.scale import Scale


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Speed and size, side by side with others.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)} (all, if none is named)")
    parser.add_argument("--quick", action="store_true", help="small and short: shows that the tool works, no more")
    parser.add_argument("--repeat", type=int, default=3, help="rounds of each")
    parser.add_argument("--out", type=Path, help="folder for the results (benchmarks/results; quick: a temporary one)")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    folder = options.out or (Path(tempfile.mkdtemp(prefix="rostra-bench-")) if options.quick else RESULTS)
    machine.raise_limits()
    failed = 0
    for name in options.names or NAMES:
        failed += not _one(name, Scale(options.quick, options.repeat), folder)
    print(f"results: {folder}")
    if folder == RESULTS:
        table.PAGE.write_text(table.page(table.load(RESULTS)))
        print(f"table: {table.PAGE}")
    return 1 if failed else 0


def _one(name: str, scale: Scale, folder: Path) -> bool:
    """Runs one and prints it. Whether all that must hold does."""
    print(f"{name} ...", flush=True)
    begun = time.monotonic()
    about = {"machine": machine.describe(), "made": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        result: Result = importlib.import_module(f"benchmarks.runs.{name}").run(scale)
    except LeftOut as e:
        print(f"  left out: {e}")
        return True
    except Exception:  # the others are worth running all the same
        traceback.print_exc()
        return False
    took = round(time.monotonic() - begun)
    load = round(os.getloadavg()[0], 2)
    result.save(folder, {**about, "quick": scale.quick, "took_s": took, "load_after": load})
    good = True
    for figure in result.figures:
        f = figure.to_json()
        verdict = "" if figure.met is None else f"  must be {f['must']}: {'yes' if figure.met else 'NO'}"
        good &= figure.met is not False
        print(f"  {f['what']}, {f['of']}: {f['median']:g} {f['unit']} ({f['min']:g} to {f['max']:g}){verdict}")
    for text in result.left_out:
        print(f"  left out: {text}")
    return good


if __name__ == "__main__":
    sys.exit(main())
