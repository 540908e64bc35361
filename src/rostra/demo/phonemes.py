"""The sounds of English as numbers: what the voices of the demonstration are made of.

Formants of vowels after Peterson and Barney (1952), of consonants after Klatt, "Software for a cascade/parallel formant
synthesizer" (1980), table II, rounded; both for a low voice. A higher voice scales them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Manner(Enum):
    """How a sound is made; the synthesiser has one recipe for each."""

    VOWEL = auto()
    GLIDE = auto()
    NASAL = auto()
    FRICATIVE = auto()
    STOP = auto()
    ASPIRATE = auto()
    SILENCE = auto()


@dataclass(frozen=True, slots=True)
class Phoneme:
    """One sound.

    ``formants`` are targets in Hz of the first three resonances; two targets make a diphthong. ``voicing`` and
    ``noise`` are amplitudes relative to a vowel. ``noise_hz`` and ``noise_octaves`` say where its hiss is and how wide.
    """

    manner: Manner
    duration_s: float
    formants: tuple[tuple[float, float, float], ...]
    voicing: float = 1.0
    noise: float = 0.0
    noise_hz: float = 0.0
    noise_octaves: float = 1.0

    def __post_init__(self) -> None:
        if not self.formants or self.duration_s <= 0:
            raise ValueError("a phoneme has a duration and at least one target")


def _vowel(duration_ms: int, *formants: tuple[float, float, float]) -> Phoneme:
    return Phoneme(Manner.VOWEL, duration_ms / 1000, formants)


def _glide(duration_ms: int, formants: tuple[float, float, float], voicing: float = 0.6) -> Phoneme:
    return Phoneme(Manner.GLIDE, duration_ms / 1000, (formants,), voicing)


def _nasal(duration_ms: int, formants: tuple[float, float, float]) -> Phoneme:
    return Phoneme(Manner.NASAL, duration_ms / 1000, (formants,), 0.45)


def _hiss(  # a fricative: noise, with or without voice under it
    duration_ms: int, formants: tuple[float, float, float], voicing: float, hiss: tuple[float, float, float]
) -> Phoneme:
    return Phoneme(Manner.FRICATIVE, duration_ms / 1000, (formants,), voicing, *hiss)


def _stop(  # closure, then a burst
    duration_ms: int, formants: tuple[float, float, float], voicing: float, hiss: tuple[float, float, float]
) -> Phoneme:
    return Phoneme(Manner.STOP, duration_ms / 1000, (formants,), voicing, *hiss)


PHONEMES: dict[str, Phoneme] = {
    "_": Phoneme(Manner.SILENCE, 0.16, ((500, 1500, 2500),), 0.0),
    # Vowels
    "IY": _vowel(130, (280, 2250, 2950)),
    "IH": _vowel(95, (400, 1950, 2550)),
    "EH": _vowel(110, (540, 1800, 2480)),
    "AE": _vowel(140, (670, 1720, 2420)),
    "AA": _vowel(140, (730, 1100, 2440)),
    "AO": _vowel(140, (580, 860, 2410)),
    "AH": _vowel(95, (630, 1210, 2400)),
    "AX": _vowel(60, (500, 1450, 2450)),
    "UH": _vowel(95, (440, 1050, 2240)),
    "UW": _vowel(130, (310, 900, 2240)),
    "ER": _vowel(130, (480, 1330, 1690)),
    "AY": _vowel(190, (700, 1180, 2450), (420, 1980, 2550)),
    "AW": _vowel(190, (700, 1240, 2450), (440, 950, 2350)),
    "EY": _vowel(160, (500, 1860, 2500), (330, 2200, 2700)),
    "OW": _vowel(160, (540, 1020, 2350), (380, 830, 2300)),
    "OY": _vowel(200, (560, 860, 2400), (400, 1950, 2550)),
    # Liquids and glides
    "L": _glide(70, (350, 1050, 2750)),
    "R": _glide(75, (330, 1080, 1450)),
    "W": _glide(75, (300, 640, 2200), 0.5),
    "Y": _glide(65, (270, 2200, 2950), 0.5),
    # Nasals
    "M": _nasal(75, (260, 1100, 2150)),
    "N": _nasal(70, (260, 1550, 2600)),
    "NG": _nasal(85, (260, 2000, 2650)),
    # Fricatives
    "F": _hiss(95, (340, 1100, 2080), 0.0, (0.10, 6500, 2.2)),
    "TH": _hiss(90, (320, 1290, 2540), 0.0, (0.09, 7000, 2.0)),
    "S": _hiss(105, (320, 1390, 2530), 0.0, (0.36, 6600, 0.55)),
    "SH": _hiss(110, (300, 1840, 2750), 0.0, (0.38, 3400, 0.8)),
    "V": _hiss(65, (250, 1100, 2080), 0.35, (0.05, 6500, 2.0)),
    "DH": _hiss(50, (270, 1290, 2540), 0.40, (0.04, 6500, 2.0)),
    "Z": _hiss(80, (250, 1390, 2530), 0.30, (0.20, 6600, 0.55)),
    "ZH": _hiss(85, (300, 1840, 2750), 0.30, (0.20, 3400, 0.8)),
    "HH": Phoneme(Manner.ASPIRATE, 0.065, ((500, 1500, 2500),), 0.0, 0.30),
    # Stops; CH and JH are a stop whose release is long
    "P": _stop(95, (350, 900, 2150), 0.0, (0.16, 1100, 2.0)),
    "B": _stop(70, (220, 900, 2150), 0.20, (0.10, 900, 2.0)),
    "T": _stop(90, (350, 1700, 2600), 0.0, (0.34, 4600, 1.1)),
    "D": _stop(65, (220, 1700, 2600), 0.20, (0.20, 4200, 1.1)),
    "K": _stop(95, (350, 1900, 2500), 0.0, (0.30, 2100, 0.7)),
    "G": _stop(70, (220, 1900, 2500), 0.20, (0.18, 2000, 0.7)),
    "CH": _stop(140, (350, 1800, 2750), 0.0, (0.36, 3400, 0.8)),
    "JH": _stop(110, (260, 1800, 2750), 0.20, (0.24, 3400, 0.8)),
}
"""ARPAbet symbols, and ``_`` for a short silence."""

LONG_RELEASE = frozenset({"CH", "JH"})
