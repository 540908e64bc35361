from __future__ import annotations

import json

import pytest

from rostra.doctor import checks
from rostra.doctor.checks import Check, Verdict
from rostra.limits import Finding

FILES = Finding("open files", "1,024 a process", 824, "A process may have 1,024 files open. More: `ulimit -Hn`.")
MEMORY = Finding("memory", "2.0 GiB free", 160_000, "It holds 160,000.")
BACKLOG = Finding("backlog", "128 a process", None, "It waits. More: sysctl net.core.somaxconn.")


def test_a_limit_is_held_against_what_is_wanted() -> None:
    few, memory, backlog = checks.limit_checks([FILES, MEMORY, BACKLOG], None)
    assert (few.verdict, memory.verdict, backlog.verdict) == (Verdict.WARN, Verdict.OK, Verdict.OK)
    assert few.todo == "More: `ulimit -Hn`."
    assert few.means == "A process may have 1,024 files open."
    failed = checks.limit_checks([FILES, MEMORY, BACKLOG], 200_000)
    assert [c.verdict for c in failed] == [Verdict.FAIL, Verdict.FAIL, Verdict.OK]
    assert [c.verdict for c in checks.limit_checks([FILES, MEMORY], 800)] == [Verdict.WARN, Verdict.OK]


def test_a_short_backlog_is_worth_a_warning() -> None:
    check = checks.limit_checks([BACKLOG], None)[0]
    assert checks.backlog_check(check, 4096) is check
    assert checks.backlog_check(check, 128).verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("synchronised", "error_s", "verdict"),
    [(True, 0.003, Verdict.OK), (True, 1.0, Verdict.WARN), (False, 16.0, Verdict.WARN), (None, 0.0, Verdict.WARN)],
)
def test_time(synchronised: bool | None, error_s: float, verdict: Verdict) -> None:
    check = checks.clock_check(synchronised, error_s)
    assert check.verdict is verdict
    assert bool(check.todo) == (verdict is not Verdict.OK)


@pytest.mark.parametrize(
    ("free", "problem", "verdict"),
    [
        (50 * 2**30, "", Verdict.OK),
        (2**30, "", Verdict.WARN),
        (2**20, "", Verdict.FAIL),
        (50 * 2**30, "Permission denied", Verdict.FAIL),
        (None, "No such file or directory", Verdict.FAIL),
    ],
)
def test_disk(free: int | None, problem: str, verdict: Verdict) -> None:
    assert checks.disk_check("/srv", free, problem).verdict is verdict


@pytest.mark.parametrize("state", ["free", "ours"])
def test_a_port_that_is_free_or_ours(state: str) -> None:
    assert checks.port_check("front door", "0.0.0.0", 8080, state).verdict is Verdict.OK


def test_a_port_that_is_taken_names_the_option_that_helps() -> None:
    check = checks.port_check("stage door", "127.0.0.1", 8081, "taken")
    assert check.verdict is Verdict.FAIL
    assert "--studio 127.0.0.1:PORT" in check.todo
    assert "cannot be used: Permission denied" in checks.port_check("source port", "x", 80, "Permission denied").means


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (checks.codec_check([], "libopus 1.5"), Verdict.OK),
        (checks.codec_check(["aac"], "libopus 1.5"), Verdict.FAIL),
        (checks.bus_check("nats-server: v2.11", ""), Verdict.OK),
        (checks.bus_check("", "gone"), Verdict.FAIL),
        (checks.udp_check("", "127.0.0.1"), Verdict.OK),
        (checks.udp_check("timed out", ""), Verdict.FAIL),
        (checks.pages_check([]), Verdict.OK),
        (checks.pages_check(["room.html"]), Verdict.FAIL),
        (checks.certificate_check("", 90.0), Verdict.OK),
        (checks.certificate_check("", 3.0), Verdict.WARN),
        (checks.certificate_check("", -1.0), Verdict.FAIL),
        (checks.certificate_check("no such file", None), Verdict.FAIL),
    ],
)
def test_verdicts(check: Check, verdict: Verdict) -> None:
    assert check.verdict is verdict
    assert bool(check.todo) == (verdict is not Verdict.OK)
    assert check.means.endswith(".") or check.means == "no such file" or check.means == "gone"
    json.dumps(check.to_json())


def test_the_conclusion_answers_what_was_asked() -> None:
    findings = [MEMORY, BACKLOG]
    good = checks.limit_checks(findings, 1000)
    assert checks.conclusion(good, findings, 1000, 3) == (
        "Nothing stands in the way of 1,000 listeners. With 3 edge processes this machine's limits allow 160,000 "
        "listeners (memory is the tightest)."
    )
    assert checks.conclusion(good, findings, None, 3).startswith("With 3 edge processes")
    bad = [*good, checks.pages_check(["room.html"])]
    assert checks.conclusion(bad, findings, 1000, 3).startswith("1 of 3 checks failed: pages.")
