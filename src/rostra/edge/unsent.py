"""What one listener who lags has not been sent yet. Whoever keeps up has none of this."""

from __future__ import annotations

from collections import deque

from rostra.edge.framing import Batch, Piece

MAX_UNSENT_S = 6.0
"""Architecture, "Times, sizes and limits": past it whole parts are skipped. The newest are kept: they are what is
live."""

MAX_UNSENT_PIECES = 256
"""Pieces without sound (init, notices) cannot be skipped; so many of them unsent means that nobody reads."""


class Unsent:
    """Pieces in order, the first perhaps begun. A piece that was begun is finished, so the first is never skipped."""

    __slots__ = ("_offset", "_pieces", "_seconds", "skipped")

    def __init__(self, batch: Batch, sent: int) -> None:
        self._pieces: deque[Piece] = deque(batch.pieces)
        self._offset = 0
        self._seconds = batch.seconds
        self.skipped = 0
        """Parts skipped so far."""
        self.advance(sent)

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def seconds(self) -> float:
        """Sound that waits, the begun piece counted whole."""
        return self._seconds

    def pieces(self) -> tuple[Piece, ...]:
        return tuple(self._pieces)

    @property
    def hopeless(self) -> bool:
        return len(self._pieces) > MAX_UNSENT_PIECES

    def next(self) -> memoryview | bytes:
        """The bytes to send next: the rest of the first piece."""
        data = self._pieces[0].data
        return memoryview(data)[self._offset :] if self._offset else data

    def advance(self, sent: int) -> None:
        """``sent`` bytes more have gone."""
        self._offset += sent
        while self._pieces and self._offset >= len(self._pieces[0].data):
            piece = self._pieces.popleft()
            self._offset -= len(piece.data)
            self._seconds -= piece.seconds

    def push(self, pieces: tuple[Piece, ...]) -> int:
        """Take another flush; returns how many whole parts are skipped for it."""
        self._pieces.extend(pieces)
        self._seconds += sum(p.seconds for p in pieces)
        if self._seconds <= MAX_UNSENT_S:
            return 0
        first, *rest = self._pieces
        kept, skipped = [first], 0
        for piece in rest:
            if piece.seconds and self._seconds > MAX_UNSENT_S:
                self._seconds -= piece.seconds
                skipped += 1
            else:
                kept.append(piece)
        self._pieces = deque(kept)
        self.skipped += skipped
        return skipped
