from __future__ import annotations

import numpy as np

from benchmarks.syllables import PAUSE_FRAMES, SPOKEN_FRAMES, begins, recording, voiced
from rostra.codecs.libopus import OpusDecoder, OpusEncoder
from rostra.stage.quiet import Quiet
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, MediaTime


def test_the_voice_is_in_every_frame_but_those_between_syllables_also_after_a_codec() -> None:
    encoder, decoder, pcm = OpusEncoder(24_000, voice=False), OpusDecoder(), recording(3.0)
    packets = [encoder.encode(pcm[i : i + FRAME_SAMPLES]) for i in range(0, len(pcm), FRAME_SAMPLES)]
    for sound in (pcm, np.concatenate([decoder.decode(p) for p in packets])):
        found = voiced(sound)
        pauses = np.diff(found) - 1
        assert pauses.max() <= PAUSE_FRAMES
        assert len(found) >= 0.95 * SPOKEN_FRAMES / (SPOKEN_FRAMES + PAUSE_FRAMES) * len(pcm) / FRAME_SAMPLES


def test_what_fills_a_pause_is_no_voice() -> None:
    quiet = Quiet()
    ticks = [quiet.fill(MediaTime(n * FRAME_SAMPLES), None, pulse=True) for n in range(500)]
    filling = np.concatenate(ticks)
    assert voiced(filling) == [] and begins(filling) is None


def test_where_the_voice_begins() -> None:
    silence = np.zeros(SAMPLE_RATE, np.int16)
    at = begins(np.concatenate([silence, recording(1.0)]))
    assert at is not None and 0 <= at - len(silence) < FRAME_SAMPLES
