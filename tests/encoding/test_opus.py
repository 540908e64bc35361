import struct

from rostra.codecs.libopus import packet_samples
from rostra.encoding.opus import OpusRendition
from rostra.units import MediaTime, PcmFrame
from tests.sounds import frames, voice


def test_decoder_config_is_what_dops_holds() -> None:
    version, channels, pre_skip, rate, gain, family = struct.unpack(">BBHIhB", OpusRendition().decoder_config)
    assert (version, channels, pre_skip, rate, gain, family) == (0, 1, 0, 48_000, 0, 0)


def test_packets_are_20_ms_and_mono() -> None:
    encoder = OpusRendition()
    for at, samples in enumerate(frames(voice(1.0, seed=1))):
        for frame in encoder.encode(PcmFrame(MediaTime(at * 960), samples)):
            assert packet_samples(frame.payload) == 960
            assert not frame.payload[0] & 0x04  # RFC 6716, section 3.1: s = 0 is mono
