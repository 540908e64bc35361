"""Sound through encoder, packager and window, then through FFmpeg: what comes out is what went in, at its time."""

import io
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from rostra.encoding import make_encoder
from rostra.packaging import LiveWindow, Packager, first_sequence
from rostra.units import SAMPLE_RATE, MediaTime, Part, Pcm, PcmFrame, Rendition
from rostra.wire.boxes import parse_part
from rostra.wire.emsg import read_events
from rostra.wire.listeners import Snapshot
from tests.packaging.making import BASE, BOXED, packaged, wall
from tests.sounds import align, frames, pcm, snr_db, voice


def decode(data: bytes) -> tuple[Pcm, int]:
    """By FFmpeg's demuxer and decoder: the sound, and the time of its first sample by the container."""
    with av.open(io.BytesIO(data)) as container:
        decoded = list(container.decode(audio=0))
    return pcm(np.concatenate([f.to_ndarray()[0] for f in decoded])), decoded[0].pts


def bare(rendition: Rendition, parts: list[Part]) -> Pcm:
    """The same frames without any box."""
    context = av.CodecContext.create("opus" if rendition.is_opus else "aac", "r")
    if rendition is Rendition.AAC:
        context.extradata = make_encoder(rendition).decoder_config
    context.sample_rate, context.layout = SAMPLE_RATE, "mono"
    waves = [
        f.to_ndarray()[0]
        for part in parts
        for payload in parse_part(part.payload).frames
        for f in context.decode(av.Packet(payload))
    ]
    wave = np.concatenate(waves)
    return wave if wave.dtype == np.int16 else pcm(wave)


@pytest.mark.parametrize("rendition", BOXED)
def test_pushed_stream_decodes_to_what_was_said_at_its_time(rendition: Rendition) -> None:
    sound = voice(6.0, seed=21)
    parts = packaged(rendition, sound)
    heard, start = decode(parts[0].init + b"".join(p.body for p in parts))
    assert start == parts[0].time
    assert align(sound, heard) == BASE - start
    assert len(heard) == sum(p.duration for p in parts)
    assert snr_db(bare(rendition, parts), heard) > 60


@pytest.mark.parametrize("rendition", BOXED)
def test_segments_and_init_of_the_window_are_the_same_sound(rendition: Rendition) -> None:
    parts = packaged(rendition, voice(9.0, seed=22))
    window = LiveWindow(rendition)
    for part in parts:
        window.add(part)
    init = window.media("g1-init.mp4")
    segments = [window.media(f"g1-s{n}.m4s") for n in (1, 2)]
    assert init and all(segments)
    heard, start = decode(init + b"".join(s for s in segments if s))
    assert start == parts[0].time
    assert np.array_equal(heard, decode(init + b"".join(p.payload for p in parts[:16]))[0])


@pytest.mark.parametrize("rendition", BOXED)
def test_whoever_starts_in_the_middle_hears_it_at_the_same_time(rendition: Rendition) -> None:
    sound = voice(6.0, seed=23)
    parts = packaged(rendition, sound)
    window = LiveWindow(rendition)
    for part in parts:
        window.add(part)
    backlog = window.backlog(2.0)
    heard, start = decode(backlog.init + b"".join(p.body for p in backlog.parts))
    assert start == backlog.parts[0].time
    assert align(sound, heard) == BASE - start


@pytest.mark.parametrize("rendition", BOXED)
def test_a_new_generation_goes_on_in_the_same_stream_after_a_hole(rendition: Rendition) -> None:
    """As a listener gets it who stays connected: the init again, then parts whose times have jumped."""
    one = packaged(rendition, voice(3.0, seed=24))
    base = -(-(one[-1].end + SAMPLE_RATE) // 960) * 960
    first = first_sequence(rendition, 2, MediaTime(base), one[-1].name.sequence)
    two = packaged(rendition, voice(3.0, seed=25), generation=2, first=first, base=base)
    data = one[0].init + b"".join(p.body for p in one) + two[0].init + b"".join(p.body for p in two)
    with av.open(io.BytesIO(data)) as container:
        times = [p.pts for p in container.demux(audio=0) if p.pts is not None]
    expected = [
        p.time + i for p in one + two for i in range(0, p.duration, rendition.frame_samples)
    ]  # fmt: skip
    assert times == expected


def test_mp3_blocks_are_an_mp3_stream() -> None:
    sound = voice(4.0, seed=26)
    encoder = make_encoder(Rendition.MP3)
    packager = Packager(Rendition.MP3, 1, 8, encoder.decoder_config)
    parts = [
        part
        for i, samples in enumerate(frames(sound))
        for out in encoder.encode(PcmFrame(MediaTime(i * 960), samples))
        if (part := packager.add(out, wall(out.time)))
    ]
    with av.open(io.BytesIO(b"".join(p.body for p in parts)), format="mp3") as container:
        heard = pcm(np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)]))
    assert snr_db(sound, heard) > 12


@pytest.mark.parametrize("rendition", BOXED)
def test_metadata_in_front_of_parts_stays_under_its_mean(rendition: Rendition) -> None:
    for part in packaged(rendition, voice(2.0, seed=27)):
        assert read_events(part.body) == [Snapshot("live", 7, {"a": -20})]
        assert len(part.metadata) <= 512


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="left out: ffmpeg is not installed")
@pytest.mark.parametrize("rendition", BOXED)
def test_the_ffmpeg_program_decodes_every_frame_without_a_word(rendition: Rendition, tmp_path: Path) -> None:
    parts = packaged(rendition, voice(5.0, seed=28))
    data = parts[0].init + b"".join(p.body for p in parts)
    file = tmp_path / "stream.mp4"
    file.write_bytes(data)
    expected = [p.time + i for p in parts for i in range(0, p.duration, rendition.frame_samples)]
    assert ffmpeg_times(file) == expected
    # The negative control: an offset in the last part that points far beyond the end.
    damaged = bytearray(data)
    damaged[damaged.rindex(b"trun") + 12] = 0x7F
    file.write_bytes(damaged)
    assert ffmpeg_times(file) == expected[: -rendition.frames_per_part]


def ffmpeg_times(file: Path) -> list[int]:
    """Times of the frames that the program decodes, in samples; it must not complain about any."""
    run = subprocess.run(
        [
            "ffmpeg",
            "-v",
            "warning",
            "-xerror",
            "-copyts",
            "-i",
            str(file),
            "-f",
            "framecrc",
            "-enc_time_base",
            "1/48000",
            "-",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""
    return [int(line.split(",")[1]) for line in run.stdout.splitlines() if not line.startswith("#")]
