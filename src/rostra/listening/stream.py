"""An endless response, cut into what it holds. Pure: bytes in, in pieces of any size; inits, words and sound out."""

from __future__ import annotations

from dataclasses import dataclass

from rostra.errors import WireError
from rostra.units import SAMPLE_RATE
from rostra.wire.boxes import parse_part
from rostra.wire.emsg import read_events
from rostra.wire.listeners import EdgeNotice, Snapshot

MAX_BOX_BYTES = 256 * 1024
"""A part is a few kilobytes. A box that claims more than this is not waited for."""

MP3_FRAME_SAMPLES = 1152


@dataclass(frozen=True, slots=True)
class Init:
    """``ftyp`` + ``moov``: from here on a decoder starts anew."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Words:
    """What rode along or stood between parts."""

    events: tuple[Snapshot | EdgeNotice, ...]


@dataclass(frozen=True, slots=True)
class Sound:
    """One part. Times are in samples at 48 kHz."""

    time: int
    duration: int
    frames: tuple[bytes, ...]
    data: bytes
    """``moof`` + ``mdat`` as they came (MP3: the bare frames)."""


Item = Init | Words | Sound


class BoxStream:
    """``GET /r/ROOM/live``. Feed what arrives; each call gives what became whole by it."""

    def __init__(self, frame_samples: int) -> None:
        self._frame_samples = frame_samples
        self._buffer = bytearray()
        self._head = b""
        self._moof = b""

    def feed(self, data: bytes) -> list[Item]:
        """:raises WireError: the bytes are no boxes, or not of the kind a room sends."""
        self._buffer += data
        items: list[Item] = []
        while len(self._buffer) >= 8:
            size = int.from_bytes(self._buffer[:4], "big")
            if not 8 <= size <= MAX_BOX_BYTES:
                raise WireError(f"a box of {size} bytes is not one of a room's stream")
            if len(self._buffer) < size:
                break
            box = bytes(self._buffer[:size])
            del self._buffer[:size]
            items += self._take(box[4:8], box)
        return items

    def _take(self, kind: bytes, box: bytes) -> list[Item]:
        if kind == b"ftyp":
            self._head = box
        elif kind == b"moov":
            return [Init(self._head + box)]
        elif kind == b"emsg":
            return [Words(tuple(read_events(box)))]
        elif kind == b"moof":
            self._moof = box
        elif kind == b"mdat":
            data, self._moof = self._moof + box, b""
            return [sound(data, self._frame_samples)]
        return []


def sound(data: bytes, frame_samples: int) -> Sound:
    """One part's ``moof`` + ``mdat``.

    :raises WireError: if it is not one.
    """
    part = parse_part(data)
    return Sound(part.base_time, frame_samples * len(part.sizes), tuple(part.frames), data)


def part_items(body: bytes, frame_samples: int) -> list[Item]:
    """A part as LL-HLS serves it: words, then sound.

    :raises WireError: if it is not one.
    """
    return BoxStream(frame_samples).feed(body)


# MPEG-1 layer III (ISO 11172-3, 2.4.2.3): bit rates in kbit/s by index; a zero is not used.
_MP3_KBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)


class Mp3Stream:
    """``GET /r/ROOM/live.mp3`` without ICY metadata: frames of 48 kHz, which say nothing of when they were made."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._time = 0
        self.skipped = 0
        """Bytes that belonged to no frame."""

    def feed(self, data: bytes) -> list[Item]:
        self._buffer += data
        items: list[Item] = []
        at = 0
        while len(self._buffer) - at >= 4:
            size = self._frame_size(at)
            if not size:
                following = self._buffer.find(0xFF, at + 1)
                beyond = len(self._buffer) if following < 0 else following
                self.skipped += beyond - at
                at = beyond
            elif len(self._buffer) - at < size:
                break
            else:
                frame = bytes(self._buffer[at : at + size])
                items.append(Sound(self._time, MP3_FRAME_SAMPLES, (frame,), frame))
                self._time += MP3_FRAME_SAMPLES
                at += size
        del self._buffer[:at]
        return items

    def _frame_size(self, at: int) -> int:
        """Bytes of the frame whose header is at ``at``; 0 if there is none."""
        first, second, third = self._buffer[at : at + 3]
        if first != 0xFF or second & 0xFE != 0xFA or third & 0x0C != 0x04:  # MPEG-1, layer III, 48 kHz
            return 0
        kbits = _MP3_KBITS[third >> 4]
        return 144 * kbits * 1000 // SAMPLE_RATE + (third >> 1 & 1) if kbits else 0
