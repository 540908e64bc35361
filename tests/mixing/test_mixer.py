from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.mixing import MAX_SEATS, MIX_DELAY_SAMPLES, Mixed, Mixer, MixerSettings
from rostra.units import MediaTime, Pcm
from tests.sounds import align, dbfs, frames, loudness_lufs, noise, pcm, silence, snr_db, tone, voice

CEILING = round(10 ** (-1 / 20) * 32768)


def play(sounds: Mapping[str, Pcm], mixer: Mixer | None = None, muted: frozenset[str] = frozenset()) -> list[Mixed]:
    mixer = mixer or Mixer()
    cut = {seat: frames(sound) for seat, sound in sounds.items()}
    ticks = min(len(c) for c in cut.values())
    return [mixer.tick(MediaTime(t * 960), {s: c[t] for s, c in cut.items()}, muted) for t in range(ticks)]


def program(out: list[Mixed]) -> Pcm:
    return np.concatenate([m.program.samples for m in out])


def returned(out: list[Mixed], seat: str) -> Pcm:
    """What the seat was sent."""
    return np.concatenate([m.returns.get(seat, m.program.samples) for m in out])


@pytest.mark.parametrize("level", [-40, -20, -10])
def test_one_voice_comes_through_as_it_was_4_ms_later(level: int) -> None:
    """The figure: at least 40 dB, one gain for the whole stretch, once the gain has come to rest."""
    sound = voice(16.0, seed=1, level_dbfs=level)
    heard = program(play({"a": sound}))
    assert align(sound, heard) == MIX_DELAY_SAMPLES == 192
    assert snr_db(sound[12 * 48_000 :], heard[12 * 48_000 :]) > 40
    assert loudness_lufs(heard[3 * 48_000 :]) == pytest.approx(-18, abs=1.5)


def test_a_quiet_and_a_shouting_speaker_are_heard_alike() -> None:
    quiet, loud = voice(5.0, seed=2, level_dbfs=-40), voice(5.0, seed=3, level_dbfs=-6)
    first = np.concatenate([quiet, silence(5.0)])
    second = np.concatenate([silence(5.0), loud])
    heard = program(play({"q": first, "l": second}))
    a, b = loudness_lufs(heard[3 * 48_000 : 5 * 48_000]), loudness_lufs(heard[8 * 48_000 :])
    assert a == pytest.approx(-18, abs=1.5)
    assert b == pytest.approx(-18, abs=1.5)


def test_each_voice_is_in_the_mix_as_it_was() -> None:
    """Three at once, quiet enough for the limiter: what is left of the mix without the other two is the third."""
    sounds = {s: voice(14.0, seed=i + 4, pitch_hz=100 + 45 * i) for i, s in enumerate("abc")}
    out = play(sounds, Mixer(MixerSettings(loudness_lufs=-28)))
    mix = program(out).astype(int)
    for seat, sound in sounds.items():
        alone = mix - returned(out, seat)
        last = slice(12 * 48_000, None)
        assert snr_db(sound[last], alone[last].astype(np.int16)) > 40


def test_thirteen_at_full_scale_do_not_clip() -> None:
    sounds = {f"s{i}": tone(150 + 37 * i, 2.0, -3.1) for i in range(13)}
    out = play(sounds)
    for wave in (program(out), *(returned(out, s) for s in sounds)):
        assert int(np.abs(wave.astype(int)).max()) <= CEILING + 1


def test_a_return_holds_nothing_of_the_own_voice() -> None:
    """Less than 60 dB below it, from the first sample that is heard."""
    own, other = voice(6.0, seed=8, pitch_hz=110), voice(6.0, seed=9, pitch_hz=190)
    others_alone = program(play({"b": other, "a": silence(6.0)}))
    out = play({"b": other, "a": own})
    residue = returned(out, "a").astype(int) - others_alone
    share = float(residue @ np.roll(own.astype(int), 192)) / float(np.sum(own.astype(float) ** 2))
    assert abs(share) < 10 ** (-60 / 20)
    assert dbfs(residue.astype(np.int16)) < dbfs(program(out)) - 60


def test_silent_seats_share_the_mix_and_three_at_most_have_their_own() -> None:
    sounds = {f"s{i}": voice(3.0, seed=20 + i, pitch_hz=100 + 20 * i, level_dbfs=-20 - i) for i in range(6)}
    sounds["quiet"] = noise(3.0, 1, -65)
    out = play(sounds)
    assert all(len(m.returns) <= 3 and m.audible == set(m.returns) for m in out)
    assert all("quiet" not in m.returns for m in out)
    assert any(len(m.returns) == 3 for m in out)
    changes = sum(a.audible != b.audible for a, b in pairwise(out[50:]))
    assert changes < 10  # it does not flicker


def test_levels_are_of_those_who_say_something() -> None:
    out = play({"a": voice(5.0, seed=10, level_dbfs=-30), "b": noise(5.0, 2, -60), "c": silence(5.0)})
    assert set().union(*(m.levels for m in out)) == {"a"}
    levels = [m.levels["a"] for m in out[200:] if "a" in m.levels]
    assert all(isinstance(x, int) and -127 <= x <= 0 for x in levels)
    assert -25 < np.mean(levels) < -14


def test_coming_going_and_muting_do_not_click() -> None:
    """Of a 200 Hz tone, every step between samples belongs to a sine, also where it is cut off."""
    sound = frames(tone(200, 3.0, -20))
    mixer = Mixer()
    out: list[Mixed] = []
    for t in range(120):
        given: dict[str, Pcm | None] = {"other": np.zeros(960, np.int16)}
        if not 40 <= t < 60:  # it leaves, and comes again in the middle of a wave
            given["a"] = None if t in (80, 81) else sound[t]
        out.append(mixer.tick(MediaTime(t * 960), given, frozenset({"a"}) if 100 <= t < 105 else frozenset()))
    heard = program(out).astype(float)
    steepest = 2 * np.pi * 200 / 48_000 * np.abs(heard).max()
    assert np.abs(np.diff(heard)).max() < 2 * steepest
    assert dbfs(program(out[62:64])) > -40
    assert np.all(program(out[42:59]) == 0)
    assert np.all(program(out[102:104]) == 0)


def test_a_muted_seat_is_not_heard_measured_or_audible() -> None:
    mixer = Mixer()
    out = play({"a": voice(2.0, seed=11), "b": silence(2.0)}, mixer, frozenset({"a"}))
    assert not program(out).any()
    assert not any(m.levels or m.audible for m in out)
    assert mixer.report()["a"].loudness_lufs == -np.inf


def loop(talker: Pcm, person: Pcm, delay: int, level_db: float) -> tuple[list[Mixed], Mixer]:
    """Seat ``b`` sends its person and, late and quieter, all that it is sent."""
    mixer, out = Mixer(), []
    sent = np.zeros(len(talker) + delay, np.int16)
    for t, (a, b) in enumerate(zip(frames(talker), frames(person), strict=True)):
        back = (sent[t * 960 : (t + 1) * 960] * 10 ** (level_db / 20)).astype(np.int16)
        mixed = mixer.tick(MediaTime(t * 960), {"a": a, "b": b + back})
        at = t * 960 + delay
        sent[at : at + 960] = mixed.returns.get("b", mixed.program.samples)[: len(sent) - at]
        out.append(mixed)
    return out, mixer


def test_an_echo_is_ducked_and_reported() -> None:
    talker = voice(8.0, seed=12)
    out, mixer = loop(talker, noise(8.0, 3, -66), delay=150 * 48, level_db=-10)
    found = next(t for t, m in enumerate(out) if m.echo)
    assert found < 150
    assert set(out[-1].echo) == {"b"}
    report = mixer.report()["b"]
    assert report.echo_db is not None and report.echo_db == pytest.approx(-10, abs=2.5)
    assert report.echo_delay_ms == pytest.approx(154, abs=2)  # and 4 ms of the limiter
    assert report.gain_db == pytest.approx(0.0, abs=0.1)
    # What comes back is in the mix as little as ducking says: the talker's own voice is nearly all there is.
    later = slice((found + 25) * 960, None)
    assert snr_db(talker[later], program(out)[later]) > 20
    assert np.mean(["b" in m.levels for m in out[found + 25 :]]) < 0.1


def test_a_person_is_heard_over_their_own_echo() -> None:
    talker = np.concatenate([voice(5.0, seed=13), voice(5.0, seed=14, level_dbfs=-25)])
    person = np.concatenate([silence(5.0), voice(5.0, seed=15, pitch_hz=210)])
    out, _ = loop(talker, person, delay=150 * 48, level_db=-20)
    assert any(m.echo for m in out[:250])
    assert np.mean(["b" in m.levels for m in out[255:490]]) > 0.85


def test_two_people_talking_are_not_ducked() -> None:
    out = play({"a": voice(12.0, seed=16, pitch_hz=120), "b": voice(12.0, seed=17, pitch_hz=125)})
    assert not any(m.echo for m in out)


def test_report_tells_a_host_what_is_wrong() -> None:
    mixer = Mixer()
    squared = np.where(np.sin(2 * np.pi * 150 * np.arange(96_000) / 48_000) > 0, 32767, -32768).astype(np.int16)
    play({"clips": squared, "silent": silence(2.0), "well": voice(2.0, seed=18)}, mixer)
    report = mixer.report()
    assert report["clips"].clipping and not report["well"].clipping
    assert report["silent"].silent_s == pytest.approx(2.0)
    assert report["well"].silent_s < 0.5
    assert report["well"].loudness_lufs == pytest.approx(-20, abs=2)
    assert report["well"].echo_db is None


def test_seats_are_bounded_and_rows_are_used_again() -> None:
    mixer = Mixer()
    silent = np.zeros(960, np.int16)
    mixer.tick(MediaTime(0), {f"s{i}": silent for i in range(MAX_SEATS)})
    with pytest.raises(ValueError, match="32 seats"):
        mixer.tick(MediaTime(960), {f"s{i}": silent for i in range(MAX_SEATS + 1)})
    mixer = Mixer()
    for t in range(100):  # a new name each tick: the old one is gone a tick later
        mixer.tick(MediaTime(t * 960), {f"s{t}": silent})
    assert list(mixer.report()) == ["s99"]


def test_no_seats_is_silence() -> None:
    mixed = Mixer().tick(MediaTime(960), {})
    assert mixed.program.time == 960
    assert not mixed.program.samples.any()


@pytest.mark.parametrize("bad", [np.zeros(480, np.int16), np.zeros(960, np.float32), np.zeros((2, 960), np.int16)])
def test_frames_of_another_shape_are_the_callers_error(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a frame is"):
        Mixer().tick(MediaTime(0), {"a": bad})


def test_without_places_all_share_the_mix() -> None:
    mixer = Mixer(MixerSettings(audible=0))
    assert not any(m.returns for m in play({"a": voice(1.0, seed=19)}, mixer))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_whatever_comes_and_goes_the_mix_stays_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mixer = Mixer()
    kinds = [pcm(rng.standard_normal(960) * 2), np.zeros(960, np.int16), np.full(960, -32768, np.int16), None]
    for t in range(40):
        seats = [f"s{i}" for i in range(8) if rng.random() < 0.6]
        given = {s: kinds[rng.integers(len(kinds))] for s in seats}
        mixed = mixer.tick(MediaTime(t * 960), given, {s for s in seats if rng.random() < 0.2})
        assert mixed.program.time == t * 960
        assert int(np.abs(mixed.program.samples.astype(int)).max()) <= CEILING + 1
        assert mixed.audible == set(mixed.returns) <= set(seats) | set(mixer.report())
        assert all(r.shape == (960,) and r.dtype == np.int16 for r in mixed.returns.values())
