from __future__ import annotations

import json

import pytest

from rostra.listening.measure import Meter, Report, decibels
from rostra.units import Monotonic, WallTime
from rostra.wire.listeners import EdgeNotice, SeatView, Snapshot

HALF = 24_000
WALL = 1_000_000.0


class Session:
    """A meter whose sound was made at media time 0 = wall WALL = monotonic 100, half a second a part."""

    def __init__(self) -> None:
        self.meter = Meter(Report("u", "push", "opus"), Monotonic(100.0))
        self.meter.connected(Monotonic(100.1))

    def part(self, n: int, at: float) -> bool:
        return self.meter.sound(
            n * HALF, HALF, Monotonic(at), made=WallTime(WALL + n * 0.5), wall=WallTime(WALL + at - 100.0)
        )

    def report(self, at: float) -> Report:
        return self.meter.finish(Monotonic(at))


def test_first_sound_and_latency() -> None:
    session = Session()
    for n in range(20):
        session.part(n, 100.7 + max(1, n) * 0.5)
    report = session.report(111.0)
    assert report.first_byte_s == pytest.approx(0.1)
    assert report.first_sound_s == pytest.approx(1.2)
    assert report.latency_s == {"min": 0.7, "p50": 0.7, "p95": 0.7, "max": 0.7}
    assert (report.parts, report.sound_s, report.holes, report.underruns) == (20, 10.0, 0, 0)
    assert session.meter.latency_s == pytest.approx(0.7)


def test_a_hole_is_counted_in_seconds() -> None:
    session = Session()
    for n in (0, 1, 2, 5, 6):
        session.part(n, 101 + n * 0.5)
    report = session.report(105)
    assert (report.holes, report.hole_s) == (1, 1.0)


def test_what_comes_twice_after_a_reconnect_is_not_a_hole_nor_sound() -> None:
    session = Session()
    assert all(session.part(n, 101.0) for n in range(3))
    session.meter.connected(Monotonic(102.0))
    assert [session.part(n, 102.1) for n in (1, 2, 3)] == [False, False, True]
    report = session.report(103)
    assert (report.parts, report.repeated, report.holes, report.connections) == (4, 2, 0, 2)


def test_late_sound_is_an_underrun_of_so_many_seconds() -> None:
    session = Session()
    session.part(0, 100.2)
    session.part(1, 100.2)
    session.part(2, 101.5)
    report = session.report(102)
    assert report.underruns == 1
    assert report.underrun_s == pytest.approx(0.8)
    assert report.longest_wait_s == pytest.approx(1.3)


def test_an_announced_flush_does_not_run_dry_where_the_player_has_time_to_slow_down() -> None:
    session = Session()
    session.part(0, 100.2)
    session.meter.told(EdgeNotice("flush", {"flush_s": 1.0}), Monotonic(100.3))
    n = 1
    for n in range(1, 60):
        session.part(n, 100.2 + (n - 1) * 0.5)
    for burst in range(20):
        for _ in range(2):
            n += 1
            session.part(n, 130.7 + burst)
    assert session.report(151).underruns == 0


def test_states_tally_and_stage() -> None:
    session = Session()
    session.meter.told(Snapshot("open", 3, stage=(SeatView("host-1", "Ann", "host"),)), Monotonic(101))
    session.meter.told(Snapshot("live", 9), Monotonic(102))
    session.meter.told(Snapshot("live", 5), Monotonic(103))
    session.meter.told(EdgeNotice("interrupted"), Monotonic(104))
    report = session.report(105)
    assert report.states == [[1.0, "open"], [2.0, "live"]]
    assert (report.listening, report.listening_max, report.stage) == (5, 9, ["Ann"])
    assert report.notices == [[4.0, "interrupted", {}]]


def test_levels() -> None:
    session = Session()
    session.meter.level(0.01, -10.0, 1.0)
    session.meter.level(0.0, -127.0, 1.0)
    session.meter.undecodable()
    report = session.report(103)
    assert report.level_dbfs == pytest.approx(-23.01, abs=0.01)
    assert (report.peak_dbfs, report.silent_s, report.undecodable) == (-10.0, 1.0, 1)
    assert decibels(0) == -127.0


def test_bit_rate_counts_from_the_first_sound() -> None:
    session = Session()
    session.part(0, 110.0)
    session.meter.received(10_000, Monotonic(120.0))
    assert session.report(120.0).kbit_s == pytest.approx(8.0)


def test_the_report_is_json() -> None:
    session = Session()
    session.part(0, 100.3)
    body = json.loads(json.dumps(session.report(101).to_json()))
    assert body["first_sound_s"] == 0.3
    assert body["latency_s"] is None
