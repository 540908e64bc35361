from __future__ import annotations

import fcntl
import io
import os
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from rostra.errors import BadRequest, Unsupported
from rostra.publishing.sound import duration_s, frames
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Pcm
from tests.sounds import snr_db, tone, voice


def wav(path: Path, pcm: Pcm, rate: int = SAMPLE_RATE, channels: int = 1) -> str:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.repeat(pcm, channels).tobytes())
    return str(path)


def test_a_file_at_our_rate_comes_out_sample_by_sample(tmp_path: Path) -> None:
    sound = voice(1.011, seed=5)
    source = wav(tmp_path / "a.wav", sound)
    heard = np.concatenate(list(frames(source)))
    assert len(heard) % FRAME_SAMPLES == 0
    assert np.array_equal(heard[: len(sound)], sound)
    assert not heard[len(sound) :].any()
    assert duration_s(source) == pytest.approx(1.011, abs=0.02)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (96000, 1), (192000, 2)])
def test_other_rates_and_channels_are_brought_to_ours(tmp_path: Path, rate: int, channels: int) -> None:
    t = np.arange(rate) / rate
    sound = (8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
    heard = np.concatenate(list(frames(wav(tmp_path / "a.wav", sound, rate, channels))))
    assert abs(len(heard) - SAMPLE_RATE) <= 2 * FRAME_SAMPLES
    assert snr_db(tone(440, 0.8, -15.0), heard[2000:42000]) > 25


def test_a_compressed_file(tmp_path: Path) -> None:
    sound = voice(1.0, seed=9)
    with av.open(str(tmp_path / "a.flac"), "w") as out:
        stream = out.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="s16", layout="mono")
        frame.rate = SAMPLE_RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    assert np.array_equal(np.concatenate(list(frames(str(tmp_path / "a.flac"))))[: len(sound)], sound)


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Path(wav(tmp_path / "a.wav", voice(0.5, seed=2))).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert len(list(frames("-"))) == 25
    assert duration_s("-") is None


def test_what_comes_through_a_pipe_is_heard_before_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(wav(tmp_path / "a.wav", voice(2.0, seed=2))).read_bytes()
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 256 * 1024)
    os.write(writing, data)  # fits into the pipe; its end stays open, as a microphone's does
    with os.fdopen(reading, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(pipe))
        heard = frames("-")
        first = [next(heard) for _ in range(10)]
        os.close(writing)
        assert len(first) + len(list(heard)) == 100


def test_a_file_cut_off_in_the_middle_gives_what_it_has(tmp_path: Path) -> None:
    data = Path(wav(tmp_path / "a.wav", voice(1.0, seed=2))).read_bytes()
    (tmp_path / "b.wav").write_bytes(data[: len(data) // 2])
    assert 20 <= len(list(frames(str(tmp_path / "b.wav")))) <= 26


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("missing.wav", None, BadRequest, "cannot be opened"),
        ("words.txt", b"these are only words\n" * 40, Unsupported, "no sound"),
        ("empty.wav", b"", Unsupported, "not a sound file"),
    ],
)
def test_what_cannot_be_played_is_said(
    tmp_path: Path, name: str, content: bytes | None, error: type[Exception], says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=says):
        list(frames(str(tmp_path / name)))


def test_an_address_that_refuses_is_an_error_in_words() -> None:
    with pytest.raises(BadRequest, match="cannot be opened"):
        list(frames("http://127.0.0.1:1/x.mp3"))
