"""The rule that all encoders share: frames follow one another without a gap."""

from __future__ import annotations

from rostra.units import FRAME_SAMPLES, MediaTime, PcmFrame


class Follow:
    """Remembers where the stream began and checks that each frame begins where the last one ended."""

    __slots__ = ("_next", "start")

    def __init__(self) -> None:
        self.start: MediaTime | None = None
        """Media time of the first sample given; None before that."""
        self._next = 0

    def accept(self, frame: PcmFrame) -> MediaTime:
        """The media time at which the stream began.

        :raises ValueError: if there is a gap or an overlap.
        """
        if self.start is None:
            self.start = frame.time
        elif frame.time != self._next:
            raise ValueError(
                f"the encoder expects the frame at {self._next}, not at {frame.time}: fill gaps with silence"
            )
        self._next = frame.time + FRAME_SAMPLES
        return self.start
