"""Streams as an edge pushes them."""

from __future__ import annotations

from rostra.edge.framing import LAST_CHUNK, chunk
from rostra.units import FRAME_SAMPLES, MediaTime, Rendition
from rostra.wire.boxes import init_segment, media_part
from rostra.wire.emsg import notice_emsg, snapshot_emsg
from rostra.wire.listeners import EdgeNotice, Snapshot

DOPS = bytes.fromhex("0001013800bb8000000000")[:11]
HEAD = b"HTTP/1.1 200 OK\r\nDate: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def init() -> bytes:
    import struct

    return init_segment(Rendition.OPUS, struct.pack(">BBHIhB", 0, 1, 312, 48_000, 0, 0))


def part(number: int, tally: int = -1) -> bytes:
    time = MediaTime(number * 25 * FRAME_SAMPLES)
    words = snapshot_emsg(Snapshot("live", tally, {}), time) if tally >= 0 else b""
    return words + media_part(number, time, [bytes([number % 256]) * 60] * 25, FRAME_SAMPLES)


def flush(first: int, count: int, tally: int = -1) -> bytes:
    return b"".join(chunk(part(n, tally)) for n in range(first, first + count))


def notice(kind: str, **values: float) -> bytes:
    return chunk(notice_emsg(EdgeNotice(kind, values), MediaTime(0)))


__all__ = ["DOPS", "HEAD", "LAST_CHUNK", "chunk", "flush", "init", "notice", "part"]
