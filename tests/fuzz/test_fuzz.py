"""Every target for two seconds; and bugs planted on purpose, which the engine must find."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import fuzz.__main__ as command
from fuzz.__main__ import Entry, discover, keep, main
from fuzz.engine import HANG_S, fuzz, shrink

ENTRIES = discover()
HERE = (__file__,)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_the_invariant_holds(name: str) -> None:
    entry = ENTRIES[name]
    assert entry.invariant.startswith("Invariant: "), "line 1 of the docstring states it"
    outcome = fuzz(entry.target, [*entry.seeds(), *entry.corpus()], seed=1, seconds=2.0, generate=entry.generate)
    assert outcome.finding is None, f"{outcome.finding.error}\ninput: {outcome.finding.data!r}"
    assert outcome.executions > len(entry.seeds())
    assert outcome.lines > 10, "it reaches code of ours"


# --- negative controls: the fuzzer finds what is there to be found ----------------------------------------------------


def trusts_a_length(data: bytes) -> None:
    """A classic: the length field is believed."""
    if data[:3] == b"RP1" and len(data) > 4:
        size = data[4]
        body = data[5 : 5 + size]
        assert len(body) == size


def password(data: bytes) -> None:
    """Can only be found step by step, by noticing that each step reached a new line."""
    for at, byte in enumerate(b"ros!"):
        if data[at : at + 1] != bytes((byte,)):
            return
        if at == 0:
            continue
        if at == 1:
            continue
        if at == 2:
            continue
        raise RuntimeError("found")


def hangs(data: bytes) -> None:
    if b"\xff\xff" in data:
        time.sleep(60)


def test_a_believed_length_is_found_and_made_short() -> None:
    outcome = fuzz(trusts_a_length, [b"RP1\0\x03abcdefgh"], executions=20_000, roots=HERE)
    assert outcome.finding
    assert "AssertionError" in outcome.finding.error
    assert len(outcome.finding.data) <= 6


def test_coverage_leads_to_what_chance_would_not_find() -> None:
    outcome = fuzz(password, [b"seed"], executions=60_000, roots=HERE)
    assert outcome.finding
    assert outcome.finding.data == b"ros!"
    blind = fuzz(password, [b"seed"], executions=outcome.executions, roots=("nowhere",))
    assert blind.finding is None


def test_a_hang_is_a_finding() -> None:
    began = time.monotonic()
    outcome = fuzz(hangs, [b"\xff\0\xff\0"], executions=5_000, roots=HERE)
    assert outcome.finding
    assert "Hang" in outcome.finding.error
    assert HANG_S < time.monotonic() - began < 30


def test_one_seed_gives_one_sequence() -> None:
    def inputs(seed: int) -> list[bytes]:
        tried: list[bytes] = []
        fuzz(tried.append, [b"GET / HTTP/1.1\r\n\r\n"], seed=seed, executions=500)
        return tried

    assert inputs(3) == inputs(3)
    assert inputs(3) != inputs(4)


def test_shrink_keeps_what_matters() -> None:
    def fails_with_x(data: bytes) -> None:
        assert b"X" not in data

    assert shrink(fails_with_x, b"a" * 1000 + b"X" + b"b" * 1000) == b"X"


def test_a_finding_is_kept_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = Entry(
        "planted", "Invariant: a length is never believed.", trusts_a_length, lambda: [b"RP1\0\x03abcdefgh"], None
    )
    monkeypatch.setattr(command, "FINDINGS", tmp_path / "findings")
    monkeypatch.setattr(command, "CORPUS", tmp_path / "corpus")
    monkeypatch.setattr(command, "discover", lambda: {"planted": entry})
    assert main(["planted", "--seconds", "20"]) == 1
    (file,) = (tmp_path / "findings").iterdir()
    assert str(file) in capsys.readouterr().err
    with pytest.raises(AssertionError):
        main(["planted", "--input", str(file)])


def test_the_corpus_keeps_what_is_novel_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "CORPUS", tmp_path)
    entry = Entry("planted", "Invariant: x.", trusts_a_length, lambda: [b"seed"], None)
    assert keep(entry, [b"seed", b"", b"new", b"x" * 5000]) == 1
    assert keep(entry, [b"new"]) == 0
    assert entry.corpus() == [b"new"]


def test_names_are_listed_and_unknown_ones_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert "Invariant:" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["no-such-target"])
