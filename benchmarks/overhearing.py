"""``python -m benchmarks.overhearing STUDIO ROOM TOKEN``: one on stage who says nothing, and writes down when a voice
is heard (module ``syllables``).

Prints ``listening`` when the first packet is there; then, for every line on standard input, one JSON line: the wall
times at which frames came that have the voice in them, since the line before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import Any

from aiortc.rtcrtpreceiver import RTCRtpReceiver

from benchmarks.syllables import voiced
from benchmarks.talkers import PATIENCE_S, Mouth, on_stage, room_noise
from rostra.codecs.libopus import OpusDecoder


class Ears:
    def __init__(self) -> None:
        self.heard: list[float] = []
        self.packets = 0
        self._decoder = OpusDecoder()

    def take(self, payload: bytes, now: float) -> None:
        self.packets += 1
        if voiced(self._decoder.decode(payload)):
            self.heard.append(now)


async def listen(studio: str, room: str, token: str) -> None:
    ears = Ears()

    async def take(self: Any, packet: Any, arrival_time_ms: int) -> None:
        ears.take(packet.payload, time.time())

    RTCRtpReceiver._handle_rtp_packet = take  # type: ignore[method-assign]
    noise = room_noise()
    peers = await on_stage(studio, room, token, "ears", Mouth(0, 1, 1, noise, noise))
    async with asyncio.timeout(PATIENCE_S):
        while not ears.packets:
            await asyncio.sleep(0.02)
    print("listening", flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        heard, ears.heard = ears.heard, []
        print(json.dumps(heard), flush=True)
    await asyncio.wait([asyncio.ensure_future(p.close()) for p in peers], timeout=5.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("studio", "room", "token"):
        parser.add_argument(name)
    options = parser.parse_args()
    asyncio.run(listen(options.studio, options.room, options.token))


if __name__ == "__main__":
    main()
