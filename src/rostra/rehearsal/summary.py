"""What the seconds and totals of a rehearsal say, put together: the figures, the cost of each attack, and what one edge
of this machine was measured to hold. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rostra.limits import KERNEL_BYTES
from rostra.rehearsal.counting import Histogram, Second
from rostra.rehearsal.scenario import AttackFile, AttackPlan

STEADY_SHARE = 0.01
"""The tally is held against the truth while the crowd changes by less than this in the seconds around."""

STEADY_JOINS = 0.001
"""A second in which fewer of those inside have just come says what listening costs. One by one people come in even when
all are in, after a wait; to leave such seconds out would leave out every other flush."""

TALLY_SETTLES_S = 6
"""A tally is of a second ago, and is told with the next snapshot, up to 4 s later."""

WINDOW_S = 10.0
"""Before and after an attack, to compare with."""

LONGEST_FLUSH_S = 4.0
"""What the door counts with: by the time a place is scarce, the flush is that."""

JOINING_CPU = 0.8
"""Of a core that an edge may use for nothing but joins: the rate it is expected to bear, where it was not offered so
many."""

GOOD_JOIN_S = 1.0
"""Joins count as borne while 99 of 100 had sound within this."""


T = TypeVar("T")


@dataclass(slots=True)
class Log:
    """All that was told while it ran, by second."""

    crowd: dict[int, Second] = field(default_factory=dict)
    firsts: dict[int, Histogram] = field(default_factory=dict)
    """First sounds by the second in which they were asked for."""
    attacks: dict[int, dict[int, Second]] = field(default_factory=dict)
    """By number of the attack."""
    bots: dict[int, Second] = field(default_factory=dict)
    totals: list[dict[str, Any]] = field(default_factory=list)
    attack_totals: dict[int, dict[str, Any]] = field(default_factory=dict)
    bot_totals: list[dict[str, Any]] = field(default_factory=list)
    probes: dict[int, dict[str, Any]] = field(default_factory=dict)
    processes: dict[int, dict[str, dict[str, float]]] = field(default_factory=dict)
    idle: dict[str, float] = field(default_factory=dict)
    """Cores that processes used before anyone came."""
    rest: dict[str, float] = field(default_factory=dict)
    """Bytes of memory that they had then."""
    samples: list[bytes] = field(default_factory=list)
    events: list[list[Any]] = field(default_factory=list)
    """``[second, words]``."""


def series(log: Log) -> list[dict[str, Any]]:
    """One object a second, in order, as charts and JSON have it."""
    last = max([*log.crowd, *log.probes, 0])
    return [_second(log, n) for n in range(last + 1)]


def _second(log: Log, n: int) -> dict[str, Any]:
    crowd = log.crowd.get(n, Second())
    firsts = log.firsts.get(n, Histogram())
    attack = Second()
    for seconds in log.attacks.values():
        attack.merge(seconds.get(n, Second()))
    answers = {k: v for k, v in attack.counters.items() if k.startswith("answer_")}
    found: dict[str, Any] = {
        "t": n,
        **crowd.counters,
        "in": round(crowd.gauges.get("in", 0)),
        "waiting": round(crowd.gauges.get("waiting", 0)),
        "generator_late_ms": round(crowd.gauges.get("late_ms", 0.0), 1),
        "generator_cpu": round(crowd.gauges.get("cpu", 0.0), 3),
        "first_p50": _rounded(firsts.quantile(0.5)),
        "first_p99": _rounded(firsts.quantile(0.99)),
        "latency_p50": _rounded(crowd.latency.quantile(0.5)),
        "latency_p99": _rounded(crowd.latency.quantile(0.99)),
        "tally": [min(crowd.tally), max(crowd.tally)] if crowd.tally else None,
        "bots_in": round(log.bots[n].gauges.get("in", 0)) if n in log.bots else 0,
        "attack_opened": attack.counters.get("opened", 0),
        "attack_answers": sum(answers.values()),
        "attack_open": round(attack.gauges.get("open", 0)),
        "attack_cpu": round(attack.gauges.get("cpu", 0.0), 3),
        **{f"state_{k}": v for k, v in log.probes.get(n, {}).items()},
    }
    if n in log.processes:
        found["processes"] = {
            name: {k: round(v, 4) for k, v in values.items()} for name, values in log.processes[n].items()
        }
    return found


def figures(log: Log, seconds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What objectives are held against (``objectives.MEANINGS``), and a few more."""
    totals = _added(log.totals)
    firsts = Histogram.sum(log.firsts.values())
    latency = Histogram.sum(second.latency for second in log.crowd.values())
    counters: dict[str, int] = {}
    for second in log.crowd.values():
        for name, value in second.counters.items():
            counters[name] = counters.get(name, 0) + value
    never = int(totals.get("never_heard", 0))
    heard = int(totals.get("heard", 0))
    bots = _added(log.bot_totals)
    return {
        "listeners": int(totals.get("listeners", 0)),
        "heard": heard,
        "never_heard": never,
        "first_sound_p50": _rounded(firsts.quantile(0.5, never)),
        "first_sound_p90": _rounded(firsts.quantile(0.9, never)),
        "first_sound_p99": _rounded(firsts.quantile(0.99, never)),
        "first_sound_max": _rounded(firsts.quantile(1.0)),
        "underruns": int(totals.get("underruns", 0)),
        "underrun_free": round(int(totals.get("without_underrun", 0)) / heard, 5) if heard else None,
        "silent_s": totals.get("silent_s", 0.0),
        "holes": int(totals.get("holes", 0)),
        "hole_s": totals.get("hole_s", 0.0),
        "sound_s": totals.get("sound_s", 0.0),
        "latency_p50": _rounded(latency.quantile(0.5)),
        "latency_p99": _rounded(latency.quantile(0.99)),
        **{k: counters.get(k, 0) for k in ("lost", "turned_away", "gave_up", "broken", "challenged", "solved")},
        **{k: counters.get(k, 0) for k in ("numbered", "told_to_wait", "failed", "reconnects", "left", "returned")},
        "most_in": max((int(s["in"]) for s in seconds), default=0),
        "most_joins_s": max((int(s.get("heard", 0)) for s in seconds), default=0),
        "tally_error": tally_error(seconds),
        "bots": int(bots.get("listeners", 0)),
        "bots_in": round(int(bots["heard"]) / int(bots["listeners"]), 4) if bots.get("listeners") else None,
    }


def _added(totals: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for total in totals:
        for name, value in total.items():
            if isinstance(value, int | float):
                found[name] = round(found.get(name, 0) + value, 3)
    return found


def tally_error(seconds: Sequence[Mapping[str, Any]]) -> float | None:
    """How far the tally was off at most, as a share of the truth, where that stood still. None: it never did.

    Others may listen too: what is told above the crowd's own number counts as an error all the same, so rehearse a room
    that nobody else is in.
    """
    worst = None
    for n in range(TALLY_SETTLES_S, len(seconds)):
        around = [int(s["in"]) + int(s.get("bots_in", 0)) for s in seconds[n - TALLY_SETTLES_S : n + 1]]
        tally = seconds[n]["tally"]
        truth = around[-1]
        if not tally or truth < 10 or max(around) - min(around) > STEADY_SHARE * truth:
            continue
        error = max(abs(told - truth) / truth for told in tally)
        worst = max(error, worst or 0.0)
    return None if worst is None else round(worst, 4)


def costs(log: Log, attacks: Sequence[AttackFile]) -> list[dict[str, Any]]:
    """What each attack did, and what it cost the crowd: before, while and after."""
    found, number = [], 0
    for file in attacks:
        for plan in file.attack:
            found.append(
                {
                    "file": file.name,
                    "kind": plan.kind.value,
                    "from_s": plan.from_s,
                    "for_s": plan.for_s,
                    "did": log.attack_totals.get(number, {}),
                    "before": _window(log, max(0.0, plan.from_s - WINDOW_S), plan.from_s),
                    "while": _window(log, plan.from_s, plan.from_s + plan.for_s),
                    "after": _window(log, plan.from_s + plan.for_s + 1, plan.from_s + plan.for_s + 1 + WINDOW_S),
                }
            )
            number += 1
    return found


def _window(log: Log, start_s: float, end_s: float) -> dict[str, Any] | None:
    """The crowd in these seconds; None: there are none."""
    numbers = [n for n in log.crowd if start_s <= n < end_s]
    if not numbers:
        return None
    whole = Second()
    listener_s = 0.0
    for n in numbers:
        whole.merge(log.crowd[n])
        listener_s += log.crowd[n].gauges.get("in", 0)
    firsts = Histogram.sum(log.firsts[n] for n in numbers if n in log.firsts)
    edges = [
        sum(v["cpu_s"] for name, v in log.processes[n].items() if name.startswith("edge"))
        for n in numbers
        if n in log.processes
    ]
    return {
        "asked": whole.counters.get("asked", 0),
        "heard": firsts.total,
        "first_p50": _rounded(firsts.quantile(0.5)),
        "first_p99": _rounded(firsts.quantile(0.99)),
        "underruns": whole.counters.get("underruns", 0),
        "underruns_an_hour": round(whole.counters.get("underruns", 0) * 3600 / listener_s, 4) if listener_s else None,
        "lost": whole.counters.get("lost", 0),
        "turned_away": whole.counters.get("turned_away", 0),
        "told_to_wait": whole.counters.get("told_to_wait", 0),
        "latency_p99": _rounded(whole.latency.quantile(0.99)),
        "edge_cpu": round(sum(edges) / len(edges), 3) if edges else None,
    }


def measured(
    seconds: Sequence[Mapping[str, Any]],
    edges: int,
    attacks: Sequence[AttackPlan],
    idle: float = 0.0,
    rest_bytes: float = 0.0,
) -> dict[str, Any] | None:
    """What one edge held and what a join and a listener cost, from seconds without an attack: ``listeners``,
    ``memory_bytes`` (kernel included), ``cpu_share`` (at the longest flush), ``out_bytes_s`` and ``joins_s`` are
    what the door reads. None: the target's processes could not be seen.

    :param idle: cores that the edges used before anyone came. :param rest_bytes: their memory then; 0: not known.
    """
    rows, cpu, memory, out = [], [], [], []
    most_in, joins_borne = 0, 0.0
    for s in seconds:
        if any(a.from_s <= s["t"] < a.from_s + a.for_s + 1 for a in attacks) or "processes" not in s:
            continue
        ours = [v for name, v in s["processes"].items() if name.startswith("edge")]
        if not ours:
            continue
        rows.append((float(s.get("heard", 0)), float(s["in"])))
        cpu.append(sum(v["cpu_s"] for v in ours))
        memory.append((int(s["in"]), sum(v["memory_bytes"] for v in ours)))
        out.append((float(s.get("bytes", 0)), int(s["in"]), rows[-1][0] > STEADY_JOINS * s["in"]))
        most_in = max(most_in, int(s["in"]))
        if s.get("heard") and s["first_p99"] is not None and s["first_p99"] <= GOOD_JOIN_S:
            joins_borne = max(joins_borne, float(s["heard"]))
    if len(rows) < 5 or not most_in or not edges:
        return None
    join_s, listener_share = _costs(rows, cpu, idle)
    flush_s = max((float(s["state_flush_s"]) for s in seconds if s.get("state_flush_s")), default=0.5)
    process_bytes = _memory_of_one(memory, rest_bytes)
    rest_bytes = max(m for _, m in memory) - process_bytes * most_in
    return {
        "listeners": -(-most_in // edges),
        "memory_bytes": round(process_bytes + KERNEL_BYTES, 1),
        "cpu_share": float(f"{listener_share * sends(LONGEST_FLUSH_S) / sends(flush_s):.4g}"),
        "out_bytes_s": _bytes_s(out),
        "joins_s": round(max(joins_borne / edges, JOINING_CPU / join_s), 1) if join_s > 0 else 0.0,
        "join_cpu_s": float(f"{join_s:.4g}"),
        "cpu_share_seen": float(f"{listener_share:.4g}"),
        "process_bytes": round(process_bytes, 1),
        "rest_bytes": round(rest_bytes / edges),
        "idle_cpu_share": round(idle, 4),
        "edges": edges,
        "most_in": most_in,
        "most_joins_s": joins_borne,
        "flush_s": flush_s,
        "seconds": len(rows),
    }


def whole_flushes(rows: Sequence[T]) -> Sequence[T]:
    """Of seconds, as many as whole flushes go into: at a flush of 2 s every other second is one of rest, and an odd
    number of them says too much or too little."""
    return rows[len(rows) % int(LONGEST_FLUSH_S) :] if len(rows) > LONGEST_FLUSH_S else rows


def _memory_of_one(memory: Sequence[tuple[int, float]], rest_bytes: float) -> float:
    """By how much the edges grow with each listener: the slope through all seconds, since the first few of all cost
    what is then there for everyone. Where all came in one second, what was added to ``rest_bytes``."""
    inside = [(n, m) for n, m in memory if n]
    middle, mean = sum(n for n, _ in inside) / len(inside), sum(m for _, m in inside) / len(inside)
    spread = sum((n - middle) ** 2 for n, _ in inside)
    if spread > len(inside) * (0.05 * middle) ** 2:
        return float(max(0.0, sum((n - middle) * (m - mean) for n, m in inside) / spread))
    most_in = max(n for n, _ in inside)
    return max(0.0, max(m for _, m in memory) - (rest_bytes or float(memory[0][1]))) / most_in


def _bytes_s(out: Sequence[tuple[float, int, bool]]) -> float:
    """Of one listener: from the seconds in which hardly anybody came. Whoever comes is given what was said before."""
    steady = whole_flushes([row for row in out if not row[2] and row[1]]) or out
    return round(sum(size for size, _, _ in steady) / max(1, sum(inside for _, inside, _ in steady)), 1)


def sends(flush_s: float) -> float:
    """What a listener costs at a flush, against one of 0.5 s: most of it is a send, some goes with each part."""
    return 0.15 + 0.85 * 0.5 / flush_s


def _costs(rows: Sequence[tuple[float, float]], cpu: Sequence[float], idle: float) -> tuple[float, float]:
    """CPU seconds of a join, and cores of one listener: the latter from the seconds in which hardly anybody came, then
    the former from the others, less what those inside took meanwhile."""
    steady = [
        (inside, used - idle)
        for (joins, inside), used in zip(rows, cpu, strict=True)
        if inside and joins <= STEADY_JOINS * inside
    ]
    steady = list(whole_flushes(steady))
    listener = max(0.0, sum(used for _, used in steady)) / max(1.0, sum(inside for inside, _ in steady))
    joining = [
        (joins, used - idle - inside * listener)
        for (joins, inside), used in zip(rows, cpu, strict=True)
        if joins > STEADY_JOINS * inside
    ]
    return max(0.0, sum(used for _, used in joining)) / max(1.0, sum(joins for joins, _ in joining)), listener


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
