"""A room on the bus without a stage: real parts, encoded beforehand and published in real time, over and over.

The sound is the demonstration's two voices. Each rendition repeats after as many whole parts as fit into ``--loop``
seconds; media time goes on. What was encoded stands in ``FOLDER/RENDITION.npy`` as the source, so that what a listener
decodes can be held against it: sample ``t`` of media time is ``source[t % len(source)]``.

Prints ``ready`` once the room is there and 12 s of it have been published.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

import numpy as np

from rostra.bus import Bus
from rostra.demo.voices import conversation
from rostra.encoding import Encoder, make_encoder
from rostra.units import (
    FRAME_SAMPLES,
    SAMPLE_RATE,
    MediaTime,
    Part,
    PartName,
    Pcm,
    PcmFrame,
    Rendition,
    RoomState,
    WallTime,
)
from rostra.wire.boxes import init_segment, media_part
from rostra.wire.emsg import snapshot_emsg
from rostra.wire.listeners import SeatView, Snapshot
from rostra.wire.rooms import Room

BEFORE_S = 12.0
"""Published at once at the start: a segment and more for whoever joins first."""
FULL_PICTURE_EVERY = 8
"""Parts from one full snapshot to the next: 4 s of Opus."""
GENERATION = 1
STAGE = (
    SeatView("s1", "Ada Lovelace", "host"),
    SeatView("s2", "Johannes Kepler", "cohost"),
    SeatView("s3", "Grace Hopper", "speaker", True),
)


def source(loop_s: float) -> Pcm:
    """Both voices in one, ``loop_s`` long at most."""
    tracks = conversation()
    both = np.sum([t.astype(np.int32) for t in tracks.values()], axis=0)
    mixed: Pcm = np.clip(both, -32768, 32767).astype(np.int16)
    return mixed[: int(loop_s * SAMPLE_RATE)]


class Loop:
    """One rendition of the source, as parts that follow one another for ever."""

    def __init__(self, rendition: Rendition, sound: Pcm, *, loop_s: float) -> None:
        self.rendition = rendition
        self.parts = max(1, int(loop_s * SAMPLE_RATE) // rendition.part_samples)
        samples = self.parts * rendition.part_samples
        self.source = np.resize(sound, samples)
        encoder = make_encoder(rendition)
        frames = self._encode_second_round(encoder)
        n = rendition.frames_per_part
        self.frames = [frames[i : i + n] for i in range(0, len(frames), n)]
        self.init = b"" if rendition is Rendition.MP3 else init_segment(rendition, encoder.decoder_config)

    def _encode_second_round(self, encoder: Encoder) -> list[bytes]:
        """The frames of a whole round, from an encoder that has the round before in its memory."""
        samples = len(self.source)
        wanted = self.parts * self.rendition.frames_per_part
        frames: list[bytes] = []
        for at in range(0, 3 * samples, FRAME_SAMPLES):
            pcm = np.take(self.source, np.arange(at, at + FRAME_SAMPLES), mode="wrap")
            for frame in encoder.encode(PcmFrame(MediaTime(at), pcm)):
                if frame.time < samples:
                    continue
                if not frames:
                    self.offset = frame.time - samples
                frames.append(frame.payload)
                if len(frames) == wanted:
                    return frames
        raise RuntimeError("an encoder that gives no frames")

    def part(self, number: int, epoch: float, listening: int) -> Part:
        """Part ``number`` since the epoch. Its time is such that the source can be found again (see the module)."""
        size = self.rendition.part_samples
        at = MediaTime(number * size + self.offset)
        frames = self.frames[number % self.parts]
        if self.rendition is Rendition.MP3:
            payload, metadata = b"".join(frames), b""
        else:
            full = number % FULL_PICTURE_EVERY == 0
            levels = {"s1": -18 - number % 7, "s2": -60 + number % 20}
            payload = media_part(number, at, frames, self.rendition.frame_samples)
            metadata = snapshot_emsg(Snapshot("live", listening, levels, STAGE if full else None), at)
        sequence = 8 + number
        return Part(
            name=PartName(self.rendition, GENERATION, sequence),
            segment=sequence // 8,
            index=sequence % 8,
            time=at,
            duration=size,
            wall=WallTime(epoch + at / SAMPLE_RATE),
            payload=payload,
            metadata=metadata,
            init=self.init if sequence % 8 == 0 else b"",
            discontinuity=number == 0,
        )

    def due(self, number: int, epoch: float) -> float:
        """When its last sample has been spoken."""
        return epoch + (number + 1) * self.rendition.part_s


async def feed(url: str, room: str, loops: list[Loop]) -> None:
    bus = await Bus.connect(url, "feeder", 20.0)
    epoch = time.time() - BEFORE_S
    wall = WallTime(epoch)
    await bus.create_room(
        Room(room, "A room for measuring", RoomState.LIVE, wall, wall, epoch=wall, generation=GENERATION, started=wall)
    )
    numbers = [0] * len(loops)
    ready = False
    while True:
        i = min(range(len(loops)), key=lambda k: loops[k].due(numbers[k], epoch))
        wait = loops[i].due(numbers[i], epoch) - time.time()
        if wait > 0 and not ready:
            await bus.flush()
            ready = True
            print("ready", flush=True)
        if wait > 0:
            await asyncio.sleep(wait)
        await bus.publish_part(room, loops[i].part(numbers[i], epoch, 1000))
        numbers[i] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--room", default="bench")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--loop", type=float, default=40.0)
    parser.add_argument("--renditions", default="opus,aac")
    options = parser.parse_args()
    sound = source(options.loop)
    loops = [Loop(Rendition(r), sound, loop_s=options.loop) for r in options.renditions.split(",")]
    for loop in loops:
        np.save(options.folder / f"{loop.rendition}.npy", loop.source)
    asyncio.run(feed(options.nats, options.room, loops))


if __name__ == "__main__":
    main()
