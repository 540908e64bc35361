"""What a generator process is told, as JSON: on its standard input, or over NATS to a worker elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from rostra.errors import WireError
from rostra.rehearsal.scenario import AttackPlan, CrowdPlan, Kind
from rostra.rehearsal.target import Target

MAX_JOB_BYTES = 256 * 1024

LISTENERS_A_PROCESS = 15_000
"""Well below 20,000 open files, the least that counts as a raised limit."""


@dataclass(frozen=True, slots=True)
class Job:
    """One process's share of a rehearsal."""

    target: Target
    begin_wall: float
    """UTC seconds of second 0."""
    hold_until_s: float
    """Second at which it ends."""
    epoch: float
    """Wall time of the room's media time 0; 0.0: not known."""
    crowd: CrowdPlan | None = None
    worker: int = 0
    workers: int = 1
    attack: AttackPlan | None = None
    seed: int = 1
    core: int = -1
    """The only CPU it may use; -1: any."""

    @property
    def name(self) -> str:
        return f"crowd-{self.worker}" if self.attack is None else f"attack-{self.attack.kind}-{self.worker}"

    def to_json(self) -> dict[str, Any]:
        return {
            "target": self.target.to_json(),
            "begin_wall": self.begin_wall,
            "hold_until_s": self.hold_until_s,
            "epoch": self.epoch,
            "crowd": self.crowd.model_dump(mode="json") if self.crowd else None,
            "worker": self.worker,
            "workers": self.workers,
            "attack": self.attack.model_dump(mode="json") if self.attack else None,
            "seed": self.seed,
            "core": self.core,
        }


def read_job(data: bytes) -> Job:
    """:raises WireError: it is none."""
    try:
        body = json.loads(data)
        target = body["target"]
        return Job(
            Target(**{**target, "addresses": tuple(target["addresses"])}),
            float(body["begin_wall"]),
            float(body["hold_until_s"]),
            float(body["epoch"]),
            CrowdPlan.model_validate(body["crowd"]) if body["crowd"] else None,
            int(body["worker"]),
            int(body["workers"]),
            AttackPlan.model_validate(body["attack"]) if body["attack"] else None,
            int(body["seed"]),
            int(body["core"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError) as e:
        raise WireError(f"not a job of a rehearsal: {e}") from e


def crowd_jobs(job: Job, processes: int, cores: tuple[int, ...] = ()) -> list[Job]:
    """A crowd for so many processes; 0: as many as open files ask for."""
    assert job.crowd
    workers = processes or -(-job.crowd.listeners // LISTENERS_A_PROCESS)
    return [
        replace(job, worker=n, workers=workers, core=cores[n % len(cores)] if cores else -1) for n in range(workers)
    ]


def bots(plan: AttackPlan, proxied: bool, seed: int) -> CrowdPlan:
    """Bots that behave like listeners: a crowd of their own, from other networks."""
    assert plan.kind is Kind.BOTS
    over_s = plan.connections / plan.rate if plan.rate else 1.0
    return CrowdPlan(
        listeners=plan.connections, over_s=over_s, seed=seed, proxied=proxied, prefixes=plan.prefixes, samples=0,
        patience_s=min(3600.0, max(1.0, plan.for_s)),
    )  # fmt: skip
