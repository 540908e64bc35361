"""What every rendition keeps: times, contiguity, bit rate, quality."""

import av
import numpy as np
import pytest

from rostra.codecs.libopus import OpusDecoder
from rostra.encoding import make_encoder
from rostra.units import EncodedFrame, MediaTime, Pcm, PcmFrame, Rendition
from tests.sounds import align, click, frames, pcm, snr_db, voice

BASE = MediaTime(48_000 * 100 + 960 * 7)
ALL = list(Rendition)


def encoded(rendition: Rendition, sound: Pcm, base: MediaTime = BASE) -> tuple[list[EncodedFrame], bytes]:
    encoder = make_encoder(rendition)
    out: list[EncodedFrame] = []
    for at, samples in enumerate(frames(sound)):
        out += encoder.encode(PcmFrame(MediaTime(base + at * 960), samples))
    return out, encoder.decoder_config


def decoded(rendition: Rendition, payloads: list[bytes], config: bytes) -> Pcm:
    """By a decoder that is told nothing but the payloads and the configuration: libopus, FFmpeg."""
    if rendition.is_opus:
        opus = OpusDecoder()
        return np.concatenate([opus.decode(p) for p in payloads])
    context = av.CodecContext.create({Rendition.AAC: "aac", Rendition.MP3: "mp3float"}[rendition], "r")
    if config:
        context.extradata = config
    waves = [f.to_ndarray()[0] for p in payloads for f in context.decode(av.Packet(p))]
    return pcm(np.concatenate(waves))


@pytest.mark.parametrize("rendition", ALL)
def test_time_is_that_of_the_first_sample_decoded(rendition: Rendition) -> None:
    sound = voice(4.0, seed=5)
    out, config = encoded(rendition, sound)
    heard = decoded(rendition, [f.payload for f in out], config)
    assert align(sound, heard) == BASE - out[0].time


@pytest.mark.parametrize("rendition", ALL)
def test_a_click_is_found_at_its_media_time(rendition: Rendition) -> None:
    sound = click(1.0, at_s=0.6)
    out, config = encoded(rendition, sound)
    heard = decoded(rendition, [f.payload for f in out], config)
    loud = np.flatnonzero(np.abs(heard.astype(int)) > 6000)
    at = out[0].time - BASE + int(loud[0] + loud[-1]) // 2
    assert at == pytest.approx(0.6 * 48_000 + 24, abs=24)


@pytest.mark.parametrize("rendition", ALL)
def test_frames_follow_without_a_gap_and_none_begins_before_the_encoder(rendition: Rendition) -> None:
    out, _ = encoded(rendition, voice(3.0, seed=6), base=MediaTime(0))
    times = [f.time for f in out]
    assert times == list(range(times[0], times[0] + len(times) * rendition.frame_samples, rendition.frame_samples))
    assert 0 <= times[0] < rendition.frame_samples
    assert all(f.rendition is rendition for f in out)
    # Held back at most: two frames inside the codec, and less than one that is not yet whole.
    assert times[-1] + 4 * rendition.frame_samples > 3.0 * 48_000


@pytest.mark.parametrize("rendition", ALL)
def test_any_frame_is_a_start(rendition: Rendition) -> None:
    """After one frame to warm up, a listener who begins in the middle hears what the others hear."""
    sound = voice(3.0, seed=7)
    out, config = encoded(rendition, sound)
    payloads = [f.payload for f in out]
    whole = decoded(rendition, payloads, config)
    size = rendition.frame_samples
    for begin in (17, 40):
        late = decoded(rendition, payloads[begin:], config)
        warm_up = 8 if rendition.is_opus else 2  # Opus predicts across frames (RFC 7845, section 4.6: 80 ms)
        least = 20 if rendition is Rendition.OPUS_LOW else 25
        assert snr_db(whole[(begin + warm_up) * size :], late[warm_up * size :]) > least


@pytest.mark.parametrize("rendition", ALL)
def test_bit_rate(rendition: Rendition) -> None:
    out, _ = encoded(rendition, voice(8.0, seed=8))
    rate = sum(len(f.payload) for f in out) * 8 * 48_000 / (len(out) * rendition.frame_samples)
    # Opus and AAC spend less in pauses.
    assert 0.75 * rendition.bit_rate < rate < 1.05 * rendition.bit_rate


@pytest.mark.parametrize(
    ("rendition", "least"),
    [(Rendition.OPUS, 5), (Rendition.AAC, 15), (Rendition.MP3, 15), (Rendition.OPUS_LOW, 3)],
)
def test_what_is_heard_is_what_was_said(rendition: Rendition, least: float) -> None:
    sound = voice(4.0, seed=9)
    out, config = encoded(rendition, sound)
    assert snr_db(sound, decoded(rendition, [f.payload for f in out], config)) > least


def test_the_small_opus_is_the_same_sound_in_two_thirds_of_the_bits() -> None:
    """Level, pitch and place of what is said are those of the larger one, by a decoder that is told of no rate."""
    sound = voice(8.0, seed=11)
    heard, rates, configs = [], [], set()
    for rendition in (Rendition.OPUS, Rendition.OPUS_LOW):
        out, config = encoded(rendition, sound)
        heard.append(decoded(rendition, [f.payload for f in out], config))
        rates.append(sum(len(f.payload) for f in out) * 8 / (len(out) * 0.02))
        configs.add(config)
    large, small = (wave.astype(float) for wave in heard)
    assert len(configs) == 1
    assert 13_000 < rates[1] < 17_000
    assert rates[1] / rates[0] == pytest.approx(2 / 3, abs=0.08)
    assert len(large) == len(small)
    assert 20 * np.log10(np.std(small) / np.std(large)) == pytest.approx(0, abs=1.0)
    assert np.corrcoef(large, small)[0, 1] > 0.8


@pytest.mark.parametrize("rendition", ALL)
def test_a_gap_is_the_callers_error(rendition: Rendition) -> None:
    encoder = make_encoder(rendition)
    silent = np.zeros(960, np.int16)
    encoder.encode(PcmFrame(MediaTime(0), silent))
    for time in (0, 1920, 961):
        with pytest.raises(ValueError, match="fill gaps with silence"):
            encoder.encode(PcmFrame(MediaTime(time), silent))
    encoder.encode(PcmFrame(MediaTime(960), silent))


@pytest.mark.parametrize("rendition", ALL)
def test_extremes_do_not_break_it(rendition: Rendition) -> None:
    square = np.where(np.arange(9600) % 100 < 50, 32767, -32768).astype(np.int16)
    out, config = encoded(rendition, np.concatenate([np.zeros(9600, np.int16), square, np.zeros(9600, np.int16)]))
    assert len(decoded(rendition, [f.payload for f in out], config)) == len(out) * rendition.frame_samples
