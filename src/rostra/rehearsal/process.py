"""``python -m rostra.rehearsal.process``: one generator. A job in, a line of JSON a second out, and what it all came
to.

It ends by itself when its time is over, on SIGTERM, and when whoever started it closes its standard input.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from typing import Any

from rostra.limits import raise_open_files
from rostra.rehearsal.attacks.driver import Attacker
from rostra.rehearsal.counting import Second
from rostra.rehearsal.generator import Generator
from rostra.rehearsal.jobs import Job, bots, read_job
from rostra.rehearsal.scenario import Kind


def main() -> None:
    job = read_job(sys.stdin.buffer.readline())
    if job.core >= 0:
        os.sched_setaffinity(0, {job.core})
    raise_open_files()
    begin = time.monotonic() + job.begin_wall - time.time()
    driver: Generator | Attacker
    if job.attack is not None and job.attack.kind is not Kind.BOTS:
        driver = _attack(job, begin)
    elif job.attack is not None:
        crowd = bots(job.attack, job.target.proxied, 7_000 + job.seed)
        end = begin + job.attack.from_s + job.attack.for_s
        driver = _crowd(replace(job, crowd=crowd, worker=0, workers=1), begin + job.attack.from_s, end, begin)
    else:
        driver = _crowd(job, begin, begin + job.hold_until_s, begin)
    _say({"total": driver.finish(), "samples": _samples(driver)})


def _attack(job: Job, begin: float) -> Attacker:
    assert job.attack
    started = _Seconds(begin)
    driver = Attacker(job.target, job.attack, begin, started.told, job.seed)
    _until_told(driver)
    driver.run()
    return driver


def _crowd(job: Job, arrivals_begin: float, end: float, begin: float) -> Generator:
    assert job.crowd
    started = _Seconds(begin)
    driver = Generator(
        job.target, job.crowd, arrivals_begin, started.told, worker=job.worker, workers=job.workers,
        networks=job.attack.prefixes if job.attack is not None else 0,
    )  # fmt: skip
    driver.epoch = job.epoch
    started.driver = driver
    started.shift = round(arrivals_begin - begin)
    _until_told(driver)
    time.sleep(max(0.0, arrivals_begin - time.monotonic()))
    # Listeners make no cycles: the collector would walk over all of them in the middle of a flush.
    gc.collect()
    gc.freeze()
    gc.disable()
    driver.run(end)
    return driver


class _Seconds:
    """Says each second that is over, with its number."""

    def __init__(self, begin: float) -> None:
        self._begin, self._number = begin, -1
        self.driver: Generator | None = None
        self.shift = 0

    def told(self, second: Second) -> None:
        # Each is told once: a process that was kept from running tells several seconds as one, and leaves numbers out.
        self._number = number = max(self._number + 1, int(time.monotonic() - self._begin) - 1)
        body: dict[str, Any] = {"second": number, **second.to_json()}
        if self.driver is not None:
            firsts = self.driver.firsts()
            body["firsts"] = {str(n + self.shift): s.first.to_json() for n, s in firsts.items()}
        _say(body)


def _until_told(driver: Generator | Attacker) -> None:
    def stop(*_: object) -> None:
        driver.over = True

    def watch() -> None:
        sys.stdin.buffer.read()  # nothing more is said: it ends when the other side lets go
        stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()


def _samples(driver: Generator | Attacker) -> list[str]:
    if not isinstance(driver, Generator):
        return []
    return [base64.b64encode(bytes(w.sample)).decode() for w in driver.everyone if w.sample]


def _say(body: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(body, separators=(",", ":")) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(1)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
    # The thread that watches standard input may hold its lock: there is nothing left to be put in order.
