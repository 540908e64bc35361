"""Bots that behave like listeners, half of all who come: who gets in, where there is room for a tenth more than all
others?"""

from __future__ import annotations

from benchmarks.ours import ROOM, edges, on_air
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.siege import WORLD, here
from benchmarks.visitors import LIGHT_WORK, Visitors, coming
from rostra.rehearsal.scenario import CrowdPlan

FLUSH_S = 2.0
EDGES = 2
NETWORKS = 20_000
FEW, MANY = 200, 20_000
WITHIN_S = 10.0
SPARE = 1.15


def run(scale: Scale) -> Result:
    people, over_s, stay_s = scale.pick(12_000, 200), scale.pick(20.0, 1.0), scale.pick(45.0, 4.0)
    places = round(people * SPARE)
    result = Result(
        "bots",
        f"{people} bots among {2 * people} who come to {places} places",
        {
            "transport": "plain", "loopback": True, "flush_s": FLUSH_S, "places": places, "listeners": people,
            "bots": people, "within_s": over_s, "seconds": stay_s, "networks_of_listeners": NETWORKS,
            "challenge_trials": LIGHT_WORK[0], "rounds": len(scale.rounds),
            "processes": f"{EDGES} edges on one core; a crowd and one of bots on the other",
        },
    )  # fmt: skip
    columns: dict[tuple[str, int], list[float]] = {}
    settings = {**WORLD, "door_places": places // EDGES, "door_challenge_trials": LIGHT_WORK}
    with on_air(loop_s=scale.pick(40.0, 8.0), pinned=True) as air:
        for _ in scale.rounds:
            for networks in (FEW, MANY)[: scale.pick(2, 1)]:
                with edges(air, flush_s=FLUSH_S, processes=EDGES, pinned=True, settings=settings) as server:
                    target = here(server.port, ROOM, proxied=True)
                    crowd = CrowdPlan(
                        listeners=people, over_s=over_s, patience_s=3600, start_s=2 * FLUSH_S - 0.05, proxied=True,
                        prefixes=NETWORKS, samples=0,
                    )  # fmt: skip
                    bots = crowd.model_copy(update={"prefixes": networks, "seed": 666})
                    with coming(Visitors(target, crowd, stay_s), Visitors(target, bots, stay_s)) as (honest, others):
                        found = {
                            f"listeners in within {WITHIN_S:.0f} s": 100 * float((honest.in_within <= WITHIN_S).mean()),
                            "listeners in at the end": 100 * float(honest.rows["inside"].mean()),
                            "bots waiting or refused at the end": 100 * (1 - float(others.rows["inside"].mean())),
                            "bots in within 10 s": 100 * float((others.in_within <= WITHIN_S).mean()),
                            "lost": honest.count("lost") + others.count("lost"),
                            "underruns of listeners": int(honest.rows["underruns"].sum()),
                        }
                for what, value in found.items():
                    columns.setdefault((what, networks), []).append(value)
                result.details.setdefault(f"{networks} networks", []).append([honest.seconds, others.seconds])
    for (what, networks), values in columns.items():
        whose = f"bots from {networks} networks"
        unit = "" if what.startswith(("lost", "underruns")) else "%"
        result.add(what, whose, unit, values, _must(what, networks, scale))
    return result


def _must(what: str, networks: int, scale: Scale) -> Must | None:
    if what == "lost":
        return Must("<=", 0, every=True)
    if scale.quick or networks != FEW:
        return None
    if what == f"listeners in within {WITHIN_S:.0f} s":
        return Must(">=", 95)
    return Must(">=", 80) if what.startswith("bots waiting") else None
