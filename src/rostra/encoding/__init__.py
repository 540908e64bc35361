"""PCM to Opus, AAC and MP3."""

from rostra.encoding.encoder import Encoder, make_encoder

__all__ = ["Encoder", "make_encoder"]
