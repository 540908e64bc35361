"""Many voices to one; to each speaker, all but their own. Pure: it is told the time."""

from rostra.mixing.clock import TickClock
from rostra.mixing.mixer import MAX_SEATS, MIX_DELAY_SAMPLES, Mixed, Mixer, VoiceReport
from rostra.mixing.settings import MixerSettings

__all__ = ["MAX_SEATS", "MIX_DELAY_SAMPLES", "Mixed", "Mixer", "MixerSettings", "TickClock", "VoiceReport"]
