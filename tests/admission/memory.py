"""How much memory accounting takes for N distinct addresses: ``python -m tests.admission.memory N``.

Prints bytes of resident memory that were not there before, and seconds a million addresses. Half are IPv4, half IPv6;
every tenth one wants in: while there is enough for all in the first half of the time, while there is not in the second.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from rostra.admission.accounting import Accounting, Means

BATCH = 5_000
ENOUGH = Means(1e9, 1e9, 1e9)
TOO_LITTLE = Means(1000.0, 1000.0, 100_000.0)


def resident() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def main(n: int) -> None:
    rng = np.random.default_rng(1)
    numbers = np.arange(BATCH, dtype=np.uint64)
    np.unique(numbers)
    before = resident()
    accounting = Accounting(int.from_bytes(rng.bytes(16)))
    spent, now = 0.0, 0.0
    for i in range(n // BATCH):
        drawn = (numbers + np.uint64(i * BATCH)) * np.uint64(0x9E3779B97F4A7C15)
        half = BATCH // 2
        short = (drawn[:half] >> np.uint64(32)).astype(">u4").tobytes()
        long = np.column_stack((drawn[half:], drawn[half:])).astype(">u8").tobytes()
        people = [short[j : j + 4] for j in range(0, 4 * half, 4)] + [long[j : j + 16] for j in range(0, 16 * half, 16)]
        for address in people:
            accounting.came(address)
        for address in people[::10]:
            accounting.take(address, now, crowded=accounting.crowded(address, now))
        began = time.perf_counter()
        accounting.settle(now, ENOUGH if i < n // BATCH // 2 else TOO_LITTLE)
        spent += time.perf_counter() - began
        now += 0.1
    print(resident() - before, f"{spent / n * 1e6:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
