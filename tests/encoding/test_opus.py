import struct

import pytest

from rostra.codecs.libopus import packet_samples
from rostra.encoding.opus import OpusRendition
from rostra.units import MediaTime, PcmFrame, Rendition
from tests.sounds import frames, voice

RATES = pytest.mark.parametrize("rendition", [Rendition.OPUS, Rendition.OPUS_LOW])


@RATES
def test_decoder_config_is_what_dops_holds(rendition: Rendition) -> None:
    version, channels, pre_skip, rate, gain, family = struct.unpack(">BBHIhB", OpusRendition(rendition).decoder_config)
    assert (version, channels, pre_skip, rate, gain, family) == (0, 1, 0, 48_000, 0, 0)


@RATES
def test_packets_are_20_ms_and_mono(rendition: Rendition) -> None:
    encoder = OpusRendition(rendition)
    for at, samples in enumerate(frames(voice(1.0, seed=1))):
        for frame in encoder.encode(PcmFrame(MediaTime(at * 960), samples)):
            assert packet_samples(frame.payload) == 960
            assert not frame.payload[0] & 0x04  # RFC 6716, section 3.1: s = 0 is mono
