from __future__ import annotations

import numpy as np

from benchmarks.clicks import Click, delays, find, recording
from benchmarks.feeder import source
from rostra.codecs.libopus import OpusDecoder, OpusEncoder
from rostra.units import FRAME_SAMPLES


def test_clicks_are_found_where_they_were_said_after_a_codec() -> None:
    pcm, said = recording(6)
    encoder, decoder = OpusEncoder(24_000, voice=False), OpusDecoder()
    whole = len(pcm) - len(pcm) % FRAME_SAMPLES
    packets = [encoder.encode(pcm[i : i + FRAME_SAMPLES]) for i in range(0, whole, FRAME_SAMPLES)]
    heard = find(np.concatenate([decoder.decode(p) for p in packets]))
    assert [c.kind for c in heard] == [c.kind for c in said]
    assert all(abs(h.at - encoder.lookahead - s.at) <= 48 for h, s in zip(heard, said, strict=True))  # a millisecond


def test_speech_and_silence_have_no_clicks() -> None:
    assert find(source(20.0)) == []
    assert find(np.zeros(48_000, np.int16)) == []
    assert find(np.zeros(10, np.int16)) == []


def test_a_late_click_is_not_taken_for_the_next() -> None:
    said = [(0, 10.0), (1, 11.7), (2, 13.4), (0, 15.1)]
    assert delays(said, [(0, 12.0), (1, 13.0), (0, 15.2)]) == [2.0, 13.0 - 11.7, 15.2 - 15.1]
    assert delays(said, [(2, 9.0)]) == []


def test_where_a_click_is_found_is_exact_without_a_codec() -> None:
    pcm, said = recording(3)
    assert find(pcm) == [Click(c.kind, c.at) for c in said]
