"""What every encoder of the path does, and which one makes a rendition.

An encoder runs as long as its stage: it is never reset, so that frames follow one another without a seam. What it is
given must be contiguous too; where there was no sound, the stage gives it silence.

Every codec answers late, by the *delay* in the table. ``EncodedFrame.time`` has it taken out: it is the media time of
the first sample that a decoder gives for that frame. So the first frames out hold, in part, the time before the first
sample that went in. Those are not given out: no frame begins before the encoder did, and media time never points
before a room's epoch.

=========  ==============  =============  =======================================================================
rendition  frame, samples  delay, samples  where the delay comes from
=========  ==============  =============  =======================================================================
``opus``   960             312            ``OPUS_GET_LOOKAHEAD``: 2.5 ms of overlap and 4 ms of look-ahead
``opus16`` 960             312            the same: the decoder is told nothing of the bit rate
``aac``    1024            1024           FFmpeg's encoder: one frame of overlap (the MDCT's first half)
``mp3``    1152            1105           576 of LAME's MDCT overlap and 529 of any decoder's filter bank
=========  ==============  =============  =======================================================================
"""

from __future__ import annotations

from typing import Protocol

from rostra.encoding.ffmpeg import make_aac, make_mp3
from rostra.encoding.opus import OpusRendition
from rostra.units import EncodedFrame, PcmFrame, Rendition


class Encoder(Protocol):
    """PCM in, frames of one rendition out."""

    @property
    def rendition(self) -> Rendition: ...

    @property
    def decoder_config(self) -> bytes:
        """What a decoder must be told beforehand.

        Opus: the fields of ``dOps`` (Encapsulation of Opus in ISO BMFF, 4.3.2). AAC: ``AudioSpecificConfig``
        (ISO 14496-3, 1.6.2.1). MP3: nothing, every frame says it.
        """

    def encode(self, frame: PcmFrame) -> list[EncodedFrame]:
        """Frames that are whole now: none, one or two.

        :raises ValueError: if ``frame`` does not follow the one before.
        """


def make_encoder(rendition: Rendition) -> Encoder:
    """An encoder at the rendition's bit rate.

    :raises MissingTool: if a codec library is not there.
    """
    match rendition:
        case Rendition.OPUS | Rendition.OPUS_LOW:
            return OpusRendition(rendition)
        case Rendition.AAC:
            return make_aac()
        case Rendition.MP3:
            return make_mp3()
