"""Thousands came early and hold the stream; the host starts. When has each of them the first word?"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.crowd import Crowd, Heard, gathered
from benchmarks.heard import decode
from benchmarks.machine import cpu_s, idle_s
from benchmarks.programs import running
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.syllables import begins
from benchmarks.whole import ROOM, serving
from rostra.units import Rendition

FLUSH_S = 1.0
PART_S = Rendition.OPUS.part_s

FIRST_WORD = "from the start order to the first word"
ALL = f"who have the first word within flush and part, {FLUSH_S + PART_S:g} s"


def run(scale: Scale) -> Result:
    listeners, rate, edges = scale.pick(20_000, 200), scale.pick(2000.0, 500.0), 2
    result = Result(
        "early",
        f"{listeners} early comers at the start",
        {
            "transport": "plain; the speaker by WebRTC", "loopback": True, "flush_s": FLUSH_S, "rendition": "opus",
            "listeners": listeners, "rounds": len(scale.rounds),
            "processes": f"rostra serve ({edges} edges, 1 stage), 1 speaker, 2 crowds",
        },
    )  # fmt: skip
    columns: dict[str, list[float]] = {}
    for _ in scale.rounds:
        at = (datetime.now(UTC) + timedelta(minutes=10)).isoformat(timespec="seconds")
        with (
            serving("--flush", str(FLUSH_S), edges=edges, announced=("--at", at)) as whole,
            running(whole.talking(whole.token("host"), "--syllables")),
            whole.client(whole.token("host")) as host,
        ):
            crowd = Crowd(
                whole.front_port, f"/r/{ROOM}/live", listeners, rate, start_buffer_s=2 * FLUSH_S - 0.05,
                samples=10, parts=True, processes=2,
            )  # fmt: skip
            with gathered(crowd) as gathering:
                if (state := host.room(ROOM).state) != "open":
                    raise RuntimeError(f"the room should be open and is {state}")
                time.sleep(2 * FLUSH_S)
                before = gathering.log()
                pids = whole.processes("edge")
                used, idle, ordered = cpu_s(*pids), idle_s(), time.monotonic()
                host.start(ROOM)
                answered = time.monotonic()
                time.sleep(2 * (FLUSH_S + PART_S) + 1.0)
                took = time.monotonic() - ordered
                cpu, idle = (cpu_s(*pids) - used) / took, (idle_s() - idle) / took
                heard = gathering.finish()
        waited = _waited(heard, ordered, listeners)
        in_time = int((waited <= FLUSH_S + PART_S).sum())
        found = {
            "never heard anything, or lost": heard.never + heard.lost,
            "never heard the first word": int(np.isinf(waited).sum()),
            f"{FIRST_WORD}, p50": float(np.quantile(waited, 0.5, method="inverted_cdf")),
            f"{FIRST_WORD}, p99": float(np.quantile(waited, 0.99, method="inverted_cdf")),
            f"{FIRST_WORD}, last of all": float(waited.max()),
            ALL: in_time,
            "with a hole in what they got": heard.torn,
            "underruns from the start on": heard.counts["underruns"] - before["underruns"],
            "CPU of the edges at the start": cpu,
            "cores idle at the start": idle,
        }
        for what, value in found.items():
            columns.setdefault(what, []).append(min(value, 99_999))
        result.details.setdefault("rounds", []).append({**heard.summary(), "order_answered_s": answered - ordered})
    none = Must("<=", 0, every=True)
    musts = {"never heard anything, or lost": none, "never heard the first word": none}
    if not scale.quick:
        musts |= {ALL: Must(">=", listeners, every=True)}
    units = {"from": "s", "CPU": "cores", "cores": "cores", "underruns": ""}
    for what, values in columns.items():
        result.add(what, "edges", units.get(what.split()[0], "listeners"), values, musts.get(what))
    return result


def _waited(heard: Heard, ordered: float, listeners: int) -> np.ndarray:
    """Seconds from the order until each listener had the part that has the first word in it; infinite: never.

    Where the word stands in media time is taken from the streams that were kept.
    """
    words = []
    for stream in heard.samples:
        begin, pcm = decode(stream)
        if (at := begins(pcm)) is not None:
            words.append(begin + at)
    if len(words) < len(heard.samples) or not words:
        raise RuntimeError(f"only {len(words)} of {len(heard.samples)} streams that were kept have a word in them")
    word = int(np.median(words))
    arrivals = heard.arrivals
    within = (arrivals["time"] <= word) & (arrivals["time"] + Rendition.OPUS.part_samples > word)
    waited = np.full(listeners, np.inf)
    waited[arrivals["listener"][within]] = arrivals["at_us"][within] / 1e6 - ordered
    return waited
