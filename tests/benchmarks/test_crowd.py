"""The crowd against the plain C peer, and against one that does wrong: what it does not notice, no figure would."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks.crowd import Crowd, Heard, gathered
from benchmarks.peers import c_loop
from benchmarks.programs import LeftOut, compiled

FLUSH_S = 0.5


@pytest.fixture(scope="module", autouse=True)
def compiler() -> None:
    try:
        compiled("crowd"), compiled("loop")
    except LeftOut as e:
        pytest.skip(str(e))


def listen(*faults: str, listeners: int = 40, seconds: float = 0.2, samples: int = 0, processes: int = 1) -> Heard:
    with c_loop(2048, FLUSH_S, pinned=False, faults=faults) as server:
        crowd = Crowd(
            server.port, "/", listeners, 2000, start_buffer_s=2 * FLUSH_S, samples=samples, processes=processes
        )
        with gathered(crowd) as gathering:
            time.sleep(seconds)
            return gathering.finish()


def test_all_is_well() -> None:
    heard = listen(seconds=1.5, samples=4, processes=2)
    assert (heard.never, heard.lost, heard.torn, heard.underran) == (0, 0, 0, 0)
    assert heard.counts["alive"] == 40
    assert 0 < heard.latency_ms("first_sound", 0.99) < 5000
    assert 2048 * 3 <= heard.counts["wire_bytes"] / 40 <= 2048 * 7  # two flushes of backlog, then one each half second
    assert len(heard.samples) == 4
    assert heard.samples[0][4:8] == b"ftyp"
    assert heard.samples[0].count(b"moof") == heard.samples[0].count(b"mdat") >= 3


def test_each_fault_is_noticed_as_what_it_is() -> None:
    faults = ("--fault-skip", "4"), ("--fault-stall", "10"), ("--fault-cut", "8")
    with ThreadPoolExecutor() as pool:
        skipped, stalled, cut = pool.map(lambda f: listen(*f, seconds=3.5), faults)
    assert (skipped.torn, skipped.lost) == (10, 0)
    assert (stalled.column("silent") > 500_000).sum() == 4  # microseconds
    assert (stalled.torn, stalled.lost) == (0, 0)
    assert (cut.lost, cut.counts["alive"], cut.torn) == (5, 35, 0)


def test_when_each_had_which_part() -> None:
    with c_loop(2048, FLUSH_S, pinned=False) as server:
        crowd = Crowd(server.port, "/", 10, 2000, parts=True, processes=2)
        with gathered(crowd) as gathering:
            begun = time.monotonic()
            gathering.log()
            time.sleep(1.2)
            arrivals = gathering.finish().arrivals
    assert set(arrivals["listener"]) == set(range(10))
    assert all(begun <= at / 1e6 <= time.monotonic() for at in arrivals["at_us"])
    of_one = arrivals["time"][arrivals["listener"] == 7]
    assert len(of_one) >= 2 and (np.diff(of_one.astype(np.int64)) > 0).all()


def test_nobody_there_means_nobody_heard() -> None:
    with gathered(Crowd(1, "/", 5, 1000)) as gathering:
        heard = gathering.finish()
    assert heard.never == 5
    assert np.isinf(heard.latency_ms("first_sound", 0.5))


def test_everyone_may_have_an_address_of_their_own_and_times_from_when_they_were_due() -> None:
    with (
        c_loop(2048, FLUSH_S, pinned=False) as server,
        gathered(Crowd(server.port, "/", 40, 2000, spread=True, due=True, processes=2)) as gathering,
    ):
        heard = gathering.finish()
    assert (heard.never, heard.lost) == (0, 0)
    assert 0 < heard.latency_ms("first_sound", 0.5) < 5000
