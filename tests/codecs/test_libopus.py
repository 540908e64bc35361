import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.codecs import libopus
from rostra.codecs.libopus import ENCODE_SAMPLES, OpusDecoder, OpusEncoder, packet_samples
from rostra.errors import MissingTool, WireError
from tests.sounds import align, dbfs, frames, snr_db, tone, voice


def decoded(packets: list[bytes]) -> np.ndarray:
    decoder = OpusDecoder()
    return np.concatenate([decoder.decode(p) for p in packets])


def test_what_is_encoded_comes_back_later_by_the_lookahead() -> None:
    sound = voice(2.0, seed=1)
    encoder = OpusEncoder(64_000, voice=False)
    heard = decoded([encoder.encode(f) for f in frames(sound)])
    assert encoder.lookahead == 312
    assert align(sound, heard) == encoder.lookahead
    assert snr_db(sound, heard) > 10


@pytest.mark.parametrize("samples", sorted(ENCODE_SAMPLES))
def test_every_frame_duration(samples: int) -> None:
    sound = tone(440, 0.24)
    encoder = OpusEncoder(32_000)
    packets = [encoder.encode(sound[i : i + samples]) for i in range(0, len(sound) - samples + 1, samples)]
    assert {packet_samples(p) for p in packets} == {samples}
    assert len(decoded(packets)) == samples * len(packets)


@pytest.mark.parametrize(
    "bad", [np.zeros(961, np.int16), np.zeros(0, np.int16), np.zeros((2, 480), np.int16), np.zeros(960, np.float32)]
)
def test_frames_of_other_shapes_are_the_callers_error(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="Opus frames"):
        OpusEncoder(24_000).encode(bad)


def test_a_strided_frame_is_encoded_as_what_it_shows() -> None:
    stereo = np.stack([tone(440, 0.02), np.zeros(960, np.int16)], axis=1)
    assert OpusEncoder(24_000).encode(stereo[:, 0]) == OpusEncoder(24_000).encode(stereo[:, 0].copy())


def test_bit_rate_is_kept_and_can_change() -> None:
    encoder = OpusEncoder(24_000)
    sound = frames(voice(4.0, seed=2))
    first = sum(len(encoder.encode(f)) for f in sound) * 8 / 4.0
    encoder.set_bit_rate(12_000)
    second = sum(len(encoder.encode(f)) for f in sound) * 8 / 4.0
    assert 15_000 < first < 28_000
    assert second < 0.7 * first


@pytest.mark.parametrize("bit_rate", [0, 5_999, 510_001])
def test_impossible_settings_are_refused(bit_rate: int) -> None:
    with pytest.raises(ValueError, match="Opus has"):
        OpusEncoder(bit_rate)
    with pytest.raises(ValueError, match="refused setting"):
        OpusEncoder(24_000, complexity=11)


def test_forward_error_correction_brings_back_a_lost_frame() -> None:
    sound = frames(voice(2.0, seed=3))
    encoder = OpusEncoder(32_000, fec=True, expected_loss_percent=20)
    packets = [encoder.encode(f) for f in sound]
    whole, with_fec, concealed = OpusDecoder(), OpusDecoder(), OpusDecoder()
    truth, repaired, guessed = [], [], []
    for at, packet in enumerate(packets):
        truth.append(whole.decode(packet))
        if at % 5 == 3:
            continue  # lost
        if at % 5 == 4:
            repaired.append(with_fec.decode_fec(packet, 960))
            guessed.append(concealed.conceal(960))
        repaired.append(with_fec.decode(packet))
        guessed.append(concealed.decode(packet))
    expected = np.concatenate(truth)[: 960 * len(repaired)]
    assert snr_db(expected, np.concatenate(repaired)) > snr_db(expected, np.concatenate(guessed)) + 3


def test_concealment_goes_on_and_then_falls_silent() -> None:
    decoder = OpusDecoder()
    encoder = OpusEncoder(24_000)
    for frame in frames(tone(200, 0.4)):
        last = decoder.decode(encoder.encode(frame))
    gap = [decoder.conceal(960) for _ in range(50)]
    assert dbfs(gap[0]) > dbfs(last) - 6
    assert dbfs(gap[-1]) < dbfs(last) - 30


@pytest.mark.parametrize("samples", [0, -120, 119, 5880])
def test_gaps_that_cannot_be(samples: int) -> None:
    with pytest.raises(ValueError, match="a gap is"):
        OpusDecoder().conceal(samples)
    with pytest.raises(ValueError, match="a gap is"):
        OpusDecoder().decode_fec(OpusEncoder(24_000).encode(tone(440, 0.02)), samples)


def test_stereo_packets_come_out_mono() -> None:
    """A packet's channels stand in its TOC byte (RFC 6716, section 3.1): a browser may send either."""
    av = pytest.importorskip("av")
    context = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format, context.bit_rate = 48_000, "stereo", "s16", 64_000
    sound = tone(440, 1.0)
    packets = []
    for block in frames(sound):
        frame = av.AudioFrame.from_ndarray(np.repeat(block, 2)[None, :], format="s16", layout="stereo")
        frame.sample_rate = 48_000
        packets += [bytes(p) for p in context.encode(frame)]
    assert all(p[0] & 0x04 for p in packets)
    heard = decoded(packets)
    assert heard.ndim == 1
    assert dbfs(heard[9600:]) == pytest.approx(dbfs(sound), abs=1.0)


def test_silence_costs_next_to_nothing_with_dtx() -> None:
    encoder = OpusEncoder(24_000, dtx=True)
    sizes = [len(encoder.encode(np.zeros(960, np.int16))) for _ in range(50)]
    assert sum(sizes[30:]) < 20 * 5


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_hostile_payloads_raise_or_decode_and_leave_the_decoder_usable(payload: bytes) -> None:
    decoder = OpusDecoder()
    for call in (decoder.decode, lambda p: decoder.decode_fec(p, 960), packet_samples):
        try:
            result = call(payload)
        except WireError:
            continue
        assert isinstance(result, int) or (result.dtype == np.int16 and 0 < len(result) <= 5760)
    assert len(decoder.decode(OpusEncoder(24_000).encode(tone(440, 0.02)))) == 960


def test_empty_and_oversized_payloads_are_wire_errors() -> None:
    for payload in (b"", bytes(70_000)):
        for call in (OpusDecoder().decode, lambda p: OpusDecoder().decode_fec(p, 960), packet_samples):
            with pytest.raises(WireError):
                call(payload)


def test_reset_forgets() -> None:
    packets = [OpusEncoder(24_000).encode(f) for f in frames(voice(0.2, seed=4))]
    decoder = OpusDecoder()
    first = [decoder.decode(p) for p in packets]
    decoder.reset()
    assert all(np.array_equal(a, decoder.decode(p)) for a, p in zip(first, packets, strict=True))


def test_native_state_goes_with_the_object() -> None:
    for _ in range(200):
        OpusEncoder(24_000), OpusDecoder()
    gc.collect()


def test_a_machine_without_libopus_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert libopus.version().startswith("libopus")
    monkeypatch.setattr(libopus, "_candidates", lambda: ["/nonexistent/libopus.so"])
    libopus._library.cache_clear()
    try:
        with pytest.raises(MissingTool, match="libopus0"):
            OpusEncoder(24_000)
    finally:
        libopus._library.cache_clear()
