"""What a part and a playlist cost: microseconds, for the stage's side and the edge's, as JSON on standard output.

Ten minutes of Opus at a variable rate and of AAC, in the steady state: the window is full, every part makes every
playlist stale.

    python -m benchmarks.packaging [--seconds 600]
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from rostra.packaging import Packager, RoomWindows
from rostra.units import SAMPLE_RATE, EncodedFrame, MediaTime, Part, Rendition, WallTime
from rostra.wire.boxes import parse_part
from rostra.wire.emsg import read_events, snapshot_emsg
from rostra.wire.listeners import Snapshot
from rostra.wire.parts import decode_part, encode_part
from rostra.wire.playlists import HLS_RENDITIONS

CONFIGS = {Rendition.OPUS: b"\0\1\0\0\0\0\xbb\x80\0\0\0", Rendition.AAC: b"\x11\x88\x56\xe5\x00"}
SIZES = {Rendition.OPUS: (30, 90), Rendition.AAC: (150, 190)}
SNAPSHOT = Snapshot("live", 54_321, {"host": -21, "s1": -33, "s2": -48})


class Clock:
    """Gathers how long calls took."""

    def __init__(self) -> None:
        self.took: dict[str, list[int]] = {}

    def __call__(self, what: str, call: Callable[[], Any]) -> Any:
        began = time.perf_counter_ns()
        answer = call()
        self.took.setdefault(what, []).append(time.perf_counter_ns() - began)
        return answer

    def results(self) -> dict[str, dict[str, float]]:
        return {
            what: {
                "us_p50": round(float(np.quantile(ns, 0.5)) / 1000, 2),
                "us_p99": round(float(np.quantile(ns, 0.99)) / 1000, 2),
                "us_mean": round(float(np.mean(ns)) / 1000, 2),
                "calls": len(ns),
            }
            for what, ns in self.took.items()
        }


def frames_of(rendition: Rendition, seconds: float) -> list[EncodedFrame]:
    rng = np.random.default_rng(1)
    count = round(seconds * SAMPLE_RATE / rendition.frame_samples)
    sizes = rng.integers(*SIZES[rendition], count)
    return [
        EncodedFrame(rendition, MediaTime(i * rendition.frame_samples), rng.bytes(int(size)))
        for i, size in enumerate(sizes)
    ]


def made(rendition: Rendition, seconds: float, clock: Clock) -> list[Part]:
    """The stage's side. What closes a part is told apart from what only adds a frame."""
    packager = Packager(rendition, 1, 8, CONFIGS[rendition])
    parts: list[Part] = []
    for i, frame in enumerate(frames_of(rendition, seconds)):
        closes = (i + 1) % rendition.frames_per_part == 0
        what = f"packager.add, {rendition}, {'closing a part' if closes else 'a frame'}"
        part = clock(what, lambda f=frame: packager.add(f, WallTime(1.7e9), lambda t: snapshot_emsg(SNAPSHOT, t)))
        if part is not None:
            parts.append(part)
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    seconds = parser.parse_args().seconds
    clock = Clock()
    coming = sorted((p for r in HLS_RENDITIONS for p in made(r, seconds, clock)), key=lambda p: p.end)
    room = RoomWindows()
    sizes: dict[str, int] = {}
    for sent in coming:
        data = clock("encode_part", lambda p=sent: encode_part(p))
        part = clock("decode_part", lambda d=data: decode_part(d))
        clock("snapshot_emsg", lambda p=part: snapshot_emsg(SNAPSHOT, p.time))
        clock("read_events", lambda p=part: read_events(p.body))
        clock("window.add", lambda p=part: room.add(p))
        window = room[part.name.rendition]
        whole = clock("playlist, whole", lambda w=window: w.playlist())
        delta = clock("playlist, delta", lambda w=window: w.playlist(skip=True))
        clock("playlist, again", lambda w=window: w.playlist())
        clock("playlist, gzip", lambda r=whole: r.gzip)
        clock("backlog of 2 s", lambda w=window: w.backlog(2.0))
        sizes |= {
            "playlist, whole": len(whole.raw),
            "playlist, whole, gzip": len(whole.gzip),
            "playlist, delta": len(delta.raw),
            "playlist, delta, gzip": len(gzip.compress(delta.raw, 6, mtime=0)),
            "metadata": len(part.metadata),
            f"boxes of a part, {part.name.rendition}": len(part.payload) - len(parse_part(part.payload).media),
        }
    print(json.dumps({"what": "packaging", "seconds": seconds, "us": clock.results(), "bytes": sizes}, indent=1))


if __name__ == "__main__":
    main()
