"""What an operator may want otherwise about the mix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MixerSettings:
    """Loudness in LUFS and gains in dB."""

    loudness_lufs: float = -18.0
    """Short-term loudness every voice is brought to."""
    max_gain_db: float = 24.0
    """A voice is never amplified more than this, however quiet."""
    min_gain_db: float = -24.0
    """A voice is never turned down more than this, however loud."""
    ceiling_dbfs: float = -1.0
    """No sample that leaves the mixer is above this."""
    audible: int = 3
    """Voices at a time that are sent a mix of their own."""
    gate_depth_db: float = 10.0
    """How far below its own input a seat that says nothing is turned down."""
    echo_duck_db: float = 18.0
    """How far a voice is turned down while only the returning mix is heard in it."""

    def __post_init__(self) -> None:
        if not -60 <= self.loudness_lufs <= 0:
            raise ValueError(f"a target of {self.loudness_lufs} LUFS makes no sense: -60 to 0")
        if not (self.min_gain_db <= 0 <= self.max_gain_db <= 40 and self.min_gain_db >= -60):
            raise ValueError("gains lie around 0 dB, between -60 and +40")
        if not -20 <= self.ceiling_dbfs < 0:
            raise ValueError(f"a ceiling of {self.ceiling_dbfs} dBFS: below 0, at least -20")
        if not 0 <= self.audible <= 32:
            raise ValueError("0 to 32 voices can have a mix of their own")
        if self.gate_depth_db < 0 or self.echo_duck_db < 0:
            raise ValueError("depths are given as positive dB")
