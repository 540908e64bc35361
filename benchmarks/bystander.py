"""``python -m benchmarks.bystander``: does the same small work every 20 ms, whatever happens around it.

What its CPU time rises by when others are busy is the machine's doing (shared caches, two threads a core), not work:
the measure for what is said of processes that should have no more to do. Prints ``ready``; ends with its input.
"""

from __future__ import annotations

import select
import sys
import time

import numpy as np

from rostra.codecs.libopus import OpusEncoder
from rostra.units import FRAME_S, FRAME_SAMPLES


def main() -> None:
    """About what a stage does in a tick: a few arrays, a frame encoded."""
    rng = np.random.default_rng(1)
    frames = [(rng.normal(0, 3000, FRAME_SAMPLES)).astype(np.int16) for _ in range(50)]
    encoder = OpusEncoder(24_000, voice=False)
    print("ready", flush=True)
    begun, tick = time.monotonic(), 0
    while True:
        tick += 1
        frame = frames[tick % len(frames)]
        for _ in range(10):
            np.fft.rfft(frame.astype(np.float32))
        encoder.encode(frame)
        wait = max(0.0, begun + tick * FRAME_S - time.monotonic())
        if select.select([sys.stdin], [], [], wait)[0]:
            return


if __name__ == "__main__":
    main()
