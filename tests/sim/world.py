"""The whole path on one virtual clock: speakers, their network, a stage, the bus, edges, those who listen there."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

import numpy as np

from rostra.packaging import first_sequence
from rostra.stage.jitter import JitterStats
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, MediaTime, Part, Rendition
from rostra.wire.boxes import parse_part
from rostra.wire.playlists import part_name
from tests.sim.bus import SimBus
from tests.sim.crowd import Crowd
from tests.sim.edge import SimEdge
from tests.sim.network import Link
from tests.sim.stage import RENDITIONS, Coarse, Packet, SimStage, Speaker

TICK_S = 0.02
PACKET_SAMPLES = 2880
"""60 ms: the longest a browser may send (the issue names 10 to 60), and the cheapest to simulate."""

RECOVERED_S = 6.0
"""After a fault: sound comes again, is held for half a second, and the next flush is on its way (4 s at the top)."""


@dataclass(frozen=True)
class Crash:
    """The stage dies at ``at``; the next one begins ``silent`` generations and so many seconds later. A ``zombie`` does
    not die: it goes on for as long after the next one has begun."""

    at: float
    down_s: float
    silent: int = 0
    zombie_s: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What happens. Times in seconds from the beginning."""

    seed: int
    seconds: float
    listeners: int
    crashes: tuple[Crash, ...] = ()
    stalls: tuple[tuple[float, float], ...] = ()
    """The stage's machine stands still: when, for how long."""
    busy: tuple[tuple[float, float], ...] = ()
    """When the edges have more to do than they can."""
    middling: tuple[tuple[float, float], ...] = ()
    """When they are neither busy nor idle."""
    losses: tuple[float, ...] = ()
    """When a part is lost on its way to the second edge."""
    late_edge_at: float = math.inf
    speaker_off: float = 0.0005
    packet_loss: float = 0.02

    def load(self, now: float) -> float:
        if any(a <= now < b for a, b in self.busy):
            return 0.7
        return 0.4 if any(a <= now < b for a, b in self.middling) else 0.05

    def excused(self, now: float) -> bool:
        """Whether silence now is no fault of the path."""
        spans = [(c.at, c.at + c.down_s) for c in self.crashes] + [(a, a + s) for a, s in self.stalls]
        return any(a <= now < b + RECOVERED_S for a, b in spans)


@dataclass
class World:
    plan: Plan
    parts: list[Part] = field(default_factory=list)
    """Everything any stage sent, in order."""
    names: dict[str, str] = field(default_factory=dict)
    """What each name means, as the first said who had it: rendition/name to hash."""
    contradictions: list[str] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    """Of the speaker's jitter buffer, each second."""
    voices: list[JitterStats] = field(default_factory=list)
    """Of each stage at its end."""
    siblings_differ: list[float] = field(default_factory=list)
    compared: int = 0
    edges: list[SimEdge] = field(default_factory=list)
    ticks: int = 0

    def run(self) -> World:
        plan, now = self.plan, 0.0
        bus = SimBus(f"bus-{plan.seed}")
        joins = np.sort(np.random.default_rng(plan.seed).uniform(1.0, plan.seconds / 2, plan.listeners))
        self.edges = [SimEdge(f"edge{i}", Crowd(plan.seed + i, joins[i::2]), plan.load) for i in range(2)]
        lossy = [bus.subscribe(e.on_part, now) for e in self.edges][1]
        speaker = Speaker(PACKET_SAMPLES, off=plan.speaker_off)
        air: Link[Packet] = Link(f"air-{plan.seed}", delay_s=0.02, jitter_s=0.008, loss=plan.packet_loss)
        generation, stages, begins = 1, [self._stage(1, bus, now)], math.inf
        crashes, losses = list(plan.crashes), list(plan.losses)
        for count in range(round(plan.seconds / TICK_S)):
            now = count * TICK_S
            for packet in speaker.packets(now):
                air.send(packet, now)
            for packet, at in air.arrived(now):
                for stage in stages[-1:]:
                    stage.hear("a", packet, at)
            if crashes and now >= crashes[0].at:
                crash = crashes.pop(0)
                self._end(stages[-1])
                if not crash.zombie_s:
                    stages = []
                begins, ends_at, generation = (
                    crash.at + crash.down_s,
                    now + crash.zombie_s,
                    generation + 1 + crash.silent,
                )
            if now >= begins:
                stages, begins = [*stages, self._stage(generation, bus, now)], math.inf
            if len(stages) > 1 and now >= ends_at:
                stages = stages[1:]
            if not any(a <= now < a + s for a, s in plan.stalls):
                for stage in stages:
                    for part in stage.advance(now):
                        self._sent(part, bus, now)
            lossy.loss = 0.0
            if losses and now >= losses[0]:
                lossy.loss, _ = 1.0, losses.pop(0)
            if count % 12 == 0:
                excused = plan.excused(now)
                for edge in self.edges:
                    edge.excused = excused
                    edge.tick(now)
            bus.deliver(now)
            if count % 50 == 0:
                self._second(now, stages)
            if count % 3000 == 0:
                self._compare_names()
            if len(self.edges) == 2 and now >= plan.late_edge_at:
                late = SimEdge("late", Crowd(plan.seed, np.zeros(0)), plan.load)
                self.edges.append(late)
                bus.subscribe(late.on_part, now)
        self._compare_names()
        for stage in stages:
            self._end(stage)
        return self

    def _stage(self, generation: int, bus: SimBus, now: float) -> SimStage:
        """As a stage process takes a room up (docs/topics/path.md, "Numbering")."""
        known = {r: bus.last_known(r, now) for r in RENDITIONS}
        end = max((p.end for p in known.values() if p is not None), default=0)
        base = MediaTime(-(-max(round(now * SAMPLE_RATE), end) // FRAME_SAMPLES) * FRAME_SAMPLES)
        first = {
            r: first_sequence(r, generation, base, p.name.sequence if p is not None else None) for r, p in known.items()
        }
        return SimStage(generation, Coarse(PACKET_SAMPLES, base), base, first, now)

    def _end(self, stage: SimStage) -> None:
        self.voices += stage.stats().values()
        self.ticks += stage.ticks

    def _sent(self, part: Part, bus: SimBus, now: float) -> None:
        self.parts.append(part)
        self._means(part.name.rendition, part_name(part.name), hashlib.sha1(part.body).hexdigest(), "stage")
        bus.publish(part, now)

    def _means(self, rendition: Rendition, name: str, digest: str, who: str) -> None:
        key = f"{rendition}/{name}"
        if self.names.setdefault(key, digest) != digest:
            self.contradictions.append(f"{key} at {who}")

    def _compare_names(self) -> None:
        for edge in self.edges:
            for rendition in RENDITIONS:
                for name, digest in edge.digests(rendition).items():
                    self._means(rendition, name, digest, edge.name)

    def _second(self, now: float, stages: list[SimStage]) -> None:
        for edge in self.edges:
            edge.second(now)
        if stages and (stats := stages[-1].stats().get("a")):
            self.delays_ms.append(stats.delay_ms)
        if len(self.edges) > 2:
            first, late = self.edges[0], self.edges[2]
            if all(first.windows[r].last == late.windows[r].last for r in RENDITIONS):
                self.compared += 1
                if any(
                    first.windows[r].playlist(skip=s).raw != late.windows[r].playlist(skip=s).raw
                    for r in RENDITIONS
                    for s in (False, True)
                ):
                    self.siblings_differ.append(now)

    def digest(self) -> str:
        """All that happened, in one number."""
        whole = hashlib.sha1()
        for part in self.parts:
            whole.update(repr((part.name, part.time, part_hash(part))).encode())
        for edge in self.edges:
            whole.update(repr((edge.steps, edge.ends, len(edge.dropped), edge.client.order)).encode())
            for state in (edge.crowd.held, edge.crowd.played, edge.crowd.underruns, edge.crowd.excused):
                whole.update(state.tobytes())
        return whole.hexdigest()


def part_hash(part: Part) -> str:
    return hashlib.sha1(parse_part(part.payload).media).hexdigest()
