"""Sound that tests make themselves, and how alike two sounds are. Everything is seeded; 48 kHz mono int16."""

from __future__ import annotations

import functools
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Pcm

FULL_SCALE = 32768.0

# Formants of five vowels in Hz (Peterson and Barney 1952, men's averages): a, e, i, o, u.
_VOWELS = np.array([(730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240)])


def pcm(wave: NDArray[np.floating]) -> Pcm:
    """A wave in -1..1 as int16, clipped."""
    return np.clip(np.rint(np.asarray(wave, np.float64) * FULL_SCALE), -32768, 32767).astype(np.int16)


def dbfs(samples: Pcm) -> float:
    """Root mean square against full scale; -inf for digital silence."""
    power = float(np.mean(np.square(samples.astype(np.float64) / FULL_SCALE)))
    return 10 * float(np.log10(power)) if power > 0 else -np.inf


def frames(samples: Pcm) -> list[Pcm]:
    """Cut into 20 ms; a rest at the end is dropped."""
    whole = len(samples) // FRAME_SAMPLES
    return list(samples[: whole * FRAME_SAMPLES].reshape(whole, FRAME_SAMPLES))


def tone(hz: float, seconds: float, level_dbfs: float = -20.0) -> Pcm:
    """A sine whose root mean square is ``level_dbfs``."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return pcm(np.sqrt(2) * 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * hz * t))


def noise(seconds: float, seed: int, level_dbfs: float = -50.0) -> Pcm:
    """White noise whose root mean square is ``level_dbfs``."""
    rng = np.random.default_rng(seed)
    return pcm(10 ** (level_dbfs / 20) * rng.standard_normal(round(seconds * SAMPLE_RATE)))


def silence(seconds: float) -> Pcm:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def click(seconds: float, at_s: float) -> Pcm:
    """Silence with one 1 ms burst of 2 kHz, 6 dB below full scale, that begins at ``at_s``."""
    wave = np.zeros(round(seconds * SAMPLE_RATE))
    at = round(at_s * SAMPLE_RATE)
    burst = 0.5 * np.sin(2 * np.pi * 2000 * np.arange(SAMPLE_RATE // 1000) / SAMPLE_RATE)
    wave[at : at + len(burst)] = burst
    return pcm(wave)


def voice(seconds: float, seed: int, pitch_hz: float = 120.0, level_dbfs: float = -20.0) -> Pcm:
    """Something like speech: syllables of 120 to 300 ms with harmonics through moving formants, hiss between them, and
    a breath of 150 to 400 ms every second or two.

    ``level_dbfs`` is the root mean square over the whole, pauses included.
    """
    wave = _speech(seconds, seed, pitch_hz)
    power = np.mean(np.square(wave))
    return pcm(wave * 10 ** (level_dbfs / 20) / np.sqrt(power)) if power > 0 else pcm(wave)


@functools.lru_cache(maxsize=32)  # the same voice is used at many levels
def _speech(seconds: float, seed: int, pitch_hz: float) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    total = round(seconds * SAMPLE_RATE)
    wave = np.zeros(total)
    at, until_breath = 0, int(rng.integers(4, 9))
    while at < total:
        if until_breath == 0:
            at += int(rng.uniform(0.15, 0.4) * SAMPLE_RATE)
            until_breath = int(rng.integers(4, 9))
            continue
        until_breath -= 1
        length = int(rng.uniform(0.12, 0.3) * SAMPLE_RATE)
        syllable = _syllable(rng, length, pitch_hz)
        end = min(total, at + length)
        if end > at:
            wave[at:end] += syllable[: end - at]
        at += int(length * rng.uniform(0.85, 1.05))
    wave.flags.writeable = False
    return wave


def _syllable(rng: np.random.Generator, length: int, pitch_hz: float) -> NDArray[np.float64]:
    """A consonant's hiss, then a vowel gliding into another."""
    t = np.arange(length) / SAMPLE_RATE
    along = np.linspace(0.0, 1.0, length)
    pitch = pitch_hz * rng.uniform(0.85, 1.2) * (1 + rng.uniform(-0.12, 0.12) * along)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    start, stop = _VOWELS[rng.integers(len(_VOWELS))], _VOWELS[rng.integers(len(_VOWELS))]
    # All harmonics at once, in float32, which numpy's sine has a fast form for; gains are drawn between 16 points.
    harmonics = np.arange(1, int(4000 / pitch_hz))[:, np.newaxis]
    points = np.linspace(0, length - 1, 16).astype(int)
    formants = start[:, np.newaxis] + (stop - start)[:, np.newaxis] * along[points]
    hertz = harmonics * pitch[points]
    gains = np.zeros(hertz.shape, np.float32)
    for formant, width, weight in zip(formants, (80, 110, 160), (1.0, 0.5, 0.2), strict=True):
        gains += (weight / (1 + ((hertz - formant) / width) ** 2)).astype(np.float32)
    angles = (harmonics * phase + rng.uniform(0, 2 * np.pi, len(harmonics))[:, np.newaxis]).astype(np.float32)
    waves = np.sin(angles)
    for (first, last), before, after in zip(pairwise(points), gains.T, gains.T[1:], strict=False):
        line = np.linspace(0.0, 1.0, last - first, endpoint=False, dtype=np.float32)
        waves[:, first:last] *= np.outer(after - before, line) + before[:, np.newaxis]
    waves[:, -1] *= gains[:, -1]
    wave = waves.sum(axis=0).astype(np.float64)
    attack = np.minimum(1.0, t / 0.03) * np.minimum(1.0, (t[-1] - t) / 0.05)
    hiss = np.diff(rng.standard_normal(length + 1)) * np.exp(-(((t - 0.02) / 0.015) ** 2)) * rng.uniform(0.02, 0.25)
    return wave * attack * rng.uniform(0.5, 1.3) + hiss


def align(reference: Pcm, heard: Pcm) -> int:
    """Samples by which ``heard`` is later than ``reference`` (negative: earlier), by cross-correlation."""
    size = 1 << (len(reference) + len(heard) - 1).bit_length()
    spectrum = np.fft.rfft(heard.astype(np.float64), size) * np.conj(np.fft.rfft(reference.astype(np.float64), size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)))
    return at if at < size // 2 else at - size


def snr_db(reference: Pcm, heard: Pcm) -> float:
    """How much louder ``reference`` is in ``heard`` than all that is not it; infinite where they are the same.

    Aligned by cross-correlation, then by one least-squares gain for the whole.
    """
    late = align(reference, heard)
    ref, got = (reference, heard[late:]) if late >= 0 else (reference[-late:], heard)
    n = min(len(ref), len(got))
    a, b = ref[:n].astype(np.float64), got[:n].astype(np.float64)
    gain = float(a @ b) / float(a @ a)
    rest = float(np.sum(np.square(b - gain * a)))
    return 10 * float(np.log10(gain * gain * float(a @ a) / rest)) if rest > 0 else np.inf


def loudness_lufs(samples: Pcm) -> float:
    """Integrated loudness of ITU-R BS.1770-5 with both gates; -inf where nothing passes them.

    Apart from the mixer's own meter: here the filters are multiplied in the frequency domain.
    """
    x = samples.astype(np.float64) / FULL_SCALE
    size = 1 << (len(x) + SAMPLE_RATE).bit_length()
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    # BS.1770-5, tables 1 and 2: the coefficients at 48 kHz.
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    y = np.fft.irfft(np.fft.rfft(x, size) * shelf * high_pass, size)[: len(x)]
    step, block = SAMPLE_RATE // 10, SAMPLE_RATE * 4 // 10
    powers = np.array([np.mean(np.square(y[i : i + block])) for i in range(0, max(1, len(y) - block + 1), step)])

    def gated(floor: float) -> float:
        passing = powers[powers > 10 ** ((floor + 0.691) / 10)]
        return -0.691 + 10 * float(np.log10(np.mean(passing))) if len(passing) else -np.inf

    absolute = gated(-70.0)
    return gated(absolute - 10.0) if np.isfinite(absolute) else -np.inf
