"""Parts as the pieces that listeners are sent: HTTP chunks, bare bytes, or MP3 with ICY metadata.

A piece is made once and then only passed on. It ends where a part ends, so that a listener who lags loses whole parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

ICY_INTERVAL = 4032
"""Bytes between two ICY metadata blocks: one part of MP3, 21 frames of 192 bytes, so that all listeners share
pieces."""

MAX_ICY_TITLE_BYTES = 255 * 16 - len("StreamTitle='';")
"""The length of a block is one byte that counts sixteens."""


class Form(Enum):
    """How the pushed sound goes over the wire."""

    CHUNKED = auto()
    """HTTP/1.1 chunks (RFC 9112, 7.1)."""
    BARE = auto()
    """Until the connection closes: HTTP/1.0, and MP3 for radios, many of which know no chunks."""
    ICY = auto()
    """Bare, with a metadata block after every part."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that are sent whole or not at all. ``seconds`` of sound in it; 0.0 where a listener cannot do without
    it.
    """

    data: bytes
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """What one flush sends to each listener: its pieces, and the same joined, one object for all."""

    pieces: tuple[Piece, ...]
    data: bytes

    @property
    def seconds(self) -> float:
        return sum(p.seconds for p in self.pieces)


def batch_of(pieces: Sequence[Piece]) -> Batch:
    return Batch(tuple(pieces), pieces[0].data if len(pieces) == 1 else b"".join(p.data for p in pieces))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def frame(pieces: Iterable[Piece], form: Form, icy_block: bytes = b"\0") -> list[Piece]:
    """The pieces in ``form``. Of ICY, the first with sound carries ``icy_block``, the others an empty one."""
    if form is Form.CHUNKED:
        return [Piece(chunk(p.data), p.seconds) for p in pieces]
    if form is Form.BARE:
        return list(pieces)
    framed = []
    for piece in pieces:
        # A block that is not of the interval's length would shift all that follow: the sound of it is not worth that.
        if len(piece.data) == ICY_INTERVAL:
            framed.append(Piece(piece.data + icy_block, piece.seconds))
            icy_block = b"\0"
    return framed


def icy_title(title: str) -> bytes:
    """An ICY metadata block that says what is on. Quotes have no escape there."""
    text = title.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}").encode()[:MAX_ICY_TITLE_BYTES]
    body = b"StreamTitle='%s';" % text.decode(errors="ignore").encode()
    sixteens = -(-len(body) // 16)
    return bytes([sixteens]) + body.ljust(sixteens * 16, b"\0")
