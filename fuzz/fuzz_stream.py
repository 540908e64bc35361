"""Invariant: what a server sends becomes items or one WireError, and in pieces of any size the same ones."""

from __future__ import annotations

import itertools

from rostra.errors import WireError
from rostra.listening.stream import BoxStream, Item, Mp3Stream
from rostra.units import MediaTime, Rendition
from rostra.wire.boxes import init_segment, media_part
from rostra.wire.emsg import notice_emsg, snapshot_emsg
from rostra.wire.listeners import EdgeNotice, SeatView, Snapshot

INIT = init_segment(Rendition.OPUS, bytes.fromhex("0001013800 00bb80 0000 00".replace(" ", "")))
PART = media_part(3, MediaTime(48_000), [b"\x08abc", b"\x08de"], 960)
TOLD = snapshot_emsg(Snapshot("live", 3, {"s1": -20}, (SeatView("s1", "Ann", "host", True),)), MediaTime(0))
NOTICE = notice_emsg(EdgeNotice("flush", {"flush_s": 1.0}), MediaTime(0))
MP3 = bytes.fromhex("fffb54c4") + bytes(188)


def seeds() -> list[bytes]:
    return [INIT + TOLD + PART + NOTICE, PART, TOLD, NOTICE, MP3 * 3]


def target(data: bytes) -> None:
    whole, failed = _fed(BoxStream(960), [data])
    cuts = sorted({(i * 37) % (len(data) + 1) for i in range(1, 8)})
    pieces = [data[a:b] for a, b in itertools.pairwise([0, *cuts, len(data)])]
    by_byte = [data[i : i + 1] for i in range(len(data))]
    for feeding in (pieces, by_byte if len(data) < 400 else pieces):
        items, also_failed = _fed(BoxStream(960), feeding)
        assert also_failed == failed, "whole and in pieces differ in whether it is refused"
        assert items[: len(whole)] == whole[: len(items)], "whole and in pieces differ in what was in it"
        assert failed or items == whole
    frames, _ = _fed(Mp3Stream(), [data])
    again, _ = _fed(Mp3Stream(), pieces)
    assert frames == again, "MP3 whole and in pieces differ"


def _fed(stream: BoxStream | Mp3Stream, pieces: list[bytes]) -> tuple[list[Item], bool]:
    """What came out before the refusal, if there was one."""
    items: list[Item] = []
    try:
        for piece in pieces:
            items += stream.feed(piece)
    except WireError:
        return items, True
    return items, False
