"""What counts as heard, with negative controls: another moment, silence and noise must not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.feeder import Loop, source
from benchmarks.heard import decode, matches
from rostra.units import SAMPLE_RATE, Rendition


@pytest.fixture(scope="module")
def loop() -> Loop:
    return Loop(Rendition.OPUS, source(6.0), loop_s=6.0)


def stream(loop: Loop, numbers: range) -> bytes:
    return loop.init + b"".join(loop.part(n, 0.0, 1).body for n in numbers)


def test_a_stream_is_what_was_sent_across_the_seam(loop: Loop) -> None:
    begin, pcm = decode(stream(loop, range(8, 28)))
    assert begin == loop.part(8, 0.0, 1).time
    assert len(pcm) == 20 * Rendition.OPUS.part_samples
    assert matches(stream(loop, range(8, 28)), loop.source)


def test_aac_too() -> None:
    loop = Loop(Rendition.AAC, source(6.0), loop_s=6.0)
    assert matches(stream(loop, range(8, 28)), loop.source)


def test_a_part_that_breaks_off_is_left_out(loop: Loop) -> None:
    assert matches(stream(loop, range(8, 16))[:-100], loop.source)


def test_a_millisecond_late_does_not_match(loop: Loop) -> None:
    late = np.roll(loop.source, SAMPLE_RATE // 1000)
    assert not matches(stream(loop, range(8, 28)), late)


def test_silence_and_noise_do_not_match(loop: Loop) -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(-8000, 8000, len(loop.source)).astype(np.int16)
    assert not matches(stream(loop, range(8, 28)), noise)
    assert not matches(stream(loop, range(8, 28)), np.zeros_like(loop.source))


def test_a_stream_without_sound_does_not_match(loop: Loop) -> None:
    assert not matches(b"", loop.source)
    assert not matches(loop.init, loop.source)


def test_a_hole_does_not_match(loop: Loop) -> None:
    torn = stream(loop, range(8, 14)) + b"".join(loop.part(n, 0.0, 1).body for n in range(15, 28))
    assert not matches(torn, loop.source)
