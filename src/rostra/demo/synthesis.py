"""A small speech synthesiser: phonemes to samples.

A voice is a sum of harmonics of its pitch, each weighed by what the glottis and the mouth's resonances (a cascade of
five formants, after Klatt 1980) let through at its frequency, plus noise shaped the same way (breath) or by a band
(hiss, bursts). Control values stand every 5 ms and are interpolated; all is arrays, so that a minute takes seconds.

Pure: the randomness (a slightly unsteady pitch, the noise) comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rostra.demo.phonemes import LONG_RELEASE, PHONEMES, Manner, Phoneme
from rostra.units import SAMPLE_RATE

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex64]

HOP = 240
"""Samples between control values: 5 ms."""

_HIGHEST_HARMONIC_HZ = 5500.0
_BANDWIDTHS = (70.0, 90.0, 130.0, 200.0, 260.0)
_UPPER_FORMANTS = (3400.0, 4400.0)
_LEVEL = 0.1
_NOISE_GAIN = 2.6
"""Brings `Phoneme.noise` to what an ear expects of it next to a vowel of RMS 1."""


@dataclass(frozen=True, slots=True)
class Timbre:
    """What makes one voice not the other."""

    pitch_hz: float
    formant_scale: float
    """Length of the mouth: 1 is a low voice, about 1.16 a higher one."""
    breath: float
    """Noise mixed into the vowels, relative to their harmonics."""
    pace: float
    """Duration of every sound relative to the tables."""
    liveliness: float
    """How far the melody moves."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A phoneme in its place: ``accent`` raises pitch and length, ``stretch`` is the lengthening before a pause."""

    symbol: str
    accent: bool = False
    stretch: float = 1.0


@dataclass(slots=True)
class _Controls:
    """One row every 5 ms."""

    formants: Floats
    voicing: Floats
    breath: Floats
    noise: Floats
    noise_hz: Floats
    noise_octaves: Floats
    nasal: Floats
    pitch: Floats


def speak(sounds: Sequence[Sound], timbre: Timbre, question: bool, rng: np.random.Generator) -> Floats:
    """One utterance, mono at 48 kHz; its vowels have an RMS of 0.1 of full scale."""
    controls = _controls(sounds, timbre, question, rng)
    voiced = _harmonics(controls, timbre)
    vowels = np.repeat(controls.voicing > 0.9, HOP)
    loudness = float(np.sqrt(np.mean((voiced[vowels] if vowels.any() else voiced) ** 2)))
    return np.asarray(_LEVEL * (voiced / max(loudness, 1e-9) + _noise(controls, timbre, rng)))


def _controls(sounds: Sequence[Sound], timbre: Timbre, question: bool, rng: np.random.Generator) -> _Controls:
    columns: list[list[Floats]] = [[] for _ in range(7)]
    accents: list[float] = []
    at = 0
    for place, sound in enumerate(sounds):
        phoneme = PHONEMES[sound.symbol]
        seconds = phoneme.duration_s * timbre.pace * sound.stretch * (1.15 if sound.accent else 1.0)
        n = max(4, round(seconds * SAMPLE_RATE / HOP))
        follower = PHONEMES[sounds[place + 1].symbol] if place + 1 < len(sounds) else PHONEMES["_"]
        for column, values in zip(columns, _rows(sound.symbol, phoneme, follower, n), strict=True):
            column.append(values)
        if sound.accent:
            accents.append(at + n / 2)
        at += n
    formants, voicing, breath, noise, hz, octaves, nasal = (np.concatenate(c) for c in columns)
    formants = _smooth(formants, 13) * timbre.formant_scale
    voicing = _smooth(voicing, 7)
    return _Controls(
        formants=formants,
        voicing=voicing,
        breath=_smooth(breath, 5) + timbre.breath * voicing,
        noise=_smooth(noise, 3),
        noise_hz=hz,
        noise_octaves=octaves,
        nasal=_smooth(nasal, 7),
        pitch=melody(at, accents, timbre, question, rng),
    )


def _rows(symbol: str, phoneme: Phoneme, follower: Phoneme, n: int) -> tuple[Floats, ...]:
    """Control rows of one phoneme: formants, voicing, breath, noise, noise_hz, noise_octaves, nasal."""
    targets = phoneme.formants if phoneme.manner is not Manner.ASPIRATE else follower.formants[:1]
    knots = np.linspace(0.15, 0.85, len(targets)) if len(targets) > 1 else np.array([0.5])
    along = (np.arange(n) + 0.5) / n
    formants = np.stack([np.interp(along, knots, [t[i] for t in targets]) for i in range(3)], axis=1)
    voicing, breath, noise = np.full(n, phoneme.voicing), np.zeros(n), np.full(n, phoneme.noise)
    if phoneme.manner is Manner.ASPIRATE:
        breath, noise = noise, np.zeros(n)
    elif phoneme.manner is Manner.STOP:
        release = max(2, round(n * 0.45)) if symbol in LONG_RELEASE else 2
        aspiration = 0 if phoneme.voicing or symbol in LONG_RELEASE else max(3, round(n * 0.28))
        closure = max(1, n - release - aspiration)
        noise[:closure] = 0
        noise[closure + release :] = 0
        breath[closure + release :] = 0.22 if follower.manner in (Manner.VOWEL, Manner.GLIDE) else 0.08
        if aspiration and follower.manner in (Manner.VOWEL, Manner.GLIDE):
            formants[closure:] = follower.formants[0]
    elif phoneme.manner is Manner.FRICATIVE:
        noise *= np.interp(along, [0, 0.25, 0.8, 1], [0.5, 1, 1, 0.6])
    return (
        formants,
        voicing,
        breath,
        noise,
        np.full(n, phoneme.noise_hz or 4000.0),
        np.full(n, phoneme.noise_octaves),
        np.full(n, 1.0 if phoneme.manner is Manner.NASAL else 0.0),
    )


def melody(n: int, accents: Sequence[float], timbre: Timbre, question: bool, rng: np.random.Generator) -> Floats:
    """Pitch in Hz: it sinks over the utterance, rises at accents, and ends falling, or rising for a question."""
    at = np.arange(n, dtype=np.float64)
    semitones = 1.5 - 3.0 * at / n
    for i, centre in enumerate(accents):
        height = (3.6 if i == 0 else 2.6) * timbre.liveliness
        semitones += height * np.exp(-(((at - centre) / 20.0) ** 2))
    tail = np.clip((at - (n - 60)) / 60, 0, 1)
    semitones += tail**1.5 * (6.5 if question else -4.0) * timbre.liveliness
    wander = _smooth(rng.standard_normal(n), 31)
    semitones += 0.35 * wander / max(float(np.std(wander)), 1e-9)
    semitones += 0.06 * rng.standard_normal(n)
    return np.asarray(timbre.pitch_hz * 2 ** (_smooth(semitones, 3) / 12))


def _mouth(frequency: Floats, controls: _Controls, timbre: Timbre) -> NDArray[np.complex128]:
    """What the cascade of formants lets through at ``frequency``, shape (rows, anything)."""
    response = np.ones(frequency.shape, dtype=np.complex128)
    upper = np.array(_UPPER_FORMANTS) * timbre.formant_scale
    for i, bandwidth in enumerate(_BANDWIDTHS):
        centre = controls.formants[:, i, None] if i < 3 else upper[i - 3]
        # A nose at work damps everything above its own lowest resonance.
        width = bandwidth * (1.0 + (2.0 if i else 0.3) * controls.nasal[:, None])
        squared = centre**2 + width**2 / 4
        response *= squared / (squared - frequency**2 + 1j * frequency * width)
    return response


def _harmonics(controls: _Controls, timbre: Timbre) -> Floats:
    n = len(controls.pitch)
    pitch = _upsample(controls.pitch)
    turn = np.exp(2j * np.pi * np.cumsum(pitch) / SAMPLE_RATE).astype(np.complex64)
    carrier = np.ones_like(turn)
    out = np.zeros(len(turn), dtype=np.float32)
    highest = int(_HIGHEST_HARMONIC_HZ / float(np.min(controls.pitch)))
    order = np.arange(1, highest + 1)
    frequency = controls.pitch[:, None] * order
    # The glottis falls by 12 dB an octave, radiation from the lips gives 6 back.
    glottis = 1.0 / (1.0 + 1j * frequency / 350.0) / (1.0 + (frequency / (4200.0 * (1 - 2 * timbre.breath))) ** 2)
    edge = np.clip((_HIGHEST_HARMONIC_HZ - frequency) / 500.0, 0, 1)
    amplitude = (_mouth(frequency, controls, timbre) * glottis * edge * controls.voicing[:, None]).astype(np.complex64)
    for k in range(highest):
        carrier *= turn
        column = amplitude[:, k]
        if float(np.max(np.abs(column))) > 1e-4:
            weight = _upsample(column)
            out += weight.real * carrier.real - weight.imag * carrier.imag
    assert len(out) == n * HOP
    return out.astype(np.float64)


def _noise(controls: _Controls, timbre: Timbre, rng: np.random.Generator) -> Floats:
    """White noise in windows of 10 ms, each given its spectrum, added up again (half overlapping)."""
    n, window, size = len(controls.noise), 2 * HOP, 1024
    white = rng.standard_normal((n + 1) * HOP)
    frames = np.stack([white[i * HOP : i * HOP + window] for i in range(n)]) * np.hanning(window + 1)[:window]
    frequency = np.broadcast_to(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), (n, size // 2 + 1)).copy()
    frequency[:, 0] = 1.0
    octaves = np.log2(frequency / controls.noise_hz[:, None]) / controls.noise_octaves[:, None]
    hiss = controls.noise[:, None] * np.exp(-0.5 * octaves**2)
    breath = np.abs(_mouth(frequency, controls, timbre)) * (frequency / 1200.0) / (1.0 + (frequency / 3500.0) ** 2)
    spectrum = _NOISE_GAIN * (hiss + 0.35 * controls.breath[:, None] * breath)
    shaped = np.fft.irfft(np.fft.rfft(frames, size, axis=1) * spectrum, axis=1)
    out = np.zeros((n - 1) * HOP + size)
    for i in range(n):
        out[i * HOP : i * HOP + size] += shaped[i]
    return out[: n * HOP]


def _upsample(rows: NDArray[np.generic]) -> NDArray[np.generic]:
    """Control values to samples, in straight lines."""
    ramp = (np.arange(HOP) / HOP).astype(np.float32 if rows.dtype == np.complex64 else np.float64)
    following = np.append(rows[1:], rows[-1:])
    return np.asarray(rows[:, None] + (following - rows)[:, None] * ramp).reshape(-1)


def _smooth(rows: Floats, width: int) -> Floats:
    """A bell of ``width`` rows over each column; the ends hold their value."""
    bell = np.hanning(width + 2)[1:-1]
    bell /= bell.sum()
    pad = width // 2
    if rows.ndim == 1:
        return np.convolve(np.pad(rows, pad, mode="edge"), bell, mode="valid")
    return np.stack([_smooth(rows[:, i], width) for i in range(rows.shape[1])], axis=1)
