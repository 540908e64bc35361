"""A house with a crowd in front of it, on a virtual clock: edges with an usher each, a bus that is late, clocks that
differ. A million people are arrays; only what one of them says at the door is a call.

It is told what the door promises by nobody: tests look at who is where, and when they came.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rostra.admission.capacity import Capacity, Limits, Readings
from rostra.admission.usher import DoorOptions, Usher
from rostra.admission.verdicts import Asked, Challenge, Enter, Given, Kind, Refuse, Wait
from rostra.errors import BadAnswer
from rostra.units import WallTime
from rostra.wire.door import SEED_BYTES, DoorRecord, rank_of
from rostra.wire.passes import DoorKey, DoorKeys, verify

ROOM = "evening"
TICK_S = 0.1
EPOCH = 1_800_000_000.0

TO_COME, PAYING, IN_LINE, INSIDE, AWAY, GONE = range(6)
"""What somebody does. AWAY: was refused and comes again. GONE: was inside, and went home."""

KEYS = DoorKeys(1, MappingProxyType({1: DoorKey(bytes(range(32)), WallTime(EPOCH - 7200))}))


class QuickGate:
    """A challenge whose answer is the number of whoever answers."""

    def make(self, keys: DoorKeys, room: str, place: bytes, pressure: float, wall: WallTime) -> dict[str, Any]:
        return {"pressure": pressure}

    def check(self, keys: DoorKeys, answer: str, room: str, place: bytes, wall: WallTime) -> bytes:
        if not answer.isdecimal():
            raise BadAnswer("This is no answer to a challenge. Ask for a new one.")
        return int(answer).to_bytes(8)


def seeded(seed: int) -> Callable[[int], bytes]:
    rng = np.random.default_rng(seed)
    return rng.bytes


@dataclass
class Edge:
    name: str
    usher: Usher
    seats: int
    skew_s: float = 0.0
    """How far its wall clock is off."""
    late_s: float = 0.0
    """How late what it says reaches others."""
    inside: int = 0
    joined: int = 0
    """In this second."""
    alive: bool = True
    loop_late_s: float = 0.0


@dataclass
class Crowd:
    """Who comes: when, from where, and whether they solve challenges."""

    at: NDArray[np.float64]
    addresses: list[bytes]
    honest: NDArray[np.bool_]
    solves: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.at)


@dataclass
class House:
    edges: list[Edge]
    crowd: Crowd
    rng: np.random.Generator
    opened: float = EPOCH - 60.0
    attack_ends: float = float("inf")
    """From then on nobody who is not honest comes again."""
    stays_s: float = 0.0
    """How long people stay, on average; 0: for ever."""
    now: float = 0.0
    filled: list[float] = field(default_factory=list)
    """Share of all seats that are taken, after each tick."""
    turned_away_called: int = 0
    entered_order: list[tuple[int, int]] = field(default_factory=list)
    """Line and rank of those who came in by being called."""

    def __post_init__(self) -> None:
        n = len(self.crowd)
        self.state = np.full(n, TO_COME, np.int8)
        self.came_in = np.full(n, np.inf)
        self.line = np.zeros(n, np.int8)
        self.rank = np.full(n, -1, np.int64)
        self.next_ask = np.full(n, np.inf)
        self.where = np.full(n, -1, np.int8)
        self.passes: dict[int, str] = {}
        self.record: DoorRecord | None = None
        self.verdicts: dict[str, int] = defaultdict(int)
        self._order = np.argsort(self.crowd.at, kind="stable")
        self._next = 0
        self._paying: dict[int, list[tuple[int, Kind]]] = defaultdict(list)
        self._away: dict[int, list[int]] = defaultdict(list)
        self._bus: deque[tuple[float, Callable[[float], object]]] = deque()
        self._ticks = 0
        self._turn = 0
        for edge in self.edges:
            edge.usher.on_keys(KEYS)

    @property
    def seats(self) -> int:
        return sum(e.seats for e in self.edges if e.alive)

    @property
    def inside(self) -> int:
        return sum(e.inside for e in self.edges if e.alive)

    def run(self, until: float) -> None:
        while self.now < until - 1e-9:
            self.tick()

    def tick(self) -> None:
        self._ticks += 1
        self.now = now = self._ticks * TICK_S
        self._deliver()
        if self._ticks % 10 == 1:
            self._observe()
        for edge in self._alive():
            edge.usher.settle(now)
            for seated in edge.usher.seated():
                self._say(edge, lambda to, s=seated: to.usher.on_seated(s))  # type: ignore[misc]
        self._leave()
        self._arrive()
        for who, kind in self._paying.pop(self._ticks, ()):
            self._pay(who, kind)
        for who in self._away.pop(self._ticks, ()):
            self._ask(who)
        self._called_ask()
        self._move()
        self.filled.append(self.inside / max(1, self.seats))

    def die(self, edge: Edge) -> None:
        """Everyone on it comes again within two seconds, with what pass they have."""
        edge.alive = False
        edge.inside = 0
        for who in np.flatnonzero((self.where == self.edges.index(edge)) & (self.state == INSIDE)).tolist():
            self.where[who] = -1
            self._come_again(who, float(self.rng.uniform(0.1, 2.0)))

    # The machine and the bus.

    def _alive(self) -> list[Edge]:
        return [e for e in self.edges if e.alive]

    def _wall(self, edge: Edge) -> WallTime:
        return WallTime(EPOCH + self.now + edge.skew_s)

    def _observe(self) -> None:
        for edge in self._alive():
            edge.usher.observe(
                Readings(
                    open_files=edge.inside + 20,
                    memory_bytes=10**8 + 12_000 * edge.inside,
                    cpu_share=0.3,
                    late_s=edge.loop_late_s,
                    out_bytes_s=3000.0 * edge.inside,
                    listeners=edge.inside,
                    joins=edge.joined,
                    sending_share=0.4 * edge.inside / edge.seats,
                ),
                4.0,
                self.now,
            )
            edge.joined = 0
            report = edge.usher.report(self.now, self._wall(edge))
            edge.usher.on_report(report, self.now)
            self._say(edge, lambda to, r=report: to.usher.on_report(r, self.now))  # type: ignore[misc]

    def _move(self) -> None:
        """Each edge tries in turn; a compare-and-set that comes second changes nothing."""
        alive = self._alive()
        edge = alive[self._ticks % len(alive)]
        if ROOM not in edge.usher.rooms() and self.record is None:
            return
        moved = edge.usher.next_record(
            ROOM, self.now, self._wall(edge), WallTime(self.opened), self.rng.bytes(SEED_BYTES)
        )
        if moved is None:
            return
        had = edge.usher._records.get(ROOM)
        if (had[0] if had else None) is not self.record:
            return  # somebody was faster
        self.record = moved
        edge.usher.on_record(moved, self.now)
        self._say(edge, lambda to, r=moved: to.usher.on_record(r, self.now))  # type: ignore[misc]

    def _say(self, edge: Edge, what: Callable[[Edge], object]) -> None:
        for other in self._alive():
            if other is not edge:
                self._bus.append((self.now + edge.late_s, lambda _, o=other: what(o)))  # type: ignore[misc]

    def _deliver(self) -> None:
        kept: deque[tuple[float, Callable[[float], object]]] = deque()
        for at, call in self._bus:
            if at <= self.now:
                call(self.now)
            else:
                kept.append((at, call))
        self._bus = kept

    # The people.

    def _edge(self) -> Edge:
        alive = self._alive()
        self._turn += 1
        return alive[self._turn % len(alive)]

    def _leave(self) -> None:
        if not self.stays_s:
            return
        inside = np.flatnonzero(self.state == INSIDE)
        going = inside[self.rng.random(len(inside)) < TICK_S / self.stays_s]
        self.state[going] = GONE
        for who in going.tolist():
            edge = self.edges[self.where[who]]
            edge.inside -= 1
            if who in self.passes:
                edge.usher.left((ROOM, who.to_bytes(8)))

    def _arrive(self) -> None:
        end = self._next
        at, order = self.crowd.at, self._order
        while end < len(order) and at[order[end]] <= self.now:
            end += 1
        for who in order[self._next : end].tolist():
            self._ask(who)
        self._next = end

    def _ask(self, who: int, answer: str = "") -> None:
        edge = self._edge()
        usher, address = edge.usher, self.crowd.addresses[who]
        usher.came(address)
        if usher.waves_through:
            usher.entered(address)
            self._sit(who, edge)
            return
        had = self.passes.get(who, "")
        verdict = usher.ask(
            Asked(ROOM, Kind.LIVE, address, WallTime(self.opened), had, answer), self.now, self._wall(edge)
        )
        self.verdicts[type(verdict).__name__] += 1
        match verdict:
            case Enter():
                if verdict.pass_:
                    self.passes[who] = verdict.pass_
                elif had and self.rank[who] >= 0:
                    self.entered_order.append((int(self.line[who]), int(self.rank[who])))
                self._sit(who, edge)
            case Challenge():
                self._begin_to_pay(who, Kind.LIVE)
            case Given():
                self._stand(who, verdict)
            case Wait(called=called):
                if called:
                    self.turned_away_called += 1
                if had:
                    self.state[who] = IN_LINE
                    self.next_ask[who] = self.now + min(verdict.retry_s, 2.0)
                else:
                    self._begin_to_pay(who, Kind.NUMBER)
            case Refuse():
                self._come_again(who, verdict.retry_s)

    def _begin_to_pay(self, who: int, kind: Kind) -> None:
        solves = self.crowd.solves
        if solves is not None and not solves[who]:
            self._come_again(who, 1.0)
            return
        self.state[who] = PAYING
        self._paying[self._ticks + 3 + who % 10].append((who, kind))

    def _pay(self, who: int, kind: Kind) -> None:
        if kind is Kind.LIVE:
            self._ask(who, str(who))
            return
        edge = self._edge()
        asked = Asked(ROOM, Kind.NUMBER, self.crowd.addresses[who], WallTime(self.opened), "", str(who))
        within = float(self.rng.uniform(0.0, TICK_S))
        verdict = edge.usher.number(asked, self.now, WallTime(self._wall(edge) + within))
        if isinstance(verdict, Given):
            self._stand(who, verdict)
        else:
            self._come_again(who, 5.0)

    def _stand(self, who: int, given: Given) -> None:
        self.passes[who] = given.pass_
        self.state[who] = IN_LINE
        self.line[who] = given.line
        self.rank[who] = -1 if given.rank is None else given.rank
        self.next_ask[who] = self.now + 1.0 + who % 10 / 10

    def _come_again(self, who: int, after_s: float) -> None:
        self.state[who] = AWAY
        if self.now > self.attack_ends and not self.crowd.honest[who]:
            return
        self._away[self._ticks + max(1, round(after_s / TICK_S))].append(who)

    def _called_ask(self) -> None:
        """Those whose turn it is, as they see in ``/state``, ask within a second or two."""
        if self.record is None or not self.record.seed:
            return
        drawn = np.flatnonzero((self.state == IN_LINE) & (self.rank < 0))
        for who in drawn.tolist():
            pass_ = verify(self.passes[who], KEYS, ROOM, WallTime(EPOCH + self.now))
            self.rank[who] = rank_of(pass_.at, pass_.id, self.record.start, self.record.seed) or 0
        serving = np.zeros(5, np.int64)
        for line, upto in self.record.serving.items():
            serving[line] = upto
        ready = np.flatnonzero((self.state == IN_LINE) & (self.next_ask <= self.now))
        called = ready[self.rank[ready] < serving[self.line[ready]]]
        for who in called.tolist():
            self._ask(who)

    def _sit(self, who: int, edge: Edge) -> None:
        self.state[who] = INSIDE
        self.where[who] = self.edges.index(edge)
        self.came_in[who] = min(self.came_in[who], self.now)
        edge.inside += 1
        edge.joined += 1


def edges(n: int, seats: int, seed: int = 1, joins_s: float = 0.0, **more: Any) -> list[Edge]:
    """``n`` edges with ``seats`` open files each."""
    found = []
    for i in range(n):
        capacity = Capacity(Limits(open_files=seats + 20), joins_s=joins_s)
        usher = Usher(DoorOptions(f"edge-{i}", shortest_flush_s=4.0), capacity, gate=QuickGate(), draw=seeded(seed + i))
        found.append(Edge(f"edge-{i}", usher, seats, **more))
    return found


def spread(rng: np.random.Generator, n: int, networks: int, start: int = 0) -> list[bytes]:
    """``n`` addresses, evenly over ``networks`` IPv4 /24 (of 256 addresses each), from the network ``start`` on."""
    # Networks are scattered over the providers by multiplying with an odd number.
    network = ((start + rng.integers(0, networks, n)) * 40_503 + 77) % (1 << 24)
    whole = (network << 8 | rng.integers(1, 255, n)).astype(">u4")
    data = whole.tobytes()
    return [data[i : i + 4] for i in range(0, 4 * n, 4)]


def public(rng: np.random.Generator, n: int) -> list[bytes]:
    """Addresses as an audience has them: most from networks with a few listeners, some from networks with many
    (a Zipf law over 200,000 networks)."""
    networks = 200_000
    weights = 1.0 / (np.arange(1, networks + 1) + 300.0) ** 0.9
    drawn = rng.choice(networks, n, p=weights / weights.sum())
    network = (drawn * 40_503 + 1_234_567) % (1 << 24)
    whole = (network.astype(np.int64) << 8 | rng.integers(1, 255, n)).astype(">u4")
    data = whole.tobytes()
    return [data[i : i + 4] for i in range(0, 4 * n, 4)]
