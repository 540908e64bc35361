from __future__ import annotations

import pytest

from rostra.limits import KERNEL_BYTES
from rostra.rehearsal import summary
from rostra.rehearsal.counting import Histogram, Second
from rostra.rehearsal.scenario import AttackFile, AttackPlan, Kind
from rostra.rehearsal.summary import Log


def evening(seconds: int = 40, joins_s: int = 100, until: int = 20, attack: range = range(0)) -> Log:
    """Joins cost 50 us, listeners 10 us a second, an edge at rest 2% of a core."""
    log, inside = Log(), 0
    for n in range(seconds):
        second, joins = Second(), joins_s if n < until else 0
        inside += joins
        second.counters = {"asked": joins, "heard": joins, "bytes": inside * 3000}
        if n in attack:
            second.counters["underruns"] = inside // 100
        second.gauges = {"in": inside}
        second.tally = {inside - joins: 5} if n else {}
        log.crowd[n] = second
        if joins:
            log.firsts[n] = Histogram()
            log.firsts[n].add(0.8 if n in attack else 0.02, joins)
        cpu_s = 0.02 + joins * 50e-6 + inside * 10e-6
        log.processes[n] = {
            "edge-0": {"cpu_s": cpu_s / 2, "memory_bytes": 80e6 + inside * 1500, "files": 10.0},
            "edge-1": {"cpu_s": cpu_s / 2, "memory_bytes": 80e6 + inside * 1500, "files": 10.0},
        }
        log.probes[n] = {"flush_s": 2.0, "step": "open"}
    log.totals = [
        {"listeners": 1500, "heard": 1400, "never_heard": 100, "without_underrun": 1400, "underruns": 0},
        {"listeners": 500, "heard": 500, "never_heard": 0, "without_underrun": 400, "underruns": 130},
    ]
    return log


def test_figures_of_all_processes_together() -> None:
    log = evening()
    found = summary.figures(log, summary.series(log))
    assert (found["listeners"], found["heard"], found["never_heard"], found["underruns"]) == (2000, 1900, 100, 130)
    assert found["underrun_free"] == round(1800 / 1900, 5)
    assert found["first_sound_p50"] == pytest.approx(0.02, rel=0.02)
    assert found["first_sound_p99"] is None, "more than one in a hundred never heard anything"
    assert (found["most_in"], found["most_joins_s"]) == (2000, 100)


def test_the_tally_is_held_against_the_truth_where_that_stands_still() -> None:
    log = evening()
    assert summary.tally_error(summary.series(log)) == 0.0
    log.crowd[35].tally = {1900: 1}
    assert summary.tally_error(summary.series(log)) == 0.05
    assert summary.tally_error(summary.series(evening(seconds=20))) is None, "they came until the end"


def test_what_is_measured_is_what_it_cost() -> None:
    found = summary.measured(summary.series(evening()), 2, [], 0.02)
    assert found is not None
    assert found["join_cpu_s"] == pytest.approx(50e-6, rel=0.02)
    assert found["cpu_share_seen"] == pytest.approx(10e-6, rel=0.02)
    assert found["cpu_share"] < found["cpu_share_seen"], "at the longest flush it is less"
    assert found["idle_cpu_share"] == pytest.approx(0.02, rel=0.1)
    assert found["memory_bytes"] == pytest.approx(3000 + KERNEL_BYTES, rel=0.01)
    assert (found["listeners"], found["edges"], found["flush_s"]) == (1000, 2, 2.0)
    assert found["joins_s"] == pytest.approx(0.8 / 50e-6, rel=0.02), "what the core would bear, not what was offered"


def test_nothing_is_measured_without_processes_or_people() -> None:
    log = evening()
    log.processes.clear()
    assert summary.measured(summary.series(log), 0, []) is None
    assert summary.measured(summary.series(evening(joins_s=0)), 2, []) is None


def test_seconds_of_an_attack_do_not_count_as_the_crowds() -> None:
    log = evening()
    for n in range(5, 15):
        log.processes[n]["edge-0"]["cpu_s"] += 1.0
    found = summary.measured(summary.series(log), 2, [AttackPlan(kind=Kind.REQUESTS, from_s=5, for_s=10)], 0.02)
    assert found is not None
    assert found["cpu_share_seen"] == pytest.approx(10e-6, rel=0.05)


def test_what_an_attack_cost_is_told_before_while_and_after() -> None:
    log = evening(attack=range(10, 15))
    log.attack_totals[0] = {"kind": "requests", "opened": 7}
    file = AttackFile(name="x", attack=(AttackPlan(kind=Kind.REQUESTS, from_s=10, for_s=5),))
    (cost,) = summary.costs(log, [file])
    assert cost["did"] == {"kind": "requests", "opened": 7}
    assert cost["before"]["first_p99"] == pytest.approx(0.02, rel=0.02)
    assert cost["while"]["first_p99"] == pytest.approx(0.8, rel=0.02)
    assert cost["before"]["underruns"] == cost["after"]["underruns"] == 0
    assert cost["while"]["underruns"] > 0
    assert cost["while"]["edge_cpu"] is not None
    late = AttackFile(name="x", attack=(AttackPlan(kind=Kind.REQUESTS, from_s=500, for_s=5),))
    assert summary.costs(log, [late])[0]["while"] is None


def test_a_generator_that_was_kept_from_running_still_holds_whom_it_held() -> None:
    """Two generators; one tells nothing for three seconds."""
    from rostra.rehearsal.conductor import Orders, Rehearsal
    from rostra.rehearsal.jobs import Job
    from rostra.rehearsal.scenario import CrowdPlan
    from rostra.rehearsal.target import Target

    target = Target("127.0.0.1", 1, False, "talk", ("127.0.0.1",))
    rehearsal = Rehearsal.__new__(Rehearsal)
    rehearsal.orders, rehearsal.log, rehearsal._latest = Orders(target, "", CrowdPlan()), Log(), {}
    jobs = [Job(target, 0.0, 10.0, 0.0, CrowdPlan(), worker, 2) for worker in range(2)]
    for number in range(6):
        for job in jobs:
            if job.worker == 0 or number not in (2, 3, 4):
                second = Second()
                second.gauges = {"in": 100, "late_ms": 1.0}
                rehearsal._told(job, {"second": number, **second.to_json()})
    assert [log_second.gauges["in"] for _, log_second in sorted(rehearsal.log.crowd.items())] == [200] * 6


def test_an_odd_second_of_a_long_flush_does_not_count() -> None:
    """At a flush of 2 s a listener takes 20 us in every other second and nothing in the others."""
    log = evening(seconds=35)
    for n in log.processes:
        inside = log.crowd[n].gauges["in"]
        for edge in log.processes[n].values():
            edge["cpu_s"] += (inside if n % 2 == 0 else -inside) * 10e-6 / 2
    found = summary.measured(summary.series(log), 2, [], 0.02)
    assert found is not None
    assert found["cpu_share_seen"] == pytest.approx(10e-6, rel=0.01), "15 seconds, of which 12 are taken"
