from __future__ import annotations

import numpy as np

from rostra.codecs.libopus import OpusEncoder
from rostra.edge.framing import chunk
from rostra.rehearsal import samples
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, MediaTime, Pcm
from rostra.wire.boxes import media_part


def talk(seconds: int, seed: int = 1) -> Pcm:
    """Noise that comes and goes as words do."""
    draw = np.random.default_rng(seed)
    loud = np.repeat(draw.uniform(0, 1, seconds * 5) > 0.4, SAMPLE_RATE // 5)
    return (loud * draw.normal(0, 3000, seconds * SAMPLE_RATE)).clip(-32768, 32767).astype(np.int16)


def stream(pcm: Pcm) -> bytes:
    encoder = OpusEncoder(24_000)
    frames = [
        encoder.encode(pcm[at : at + FRAME_SAMPLES]) for at in range(0, len(pcm) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    ]
    return b"".join(
        chunk(media_part(n, MediaTime(n * 25 * FRAME_SAMPLES), frames[n * 25 : n * 25 + 25], FRAME_SAMPLES))
        for n in range(len(frames) // 25)
    )


def test_sound_that_came_is_the_sound_of_the_source() -> None:
    source = talk(12)
    whole = stream(source)
    found = samples.judge([whole, whole], source)
    assert (found["streams"], found["undecodable"], found["differing"], found["silent"]) == (2, 0, 0, False)
    assert found["sound_s"] == 24.0
    assert found["likeness"] > 0.8


def test_sound_of_somebody_else_is_not_like_it() -> None:
    assert samples.judge([stream(talk(12, seed=2))], talk(12))["likeness"] < 0.6


def test_what_differs_or_does_not_decode_is_counted() -> None:
    source = talk(6)
    other = source.copy()
    other[: SAMPLE_RATE // 2] = 0
    found = samples.judge([stream(source), stream(other), b"5\r\nhello\r\n"])
    assert found["differing"] >= 1
    assert found["undecodable"] == 1
    assert samples.judge([stream(np.zeros(SAMPLE_RATE, np.int16))])["silent"]
    assert samples.judge([])["level_dbfs"] is None
