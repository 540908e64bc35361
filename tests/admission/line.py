"""A house, its edges and the people in front of it, on a clock of its own: half a second a step, from one seed.

Edges die, their clocks differ, their reports come late or not at all, and several move the record on at once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from rostra.admission.waiting import Counts, Heard, called, line_for, rank, serve
from rostra.units import WallTime
from rostra.wire.door import DoorRecord, DoorReport, decode_record, decode_report, encode_record, encode_report
from rostra.wire.passes import Pass

STEP_S = 0.5
START = 1_900_000_000.0


@dataclass(eq=False)
class Edge:
    name: str
    size: int
    skew_s: float
    joins_s: float = 1000.0
    inside: set[Person] = field(default_factory=set)
    counts: Counts = field(default_factory=Counts)
    record: DoorRecord = field(default_factory=lambda: DoorRecord("main"))
    revision: int = 0
    seen_at: float = 0.0
    heard: dict[str, tuple[DoorReport, float]] = field(default_factory=dict)


@dataclass(eq=False)
class Person:
    pass_: Pass
    came_at: float
    comes: bool
    """Whether they come when they are called."""
    called_at: float | None = None
    seated_at: float | None = None
    prompt_s: float = 0.0


class House:
    def __init__(self, seed: int, edges: int = 3, size: int = 20, *, skew_s: float = 0.0, lag: float = 0.0) -> None:
        self.rng = random.Random(seed)
        self.now = 0.0
        self.opened_at: float | None = None
        self.edges = [Edge(f"edge-{n}", size, self.rng.uniform(-skew_s, skew_s)) for n in range(edges)]
        self.lag = lag
        self.record = DoorRecord("main")
        self.revision = 0
        self.moves: list[tuple[DoorRecord, DoorRecord]] = []
        self.people: list[Person] = []
        self.lost = 0
        self._made = edges

    @property
    def wall(self) -> float:
        return START + self.now

    @property
    def waiting(self) -> list[Person]:
        return [p for p in self.people if p.seated_at is None and p.comes]

    @property
    def opened(self) -> WallTime:
        return WallTime(0.0 if self.opened_at is None else START + self.opened_at)

    def open(self) -> None:
        self.opened_at = self.now

    def come(self, *, rsvp: bool = False, crowded: bool = False, comes: bool = True) -> Person:
        """Takes a number at one of the edges."""
        edge = self.rng.choice(self.edges)
        line = line_for(rsvp=rsvp, crowded=crowded, opened=self.opened_at is not None)
        pass_ = Pass("main", line, WallTime(self.wall + edge.skew_s), self.rng.randbytes(8), 0)
        person = Person(pass_, self.now, comes, prompt_s=self.rng.uniform(0.5, 3))
        self.people.append(person)
        edge.counts.numbered(line, rank(edge.record, pass_, self.opened))
        return person

    def leave(self, most: int) -> None:
        inside = [(edge, p) for edge in self.edges for p in edge.inside]
        for edge, p in self.rng.sample(inside, min(most, len(inside))):
            edge.inside.remove(p)

    def die(self) -> None:
        """An edge, and with it what it alone knew. Another takes its place; those who were in it come back."""
        gone = self.edges.pop(self.rng.randrange(len(self.edges)))
        for person in gone.inside:
            person.seated_at = None
        self.lost += 1
        self.edges.append(Edge(f"edge-{self._made}", gone.size, gone.skew_s, seen_at=self.now))
        self._made += 1

    def step(self, *, heard: float = 1.0) -> None:
        """``heard``: the share of reports that arrive."""
        self.now += STEP_S
        for edge in self.edges:
            if edge.revision != self.revision and self.rng.random() >= self.lag:
                edge.record, edge.revision, edge.seen_at = self.record, self.revision, self.now
                edge.counts.on_record(edge.record, edge.name)
        if int(self.now / STEP_S) % 2 == 0:
            self._report(heard)
        self._move()
        self._take_seats()

    def _report(self, heard: float) -> None:
        for edge in self.edges:
            count = edge.counts.report()
            report = DoorReport(
                edge.name, WallTime(self.wall + edge.skew_s), edge.size - len(edge.inside), edge.joins_s,
                {"main": count} if count else {},
            )  # fmt: skip
            report = decode_report(encode_report(report))
            for other in self.edges:
                if self.rng.random() < heard:
                    other.heard[edge.name] = (report, self.now)

    def _move(self) -> None:
        """Several try at once; one of those who know the last record succeeds."""
        for edge in self.rng.sample(self.edges, min(2, len(self.edges))):
            if edge.revision != self.revision and self.revision:
                continue  # its compare-and-set is lost
            before = edge.record
            after = serve(
                before,
                [Heard(report, self.now - at) for report, at in edge.heard.values()],
                max(0.0, self.now - edge.seen_at),
                opened=self.opened,
                draw=self.rng.randbytes(16),
                by=edge.name,
                wall=WallTime(self.wall + edge.skew_s),
            )
            if after is before:
                continue
            after = decode_record(encode_record(after))
            self.moves.append((before, after))
            self.record, self.revision = after, self.revision + 1
            edge.record, edge.revision, edge.seen_at = after, self.revision, self.now
            edge.counts.on_record(after, edge.name)

    def _take_seats(self) -> None:
        for person in self.people:
            if person.seated_at is not None or not called(self.record, person.pass_):
                continue
            person.called_at = self.now if person.called_at is None else person.called_at
            if not person.comes or self.now < person.called_at + person.prompt_s:
                continue
            free = [edge for edge in self.edges if len(edge.inside) < edge.size]
            if free:
                edge = self.rng.choice(free)
                edge.inside.add(person)
                edge.counts.seated(person.pass_.line)
                person.seated_at = self.now
