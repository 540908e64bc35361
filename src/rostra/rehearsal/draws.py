"""Numbers that look drawn and are not: the same seed and number give the same. Pure, and a microsecond each, where a
``random.Random`` of its own for each of ten thousand listeners a second would take ten."""

from __future__ import annotations

_MASK = (1 << 64) - 1
_WHOLE = float(1 << 64)


def mix(value: int) -> int:
    """64 bits that change altogether when one of ``value`` does (splitmix64: Steele, Lea and Flood, 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & _MASK
    return value ^ value >> 31


def draw(seed: int, number: int, which: int) -> float:
    """In [0, 1): draw ``which`` of person ``number`` of crowd ``seed``."""
    return mix(mix(seed << 40 ^ number << 8) ^ which) / _WHOLE
