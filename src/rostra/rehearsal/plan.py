"""What an evening of a size takes, from what a rehearsal measured on this machine. Pure.

Three things bound a machine: the CPU (what a join costs while all come, what a listener costs while all are in),
memory, and the uplink. Each is computed from the report's ``measured`` and the machine's own kernel costs
(``rostra.limits``), each says whether it was measured or extrapolated, and how far.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rostra.errors import ConfigError
from rostra.limits import KERNEL_BYTES
from rostra.rehearsal.scenario import make
from rostra.rehearsal.summary import sends, whole_flushes

PRICES = Path(__file__).parent / "prices.toml"

CPU_SHARE = 0.75
"""Of a machine's cores that is planned with: the rest is for the bus, the stage, the kernel and what goes wrong."""

MEMORY_SHARE = 0.75
UPLINK_SHARE = 0.7
SPARE = 1
"""Machines more than needed, so that one may die."""

PROCESS_BYTES = 150 * 1024 * 1024
"""Of an edge without listeners, where it was not measured."""

TLS_CONNECTION_BYTES = 11 * 1024
"""More than a plain connection, where no rehearsal by TLS was held (docs/benchmarks.md, memory: 15 KiB against 4)."""

TLS_HANDSHAKE_CPU_S = 0.0011
"""ECDSA P-256 and X25519 and OpenSSL's bookkeeping, assumed where none was measured."""

TLS_CPU_SHARE = 1.5
"""What encryption multiplies sending by, where none was measured (docs/benchmarks.md: 15 us a second at a flush of 1 s,
against 10 plain)."""

HEADROOM_FILES = 200


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(_Table):
    name: str = "a machine"
    cores: int = Field(16, ge=1, le=1024)
    memory_gib: float = Field(32, gt=0, le=65536)
    uplink_gbit_s: float = Field(10, gt=0, le=1000)
    open_files: int = Field(1_000_000, ge=1024, le=2**30)
    hour: float = Field(0.0, ge=0)


class Traffic(_Table):
    gigabyte: float = Field(0.0, ge=0)
    included_gigabytes: float = Field(0.0, ge=0)


class Event(_Table):
    hours: float = Field(2.0, gt=0, le=8760)


class Prices(_Table):
    currency: str = "EUR"
    machine: Machine = Machine()
    traffic: Traffic = Traffic()
    event: Event = Event()


def read_prices(path: Path = PRICES) -> Prices:
    """:raises ConfigError: a sentence."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path} cannot be read as prices: {e}.") from e
    return make(Prices, data, str(path))


@dataclass(frozen=True, slots=True)
class Wish:
    """What the evening is to be."""

    listeners: int
    join_s: float
    tls: bool = False
    flush_s: float = 0.0
    """What sound is sent at once with; 0: the longest that the ladder has, 4 s, as it would be under load."""
    ladder: bool = False
    """Everyone who comes is given the 16 kbit/s rendition, as the door does when it is crowded."""


def plan(wish: Wish, report: dict[str, Any], prices: Prices) -> dict[str, Any]:
    """Machines, cores, memory, bandwidth, cost, and how each is known. :raises ConfigError: nothing was measured."""
    known = report.get("measured") or {}
    if known.get("listeners") and not known.get("cpu_share_seen"):
        raise ConfigError(
            f"The last rehearsal was too small: {known['listeners']:,} listeners an edge cost too little to be told "
            "beside what an edge does anyway. Rehearse with more: rostra rehearse URL --listeners 10000 --over 5"
        )
    if not known.get("listeners"):
        raise ConfigError(
            "The last rehearsal could not see the target's processes, so it measured nothing to plan with. "
            "Rehearse on the machine that serves: rostra rehearse URL --listeners 10000 --over 5"
        )
    machine, measured_tls = prices.machine, bool(report["target"].get("tls"))
    flush_s = wish.flush_s or 4.0
    added_tls = wish.tls and not measured_tls
    seen_flush = float(known.get("flush_s") or 0.5)
    cpu_listener = known["cpu_share_seen"] * sends(flush_s) / sends(seen_flush) * (TLS_CPU_SHARE if added_tls else 1.0)
    cpu_join = known["join_cpu_s"] + (TLS_HANDSHAKE_CPU_S if added_tls else 0.0)
    memory = known["memory_bytes"] + (TLS_CONNECTION_BYTES if added_tls else 0)
    process = float(known.get("rest_bytes") or PROCESS_BYTES)
    out = known["out_bytes_s"] * (2_250 / 3_250 if wish.ladder else 1.0)
    rate = wish.listeners / max(1.0, wish.join_s)
    cores_joining = rate * cpu_join + wish.listeners * cpu_listener / 2
    cores_held = wish.listeners * cpu_listener
    cores = max(cores_joining, cores_held)
    by = {
        "cpu": cores / (machine.cores * CPU_SHARE),
        "memory": (wish.listeners * memory + machine.cores * process) / (machine.memory_gib * 2**30 * MEMORY_SHARE),
        "uplink": wish.listeners * out * 8 / (machine.uplink_gbit_s * 1e9 * UPLINK_SHARE),
        "open files": wish.listeners / ((machine.open_files - HEADROOM_FILES) * machine.cores),
    }
    bound = max(by, key=lambda name: by[name])
    machines = max(1, math.ceil(by[bound] - 1e-9))
    hours = prices.event.hours
    gigabytes = wish.listeners * out * hours * 3600 / 1e9
    paid = max(0.0, gigabytes - prices.traffic.included_gigabytes)
    machines_cost = (machines + SPARE) * machine.hour * hours
    return {
        "wish": {
            "listeners": wish.listeners, "join_s": wish.join_s, "joins_s": round(rate, 1), "tls": wish.tls,
            "flush_s": flush_s, "ladder": wish.ladder,
        },
        "machines": machines,
        "spare": SPARE,
        "machine": machine.model_dump(),
        "bound": bound,
        "by": {name: round(value, 4) for name, value in by.items()},
        "cores": round(cores, 2),
        "cores_joining": round(cores_joining, 2),
        "cores_held": round(cores_held, 2),
        "memory_gib": round((wish.listeners * memory + machine.cores * machines * process) / 2**30, 1),
        "gbit_s": round(wish.listeners * out * 8 / 1e9, 2),
        "gigabytes": round(gigabytes, 1),
        "cost": {
            "currency": prices.currency, "hours": hours, "machines": round(machines_cost, 2),
            "traffic": round(paid * prices.traffic.gigabyte, 2),
            "total": round(machines_cost + paid * prices.traffic.gigabyte, 2),
        },
        "known": _known(wish, known, rate, flush_s=flush_s, seen_flush=seen_flush, added_tls=added_tls),
    }  # fmt: skip


def check(report: dict[str, Any], larger: dict[str, Any]) -> dict[str, Any]:
    """The prediction from one report held against a larger run of the same edges: ``cores`` while everyone is in,
    ``memory_bytes`` of the edges, ``out_bytes_s`` of sound, ``join_cores`` while they come; each predicted, measured,
    and by how much the prediction is off.

    :raises ConfigError: one of them has nothing to compare.
    """
    known, seen = report.get("measured"), larger.get("measured")
    if not known or not seen:
        raise ConfigError("Both reports need `measured`: rehearse on the machine that serves.")
    listeners, edges = int(seen["most_in"]), int(seen["edges"])
    rows = [
        (
            s,
            sum(v["cpu_s"] for name, v in s["processes"].items() if name.startswith("edge")),
            sum(v["memory_bytes"] for name, v in s["processes"].items() if name.startswith("edge")),
        )
        for s in larger["seconds"]
        if "processes" in s
    ]
    steady = [row for row in rows if row[0]["in"] >= 0.99 * listeners and row[0].get("heard", 0) < 0.01 * listeners]
    steady = list(whole_flushes(steady))
    if not steady:
        raise ConfigError("The larger run was not held long enough to measure anything: give it --hold 30.")
    flush_s, seen_flush = float(known["flush_s"] or 0.5), float(seen["flush_s"] or 0.5)
    share = known["cpu_share_seen"] * sends(seen_flush) / sends(flush_s)
    idle = known["idle_cpu_share"] * edges / int(known["edges"])
    coming = [row for row in rows if row[0].get("heard", 0) >= 0.01 * listeners]
    compared = {
        "cores": (idle + listeners * share, _mean(cpu for _, cpu, _ in steady)),
        "memory_bytes": (
            edges * float(known.get("rest_bytes") or PROCESS_BYTES) + listeners * known["process_bytes"],
            max(size for _, _, size in steady),
        ),
        "out_bytes_s": (listeners * known["out_bytes_s"], listeners * seen["out_bytes_s"]),
        "join_cores": (
            idle + _mean(row["heard"] * known["join_cpu_s"] + row["in"] * share for row, _, _ in coming),
            _mean(cpu for _, cpu, _ in coming),
        ),
    }
    return {
        "listeners": listeners,
        "times": round(listeners / int(known["most_in"]), 2),
        **{name: _held_against(*pair) for name, pair in compared.items()},
    }


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def _held_against(predicted: float, measured: float) -> dict[str, float]:
    error = predicted / measured - 1 if measured else 0.0
    return {"predicted": round(predicted, 4), "measured": round(measured, 4), "error": round(error, 4)}


def _known(
    wish: Wish, known: dict[str, Any], rate: float, *, flush_s: float, seen_flush: float, added_tls: bool
) -> list[dict[str, str]]:
    """What was measured, what is extrapolated and how far."""
    said = []

    def say(what: str, measured: float, wanted: float, unit: str) -> None:
        times = wanted / measured if measured else float("inf")
        far = "measured at this size" if times <= 1.05 else f"extrapolated {times:.1f} times over what was measured"
        said.append({"what": what, "how": f"{far} ({measured:,.0f} {unit})"})

    say("CPU and memory of those who listen", float(known["most_in"]), float(wish.listeners), "listeners")
    say("CPU of those who join", float(known["most_joins_s"]), rate, "joins a second")
    if flush_s != seen_flush:
        said.append(
            {
                "what": f"a flush of {flush_s:g} s",
                "how": f"computed from one of {seen_flush:g} s, by the number of sends",
            }
        )
    if added_tls:
        said.append(
            {
                "what": "TLS",
                "how": "not measured: the rehearsal was plain. Handshakes, buffers and encryption are added from a "
                "table; rehearse by https to measure them",
            }
        )
    said.append({"what": "memory of the kernel", "how": f"{KERNEL_BYTES // 1024} KiB a listener, from its structures"})
    said.append({"what": "uplink", "how": f"computed from {known['out_bytes_s']:,.0f} bytes a second and listener"})
    return said


def sentences(found: dict[str, Any]) -> list[str]:
    """For a terminal."""
    wish, cost = found["wish"], found["cost"]
    sound = ", the smaller sound for all" if wish["ladder"] else ""
    return [
        f"{wish['listeners']:,} listeners, {wish['joins_s']:,.0f} joins a second, a flush of {wish['flush_s']:g} s"
        f"{', TLS' if wish['tls'] else ''}{sound}",
        f"machines   {found['machines']} of {found['machine']['name']} and {found['spare']} to spare; "
        f"{found['bound']} is what bounds them",
        f"cores      {found['cores']:.1f} ({found['cores_joining']:.1f} while they come, "
        f"{found['cores_held']:.1f} then)",
        f"memory     {found['memory_gib']:,.1f} GiB",
        f"bandwidth  {found['gbit_s']:,.1f} Gbit/s, {found['gigabytes']:,.0f} GB in {cost['hours']:g} h",
        f"cost       {cost['total']:,.2f} {cost['currency']} ({cost['machines']:,.2f} machines, "
        f"{cost['traffic']:,.2f} traffic)",
        *(f"           {one['what']}: {one['how']}" for one in found["known"]),
    ]


def check_sentences(seen: dict[str, Any]) -> list[str]:
    """For a terminal: what was predicted, what was found, and how far one is from the other."""
    units = (
        ("cores", "cores while all are in", 1.0),
        ("join_cores", "cores while they come", 1.0),
        ("memory_bytes", "MiB of the edges' memory", 2.0**-20),
        ("out_bytes_s", "Mbit/s", 8e-6),
    )
    return [
        f"check      {seen['listeners']:,} listeners, {seen['times']:g} times what was measured",
        *(
            f"           {seen[name]['predicted'] * scale:,.2f} {words} predicted, "
            f"{seen[name]['measured'] * scale:,.2f} measured ({100 * seen[name]['error']:+.1f} %)"
            for name, words, scale in units
        ),
    ]
