"""Icecast source clients: from the bytes of a stream to samples, in a thread a source.

The event loop reads the client's socket and writes into a :class:`Pipe`; a thread decodes from it with FFmpeg into a
:class:`SourceVoice`, which the ticks pull. Each of the two is bounded, and a full one stops who fills it: the thread,
then the loop's reading, then TCP holds the sender back. Nothing is dropped and nothing grows.
"""

from __future__ import annotations

import re
import threading
from typing import Any, Final, Protocol

import av
import numpy as np
from av.audio.resampler import AudioResampler

from rostra.errors import BadRequest, Unsupported
from rostra.stage.stream import StreamBuffer
from rostra.units import SAMPLE_RATE, Monotonic, Pcm

PIPE_BYTES: Final = 64 * 1024
"""Between socket and decoder: a second of the highest rate in use, FLAC's, and some seconds of any other."""

SNIFF_BYTES: Final = 16
"""Enough to tell the containers apart."""

PIECE: Final = SAMPLE_RATE // 10
"""What a decoder hands over at once at most, so that a full buffer is full and not twice that."""

MAX_BAD_PACKETS: Final = 100
"""In a row: a stream that is damaged for so long is not what it says."""

_FORMATS: Final = {
    "audio/ogg": "ogg",
    "application/ogg": "ogg",
    "audio/opus": "ogg",
    "audio/vorbis": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/x-mpeg": "mp3",
    "audio/aac": "aac",
    "audio/aacp": "aac",
    "audio/x-aac": "aac",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
}

_CODECS: Final = frozenset({"opus", "vorbis", "mp3", "mp3float", "aac", "flac", "mp2", "mp2float"})
"""Besides plain PCM: what audio encoders send. FFmpeg knows hundreds more, each a way to be attacked."""

ACCEPTED: Final = "Ogg with Opus, Vorbis or FLAC, MP3, AAC (ADTS), FLAC and WAV"

# How much FFmpeg may read to learn what a stream is: by default it would be five seconds of sound.
_OPTIONS: Final = {"probesize": "32768", "analyzeduration": "300000"}


def sniff(head: bytes, content_type: str) -> str:
    """The container, by its first bytes; by what the client says where those say nothing.

    :raises Unsupported: if it is none that is spoken here.
    """
    if head.startswith(b"OggS"):
        return "ogg"
    if head.startswith(b"fLaC"):
        return "flac"
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "wav"
    if len(head) >= 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"  # ADTS: sync word, layer 0 (ISO 13818-7, 6.2)
    if head.startswith(b"ID3") and _FORMATS.get(content_type) == "aac":
        return "aac"  # a tag may stand before either
    if head.startswith(b"ID3") or (len(head) >= 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0):
        return "mp3"
    for mark, name in _FOREIGN:
        if re.match(mark, head, re.DOTALL):
            raise Unsupported(f"This stream is {name}, which is not spoken here. Send {ACCEPTED}.")
    if content_type in _FORMATS:
        return _FORMATS[content_type]
    raise Unsupported(f"Streams of type {content_type[:60] or 'unknown'!r} are not spoken here. Send {ACCEPTED}.")


_FOREIGN: Final = (
    (rb"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (rb"....ftyp", "MP4"),
    (rb"FLV\x01", "Flash video"),
    (rb"\x47.{3}", "an MPEG transport stream"),
    (rb"\x30\x26\xb2\x75", "Windows Media"),
    (rb"<|\{", "text"),
)


class Pipe:
    """Bytes from the loop to the decoder's thread, :data:`PIPE_BYTES` at most."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._ended = False
        self._closed = False
        self._changed = threading.Condition()

    @property
    def room(self) -> int:
        """Bytes that :meth:`write` takes now."""
        return PIPE_BYTES - len(self._data)

    def write(self, data: bytes) -> None:
        """:raises ValueError: if there is not as much room: ask first."""
        with self._changed:
            if len(data) > self.room:
                raise ValueError(f"{len(data)} bytes for a pipe with room for {self.room}")
            self._data += data
            self._changed.notify_all()

    def end(self) -> None:
        """No more will be written; what is there may be read."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Whoever reads gets nothing any more."""
        with self._changed:
            self._closed = self._ended = True
            self._data.clear()
            self._changed.notify_all()

    def peek(self, size: int) -> bytes:
        """The first ``size`` bytes without taking them, fewer only at the end. Blocks."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._data) >= size or self._ended)
            return bytes(self._data[:size])

    def read(self, size: int = -1) -> bytes:
        """Some bytes, nothing only at the end. Blocks. FFmpeg calls this."""
        with self._changed:
            self._changed.wait_for(lambda: self._data or self._ended)
            size = len(self._data) if size < 0 else min(size, len(self._data))
            taken = bytes(self._data[:size])
            del self._data[:size]
            return taken


class SourceVoice:
    """What a source says, for the ticks: pulled by the loop, filled by its decoder's thread."""

    def __init__(self) -> None:
        self._buffer = StreamBuffer()
        self._changed = threading.Condition()
        self._closed = False

    def pull(self, now: Monotonic) -> Pcm | None:
        """The next 20 ms, or None. Waits for nobody longer than it takes to append a piece."""
        with self._changed:
            frame = self._buffer.pull()
            self._changed.notify_all()
            return frame

    def put(self, pcm: Pcm) -> bool:
        """From the decoder: blocks while the buffer is full. False when nobody listens any more."""
        for at in range(0, len(pcm), PIECE):
            with self._changed:
                self._changed.wait_for(lambda: not self._buffer.full or self._closed)
                if self._closed:
                    return False
                self._buffer.push(pcm[at : at + PIECE])
        return not self._closed

    def end(self) -> None:
        with self._changed:
            self._buffer.end()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Nobody listens any more."""
        return self._closed

    @property
    def finished(self) -> bool:
        """Everything was played."""
        return self._buffer.finished

    @property
    def fill(self) -> int:
        """Samples that are waiting to be played."""
        return self._buffer.fill

    @property
    def stalls(self) -> int:
        return self._buffer.stalls


class Sink(Protocol):
    """Where decoded sound goes: :class:`SourceVoice`."""

    @property
    def closed(self) -> bool: ...
    def put(self, pcm: Pcm) -> bool: ...


def decode(pipe: Pipe, content_type: str, sink: Sink) -> None:
    """Decode a stream until it ends or nobody listens. Runs in a thread of its own.

    :raises Unsupported: a container or codec that is not spoken here.
    :raises BadRequest: it is not what it says it is.
    """
    name = sniff(pipe.peek(SNIFF_BYTES), content_type)
    try:
        container: Any = av.open(
            pipe, mode="r", format=name, options=_OPTIONS, buffer_size=4096, metadata_errors="ignore"
        )
    except (av.error.FFmpegError, ValueError) as e:
        if sink.closed:
            return
        raise BadRequest(f"This is no {name} stream that can be decoded.") from e
    with container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            raise Unsupported(f"There is no sound in this stream. Send {ACCEPTED}.")
        codec = stream.codec_context.name
        if codec not in _CODECS and not codec.startswith("pcm_") and codec != "libopus":
            raise Unsupported(f"The codec {codec} is not spoken here. Send {ACCEPTED}.")
        try:
            _decode(container, stream, sink)
        except av.error.FFmpegError as e:
            if not sink.closed:
                raise BadRequest("The stream is damaged and cannot be decoded any further.") from e


def _decode(container: Any, stream: Any, sink: Sink) -> None:
    resampler = _Mono()
    bad = 0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            bad += 1  # a torn packet, as at the beginning of a stream that is joined in the middle
            if bad >= MAX_BAD_PACKETS:
                raise
            continue
        for frame in frames:
            bad = 0
            if not sink.put(resampler.convert(frame)):
                return
    sink.put(resampler.flush())


class _Mono:
    """To 48 kHz mono s16, whatever comes; and what comes may change in the middle (chained Ogg)."""

    def __init__(self) -> None:
        self._resampler: Any = None
        self._shape: tuple[str, str, int] | None = None

    def convert(self, frame: Any) -> Pcm:
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        before = self.flush() if self._shape not in (None, shape) else None
        if self._resampler is None:
            self._resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        self._shape = shape
        frame.pts = None  # a stream's times are its own affair, and may jump
        made = _joined(self._resampler.resample(frame))
        return made if before is None else np.concatenate((before, made))

    def flush(self) -> Pcm:
        resampler, self._resampler = self._resampler, None
        return _joined(resampler.resample(None)) if resampler is not None else np.zeros(0, np.int16)


def _joined(frames: list[Any]) -> Pcm:
    return np.concatenate([f.to_ndarray().reshape(-1) for f in frames]) if frames else np.zeros(0, np.int16)


class Dechunker:
    """Chunked transfer coding (RFC 9112, 7.1) in, the body out. Pure; bytes may be cut anywhere."""

    MAX_LINE: Final = 128
    """A chunk's size and extensions; trailers are not read."""

    def __init__(self) -> None:
        self._left = 0
        self._line = bytearray()
        self._after_chunk = False
        self.ended = False
        """Whether the last chunk has come."""

    def feed(self, data: bytes) -> bytes:
        """:raises BadRequest: if it is not chunked."""
        out = bytearray()
        at = 0
        while at < len(data) and not self.ended:
            if self._left:
                piece = data[at : at + self._left]
                out += piece
                at += len(piece)
                self._left -= len(piece)
                self._after_chunk = not self._left
                continue
            end = data.find(b"\n", at)
            self._line += data[at:] if end < 0 else data[at:end]
            at = len(data) if end < 0 else end + 1
            if len(self._line) > self.MAX_LINE:
                raise BadRequest("A chunk of the stream begins with a line that is too long.")
            if end >= 0:
                self._size()
        return bytes(out)

    def _size(self) -> None:
        line = bytes(self._line).rstrip(b"\r")
        self._line.clear()
        if self._after_chunk:
            self._after_chunk = False
            if line:
                raise BadRequest("A chunk of the stream does not end where it should.")
            return
        digits = line.partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", digits):
            raise BadRequest("A chunk of the stream does not begin with its size.")
        self._left = int(digits, 16)
        self.ended = self._left == 0
