from __future__ import annotations

import av
import numpy as np
import pytest

from rostra.errors import WireError
from rostra.listening.ears import Ears, power_and_peak
from rostra.listening.measure import decibels
from rostra.listening.stream import BoxStream, Mp3Stream, Sound
from rostra.units import SAMPLE_RATE, Pcm, Rendition
from rostra.wire.boxes import init_segment
from tests.listening.front import INIT, opus_parts
from tests.listening.test_stream import mp3
from tests.sounds import dbfs, snr_db, tone, voice


def aac(sound: Pcm) -> tuple[bytes, list[bytes]]:
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = SAMPLE_RATE, "mono", "fltp", 64_000
    packets = []
    for at in range(0, len(sound) - 1023, 1024):
        block = (sound[at : at + 1024].astype(np.float32) / 32768).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.rate, frame.pts = SAMPLE_RATE, at
        packets += [bytes(p) for p in encoder.encode(frame)]
    return init_segment(Rendition.AAC, encoder.extradata), packets


@pytest.mark.parametrize("rendition", [Rendition.OPUS, Rendition.OPUS_LOW])
def test_opus_is_heard_as_it_was_said(rendition: Rendition) -> None:
    sound = voice(2.0, seed=6)
    ears = Ears(rendition)
    ears.begin(INIT)
    heard = [ears.hear(i.frames) for p in opus_parts(sound) for i in BoxStream(960).feed(p) if isinstance(i, Sound)]
    assert snr_db(sound[4800:90_000], np.concatenate(heard)) > 8


def test_aac_is_heard_as_it_was_said() -> None:
    sound = tone(440, 1.0, -20.0)
    init, packets = aac(sound)
    ears = Ears(Rendition.AAC)
    ears.begin(init)
    heard = np.concatenate([ears.hear([p]) for p in packets])
    assert dbfs(heard[8000:40_000]) == pytest.approx(-20.0, abs=0.5)


def test_mp3_is_heard() -> None:
    ears = Ears(Rendition.MP3)
    heard = [ears.hear(i.frames) for i in Mp3Stream().feed(mp3(1.0)) if isinstance(i, Sound)]
    assert -30 < dbfs(np.concatenate(heard)) < -12


def test_sound_before_its_init_and_garbage_are_errors() -> None:
    with pytest.raises(WireError, match="before its init"):
        Ears(Rendition.AAC).hear([b"x"])
    with pytest.raises(WireError, match="not an init"):
        Ears(Rendition.AAC).begin(b"\0\0\0\x08ftyp")
    with pytest.raises(WireError):
        Ears(Rendition.OPUS).hear([b""])


def test_power_and_peak() -> None:
    power, peak = power_and_peak(tone(1000, 0.5, -20.0))
    assert decibels(power) == pytest.approx(-20.0, abs=0.05)
    assert decibels(peak**2) == pytest.approx(-17.0, abs=0.05)
    assert power_and_peak(np.zeros(0, np.int16)) == (0.0, 0.0)
