"""What a read of a connection says, parsed once for all who are sent the same bytes. Pure.

Ten thousand listeners of one edge are sent the same flush. So what was read is looked up whole, by its length and then
byte for byte, and only what is new is parsed: which media time its parts cover, what the emsg boxes tell. A listener
whose network cut a flush in two keeps the beginning and is served by the same code a little later.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from rostra.errors import WireError
from rostra.wire.boxes import parse_part, walk_boxes
from rostra.wire.emsg import read_events
from rostra.wire.listeners import Snapshot

MAX_HEAD_BYTES = 8 * 1024

MAX_REST_BYTES = 512 * 1024
"""Of a chunk that is not whole: a flush of four seconds of the largest rendition is a tenth of it."""

MAX_KNOWN = 256
"""Different reads remembered: a few seconds of flushes and welcomes of several edges. 4 MB; when full, all are
forgotten."""


MAX_WELCOMES = 64
"""Lengths of what newcomers are sent; it changes each second and with each flush."""

MAX_OF_A_LENGTH = 4

MAX_SPANS = 4096
"""Parts by name: of half an hour."""


@dataclass(frozen=True, slots=True)
class Head:
    """Of an HTTP/1.1 answer."""

    status: int
    size: int
    """Bytes up to and with the empty line."""
    length: int
    """Content-Length; -1: it has none."""
    chunked: bool
    closes: bool
    retry_s: float
    """Retry-After in seconds; 0.0: none."""


def read_head(data: bytes) -> Head | None:
    """None: it is not whole yet. :raises WireError: it is none."""
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
    if end < 0:
        if len(data) > MAX_HEAD_BYTES or not b"HTTP/1.".startswith(data[:7]):
            raise WireError("the answer is not HTTP/1.1")
        return None
    if data[:7] != b"HTTP/1." or not data[9:12].isdigit():
        raise WireError("the answer is not HTTP/1.1")
    fields = data[:end].lower()
    length = _field(fields, b"\r\ncontent-length:")
    retry = _field(fields, b"\r\nretry-after:")
    return Head(
        status=int(data[9:12]),
        size=end + 4,
        length=int(length) if length.isdigit() else -1,
        chunked=b"\r\ntransfer-encoding: chunked" in fields,
        closes=b"\r\nconnection: close" in fields,
        retry_s=float(retry) if retry.isdigit() else 0.0,
    )


def _field(fields: bytes, name: bytes) -> bytes:
    at = fields.find(name)
    if at < 0:
        return b""
    at += len(name)
    end = fields.find(b"\r\n", at)
    return fields[at : end if end >= 0 else len(fields)].strip()[:20]


@dataclass(frozen=True, slots=True)
class Gulp:
    """What some bytes of a pushed stream said. Media times are samples at 48 kHz."""

    data: bytes
    start: int
    """Of the first part; -1: no sound in it."""
    end: int
    whole: bool
    """One part followed the other; otherwise ``parts`` says where each is."""
    parts: tuple[tuple[int, int], ...]
    inits: int
    flush_s: float
    """Of the last notice of a flush; 0.0: none."""
    tally: int
    """The last that was told; -1: none."""
    state: str
    """Of the room, the last that was told; empty: none."""
    drains_s: float
    """Somebody must go elsewhere within so long; -1: no."""
    over: bool
    """The stream ends here."""
    broken: bool = False
    """It holds what is no part."""


class Parser:
    """One rendition's streams, with what was parsed lately."""

    def __init__(self, frame_samples: int) -> None:
        self.frame_samples = frame_samples
        self.known: dict[int, list[Gulp]] = {}
        """By length."""
        self._count = 0
        self._welcomes: dict[int, list[tuple[bytes, Gulp]]] = {}
        self._spans: dict[str, tuple[int, int]] = {}
        self.parsed = 0
        """How often something new was parsed."""

    def find(self, data: bytes) -> Gulp | None:
        """What exactly these bytes said before."""
        for gulp in self.known.get(len(data), ()):
            if gulp.data == data:
                return gulp
        return None

    def chunks(self, data: bytes) -> tuple[Gulp | None, bytes]:
        """All whole chunks (RFC 9112, 7.1) of ``data``, and what is left over.

        :raises WireError: it is not chunked, or what is left is more than any flush.
        """
        if (known := self.find(data)) is not None:
            return known, b""
        end, pieces, over = _whole_chunks(data)
        rest = data[end:]
        if len(rest) > MAX_REST_BYTES:
            raise WireError("a chunk of the stream is larger than any flush")
        if not end:
            return None, rest
        whole = data if end == len(data) else data[:end]
        gulp = None if whole is data else self.find(whole)
        if gulp is None:
            gulp = self._parse(whole, b"".join(pieces), over)
            self._remember(gulp)
        return gulp, rest

    def find_welcome(self, data: bytes) -> Gulp | None:
        """What was in the beginning of a stream, its head included, if exactly these bytes were read before."""
        for known, gulp in self._welcomes.get(len(data), ()):
            if known == data:
                return gulp
        return None

    def remember_welcome(self, data: bytes, gulp: Gulp) -> None:
        if len(self._welcomes) >= MAX_WELCOMES:
            self._welcomes.clear()
        same = self._welcomes.setdefault(len(data), [])
        same.insert(0, (data, gulp))
        del same[MAX_OF_A_LENGTH:]

    def span(self, name: str, body: bytes) -> tuple[int, int]:
        """Media time of a part that has a name for ever. :raises WireError: it is none."""
        found = self._spans.get(name)
        if found is None:
            if len(self._spans) >= MAX_SPANS:
                self._spans.clear()
            found = self._spans[name] = part_span(body, self.frame_samples)
        return found

    def _remember(self, gulp: Gulp) -> None:
        if self._count >= MAX_KNOWN:
            self.known.clear()
            self._count = 0
        self.known.setdefault(len(gulp.data), []).insert(0, gulp)
        self._count += 1

    def _parse(self, data: bytes, body: bytes, over: bool) -> Gulp:
        self.parsed += 1
        try:
            return self._read(data, body, over)
        except WireError:
            return Gulp(data, -1, -1, True, (), 0, 0.0, -1, "", -1.0, over, broken=True)

    def _read(self, data: bytes, body: bytes, over: bool) -> Gulp:
        parts: list[tuple[int, int]] = []
        inits, moof = 0, -1
        for box in walk_boxes(body):
            if box.kind == b"moov":
                inits += 1
            elif box.kind == b"moof":
                moof = box.start
            elif box.kind == b"mdat" and moof >= 0:
                parts.append(part_span(body[moof : box.end], self.frame_samples))
                moof = -1
        flush_s, tally, state, drains_s = 0.0, -1, "", -1.0
        for event in read_events(body):
            if isinstance(event, Snapshot):
                tally, state = event.listening, event.state
            elif event.kind == "flush":
                flush_s = event.values.get("flush_s", 0.0)
            elif event.kind == "draining":
                drains_s = event.values.get("in_s", 0.0)
            elif event.kind in ("ended", "interrupted", "resumed"):
                state = {"resumed": "live"}.get(event.kind, event.kind)
        whole = all(a[1] == b[0] for a, b in itertools.pairwise(parts))
        start, end = (parts[0][0], parts[-1][1]) if parts else (-1, -1)
        return Gulp(data, start, end, whole, tuple(parts), inits, flush_s, tally, state, drains_s, over)


def part_span(data: bytes, frame_samples: int) -> tuple[int, int]:
    """Media time from and to of one ``moof`` + ``mdat``. :raises WireError: it is none."""
    part = parse_part(data)
    return part.base_time, part.base_time + frame_samples * len(part.sizes)


def _whole_chunks(data: bytes) -> tuple[int, list[bytes], bool]:
    """Where the last whole chunk ends, what was in them, and whether the last of all was among them."""
    at = 0
    pieces: list[bytes] = []
    while True:
        line = data.find(b"\r\n", at, at + 20)
        if line < 0:
            if len(data) - at >= 20:
                raise WireError("a chunk whose length is no number")
            return at, pieces, False
        try:
            size = int(data[at:line].partition(b";")[0], 16)
        except ValueError:
            raise WireError("a chunk whose length is no number") from None
        end = line + 2 + size + 2
        if end > len(data):
            return at, pieces, False
        if not size:
            return end, pieces, True
        pieces.append(data[line + 2 : end - 2])
        at = end
