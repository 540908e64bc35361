import pytest

from rostra.encoding.ffmpeg import MP3_FRAME_BYTES, FfmpegRendition, make_aac, make_mp3
from rostra.errors import MissingTool
from rostra.units import MediaTime, PcmFrame, Rendition
from tests.sounds import frames, voice


def test_aac_config_says_lc_48_khz_mono() -> None:
    config = make_aac().decoder_config
    bits = int.from_bytes(config[:2], "big")
    # ISO 14496-3, 1.6.2.1: 5 bits object type (2: LC), 4 bits frequency (3: 48 kHz), 4 bits channels (1).
    assert (bits >> 11, bits >> 7 & 15, bits >> 3 & 15) == (2, 3, 1)


def test_mp3_frames_stand_alone_and_have_one_size() -> None:
    encoder = make_mp3()
    assert encoder.decoder_config == b""
    out = []
    for at, samples in enumerate(frames(voice(3.0, seed=2, level_dbfs=-10))):
        out += encoder.encode(PcmFrame(MediaTime(at * 960), samples))
    assert 21 * MP3_FRAME_BYTES == 4032
    for frame in out:
        head = int.from_bytes(frame.payload[:4], "big")
        assert len(frame.payload) == MP3_FRAME_BYTES
        # ISO 11172-3, 2.4.1.3: sync and MPEG-1 layer III, 64 kbit/s (5), 48 kHz (1), no padding, mono (3).
        assert (head >> 17, head >> 12 & 15, head >> 10 & 3, head >> 9 & 1, head >> 6 & 3) == (0x7FFD, 5, 1, 0, 3)
        side = frame.payload[4 if head >> 16 & 1 else 6 :]
        assert int.from_bytes(side[:2], "big") >> 7 == 0  # main_data_begin


def test_an_encoder_that_is_not_there() -> None:
    with pytest.raises(MissingTool, match="no encoder"):
        FfmpegRendition(Rendition.AAC, "aac_nonesuch", "fltp", {})
