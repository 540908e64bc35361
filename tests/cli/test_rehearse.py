"""What the commands of the rehearsal say to nonsense, before anything is sent anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rostra.cli import main
from rostra.keys import make_keys
from tests.rehearsal.test_report import made

URL = "http://127.0.0.1:1/r/talk"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Give the address of a room"),
        (("--worker",), "--worker needs --nats URL"),
        ((URL, "--workers", "2"), "--workers needs --nats URL"),
        ((URL, "--cores", "one"), "list of CPUs such as 0,1"),
        ((URL, "--cores", "0,4711"), "no CPU 4711 for us here; there are 0"),
        ((URL, "--objective", "loudness<=1"), "loudness"),
        ((URL, "--attack", "politeness"), "There is no attack 'politeness'. Give a file, or one of: bots-few"),
        ((URL, "--crowd", "none.toml"), "none.toml cannot be read"),
        ((URL, "--against", "none.json"), "none.json cannot be read"),
        ((URL, "--listeners", "0"), "--listeners"),
        ((URL, "--token", "rostra-nonsense"), "token"),
        ((URL, "--hls", "nan"), "hls"),
        (("http://127.0.0.1:1/", "--token", "x"), "is not the address of a room: that looks like"),
        (("http://no-such-host.invalid/r/talk", "--token", "x"), "no-such-host.invalid"),
        (("ftp://127.0.0.1/r/talk", "--token", "x"), "is not the address of a room"),
    ],
)
def test_rehearse_says_what_to_do(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    report = tmp_path / "report"
    where = () if "--worker" in options else ("--data", tmp_path, "--report", report)
    result = run("rehearse", *options, *where)
    assert result.exit_code != 0
    assert said in result.output + str(result.exception or ""), result.output
    assert not report.exists(), "nothing was begun"


def test_a_key_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe\x00")
    result = run("rehearse", URL, "--key", tmp_path / "token", "--data", tmp_path)
    assert result.exit_code != 0
    assert "cannot be read as a token" in result.output + str(result.exception or "")


def test_a_token_needs_a_rostra_that_runs(tmp_path: Path) -> None:
    make_keys(tmp_path)
    result = run("room", "rehearsal-token", "--data", tmp_path)
    assert result.exit_code != 0
    assert "No `rostra serve` runs with the data folder" in result.output + str(result.exception or "")


def test_a_plan_from_a_report_and_its_check(tmp_path: Path) -> None:
    (tmp_path / "small.json").write_text(json.dumps(made()))
    options = (
        "--listeners",
        "40000",
        "--join",
        "1m",
        "--plain",
        "--report",
        tmp_path / "small.json",
        "--data",
        tmp_path,
    )
    result = run("plan", *options, "--check", tmp_path / "small.json")
    assert result.exit_code == 0, result.output
    assert "40,000 listeners, 667 joins a second" in result.output
    assert "extrapolated 20.0 times over what was measured (2,000 listeners)" in result.output
    assert "check      2,000 listeners, 1 times what was measured" in result.output
    assert "cores while all are in predicted" in result.output
    found = json.loads(run("plan", *options, "--check", tmp_path / "small.json", "--json").output)
    assert found["check"]["out_bytes_s"]["error"] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--listeners", "5"), "There is no rehearsal in"),
        (("--listeners", "5", "--join", "soon"), "is no length of time: write 60s or 5m"),
        (("--listeners", "0"), "--listeners"),
        (("--listeners", "5", "--flush", "9"), "--flush"),
    ],
)
def test_a_plan_of_nonsense(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    result = run("plan", *options, "--data", tmp_path)
    assert result.exit_code != 0
    assert said in result.output + str(result.exception or "")
