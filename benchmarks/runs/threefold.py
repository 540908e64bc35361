"""Three times as many as fit: those inside are left alone, the house fills and stays full, the line keeps its order."""

from __future__ import annotations

import numpy as np

from benchmarks.crowd import Crowd, Heard, gathered
from benchmarks.ours import ROOM, edges, live, on_air
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.siege import INSIDE, PRECEDENCE, WORLD, here
from benchmarks.visitors import LIGHT_WORK, NEVER, Became, Visitors, coming
from rostra.rehearsal.scenario import CrowdPlan

FLUSH_S = 1.0
EDGES = 2
NETWORKS = 20_000
FILLED_WITHIN_S = 10.0
TURNOVER = 0.001
"""Of those inside, so many go a second: somebody is called in their place."""


def run(scale: Scale) -> Result:
    places, over_s, stay_s = scale.pick(3000, 200), scale.pick(3.0, 0.5), scale.pick(60.0, 7.0)
    settled_s = scale.pick(FILLED_WITHIN_S, 5.0)
    people, leave_s, inside = 3 * places, TURNOVER * places, places // 6
    result = Result(
        "threefold",
        f"{people} come to {places} places",
        {
            "transport": "plain", "loopback": True, "flush_s": FLUSH_S, "places": places, "already_in": inside,
            "listeners": people,
            "within_s": over_s, "seconds": stay_s, "leave_a_second": leave_s, "from_second": settled_s,
            "networks": NETWORKS, "challenge_trials": LIGHT_WORK[0], "rounds": len(scale.rounds),
            "processes": f"{EDGES} edges on one core; those inside, 2 crowds, bus and feeder "
            "on the other",
        },
    )  # fmt: skip
    columns: dict[str, list[float]] = {}
    settings = {**WORLD, "door_places": places // EDGES, "door_challenge_trials": LIGHT_WORK}
    with on_air(loop_s=scale.pick(40.0, 8.0), pinned=True) as air:
        for _ in scale.rounds:
            with edges(air, flush_s=FLUSH_S, processes=EDGES, pinned=True, settings=settings) as server:
                plan = CrowdPlan(
                    listeners=people, over_s=over_s, patience_s=3600, start_s=2 * FLUSH_S - 0.05, proxied=True,
                    prefixes=NETWORKS, samples=0,
                )  # fmt: skip
                target = here(server.port, ROOM, proxied=True)
                already = Crowd(
                    server.port, live(), inside, 500.0, start_buffer_s=2 * FLUSH_S - 0.05, world=NETWORKS,
                    block=INSIDE, pinned=True, niceness=PRECEDENCE,
                )  # fmt: skip
                with gathered(already) as gathering:
                    with coming(Visitors(target, plan, stay_s, 2, settled_s, leave_s)) as (became,):
                        pass
                    held = gathering.finish()
                found = _found(became, held, places, settled_s)
            for what, value in found.items():
                columns.setdefault(what, []).append(value)
            result.details.setdefault("seconds", []).append(became.seconds)
    for what, values in columns.items():
        result.add(what, "2 edges", "%" if what.startswith(("filled", "numbers")) else "", values, _must(what, scale))
    return result


def _found(became: Became, held: Heard, places: int, settled_s: float) -> dict[str, float]:
    there = held.counts["alive"]
    inside = [100 * (there + second.get("in", 0)) / places for second in became.seconds]
    rows = became.rows
    return {
        "let in": int((rows["first_s"] != NEVER).sum()),
        "given a number": int((rows["line"] >= 0).sum()),
        "let in by number": int(((rows["line"] >= 0) & (rows["first_s"] != NEVER)).sum()),
        "lost": held.lost + became.count("lost"),
        "underruns of those who were in": int(held.counts["underruns"]),
        "underruns of those who came, as a busy crowd of theirs found": int(rows["underruns"].sum()),
        f"filled after {settled_s:.0f} s": inside[round(settled_s) - 1],
        "filled at least, from then on": min(inside[round(settled_s) - 1 :]),
        "filled at most": max(inside),
        "numbers of which a later one came in and they did not": 100 * overtaken(rows),
        "numbers that came in the other way round, of all pairs": 100 * inverted(rows),
    }


def overtaken(rows: np.ndarray[tuple[int], np.dtype[np.void]]) -> float:
    """Of those who have a number: who waits although somebody behind them on their line came in."""
    found, numbered = 0, 0
    for line in np.unique(rows["line"][rows["line"] >= 0]):
        here_ = rows[rows["line"] == line]
        came = here_["first_s"] != NEVER
        numbered += len(here_)
        if came.any():
            found += int((~came & (here_["rank"] < here_["rank"][came].max())).sum())
    return found / numbered if numbered else 0.0


def inverted(rows: np.ndarray[tuple[int], np.dtype[np.void]]) -> float:
    """Of all pairs of one line who both came in: those of whom the one with the later number came first."""
    wrong, pairs = 0, 0
    for line in np.unique(rows["line"][rows["line"] >= 0]):
        came = rows[(rows["line"] == line) & (rows["first_s"] != NEVER)]
        times = came["first_s"][np.argsort(came["rank"], kind="stable")]
        wrong += sum(int((times[i + 1 :] < t).sum()) for i, t in enumerate(times))
        pairs += len(times) * (len(times) - 1) // 2
    return wrong / pairs if pairs else 0.0


def _must(what: str, scale: Scale) -> Must | None:
    if what == "lost":
        return Must("<=", 0, every=True)
    if scale.quick:
        return None
    if what == "underruns of those who were in":
        return Must("<=", 0, every=True)
    if what.startswith("numbers of which"):
        return Must("<=", 5)  # they are called in order; of those called together whoever asks first comes in first
    return Must(">=", 97) if what.startswith("filled") and not what.endswith("most") else None
