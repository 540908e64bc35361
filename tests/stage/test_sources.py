"""Streams of source clients: every format, every rate, damage, and what must be refused."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.errors import BadRequest, Refused, Unsupported
from rostra.stage.sources import PIPE_BYTES, Dechunker, Pipe, SourceVoice, decode, sniff
from rostra.stage.stream import CAPACITY
from rostra.units import SAMPLE_RATE, Monotonic, Pcm
from tests import sounds
from tests.stage.client import same_speech
from tests.stage.streams import FORMATS, make_stream


class Ear:
    """Keeps what is decoded."""

    def __init__(self) -> None:
        self.pieces: list[Pcm] = []
        self.closed = False

    def put(self, pcm: Pcm) -> bool:
        self.pieces.append(pcm)
        return not self.closed


class Running:
    """A decoder in its thread, fed from another."""

    def __init__(self, data: bytes, content_type: str = "", sink: Ear | SourceVoice | None = None) -> None:
        self.pipe, self.sink = Pipe(), sink or Ear()
        self.error: Exception | None = None
        self._data, self._type = data, content_type
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._decoder = threading.Thread(target=self._run, daemon=True)
        self._decoder.start()
        self._feeder.start()

    def _feed(self) -> None:
        at = 0
        while at < len(self._data) and not self.pipe._closed:
            size = min(self.pipe.room, 1400, len(self._data) - at)
            if size:
                self.pipe.write(self._data[at : at + size])
                at += size
            else:
                time.sleep(0.001)
        self.pipe.end()

    def _run(self) -> None:
        try:
            decode(self.pipe, self._type, self.sink)
        except Refused as e:
            self.error = e

    def heard(self) -> Pcm:
        """Everything, once the stream has ended."""
        self._decoder.join(20)
        self.join()
        assert isinstance(self.sink, Ear)
        return np.concatenate(self.sink.pieces) if self.sink.pieces else np.zeros(0, np.int16)

    def join(self) -> None:
        if isinstance(self.sink, SourceVoice):
            self.sink.close()
        self.pipe.close()
        self._decoder.join(5)
        self._feeder.join(5)
        assert not self._decoder.is_alive()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_mono_and_stereo(kind: str, channels: int) -> None:
    voice = sounds.voice(4, 7)
    running = Running(make_stream(voice, kind, channels=channels))
    heard = running.heard()
    assert running.error is None
    assert abs(len(heard) - len(voice)) < SAMPLE_RATE // 4
    assert sounds.snr_db(voice[SAMPLE_RATE : 2 * SAMPLE_RATE], heard) > (60 if kind in ("flac", "wav") else 8)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 44_100, 96_000, 192_000])
def test_every_sample_rate(rate: int) -> None:
    tone = sounds.tone(1000, 3)
    running = Running(make_stream(tone, "wav", rate=rate))
    heard = running.heard()
    spectrum = np.abs(np.fft.rfft(heard[SAMPLE_RATE : 2 * SAMPLE_RATE] * np.hanning(SAMPLE_RATE)))
    assert abs(int(spectrum.argmax()) - 1000) <= 1
    assert abs(sounds.dbfs(heard[SAMPLE_RATE : 2 * SAMPLE_RATE]) + 20) < 1


@pytest.mark.parametrize("kind", ["mp3", "aac", "opus", "vorbis"])
def test_a_stream_joined_in_the_middle_or_damaged_is_heard_where_it_is_whole(kind: str) -> None:
    voice = sounds.voice(8, 7)
    data = bytearray(make_stream(voice, kind))
    begin = 700 if kind in ("mp3", "aac") else 0  # Ogg needs its head
    third = len(data) // 3
    data[third : third + 500] = bytes(500)
    running = Running(bytes(data[begin:]), "audio/aac" if kind == "aac" else "audio/mpeg")
    heard = running.heard()
    assert running.error is None
    assert same_speech(voice[5 * SAMPLE_RATE : 7 * SAMPLE_RATE], heard) > 0.9


def test_chained_ogg_as_players_send_at_each_title() -> None:
    first, second = sounds.voice(3, 1), sounds.voice(3, 2)
    running = Running(make_stream(first, "opus") + make_stream(second, "opus"))
    heard = running.heard()
    assert running.error is None
    assert same_speech(first[SAMPLE_RATE : 2 * SAMPLE_RATE], heard) > 0.9
    assert same_speech(second[SAMPLE_RATE : 2 * SAMPLE_RATE], heard) > 0.9


def test_digital_silence_is_silence() -> None:
    running = Running(make_stream(sounds.silence(2), "mp3"))
    heard = running.heard()
    assert len(heard) > SAMPLE_RATE and np.abs(heard).max() == 0


def test_a_source_that_is_faster_than_time_is_held_back() -> None:
    voice = SourceVoice()
    running = Running(make_stream(sounds.tone(440, 60), "wav"), sink=voice)
    deadline = time.monotonic() + 10
    while voice.fill < CAPACITY:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.2)
    assert voice.fill < CAPACITY + SAMPLE_RATE // 5
    assert 0 <= running.pipe.room < PIPE_BYTES // 4, "the pipe fills, and then the socket"
    assert any(voice.pull(Monotonic(0.0)) is not None for _ in range(30))
    running.join()


@pytest.mark.parametrize(
    ("data", "content_type", "error"),
    [
        (b"\x1a\x45\xdf\xa3" + bytes(500), "audio/webm", Unsupported),
        (b"\x00\x00\x00\x20ftypisom" + bytes(500), "audio/mp4", Unsupported),
        (b"<html>hello</html>" * 40, "audio/mpeg", Unsupported),
        (b"just some words that are not a stream " * 40, "text/plain", Unsupported),
        (bytes(500), "", Unsupported),
        (b"", "audio/mpeg", BadRequest),
        (b"OggS" + bytes(60_000), "audio/ogg", BadRequest),
        (b"fLaC" + bytes(60_000), "audio/flac", BadRequest),
        (np.random.default_rng(1).bytes(60_000), "audio/ogg", BadRequest),
    ],
)
def test_refused(data: bytes, content_type: str, error: type[Refused]) -> None:
    running = Running(data, content_type)
    heard = running.heard()
    assert isinstance(running.error, error), running.error
    assert len(heard) == 0


def test_a_codec_in_ogg_that_is_not_spoken() -> None:
    # An Ogg page with a Theora head: the container is known, what is in it is not sound.
    theora = b"\x80theora\x03\x02\x01" + bytes(32)
    page = b"OggS\x00\x02" + bytes(8) + b"\x01\x00\x00\x00" + bytes(8) + bytes([1, len(theora)]) + theora
    running = Running(page * 3, "audio/ogg")
    running._decoder.join(10)
    running.join()
    assert isinstance(running.error, Refused)


def test_nobody_waits_for_a_source_that_is_closed() -> None:
    running = Running(make_stream(sounds.voice(2, 1), "opus")[:3000])
    time.sleep(0.1)
    running.pipe._ended = False
    running.join()
    assert running.error is None or isinstance(running.error, Refused)


def test_sniffing_goes_by_the_bytes_first() -> None:
    assert sniff(b"OggS", "audio/mpeg") == "ogg"
    assert sniff(b"\xff\xfb\x90\x00", "application/octet-stream") == "mp3"
    assert sniff(b"\xff\xf1\x50\x80", "audio/mpeg") == "aac"
    assert sniff(b"ID3\x04", "audio/aacp") == "aac"
    assert sniff(b"\x00\x01", "audio/mpeg") == "mp3"


def test_a_pipe_is_bounded_and_says_so() -> None:
    pipe = Pipe()
    pipe.write(bytes(PIPE_BYTES))
    assert pipe.room == 0
    with pytest.raises(ValueError, match="room for 0"):
        pipe.write(b"x")
    assert len(pipe.read(100)) == 100 and pipe.room == 100
    assert len(pipe.read()) == PIPE_BYTES - 100
    pipe.end()
    assert pipe.read() == b"" and pipe.peek(5) == b""


CHUNKED = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"


@given(st.lists(st.integers(0, len(CHUNKED)), max_size=12))
def test_chunks_cut_anywhere(cuts: list[int]) -> None:
    dechunker, out, before = Dechunker(), b"", 0
    for cut in [*sorted(cuts), len(CHUNKED)]:
        out += dechunker.feed(CHUNKED[before:cut])
        before = cut
    assert out == b"hello world" and dechunker.ended


@pytest.mark.parametrize("data", [b"x\r\n", b"-1\r\n", b"5\r\nhelloX\r\n", b"1" * 200, b"fffffffff\r\n", b"\r\n"])
def test_what_is_not_chunked(data: bytes) -> None:
    with pytest.raises(BadRequest):
        Dechunker().feed(data)
