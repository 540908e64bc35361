"""``python -m benchmarks.admission``: what the door costs for each who comes, in one process, without a network.

What an edge spends on admission beside everything else it does for a join; the cost of joins with and without it is
measured whole (``door.admission``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from rostra.admission.accounting import Accounting, Means
from rostra.admission.capacity import Capacity, Limits, Readings
from rostra.admission.steps import Step
from rostra.admission.usher import DoorOptions, Usher
from rostra.admission.verdicts import Asked, Enter, Given, Kind, Refuse, Wait
from rostra.units import WallTime
from rostra.wire.passes import DoorKey, DoorKeys, Line, Pass, sign

WALL = WallTime(1_900_000_000.0)
OPENED = WallTime(WALL - 60.0)
KEYS = DoorKeys(1, MappingProxyType({1: DoorKey(bytes(32), WallTime(WALL - 7200))}))


def usher(inside: int, seats: int = 100_000, late_s: float = 0.0) -> Usher:
    found = Usher(DoorOptions("edge-0"), Capacity(Limits(open_files=seats)))
    found.on_keys(KEYS)
    for second in range(6):
        found.observe(Readings(inside, 10**8, 0.1, late_s, 0.0, inside), 0.5, float(second))
        found.settle(float(second))
    return found


def microseconds(call: Callable[[int], object], calls: int) -> float:
    """Of one call; the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for i in range(calls):
            call(i)
        best = min(best, time.perf_counter() - began)
    return best / calls * 1e6


def addresses(n: int, seed: int = 1) -> list[bytes]:
    data = np.random.default_rng(seed).bytes(4 * n)
    return [data[i : i + 4] for i in range(0, 4 * n, 4)]


def settling(version: int, batch: int, batches: int = 200) -> float:
    """Microseconds an address, counted in batches."""
    accounting = Accounting(1 << 100 | 12345)
    rng = np.random.default_rng(2)
    spent = 0.0
    for i in range(batches):
        size = 4 if version == 4 else 16
        data = rng.bytes(size * batch)
        for at in range(0, size * batch, size):
            accounting.came(data[at : at + size])
        began = time.perf_counter()
        accounting.settle(i / 10, Means(1e9, 1e9, 1e9))
        spent += time.perf_counter() - began
    return spent / batch / batches * 1e6


def core_us(n: int) -> dict[str, float]:
    """Microseconds, by what is done; ``n`` of each."""
    people = addresses(n)
    asked = [Asked("evening", Kind.LIVE, a, OPENED) for a in people]
    found: dict[str, float] = {}

    idle = usher(0)
    assert idle.waves_through
    found["who comes, put aside"] = microseconds(lambda i: idle.came(people[i]), n)
    idle.settle(6.0)
    found["let in while nobody is asked"] = microseconds(lambda i: idle.entered(people[i]), n)

    full = usher(100_000)
    assert full.step is Step.WAITING
    assert isinstance(full.ask(asked[0], 6.0, WALL), Wait)
    found["a full house: to the line"] = microseconds(lambda i: full.ask(asked[i], 6.0, WALL), n)

    late = usher(100_000, late_s=9.0)
    assert isinstance(late.ask(asked[0], 6.0, WALL), Refuse)
    found["refused"] = microseconds(lambda i: late.ask(asked[i], 6.0, WALL), n)

    with_pass = [
        Asked("evening", Kind.LIVE, a, OPENED, sign(Pass("evening", Line.LATE, WALL, i.to_bytes(8), 1), KEYS))
        for i, a in enumerate(people)
    ]
    found["a pass, not called yet"] = microseconds(lambda i: full.ask(with_pass[i], 6.0, WALL), n)
    found["a pass made"] = microseconds(lambda i: sign(Pass("evening", Line.LATE, WALL, i.to_bytes(8), 1), KEYS), n)
    found["let in while shares are kept"] = _asked_us(people, asked)
    found["a challenge made"] = microseconds_of_challenges(full, min(n, 500))
    for version in (4, 6):
        for batch in (200, 2_000, 10_000):
            found[f"an IPv{version} address counted, {batch:,} at once"] = settling(version, batch, max(2, n // 100))
    return found


def _asked_us(people: list[bytes], asked: list[Asked]) -> float:
    pressed = usher(20_000)
    for i in range(20_000):
        pressed.accounting.take(people[i % 64], 6.0, crowded=False)
        pressed.accounting.take(people[i % len(people)], 6.0, crowded=False)
    pressed.settle(6.1)
    pressed.settle(6.2)
    assert not pressed.waves_through
    assert isinstance(pressed.ask(asked[-1], 6.3, WALL), Enter)

    def ask_and_rest(i: int) -> None:
        pressed._places = pressed._joins = 50_000.0
        pressed.ask(asked[i], 6.3, WALL)

    return microseconds(ask_and_rest, len(people))


def microseconds_of_challenges(door: Usher, n: int) -> float:
    began = time.perf_counter()
    for _ in range(n):
        verdict = door.challenge(Asked("evening", Kind.NUMBER, bytes(4), OPENED), 6.0, WALL)
        assert not isinstance(verdict, Given)
    return (time.perf_counter() - began) / n * 1e6


def main() -> None:
    for what, us in core_us(20_000).items():
        print(f"{what:40}{us:8.3f} us")


if __name__ == "__main__":
    main()
