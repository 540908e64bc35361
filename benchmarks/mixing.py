"""What a tick of the mixer costs: microseconds of CPU, for several numbers of seats, as JSON on standard output.

Every seat sends speech-like sound of its own without a pause, which is the dearest case: all levelled, three returns,
the limiter at work, a look for echo every other tick. ``quiet`` is the usual one: one seat talks, the others send the
noise of a room.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.mixing [--seconds 20]
"""

from __future__ import annotations

import argparse
import json
import os
import time

import numpy as np

from rostra.mixing import Mixer
from rostra.units import MediaTime, Pcm
from tests.sounds import frames, noise, voice


def measure(sounds: list[list[Pcm]], ticks: int) -> dict[str, float]:
    mixer = Mixer()
    cpu, wall = np.zeros(ticks), np.zeros(ticks)
    for tick in range(ticks):
        given = {f"s{i}": sound[tick % len(sound)] for i, sound in enumerate(sounds)}
        c, w = time.process_time_ns(), time.perf_counter_ns()
        mixer.tick(MediaTime(tick * 960), given)
        cpu[tick], wall[tick] = time.process_time_ns() - c, time.perf_counter_ns() - w
    return {
        "cpu_us_mean": round(float(cpu.mean()) / 1000, 1),
        "wall_us_p50": round(float(np.quantile(wall, 0.5)) / 1000, 1),
        "wall_us_p99": round(float(np.quantile(wall, 0.99)) / 1000, 1),
        "core_percent": round(float(cpu.mean()) / 20e6 * 100, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    ticks = round(parser.parse_args().seconds * 50)
    voices = [frames(voice(4.0, seed=i, pitch_hz=100 + 9 * i, level_dbfs=-30 + i % 20)) for i in range(32)]
    rooms = [frames(noise(4.0, seed=i, level_dbfs=-60)) for i in range(32)]
    results = {
        str(seats): {"all_talk": measure(voices[:seats], ticks), "quiet": measure([voices[0], *rooms[1:seats]], ticks)}
        for seats in (1, 3, 13, 32)
    }
    print(
        json.dumps(
            {
                "what": "mixer tick",
                "openblas_threads": os.environ.get("OPENBLAS_NUM_THREADS", "default"),
                "seats": results,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
