"""``python -m fuzz [NAME...]``: throws hostile input at every target, and says what broke.

Exit status 1 when an invariant did not hold; the input is kept in fuzz/findings/ and runs again with ``--input``.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from fuzz.engine import Target, fuzz

HERE = Path(__file__).parent
FINDINGS = HERE / "findings"
CORPUS = HERE / "corpus"

KEPT_BYTES = 4096
"""Longest input that is kept in the corpus, which is in the repository."""

KEPT_INPUTS = 100


@dataclass(frozen=True)
class Entry:
    """One ``fuzz_NAME.py``."""

    name: str
    invariant: str
    target: Target
    seeds: Callable[[], list[bytes]]
    generate: Callable[[Random], bytes] | None

    def corpus(self) -> list[bytes]:
        folder = CORPUS / self.name
        return [f.read_bytes() for f in sorted(folder.iterdir())] if folder.is_dir() else []


def discover() -> dict[str, Entry]:
    """Every ``fuzz_*.py`` beside this file. :raises AttributeError: if one lacks ``seeds`` or ``target``."""
    found = {}
    for file in sorted(HERE.glob("fuzz_*.py")):
        module: Any = importlib.import_module(f"fuzz.{file.stem}")
        name = file.stem.removeprefix("fuzz_")
        first = (module.__doc__ or "").strip().splitlines()[0]
        found[name] = Entry(name, first, module.target, module.seeds, getattr(module, "generate", None))
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="targets; all by default")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another sequence (default: 1)")
    parser.add_argument("--input", type=Path, help="run this one input against one target")
    parser.add_argument("--list", action="store_true", help="names and invariants")
    given = parser.parse_args(arguments)
    entries = discover()
    if given.list:
        for entry in entries.values():
            print(f"{entry.name:<20} {entry.invariant}")
        return 0
    if unknown := [n for n in given.names if n not in entries]:
        parser.error(f"there is no target {', '.join(unknown)}; there are {', '.join(entries)}")
    chosen = [entries[n] for n in given.names or entries]
    if given.input:
        if len(chosen) != 1:
            parser.error("--input wants the NAME of one target")
        chosen[0].target(given.input.read_bytes())
        print(f"{chosen[0].name}: the invariant holds for {given.input}")
        return 0
    return max([run(entry, given.seconds, given.seed) for entry in chosen], default=0)


def run(entry: Entry, seconds: float, seed: int) -> int:
    seeds = [*entry.seeds(), *entry.corpus()]
    outcome = fuzz(entry.target, seeds, seed=seed, seconds=seconds, generate=entry.generate)
    tried = f"{entry.name}: {outcome.executions:,} inputs, {outcome.lines} lines reached"
    if outcome.finding is None:
        kept = keep(entry, outcome.corpus)
        print(f"{tried}, the invariant holds{f'; {kept} inputs new in the corpus' if kept else ''}", flush=True)
        return 0
    FINDINGS.mkdir(exist_ok=True)
    file = FINDINGS / f"{entry.name}-{outcome.finding.name}.bin"
    file.write_bytes(outcome.finding.data)
    print(f"{tried}. BROKEN: {entry.invariant}\n{outcome.finding.error}", file=sys.stderr)
    shown = repr(outcome.finding.data[:200])
    print(f"input, made shorter: {shown}\nagain: python -m fuzz {entry.name} --input {file}", file=sys.stderr)
    return 1


def keep(entry: Entry, novel: list[bytes]) -> int:
    """Writes what no seed and no earlier run reached; how many that were."""
    known = {*entry.seeds(), *entry.corpus(), b""}
    room = KEPT_INPUTS - len(entry.corpus())
    new = [d for d in novel if d not in known and len(d) <= KEPT_BYTES][: max(0, room)]
    for data in new:
        (CORPUS / entry.name).mkdir(parents=True, exist_ok=True)
        (CORPUS / entry.name / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    return len(new)


if __name__ == "__main__":
    sys.exit(main())
